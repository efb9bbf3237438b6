/** Figures of now, from the live bays themselves. */

import type { Alert, Bay, Place } from "../api/types.ts";
import { countStates, occupancyPercent, online, type Counts } from "./state.ts";

export interface Group {
  name: string;
  counts: Counts;
  online: number;
  occupancy: number | null;
}

// Of fewer bays a percentage says little.
const LEAST_ONLINE = 5;
export const FULL_PERCENT = 90;

/** Groups of bays with enough that tell, the fullest first. */
export function fullest(bays: Iterable<Bay>, nameOf: (bay: Bay) => string | null): Group[] {
  const groups = new Map<string, Bay[]>();
  for (const bay of bays) {
    const name = nameOf(bay);
    if (name === null) continue;
    const group = groups.get(name);
    if (group) group.push(bay);
    else groups.set(name, [bay]);
  }
  return [...groups]
    .map(([name, found]): Group => {
      const counts = countStates(found);
      return { name, counts, online: online(counts), occupancy: occupancyPercent(counts) };
    })
    .filter((group) => group.online >= LEAST_ONLINE && group.occupancy !== null)
    .sort((one, other) => other.occupancy! - one.occupancy! || other.online - one.online);
}

/** Of the bays with a meter near, those whose meter takes a card; null where no meter is known. */
export function cardShare(
  bays: Iterable<Bay>,
  placeOf: (bay: Bay) => Place | undefined,
): { metered: number; card: number; percent: number; creditPercent: number } | null {
  let [metered, card, credit] = [0, 0, 0];
  for (const bay of bays) {
    const place = placeOf(bay);
    if (place?.meter_id == null) continue;
    metered += 1;
    if (place.has_credit_card === true || place.has_tap_and_go === true) card += 1;
    if (place.has_credit_card === true) credit += 1;
  }
  if (metered === 0) return null;
  return { metered, card, percent: (100 * card) / metered, creditPercent: (100 * credit) / metered };
}

/** Vehicles that came within so many minutes before `now` and are still there. */
export function arrivedWithin(bays: Iterable<Bay>, now: string, minutes: number): number {
  const since = Date.parse(now) - minutes * 60_000;
  let arrived = 0;
  for (const bay of bays) {
    if (bay.is_online && bay.status === "Present" && Date.parse(bay.status_changed_at) >= since) arrived += 1;
  }
  return arrived;
}

/** Alerts that concern some of the bays: their own, their zones', and those of the whole city. */
export function alertsFor(alerts: Alert[], bays: Iterable<Bay>): Alert[] {
  const ids = new Set<string>();
  const zones = new Set<string>();
  for (const bay of bays) {
    ids.add(bay.kerbside_id);
    if (bay.zone_number !== null) zones.add(String(bay.zone_number));
  }
  return alerts.filter(({ place_kind: kind, place }) => {
    if (kind === "bay") return ids.has(place);
    return kind === "zone" ? zones.has(place) : ids.size > 0;
  });
}
