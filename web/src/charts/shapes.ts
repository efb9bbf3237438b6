/** The kinds of charts that Trends needs, as options of uPlot. */

import uPlot from "uplot";
import type { Colours } from "../appearance.ts";
import { percent } from "../words.ts";
import { axis } from "./plot.tsx";

type Options = (colours: Colours) => Omit<uPlot.Options, "width" | "height">;

const NO_DRAG = { drag: { x: false, y: false } };
const percentTicks = (_: uPlot, values: number[]): string[] => values.map((value) => `${value} %`);

export interface Series {
  label: string;
  unit: "percent" | "number";
  /** Lines differ by their dashes as well as by their colours. */
  dash?: number[];
}

const lineColours = (colours: Colours): string[] => [
  colours.taken,
  colours.free,
  colours.overstaying,
  colours.focus,
  colours.offline,
  colours.ink,
];

/** Places on the axis that are said something of. */
export interface Marks {
  at: number[];
  words: string;
}

/** Lines over a numbered axis; percent on the left, numbers on the right where both are there. */
export function lines(
  series: Series[],
  ticks: (value: number) => string,
  given: { incrs?: number[] } = {},
  marks: Marks = { at: [], words: "" },
): Options {
  const told = (value: number): string =>
    marks.at.includes(value) ? `${ticks(value)}, ${marks.words}` : ticks(value);
  return (colours) => ({
    cursor: NO_DRAG,
    scales: { x: { time: false }, percent: { range: percentRange }, number: { range: fromZero } },
    axes: [
      axis(colours, { values: (_, values) => values.map(ticks), ...given }),
      ...(has(series, "percent")
        ? [axis(colours, { scale: "percent", values: percentTicks, size: 52 })]
        : []),
      ...(has(series, "number")
        ? [
            axis(colours, {
              scale: "number",
              size: 62,
              side: has(series, "percent") ? 1 : 3,
              grid: { show: !has(series, "percent") },
            }),
          ]
        : []),
    ],
    series: [
      { label: "At", value: (_, value) => (value == null ? "–" : told(value)) },
      ...series.map((one, index): uPlot.Series => ({
        label: one.label,
        scale: one.unit,
        stroke: lineColours(colours)[index % 6]!,
        width: 2,
        dash: one.dash ?? [],
        spanGaps: false,
        points: { show: false },
        value: (_, value) =>
          value == null
            ? "–"
            : one.unit === "percent"
              ? percent(value)
              : Number(value.toFixed(2)).toLocaleString("en-AU"),
      })),
    ],
    hooks: { draw: [(plot) => drawMarks(plot, marks, colours)] },
  });
}

/** A broken line at each mark with its words along it, on the side that has room. */
function drawMarks(plot: uPlot, { at, words }: Marks, colours: Colours): void {
  const { ctx, bbox } = plot;
  const scale = window.devicePixelRatio || 1;
  const gap = 3 * scale;
  for (const value of at) {
    const x = plot.valToPos(value, "x", true);
    const side = x < bbox.left + bbox.width / 2 ? 1 : -1;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colours.quiet;
    ctx.lineWidth = scale;
    ctx.setLineDash([gap, gap]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.translate(x + side * gap, bbox.top + bbox.height - gap);
    ctx.rotate(-Math.PI / 2);
    ctx.textAlign = "left";
    ctx.textBaseline = side === 1 ? "top" : "bottom";
    ctx.font = `${11 * scale}px system-ui`;
    ctx.fillText(words, 0, 0);
    ctx.restore();
  }
}

const has = (series: Series[], unit: Series["unit"]): boolean => series.some((one) => one.unit === unit);
const percentRange = (_: uPlot, _least: number, most: number): [number, number] => [
  0,
  most > 60 ? 100 : Math.max(10, most * 1.15),
];
const fromZero = (_: uPlot, _least: number, most: number): [number, number] => [0, most > 0 ? most * 1.1 : 1];

/** One bar for each name. */
export function bars(names: string[], label: string): Options {
  return (colours) => ({
    cursor: NO_DRAG,
    scales: { x: { time: false, range: [-0.6, names.length - 0.4] }, percent: { range: percentRange } },
    axes: [
      axis(colours, {
        splits: () => names.map((_, index) => index),
        values: () => names,
        grid: { show: false },
        ...(names.length > 5 ? { rotate: -40, size: 84 } : {}),
      }),
      axis(colours, { scale: "percent", values: percentTicks, size: 52 }),
    ],
    series: [
      { label: "Of", value: (_, value) => (value == null ? "–" : (names[value] ?? "–")) },
      {
        label,
        scale: "percent",
        stroke: colours.taken,
        fill: colours.taken,
        points: { show: false },
        value: (_, value) => percent(value ?? null),
        ...(uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.6, 60] }) } : {}),
      },
    ],
  });
}

/** Points of one thing against another: full ones, and open ones of what `part` says. */
export function points(across: string, up: string, part: string, ticks: (value: number) => string): Options {
  const known = (values: number[], words: (value: number) => string): string[] =>
    values.map((value) => (value < 0 ? "" : words(value)));
  return (colours) => ({
    cursor: NO_DRAG,
    scales: { x: { time: false, range: roomy }, number: { range: roomyFromZero } },
    axes: [
      axis(colours, {
        label: across,
        labelSize: 20,
        values: (_, values) => known(values, (value) => `${value} %`),
      }),
      axis(colours, {
        scale: "number",
        label: up,
        labelSize: 20,
        size: 72,
        values: (_, values) => known(values, ticks),
      }),
    ],
    series: [
      { label: across, value: (_, value) => percent(value ?? null) },
      ...[up, part].map((label, index): uPlot.Series => ({
        label,
        scale: "number",
        stroke: colours.taken,
        paths: () => null,
        points: {
          show: true,
          size: 9,
          fill: index === 0 ? colours.taken : colours.paper,
          stroke: index === 0 ? colours.paper : colours.taken,
          width: index === 0 ? 1 : 2,
        },
        value: (_, value) => (value == null ? "–" : ticks(value)),
      })),
    ],
  });
}

// So that a point at the edge is drawn whole.
const ROOM = 0.05;

const roomy = (_: uPlot, least: number, most: number): [number, number] => {
  const room = Math.max(1, ROOM * (most - least));
  return [least - room, most + room];
};
const roomyFromZero = (plot: uPlot, _least: number, most: number): [number, number] => roomy(plot, 0, most);

export interface Cell {
  row: number;
  column: number;
  percent: number | null;
  isPart: boolean;
}

/** Cells of hours and weekdays: the fuller, the stronger, up to `most` percent. Left open: not known; crossed: in part. */
export function heatMap(cells: Cell[], rows: string[], columns: number, most: number): Options {
  return (colours) => ({
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false, range: [0, columns] }, y: { range: [0, rows.length] } },
    axes: [
      axis(colours, {
        values: (_, values) => values.map((value) => `${value}:00`),
        grid: { show: false },
        incrs: [3, 6, 12],
      }),
      axis(colours, {
        splits: () => rows.map((_, index) => index + 0.5),
        values: () => rows.toReversed(),
        grid: { show: false },
        size: 48,
      }),
    ],
    series: [{}, { scale: "y", points: { show: false } }],
    hooks: { draw: [(plot) => drawCells(plot, cells, rows.length, most, colours)] },
  });
}

function drawCells(plot: uPlot, cells: Cell[], rows: number, most: number, colours: Colours): void {
  const { ctx } = plot;
  ctx.save();
  for (const { row, column, percent: value, isPart } of cells) {
    const left = plot.valToPos(column, "x", true);
    const right = plot.valToPos(column + 1, "x", true);
    const top = plot.valToPos(rows - row, "y", true);
    const bottom = plot.valToPos(rows - row - 1, "y", true);
    ctx.fillStyle =
      value === null ? colours.land : mixed(colours["fill-low"], colours["fill-high"], value / most);
    ctx.fillRect(left + 1, top + 1, right - left - 2, bottom - top - 2);
    if (isPart) {
      ctx.strokeStyle = colours.quiet;
      ctx.beginPath();
      ctx.moveTo(left + 1, bottom - 1);
      ctx.lineTo(right - 1, top + 1);
      ctx.stroke();
    }
    if (value !== null && right - left > 34) {
      ctx.fillStyle = isDark(ctx.fillStyle) ? "#ffffff" : "#000000";
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.font = `${11 * (window.devicePixelRatio || 1)}px system-ui`;
      ctx.fillText(String(Math.round(value)), (left + right) / 2, (top + bottom) / 2);
    }
  }
  ctx.restore();
}

const parts = (hex: string): number[] => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

/** A colour between two, written as #rrggbb. */
export function mixed(low: string, high: string, share: number): string {
  const [from, to] = [parts(low), parts(high)];
  const part = (index: number): string =>
    Math.round(from[index]! + (to[index]! - from[index]!) * Math.min(1, Math.max(0, share)))
      .toString(16)
      .padStart(2, "0");
  return `#${part(0)}${part(1)}${part(2)}`;
}

/** Whether white is read better upon it than black. */
export function isDark(hex: string): boolean {
  const [red, green, blue] = parts(hex).map((value) => {
    const share = value / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue! < 0.179;
}
