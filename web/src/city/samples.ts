/** What this page has seen since it was opened: where nobody else keeps it, a trend of one's own. */

import { effect, signal } from "@preact/signals";
import { route } from "../route.ts";
import { bays, wanted } from "./city.ts";
import { fullest, FULL_PERCENT } from "./kpis.ts";
import { countStates } from "./state.ts";

export interface Sample {
  overstaying: number;
  fullZones: number;
}

const EVERY_MS = 10_000;
const KEPT = 180;

/** The oldest first; begun anew when other bays are looked at. */
export const samples = signal<Sample[]>([]);

export const zonesFull = (): number =>
  fullest(wanted.value, (bay) => (bay.zone_number === null ? null : String(bay.zone_number))).filter(
    (zone) => zone.occupancy! >= FULL_PERCENT,
  ).length;

export function keepSamples(): void {
  let filters = "";
  effect(() => {
    const now = JSON.stringify(route.value.filters);
    if (now !== filters) samples.value = [];
    filters = now;
  });
  window.setInterval(() => {
    if (bays.size === 0) return;
    const sample = { overstaying: countStates(wanted.peek()).overstaying, fullZones: zonesFull() };
    samples.value = [...samples.peek(), sample].slice(-KEPT);
  }, EVERY_MS);
}
