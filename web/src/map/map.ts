/** The map itself: empty at first, without anything from elsewhere. */

import {
  Map as MapLibre,
  NavigationControl,
  ScaleControl,
  type LayerSpecification,
  type SourceSpecification,
} from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import { currentColours, motionIsReduced, type Colours } from "../appearance.ts";
import type { Bay } from "../api/types.ts";
import type { Camera } from "../route.ts";

export const EMPTY = { type: "FeatureCollection" as const, features: [] };
const CENTRE: [number, number] = [144.963, -37.8135];
export const PLACE_ZOOM = 17.6;

export type Layers = (colours: Colours) => LayerSpecification[];

export function createMap(
  container: HTMLElement,
  sources: Record<string, SourceSpecification>,
  layers: Layers,
  camera: Camera | null = null,
): MapLibre {
  const map = new MapLibre({
    container,
    style: { version: 8, sources, layers: layers(currentColours()) },
    center: camera ? [camera.longitude, camera.latitude] : CENTRE,
    zoom: camera?.zoom ?? 13.6,
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
  return map;
}

/** The same layers in the colours of now. */
export function repaint(map: MapLibre, layers: Layers): void {
  for (const layer of layers(currentColours())) {
    for (const [name, value] of Object.entries(layer.paint ?? {})) {
      map.setPaintProperty(layer.id, name as never, value as never);
    }
  }
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

export function moveTo(map: MapLibre, center: [number, number], zoom: number): void {
  if (motionIsReduced()) map.jumpTo({ center, zoom });
  else map.flyTo({ center, zoom, duration: 900 });
}
