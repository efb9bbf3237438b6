/** The city as this page knows it: one map of bays that the stream keeps, and signals for whoever shows them. */

import { computed, signal } from "@preact/signals";
import type { Bay, Freshness, Place, Snapshot, Streets } from "../api/types.ts";
import type { Connection } from "../live/live.ts";
import { filters } from "../route.ts";
import { matcher, type Known } from "./filters.ts";
import { linesOf, locate, type Line, type Location } from "./geometry.ts";

// Figures and tables follow the bays so often; the map follows each change.
const FIGURES_EVERY_MS = 400;

export const bays = new Map<string, Bay>();
/** Another one now and then after bays have changed. */
export const revision = signal(0);
export const connection = signal<Connection>("connecting");
export const freshness = signal<Freshness | null>(null);
export const attribution = signal("");
export const streets = signal<Streets | null>(null);
export const places = signal<ReadonlyMap<string, Place>>(new Map());
/** Bays in which one may stay as long as the filter says; null while that is not known. */
export const offered = signal<ReadonlySet<string> | null>(null);
/** Where bays lie; another one when bays have come or moved, or streets are known. */
export const locations = signal<ReadonlyMap<string, Location>>(new Map());

export const lines = computed((): Line[] => (streets.value ? linesOf(streets.value) : []));
export const now = computed((): string | null => freshness.value?.as_of ?? null);

export const streetOf = (bay: Bay): string => locations.value.get(bay.kerbside_id)?.street ?? "Unknown";
export const placeOf = (bay: Bay): Place | undefined => places.value.get(bay.kerbside_id);

/** Whether a bay is wanted by the filters in the address. */
export const isWanted = computed(() => {
  const known: Known = { streetOf, placeOf, offered: offered.value };
  // Read here, so that a new answer is told: the closure reads them only when it is called.
  void [locations.value, places.value];
  return matcher(filters.value, known);
});

/** The bays that the filters want. */
export const wanted = computed((): Bay[] => {
  void revision.value;
  return [...bays.values()].filter(isWanted.value);
});

export const streetNames = computed((): string[] => {
  void locations.value;
  return [...new Set([...bays.values()].map(streetOf))].filter((name) => name !== "Unknown").sort();
});

export const zoneNumbers = computed((): number[] => {
  void locations.value;
  const found = new Set<number>();
  for (const bay of bays.values()) if (bay.zone_number !== null) found.add(bay.zone_number);
  return [...found].sort((one, other) => one - other);
});

/** What the map does with changes: all bays anew, or some. */
export type Listener = (changed: ReadonlySet<string> | "all") => void;
const listeners = new Set<Listener>();

export function onBays(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let timer = 0;

function tell(changed: ReadonlySet<string> | "all"): void {
  for (const listener of listeners) listener(changed);
  if (!timer) {
    timer = window.setTimeout(() => {
      timer = 0;
      revision.value += 1;
    }, FIGURES_EVERY_MS);
  }
}

function relocate(): void {
  locations.value = locate(bays.values(), lines.value, places.value);
  tell("all");
}

export function takeSnapshot(snapshot: Snapshot): void {
  bays.clear();
  for (const bay of snapshot.bays) bays.set(bay.kerbside_id, bay);
  attribution.value = snapshot.attribution;
  revision.value += 1;
  relocate();
}

export function takeChanged(changed: Bay[]): void {
  let hasMoved = false;
  for (const bay of changed) {
    const before = bays.get(bay.kerbside_id);
    if (before?.longitude !== bay.longitude || before.latitude !== bay.latitude) hasMoved = true;
    bays.set(bay.kerbside_id, bay);
  }
  if (hasMoved) relocate();
  else tell(new Set(changed.map((bay) => bay.kerbside_id)));
}

export function takeRemoved(ids: string[]): void {
  for (const id of ids) bays.delete(id);
  relocate();
}

export function takeStreets(found: Streets): void {
  streets.value = found;
  relocate();
}

export function takePlaces(found: Place[]): void {
  // Asked for again now and then; they seldom change, and all bays are placed anew when they do.
  const isKnown = found.every((place) => isSame(place, places.value.get(place.kerbside_id)));
  if (isKnown && found.length === places.value.size) return;
  places.value = new Map(found.map((place) => [place.kerbside_id, place]));
  relocate();
}

const isSame = (place: Place, other: Place | undefined): boolean =>
  other !== undefined && (Object.keys(place) as (keyof Place)[]).every((name) => place[name] === other[name]);
