/** What is drawn: streets below, bays above. What a bay is now is its feature-state, so a change redraws no other. */

import type { ExpressionSpecification, LayerSpecification } from "maplibre-gl";
import type { Colours } from "../appearance.ts";
import type { State } from "../city/state.ts";

export const BAYS = "bays";
export const STREETS = "streets";
/** Layers in which a bay can be pointed at. */
export const BAY_LAYERS = ["bays", "bay-shapes"];
/** Of the marks that are drawn across a bay. */
export const SLASH = "slash";
export const BACKSLASH = "backslash";

// From here on a bay is drawn as long and as wide as it is.
const SHAPES_FROM = 16.5;
// Farther out than this a street's occupancy is drawn instead of its bays.
const STREETS_UNTIL = 13.5;
const BAYS_FROM = 12.9;
const CLEAR = "rgba(0,0,0,0)";

type ByState<T> = Record<State, T>;

/** A state that is not drawn at all: a bay that is not wanted. */
export const HIDDEN = "hidden";

function byState(values: ByState<unknown>, hidden: unknown): ExpressionSpecification {
  return [
    "match",
    ["coalesce", ["feature-state", "state"], HIDDEN],
    "free",
    values.free,
    "taken",
    values.taken,
    "overstaying",
    values.overstaying,
    ["unknown", "offline"],
    values.offline,
    hidden,
  ] as ExpressionSpecification;
}

const alike = (free: unknown, taken: unknown, overstaying: unknown, silent: unknown): ByState<unknown> => ({
  free,
  taken,
  overstaying,
  unknown: silent,
  offline: silent,
});

function byZoom(sizes: [zoom: number, size: unknown][]): ExpressionSpecification {
  return ["interpolate", ["exponential", 1.6], ["zoom"], ...sizes.flat()] as ExpressionSpecification;
}

const isSelected: ExpressionSpecification = ["boolean", ["feature-state", "selected"], false];
const occupancy: ExpressionSpecification = ["coalesce", ["feature-state", "occupancy"], -1];

export function layers(colours: Colours): LayerSpecification[] {
  return [
    { id: "land", type: "background", paint: { "background-color": colours.land } },
    streetLine("street-edges", colours["street-edge"], [
      [12, 1.5],
      [15, 9],
      [18, 54],
    ]),
    streetLine("streets", colours.street, [
      [12, 1],
      [15, 7],
      [18, 50],
    ]),
    occupancyOfStreets(colours),
    circles(colours),
    ...shapes(colours),
  ];
}

function streetLine(id: string, colour: string, widths: [number, number][]): LayerSpecification {
  return {
    id,
    type: "line",
    source: STREETS,
    layout: { "line-cap": "round" },
    paint: { "line-color": colour, "line-width": byZoom(widths) },
  };
}

/** The fuller, the stronger its colour and the wider the line. */
function occupancyOfStreets(colours: Colours): LayerSpecification {
  const width = (least: number, most: number): unknown => [
    "case",
    ["<", occupancy, 0],
    0,
    ["interpolate", ["linear"], occupancy, 0, least, 100, most],
  ];
  return {
    id: "street-occupancy",
    type: "line",
    source: STREETS,
    maxzoom: STREETS_UNTIL,
    layout: { "line-cap": "round" },
    paint: {
      "line-color": ["interpolate", ["linear"], occupancy, 0, colours["fill-low"], 100, colours["fill-high"]],
      "line-width": byZoom([
        [11, width(1, 3)],
        [STREETS_UNTIL, width(2, 7)],
      ]),
      "line-opacity": ["interpolate", ["linear"], ["zoom"], BAYS_FROM, 1, STREETS_UNTIL, 0.15],
    },
  };
}

function circles(colours: Colours): LayerSpecification {
  const radius = (free: number, taken: number, over: number, silent: number): unknown =>
    byState(alike(free, taken, over, silent), 0);
  const stroke = (free: number, over: number, silent: number): unknown => [
    "case",
    isSelected,
    4,
    byState(alike(free, 0, over, silent), 0),
  ];
  return {
    id: BAYS,
    type: "circle",
    source: BAYS,
    minzoom: BAYS_FROM,
    maxzoom: SHAPES_FROM,
    filter: ["==", ["geometry-type"], "Point"],
    paint: {
      "circle-radius": byZoom([
        [12, radius(1.2, 1.5, 2, 0.8)],
        [15, radius(3.2, 4, 4.6, 2)],
        [17, radius(6, 7, 8, 4)],
      ]),
      "circle-color": byState(alike(colours["free-fill"], colours.taken, colours.overstaying, CLEAR), CLEAR),
      "circle-stroke-color": [
        "case",
        isSelected,
        colours.focus,
        byState(alike(colours.free, colours.taken, colours["over-mark"], colours.offline), CLEAR),
      ] as ExpressionSpecification,
      "circle-stroke-width": byZoom([
        [12, stroke(0.8, 0.7, 0.5)],
        [15, stroke(1.8, 1.6, 0.9)],
        [17, stroke(3, 2.4, 1.2)],
      ]),
      "circle-opacity": ["interpolate", ["linear"], ["zoom"], BAYS_FROM, 0.4, 13.3, 1],
    },
  };
}

/** Free: an open box. Taken: a full one. Overstaying: a full one that is crossed out. Silent: a thin one with a stroke. */
function shapes(colours: Colours): LayerSpecification[] {
  const source = { source: BAYS, minzoom: SHAPES_FROM } as const;
  const isMark = (mark: string): ExpressionSpecification => ["==", ["get", "mark"], mark];
  const marks = (id: string, mark: string, silent: string): LayerSpecification => ({
    id,
    type: "line",
    ...source,
    filter: isMark(mark) as never,
    paint: {
      "line-color": byState(alike(CLEAR, CLEAR, colours["over-mark"], silent), CLEAR),
      "line-width": byZoom([
        [16.5, 0.9],
        [20, 3],
      ]),
    },
  });
  return [
    {
      id: "bay-shapes",
      type: "fill",
      ...source,
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: {
        "fill-color": byState(alike(colours["free-fill"], colours.taken, colours.overstaying, CLEAR), CLEAR),
        "fill-antialias": false,
      },
    },
    {
      id: "bay-outlines",
      type: "line",
      ...source,
      filter: ["==", ["geometry-type"], "Polygon"],
      layout: { "line-join": "miter" },
      paint: {
        "line-color": [
          "case",
          isSelected,
          colours.focus,
          // Of taken bays the edge only parts them from each other.
          byState(alike(colours.free, colours.street, colours.overstaying, colours.offline), CLEAR),
        ] as ExpressionSpecification,
        "line-width": byZoom([
          [16.5, ["case", isSelected, 4, byState(alike(1.4, 0.6, 0.8, 0.6), 0)]],
          [20, ["case", isSelected, 6, byState(alike(4.5, 1, 2, 1.2), 0)]],
        ]),
      },
    },
    marks("bay-slashes", SLASH, colours.offline),
    marks("bay-backslashes", BACKSLASH, CLEAR),
  ];
}
