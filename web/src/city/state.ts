/** What a bay is, in gold's words, and sums over bays. */

import type { Bay } from "../api/types.ts";

export const STATES = ["free", "taken", "overstaying", "unknown", "offline"] as const;
export type State = (typeof STATES)[number];

export const STATE_WORDS: Record<State, string> = {
  free: "Free",
  taken: "Taken",
  overstaying: "Overstaying",
  unknown: "Unknown",
  offline: "Offline",
};

/** A sensor that is silent, retired or suspected to be stuck tells nothing of its bay. */
export function stateOf(bay: Bay): State {
  if (!bay.is_online || bay.is_retired) return "offline";
  if (bay.is_suspect) return "unknown";
  if (bay.status !== "Present") return "free";
  return bay.is_overstay ? "overstaying" : "taken";
}

export type Counts = Record<State, number>;

export function countStates(bays: Iterable<Bay>): Counts {
  const counts: Counts = { free: 0, taken: 0, overstaying: 0, unknown: 0, offline: 0 };
  for (const bay of bays) counts[stateOf(bay)] += 1;
  return counts;
}

/** Bays whose sensor tells: free, taken and overstaying. */
export const online = (counts: Counts): number => counts.free + counts.taken + counts.overstaying;

/** Occupied of online bays, 0 to 100; null when most of the bays tell nothing. */
export function occupancyPercent(counts: Counts): number | null {
  const telling = online(counts);
  const all = telling + counts.unknown + counts.offline;
  if (telling === 0 || 2 * telling < all) return null;
  return (100 * (counts.taken + counts.overstaying)) / telling;
}
