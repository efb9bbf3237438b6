/** What the server says, as documented in /openapi.json. */

import type { FeatureCollection, LineString } from "geojson";

export interface Bay {
  kerbside_id: string;
  status: "Present" | "Unoccupied";
  status_changed_at: string;
  zone_number: number | null;
  longitude: number;
  latitude: number;
  is_online: boolean;
  is_retired: boolean;
  /** Null while the sensor keeps up with the feed. */
  heard_at: string | null;
  observed_at: string;
  committed_at: string;
  rule_status: "restricted" | "unrestricted" | "no_rule";
  /** In force now. Several of different limits: their plates stand at different bays. */
  rules: Rule[];
  rule_until_at: string | null;
  permitted_until_at: string | null;
  is_overstay: boolean;
  overstay_minutes: number | null;
  first_breach_at: string | null;
  is_suspect: boolean;
}

export interface Rule {
  code: string;
  kind: string;
  limit_minutes: number | null;
  is_metered: boolean;
}

export interface Freshness {
  as_of: string | null;
  source_kind: "simulator" | "portal" | "replay";
  is_simulated: boolean;
  observed_at: string | null;
  feed_updated_at: string | null;
  source_age_seconds: number | null;
  pipeline_age_seconds: number | null;
  is_stale: boolean;
  unchanged_seconds: number | null;
  is_frozen: boolean;
  bays: number;
  last_commit_at: string | null;
}

export interface Snapshot {
  attribution: string;
  last_event_id: string;
  bays: Bay[];
}

export type Streets = FeatureCollection<LineString, { name: string }>;

/** The three things that a bay can be on the map. A retired or silent sensor tells nothing about its bay. */
export type State = "free" | "taken" | "offline";

export function stateOf(bay: Bay): State {
  if (!bay.is_online || bay.is_retired) return "offline";
  return bay.status === "Present" ? "taken" : "free";
}

export const fetchSnapshot = (): Promise<Snapshot> => fetchJson<Snapshot>("/api/v1/bays");
export const fetchStreets = (): Promise<Streets> => fetchJson<Streets>("/api/v1/streets");

async function fetchJson<T>(path: string): Promise<T> {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return (await answer.json()) as T;
}
