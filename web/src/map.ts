/** The map: streets below, one circle per bay above; what a bay is now is its feature-state. */

import {
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
  type ExpressionSpecification,
  type GeoJSONSource,
  type LayerSpecification,
} from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { FeatureCollection, Point } from "geojson";
import { stateOf, type Bay, type Streets } from "./api.ts";
import { currentTheme, motionIsReduced, onThemeChange, type Theme } from "./theme.ts";

setWorkerUrl(workerUrl);

export const BAYS = "bays";
export const STREETS = "streets";
const EMPTY = { type: "FeatureCollection" as const, features: [] };
const CENTRE: [number, number] = [144.963, -37.8135];

export function createMap(container: HTMLElement): MapLibre {
  const theme = currentTheme();
  const map = new MapLibre({
    container,
    style: {
      version: 8,
      sources: {
        [STREETS]: { type: "geojson", data: EMPTY },
        [BAYS]: { type: "geojson", data: EMPTY, promoteId: "kerbside_id" },
      },
      layers: layers(theme),
    },
    center: CENTRE,
    zoom: 14,
    minZoom: 10,
    maxZoom: 20,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    ...(motionIsReduced() ? { fadeDuration: 0 } : {}),
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new ScaleControl({ unit: "metric" }), "bottom-right");
  onThemeChange((changed) => repaint(map, changed));
  return map;
}

/** Show these bays and no others. */
export function drawBays(map: MapLibre, bays: Iterable<Bay>): void {
  const shown = [...bays];
  const collection: FeatureCollection<Point> = {
    type: "FeatureCollection",
    features: shown.map((bay) => ({
      type: "Feature",
      geometry: { type: "Point", coordinates: [bay.longitude, bay.latitude] },
      properties: { kerbside_id: bay.kerbside_id },
    })),
  };
  map.removeFeatureState({ source: BAYS });
  for (const bay of shown) drawState(map, bay);
  void map.getSource<GeoJSONSource>(BAYS)?.setData(collection);
}

/** Show what a bay is now; cheaper than drawing all of them anew. */
export function drawState(map: MapLibre, bay: Bay): void {
  map.setFeatureState({ source: BAYS, id: bay.kerbside_id }, { state: stateOf(bay) });
}

export function drawSelected(map: MapLibre, id: string, isSelected: boolean): void {
  map.setFeatureState({ source: BAYS, id }, { selected: isSelected });
}

export function drawStreets(map: MapLibre, streets: Streets): void {
  void map.getSource<GeoJSONSource>(STREETS)?.setData(streets);
}

/** The frame that holds nearly every bay: a few lie far out and would make the rest small. */
export function cityBounds(bays: Bay[]): [number, number, number, number] {
  const middle = (values: number[]): [number, number] => {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
    return [at(0.02), at(0.98)];
  };
  const [west, east] = middle(bays.map((bay) => bay.longitude));
  const [south, north] = middle(bays.map((bay) => bay.latitude));
  return [west, south, east, north];
}

function repaint(map: MapLibre, theme: Theme): void {
  for (const layer of layers(theme)) {
    for (const [name, value] of Object.entries(layer.paint ?? {})) {
      map.setPaintProperty(layer.id, name as never, value as never);
    }
  }
}

function byState(values: { free: unknown; taken: unknown; offline: unknown }): ExpressionSpecification {
  return [
    "match",
    ["coalesce", ["feature-state", "state"], "offline"],
    "free",
    values.free,
    "taken",
    values.taken,
    values.offline,
  ] as ExpressionSpecification;
}

function byZoom(sizes: [zoom: number, size: unknown][]): ExpressionSpecification {
  return ["interpolate", ["exponential", 1.6], ["zoom"], ...sizes.flat()] as ExpressionSpecification;
}

function layers(theme: Theme): LayerSpecification[] {
  const isSelected: ExpressionSpecification = ["boolean", ["feature-state", "selected"], false];
  const outline = (free: number, taken: number, offline: number): unknown => [
    "case",
    isSelected,
    4,
    byState({ free, taken, offline }),
  ];
  return [
    { id: "land", type: "background", paint: { "background-color": theme.land } },
    {
      id: "street-edges",
      type: "line",
      source: STREETS,
      layout: { "line-cap": "round" },
      paint: { "line-color": theme["street-edge"], "line-width": byZoom([[12, 1.5], [15, 9], [18, 54]]) },
    },
    {
      id: "streets",
      type: "line",
      source: STREETS,
      layout: { "line-cap": "round" },
      paint: { "line-color": theme.street, "line-width": byZoom([[12, 1], [15, 7], [18, 50]]) },
    },
    {
      id: BAYS,
      type: "circle",
      source: BAYS,
      paint: {
        "circle-radius": byZoom([
          [12, byState({ free: 1.3, taken: 1.7, offline: 0.9 })],
          [15, byState({ free: 3.3, taken: 4.3, offline: 2.2 })],
          [18, byState({ free: 8.5, taken: 10, offline: 6 })],
        ]),
        "circle-color": byState({ free: theme["free-fill"], taken: theme.taken, offline: "rgba(0,0,0,0)" }),
        "circle-stroke-color": [
          "case",
          isSelected,
          theme.focus,
          byState({ free: theme.free, taken: theme.taken, offline: theme.offline }),
        ] as ExpressionSpecification,
        "circle-stroke-width": byZoom([
          [12, outline(0.9, 0, 0.6)],
          [15, outline(1.9, 0, 1)],
          [18, outline(4.5, 0, 1.6)],
        ]),
        "circle-pitch-alignment": "map",
      },
    },
  ];
}
