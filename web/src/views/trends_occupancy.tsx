/** Charts of occupancy: over the day, the week, the days, the seasons. */

import { useMemo } from "preact/hooks";
import type { AlignedData } from "uplot";
import type { Query } from "../api/client.ts";
import type { HourOfWeek, TimeOfDay, TrendOfDate } from "../api/types.ts";
import { Figure } from "../charts/figure.tsx";
import { bars, heatMap, lines } from "../charts/shapes.ts";
import { whole, type Parted } from "../city/steps.ts";
import {
  dayNumber,
  dayWords,
  extremes,
  hoursOf,
  partDays,
  PART_OF_DAY,
  seasons,
  weekdayHour,
  WEEKDAYS,
} from "../city/trends.ts";
import { count, NOTHING, percent } from "../words.ts";
import type { Origin } from "./trends.tsx";

export interface ChartProps<Row> extends Origin {
  rows: Row[];
  query: Query;
}

const HOURS = 24;
const HEAT_HEIGHT = 280;
const clock = (hours: number): string =>
  `${String(Math.floor(hours)).padStart(2, "0")}:${String(Math.round((hours % 1) * 60)).padStart(2, "0")}`;

export const Empty = ({ title, why }: { title: string; why: string }) => (
  <section class="sheet chart">
    <h2>{title}</h2>
    <p class="problem empty">{why}</p>
  </section>
);
const IN_PART = "What is known in part only is marked and left out of this.";
const NO_DAYS = "Gold knows nothing of these days. Choose others, or wait for its next build.";

export function AccumulationChart({ rows, query, ...origin }: ChartProps<Parted<TimeOfDay>>) {
  const title = "How the city fills over the day";
  const data = useMemo(
    (): AlignedData => [
      rows.map(hoursOf),
      rows.map((row) => row.occupancy_percent),
      rows.map((row) => row.vehicles),
    ],
    [rows],
  );
  if (rows.length === 0) return <Empty title={title} why={NO_DAYS} />;
  const found = extremes(whole(rows), (row) => row.vehicles);
  const parts = rows.filter((row) => row.isPart);
  return (
    <Figure
      id="accumulation"
      title={title}
      {...origin}
      summary={
        found === null
          ? ""
          : `Most vehicles at ${found.most.time_key}: ${count(Math.round(found.most.vehicles))}; fewest at ${found.least.time_key}: ${count(Math.round(found.least.vehicles))}. Mean of ${Math.max(...rows.map((row) => row.days))} days, Melbourne's time.${parts.length > 0 ? ` ${IN_PART}` : ""}`
      }
      source={{ path: "/api/v1/trends/day", query }}
      plot={{
        data,
        options: lines(
          [
            { label: "Occupancy", unit: "percent" },
            { label: "Vehicles", unit: "number", dash: [6, 4] },
          ],
          clock,
          { incrs: [1, 2, 3, 6] },
          { at: parts.map(hoursOf), words: "in part" },
        ),
      }}
      table={{
        columns: ["Time", "Occupancy", "Vehicles"],
        rows: rows.map((row) => [
          row.isPart ? `${row.time_key}, in part` : row.time_key,
          percent(row.occupancy_percent),
          count(Math.round(row.vehicles)),
        ]),
      }}
    />
  );
}

export function WeekChart({ rows, query, ...origin }: ChartProps<Parted<HourOfWeek>>) {
  const title = "Occupancy by weekday and hour";
  const data = useMemo(
    (): AlignedData => [
      [0, HOURS],
      [null, null],
    ],
    [rows],
  );
  if (rows.length === 0) return <Empty title={title} why={NO_DAYS} />;
  const cells = rows.map((row) => ({
    row: row.weekday_number - 1,
    column: row.hour,
    percent: row.occupancy_percent,
    isPart: row.isPart,
  }));
  const found = extremes(whole(rows), (row) => row.occupancy_percent);
  const most = Math.max(10, Math.ceil((found?.most.occupancy_percent ?? 100) / 10) * 10);
  return (
    <Figure
      id="week"
      title={title}
      {...origin}
      summary={
        found === null
          ? ""
          : `Fullest ${weekdayHour(found.most)}: ${percent(found.most.occupancy_percent)}; emptiest ${weekdayHour(found.least)}: ${percent(found.least.occupancy_percent)}. The stronger the colour, the fuller: from 0 to ${most} %.${rows.some((row) => row.isPart) ? ` ${IN_PART}` : ""}`
      }
      source={{ path: "/api/v1/trends/week", query }}
      plot={{ data, options: heatMap(cells, WEEKDAYS, HOURS, most), height: HEAT_HEIGHT }}
      table={{
        columns: ["Weekday and hour", "Occupancy"],
        rows: rows.map((row) => [
          row.isPart ? `${weekdayHour(row)}, in part` : weekdayHour(row),
          percent(row.occupancy_percent),
        ]),
      }}
    />
  );
}

function turnoverWords(found: { most: TrendOfDate; least: TrendOfDate } | null): string[] {
  if (found === null) return [];
  const { most, least } = found;
  const words = (row: TrendOfDate): string => `${row.local_date}: ${row.turnover_per_hour!.toFixed(2)}`;
  const lowest = most === least ? "" : `; least on ${words(least)}`;
  return [`Most turnover on ${words(most)} stays per bay and hour${lowest}.`];
}

export function DatesChart({ rows, query, ...origin }: ChartProps<Parted<TrendOfDate>>) {
  const title = "Occupancy and turnover by day";
  const data = useMemo(
    (): AlignedData => [
      rows.map((row) => dayNumber(row.local_date)),
      rows.map((row) => row.occupancy_percent),
      rows.map((row) => row.turnover_per_hour),
    ],
    [rows],
  );
  if (rows.length === 0) return <Empty title={title} why={NO_DAYS} />;
  const found = extremes(whole(rows), (row) => row.turnover_per_hour);
  const parts = rows.filter((row) => row.isPart);
  return (
    <Figure
      id="dates"
      title={title}
      {...origin}
      summary={[...turnoverWords(found), partDays(parts)].join(" ").trim()}
      source={{ path: "/api/v1/trends/dates", query }}
      plot={{
        data,
        options: lines(
          [
            { label: "Occupancy", unit: "percent" },
            { label: "Turnover", unit: "number", dash: [6, 4] },
          ],
          (value) => dayWords(value).slice(5),
          { incrs: [1, 2, 7, 14, 28, 91, 364] },
          { at: parts.map((row) => dayNumber(row.local_date)), words: PART_OF_DAY },
        ),
      }}
      table={{
        columns: ["Day", "Occupancy", "Stays per bay and hour", "Arrivals", "Public holiday"],
        rows: rows.map((row) => [
          row.isPart ? `${row.local_date}, ${PART_OF_DAY}` : row.local_date,
          percent(row.occupancy_percent),
          row.turnover_per_hour === null ? NOTHING : row.turnover_per_hour.toFixed(2),
          count(row.arrivals),
          row.is_public_holiday ? "yes" : "",
        ]),
      }}
    />
  );
}

export function SeasonsChart({ rows, query, ...origin }: ChartProps<Parted<TrendOfDate>>) {
  const title = "Occupancy by season";
  const found = useMemo(() => seasons(rows), [rows]);
  const data = useMemo(
    (): AlignedData => [found.map((_, index) => index), found.map((row) => row.percent)],
    [found],
  );
  if (rows.length === 0) return <Empty title={title} why={NO_DAYS} />;
  const known = found.filter((row) => row.percent !== null);
  return (
    <Figure
      id="seasons"
      title={title}
      {...origin}
      summary={known
        .map(
          (row) =>
            `${row.season}: ${percent(row.percent)} of ${row.days} days${row.parts > 0 ? `, ${row.parts} of them in part` : ""}`,
        )
        .join("; ")
        .replace(/^./, (letter) => letter.toUpperCase())
        .concat(known.length < 4 ? ". The other seasons are not among these days." : ".")}
      source={{ path: "/api/v1/trends/dates", query }}
      plot={{
        data,
        options: bars(
          found.map((row) => row.season),
          "Occupancy",
        ),
      }}
      table={{
        columns: ["Season", "Occupancy", "Days"],
        rows: found.map((row) => [row.season, percent(row.percent), row.days]),
      }}
    />
  );
}
