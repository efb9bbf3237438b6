/** The live map on the page: made when it is first looked at, then hidden while another view is. */

import { effect, useSignalEffect } from "@preact/signals";
import type { Map as MapLibre } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { colours } from "../appearance.ts";
import * as city from "../city/city.ts";
import { countStates, type Counts } from "../city/state.ts";
import type { Bay } from "../api/types.ts";
import { card, go, route, view } from "../route.ts";
import { Drawing } from "./drawing.ts";
import { Labels } from "./labels.ts";
import { cityBounds, createMap, EMPTY, repaint } from "./map.ts";
import { BAY_LAYERS, BAYS, layers, STREETS } from "./style.ts";

declare global {
  interface Window {
    /** For tests and the curious: the map, every bay by its id, and whether all are drawn. */
    __melpark: { map: MapLibre | null; bays: Map<string, Bay>; ready: boolean };
  }
}

const REACH_PIXELS = 9;
// Of the frame around the city: room for the card and the controls.
const PADDING = 28;
const SOURCES = {
  [STREETS]: { type: "geojson" as const, data: EMPTY },
  [BAYS]: { type: "geojson" as const, data: EMPTY, promoteId: "kerbside_id", tolerance: 0.1 },
};

/** The map once it was looked at. */
export let shownMap: MapLibre | null = null;

export function LiveMap() {
  const container = useRef<HTMLDivElement>(null);
  useEffect(() => open(container.current!), []);
  useSignalEffect(() => {
    if (view.value === "map") window.setTimeout(() => shownMap?.resize());
  });
  return <div ref={container} id="map" class="map" role="region" aria-label="Map of parking bays" />;
}

function open(container: HTMLElement): () => void {
  const map = createMap(container, SOURCES, layers, route.peek().camera);
  shownMap = map;
  const drawing = new Drawing(map);
  const labels = new Labels(map, city.bays);
  window.__melpark.map = map;
  const changed = new Set<string>();
  let wantsAll = true;
  let wantsPlaces = false;
  let frame = 0;
  let isFramed = route.peek().camera !== null;

  /** One drawing per frame, however many changes came since the last. */
  const draw = (): void => {
    frame = 0;
    if (route.peek().view !== "map") return;
    const isWanted = city.isWanted.peek();
    if (wantsPlaces) drawing.place([...city.bays.values()], city.locations.peek());
    if (wantsAll || wantsPlaces) for (const bay of city.bays.values()) drawing.show(bay, isWanted(bay));
    else
      for (const id of changed)
        if (city.bays.has(id)) drawing.show(city.bays.get(id)!, isWanted(city.bays.get(id)!));
    wantsAll = wantsPlaces = false;
    changed.clear();
    if (!isFramed && city.bays.size > 0) {
      isFramed = true;
      map.fitBounds(cityBounds([...city.bays.values()]), { padding: PADDING, animate: false });
    }
  };
  const drawSoon = (): void => {
    if (!frame) frame = window.requestAnimationFrame(draw);
  };

  const stops: (() => void)[] = [];
  map.once("load", () => {
    wantsPlaces = true;
    stops.push(
      city.onBays((some) => {
        if (some === "all") wantsPlaces = true;
        else for (const id of some) changed.add(id);
        drawSoon();
      }),
      effect(() => {
        // Other filters, or back on the map.
        void [city.isWanted.value, view.value];
        wantsAll = true;
        drawSoon();
      }),
      effect(() => {
        drawing.placeStreets(city.lines.value);
        labels.set(city.lines.value);
      }),
      effect(() => {
        if (view.value === "map") drawing.showStreets(countsOfLines(), city.lines.value.length);
      }),
      effect(() => drawing.select(card.value)),
      effect(() => {
        if (colours.value > 1) repaint(map, layers);
      }),
    );
  });
  map.on("idle", () => {
    const isDrawn = city.bays.size > 0 && !wantsPlaces && map.isSourceLoaded(BAYS);
    window.__melpark.ready = isDrawn;
    document.body.dataset["baysDrawn"] = String(isDrawn ? city.bays.size : 0);
  });
  keepCamera(map);
  pointAtBays(map, drawing);
  return () => {
    for (const stop of stops) stop();
    map.remove();
  };
}

/** How full each street is of the bays that are wanted. */
function countsOfLines(): Map<number, Counts> {
  const found = new Map<number, Bay[]>();
  for (const bay of city.wanted.value) {
    const line = city.locations.value.get(bay.kerbside_id)?.line ?? null;
    if (line === null) continue;
    const group = found.get(line);
    if (group) group.push(bay);
    else found.set(line, [bay]);
  }
  return new Map([...found].map(([line, bays]) => [line, countStates(bays)]));
}

/** The address follows the map, and the map an address that was gone back to. */
function keepCamera(map: MapLibre): void {
  const of = (): { latitude: number; longitude: number; zoom: number } => {
    const { lat, lng } = map.getCenter();
    return { latitude: lat, longitude: lng, zoom: map.getZoom() };
  };
  let known = "";
  const told = (camera: { latitude: number; longitude: number; zoom: number }): string =>
    `${camera.latitude.toFixed(5)} ${camera.longitude.toFixed(5)} ${camera.zoom.toFixed(2)}`;
  map.on("moveend", () => {
    // What the program moved at the start is no wish of anybody's.
    if (city.bays.size === 0 || route.peek().view !== "map") return;
    known = told(of());
    go({ camera: of() }, false);
  });
  effect(() => {
    const { camera } = route.value;
    if (camera === null || told(camera) === known || told(camera) === told(of())) return;
    map.jumpTo({ center: [camera.longitude, camera.latitude], zoom: camera.zoom });
  });
}

function pointAtBays(map: MapLibre, drawing: Drawing): void {
  let waiting = 0;
  map.on("click", ({ point }) => go({ card: bayAt(map, drawing, point.x, point.y) }));
  map.on("mousemove", ({ point }) => {
    if (waiting || map.isMoving()) return;
    waiting = window.requestAnimationFrame(() => {
      waiting = 0;
      map.getCanvas().style.cursor = bayAt(map, drawing, point.x, point.y) ? "pointer" : "";
    });
  });
}

/** The bay drawn nearest to a point of the screen, within a finger's reach. */
function bayAt(map: MapLibre, drawing: Drawing, x: number, y: number): string | null {
  const reach: [[number, number], [number, number]] = [
    [x - REACH_PIXELS, y - REACH_PIXELS],
    [x + REACH_PIXELS, y + REACH_PIXELS],
  ];
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const feature of map.queryRenderedFeatures(reach, { layers: BAY_LAYERS })) {
    const bay = city.bays.get(String(feature.id));
    if (!bay || !drawing.isShown(bay.kerbside_id)) continue;
    const place = map.project([bay.longitude, bay.latitude]);
    const distance = Math.hypot(place.x - x, place.y - y);
    if (distance < least) {
      least = distance;
      nearest = bay.kerbside_id;
    }
  }
  return nearest;
}
