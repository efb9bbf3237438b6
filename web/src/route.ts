/** What is looked at stands in the address after #: it can be kept, sent, and gone back from. */

import { computed, signal } from "@preact/signals";
import {
  FILTER_NAMES,
  LONGEST_STAY_MINUTES,
  NO_FILTERS,
  PAY_CHOICES,
  STATUS_CHOICES,
  type Filters,
} from "./city/filters.ts";

export const VIEWS = ["map", "now", "trends", "overstays", "health"] as const;
export type View = (typeof VIEWS)[number];
/** As in the Power BI report. */
export const VIEW_NAMES: Record<View, string> = {
  map: "Live map",
  now: "Now",
  trends: "Trends",
  overstays: "Overstays",
  health: "Health",
};

export interface Camera {
  latitude: number;
  longitude: number;
  zoom: number;
}

export interface Route {
  view: View;
  filters: Filters;
  camera: Camera | null;
  /** The bay whose card is open. */
  card: string | null;
  hasTable: boolean;
  /** Days of Trends, as in 2025-08-07; empty for the newest 28. */
  from: string;
  to: string;
}

const DAY = /^20\d\d-\d\d-\d\d$/;
const LONGEST_WORD = 120;

/** Whatever stands in an address; what makes no sense is left out. */
export function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const given = new URLSearchParams(query);
  const word = (name: string): string => (given.get(name) ?? "").trim().slice(0, LONGEST_WORD);
  const date = (name: string): string => (DAY.test(word(name)) ? word(name) : "");
  const filters = { ...NO_FILTERS };
  for (const name of FILTER_NAMES) if (isSensible(name, word(name))) filters[name] = word(name);
  return {
    view: VIEWS.find((view) => view === path) ?? "map",
    filters,
    camera: parseCamera(word("at")),
    card: word("card") || null,
    hasTable: word("table") === "1",
    from: date("from"),
    to: date("to"),
  };
}

function isSensible(name: keyof Filters, value: string): boolean {
  if (name === "status") return value in STATUS_CHOICES;
  if (name === "pay") return value in PAY_CHOICES;
  if (name === "zone") return /^\d{1,9}$/.test(value);
  if (name === "minutes")
    return /^\d{1,4}$/.test(value) && Number(value) >= 1 && Number(value) <= LONGEST_STAY_MINUTES;
  return true;
}

function parseCamera(text: string): Camera | null {
  const [latitude, longitude, zoom] = text.split(",").map(Number);
  if (latitude === undefined || longitude === undefined || zoom === undefined) return null;
  const isOnGlobe = Math.abs(latitude) <= 85 && Math.abs(longitude) <= 180 && zoom >= 0 && zoom <= 24;
  return isOnGlobe ? { latitude, longitude, zoom } : null;
}

export function format(route: Route): string {
  const given = new URLSearchParams();
  for (const name of FILTER_NAMES) if (route.filters[name] !== "") given.set(name, route.filters[name]);
  const { camera } = route;
  if (camera)
    given.set("at", `${camera.latitude.toFixed(5)},${camera.longitude.toFixed(5)},${camera.zoom.toFixed(2)}`);
  if (route.card !== null) given.set("card", route.card);
  if (route.hasTable) given.set("table", "1");
  if (route.from !== "") given.set("from", route.from);
  if (route.to !== "") given.set("to", route.to);
  // Commas of places stay readable.
  const query = given.toString().replaceAll("%2C", ",");
  return `#/${route.view}${query === "" ? "" : `?${query}`}`;
}

export const route = signal<Route>(parse(globalThis.location?.hash ?? ""));
// Parts of it: they stay as they are while the map is moved, which changes the route with each move.
export const view = computed(() => route.value.view);
export const filters = computed(() => route.value.filters);
export const card = computed(() => route.value.card);

/** Look at something else. `isStep`: worth going back from. */
export function go(change: Partial<Route>, isStep = true): void {
  const next = { ...route.value, ...change };
  const hash = format(next);
  if (hash !== format(route.value)) {
    if (isStep) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  }
  route.value = next;
}

export const goFiltered = (change: Partial<Filters>): void =>
  go({ filters: { ...route.value.filters, ...change } }, false);

export const linkTo = (view: View): string => format({ ...route.value, view });

export function followAddress(): void {
  const read = (): void => {
    if (window.location.hash !== format(route.value)) route.value = parse(window.location.hash);
  };
  window.addEventListener("popstate", read);
  window.addEventListener("hashchange", read);
}
