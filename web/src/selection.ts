/** Which bay is looked at: by a click on the map, or by its number. */

import type { Map as MapLibre } from "maplibre-gl";
import type { Bay } from "./api.ts";
import { BAYS, drawSelected } from "./map.ts";
import { element, showCard } from "./panel.ts";
import { motionIsReduced } from "./theme.ts";

const REACH_PIXELS = 8;

export class Selection {
  #map: MapLibre;
  #bays: Map<string, Bay>;
  #now: () => string | null;
  #id: string | null = null;
  #returnFocus: HTMLElement | null = null;

  constructor(map: MapLibre, bays: Map<string, Bay>, now: () => string | null) {
    this.#map = map;
    this.#bays = bays;
    this.#now = now;
    map.on("click", (event) => this.select(this.#at(event.point.x, event.point.y)));
    map.on("mousemove", (event) => {
      map.getCanvas().style.cursor = this.#at(event.point.x, event.point.y) ? "pointer" : "";
    });
    element("card-close").addEventListener("click", () => this.select(null));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.select(null);
    });
    element<HTMLFormElement>("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#find(element<HTMLInputElement>("bay-id").value.trim());
    });
  }

  select(id: string | null): void {
    if (this.#id !== null) drawSelected(this.#map, this.#id, false);
    this.#id = id;
    if (id === null) {
      element("card").hidden = true;
      this.#returnFocus?.focus();
      this.#returnFocus = null;
      return;
    }
    this.refresh();
  }

  /** Show again what is selected: its bay may have changed. */
  refresh(): void {
    if (this.#id === null) return;
    const bay = this.#bays.get(this.#id);
    if (!bay) {
      this.select(null);
      return;
    }
    drawSelected(this.#map, this.#id, true);
    showCard(bay, this.#now());
  }

  #find(id: string): void {
    const bay = this.#bays.get(id);
    element("find-answer").textContent = bay || !id ? "" : `There is no bay ${id}.`;
    if (!bay) return;
    const target = { center: [bay.longitude, bay.latitude] as [number, number], zoom: 17.5 };
    if (motionIsReduced()) this.#map.jumpTo(target);
    else this.#map.flyTo({ ...target, duration: 900 });
    this.select(id);
    this.#returnFocus = element("bay-id");
    element("card").focus();
  }

  /** The bay drawn nearest to a point of the screen, within a finger's reach. */
  #at(x: number, y: number): string | null {
    const reach: [[number, number], [number, number]] = [
      [x - REACH_PIXELS, y - REACH_PIXELS],
      [x + REACH_PIXELS, y + REACH_PIXELS],
    ];
    let nearest: string | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (const feature of this.#map.queryRenderedFeatures(reach, { layers: [BAYS] })) {
      const bay = this.#bays.get(String(feature.id));
      if (!bay) continue;
      const place = this.#map.project([bay.longitude, bay.latitude]);
      const distance = Math.hypot(place.x - x, place.y - y);
      if (distance < least) {
        least = distance;
        nearest = bay.kerbside_id;
      }
    }
    return nearest;
  }
}
