/** Which bays are wanted: the map, its table, Now and Overstays show the same ones. */

import type { Bay, Place } from "../api/types.ts";
import { categoriesOf } from "./rules.ts";
import { stateOf } from "./state.ts";

export interface Filters {
  /** Beginning of a bay's number. */
  bay: string;
  street: string;
  zone: string;
  stay: string;
  status: string;
  pay: string;
  /** I want to stay so long, from now. */
  minutes: string;
}

export const NO_FILTERS: Filters = {
  bay: "",
  street: "",
  zone: "",
  stay: "",
  status: "",
  pay: "",
  minutes: "",
};
export const FILTER_NAMES = Object.keys(NO_FILTERS) as (keyof Filters)[];

export const STATUS_CHOICES = {
  free: "Free",
  taken: "Taken",
  overstaying: "Overstaying",
  silent: "Unknown or offline",
};
export const PAY_CHOICES = {
  card: "Card or tap-and-go",
  credit: "Credit card",
  tap: "Tap-and-go",
  metered: "Metered now",
  unmetered: "Not metered now",
};
export const LONGEST_STAY_MINUTES = 1440;

/** What is not in the bay itself. `offered`: bays in which one may stay as long as wanted; null while not known. */
export interface Known {
  streetOf(bay: Bay): string;
  placeOf(bay: Bay): Place | undefined;
  offered: ReadonlySet<string> | null;
}

export const isFiltered = (filters: Filters): boolean => FILTER_NAMES.some((name) => filters[name] !== "");

/** Whether a bay is wanted. */
export function matcher(filters: Filters, known: Known): (bay: Bay) => boolean {
  const { bay: number, street, zone, stay, status, pay, minutes } = filters;
  return (bay) =>
    (number === "" || bay.kerbside_id.startsWith(number)) &&
    (street === "" || known.streetOf(bay) === street) &&
    (zone === "" || String(bay.zone_number) === zone) &&
    (stay === "" || categoriesOf(bay).includes(stay)) &&
    (status === "" || hasStatus(bay, status)) &&
    (pay === "" || isPaid(bay, known.placeOf(bay), pay)) &&
    (minutes === "" || (stateOf(bay) === "free" && known.offered?.has(bay.kerbside_id) === true));
}

function hasStatus(bay: Bay, status: string): boolean {
  const state = stateOf(bay);
  if (status === "silent") return state === "unknown" || state === "offline";
  // Whoever overstays stands there, too.
  return state === status || (status === "taken" && state === "overstaying");
}

function isPaid(bay: Bay, place: Place | undefined, pay: string): boolean {
  switch (pay) {
    case "card":
      return place?.has_credit_card === true || place?.has_tap_and_go === true;
    case "credit":
      return place?.has_credit_card === true;
    case "tap":
      return place?.has_tap_and_go === true;
    case "metered":
      return bay.rules.some((rule) => rule.is_metered);
    default:
      return bay.rule_status !== "no_rule" && !bay.rules.some((rule) => rule.is_metered);
  }
}
