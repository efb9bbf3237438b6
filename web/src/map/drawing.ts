/** Draws bays and streets: their places once, then only what has changed. */

import type { Feature, FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as MapLibre } from "maplibre-gl";
import type { Bay } from "../api/types.ts";
import { corners, type Line, type Location } from "../city/geometry.ts";
import { occupancyPercent, stateOf, type Counts } from "../city/state.ts";
import { BACKSLASH, BAYS, HIDDEN, SLASH, STREETS } from "./style.ts";

// What no eye tells apart on a line is not drawn anew.
const OCCUPANCY_STEP = 5;

export class Drawing {
  #map: MapLibre;
  #states = new Map<string, string>();
  #occupancy = new Map<number, number>();
  #selected: string | null = null;

  constructor(map: MapLibre) {
    this.#map = map;
  }

  /** These bays and no others, where they are. */
  place(bays: Bay[], locations: ReadonlyMap<string, Location>): void {
    const features = bays.flatMap((bay) => featuresOf(bay, locations.get(bay.kerbside_id)?.angle ?? 0));
    const collection: FeatureCollection = { type: "FeatureCollection", features };
    this.#map.removeFeatureState({ source: BAYS });
    this.#states.clear();
    const selected = this.#selected;
    this.#selected = null;
    this.select(selected);
    void this.#map.getSource<GeoJSONSource>(BAYS)?.setData(collection);
  }

  /** What a bay is now; a bay that is not wanted is not drawn. */
  show(bay: Bay, isWanted: boolean): void {
    const state = isWanted ? stateOf(bay) : HIDDEN;
    if (this.#states.get(bay.kerbside_id) === state) return;
    this.#states.set(bay.kerbside_id, state);
    this.#map.setFeatureState({ source: BAYS, id: bay.kerbside_id }, { state });
  }

  isShown(id: string): boolean {
    return (this.#states.get(id) ?? HIDDEN) !== HIDDEN;
  }

  select(id: string | null): void {
    if (id === this.#selected) return;
    if (this.#selected !== null) {
      this.#map.setFeatureState({ source: BAYS, id: this.#selected }, { selected: false });
    }
    this.#selected = id;
    if (id !== null) this.#map.setFeatureState({ source: BAYS, id }, { selected: true });
  }

  placeStreets(lines: Line[]): void {
    this.#occupancy.clear();
    this.#map.removeFeatureState({ source: STREETS });
    void this.#map.getSource<GeoJSONSource>(STREETS)?.setData({
      type: "FeatureCollection",
      features: lines.map(({ name, ends }, id) => ({
        type: "Feature",
        id,
        geometry: { type: "LineString", coordinates: ends },
        properties: { name },
      })),
    });
  }

  /** How full each street line is: by its index. */
  showStreets(counts: ReadonlyMap<number, Counts>, lines: number): void {
    for (let id = 0; id < lines; id += 1) {
      const counted = counts.get(id);
      const percent = counted ? occupancyPercent(counted) : null;
      const shown = percent === null ? -1 : Math.round(percent / OCCUPANCY_STEP) * OCCUPANCY_STEP;
      if ((this.#occupancy.get(id) ?? -1) === shown) continue;
      this.#occupancy.set(id, shown);
      this.#map.setFeatureState({ source: STREETS, id }, { occupancy: shown });
    }
  }
}

/** A point for when it is small, its outline for when it is large, and the strokes that may cross it. */
export function featuresOf(bay: Bay, angle: number): Feature[] {
  const outline = corners(bay, angle);
  const stroke = (mark: string, from: number, to: number): Feature => ({
    type: "Feature",
    geometry: { type: "LineString", coordinates: [outline[from]!, outline[to]!] },
    properties: { kerbside_id: bay.kerbside_id, mark },
  });
  const properties = { kerbside_id: bay.kerbside_id };
  return [
    { type: "Feature", geometry: { type: "Point", coordinates: [bay.longitude, bay.latitude] }, properties },
    { type: "Feature", geometry: { type: "Polygon", coordinates: [outline] }, properties },
    stroke(SLASH, 0, 2),
    stroke(BACKSLASH, 1, 3),
  ];
}
