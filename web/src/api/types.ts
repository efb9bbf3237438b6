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

export type Streets = FeatureCollection<LineString, { name: string; description: string | null }>;

/** A bay's street and meter. */
export interface Place {
  kerbside_id: string;
  street: string;
  street_description: string;
  location_key: string;
  meter_id: string | null;
  has_credit_card: boolean | null;
  has_tap_and_go: boolean | null;
}

export interface Spot {
  kerbside_id: string;
  zone_number: number;
  until_at: string | null;
}

export interface Restriction {
  zone_number: number;
  rule_status: Bay["rule_status"];
  rules: Rule[];
  rule_until_at: string | null;
}

export interface Session {
  session_key: string;
  arrival_at: string | null;
  arrival_max_at: string;
  departure_at: string | null;
  departure_min_at: string;
  ending: string;
  duration_minutes: number | null;
  duration_min_minutes: number;
  verdict: string;
  overstay_min_minutes: number | null;
}

export interface Alert {
  alert_id: string;
  kind: string;
  place_kind: "bay" | "zone" | "city";
  place: string;
  state: "raised" | "cleared";
  raised_at: string;
  detail: string;
}

export interface Minutes {
  bay_minutes: number;
  online_minutes: number;
  occupied_minutes: number;
  occupancy_percent: number | null;
}

export interface OccupancyRow extends Minutes {
  place: string;
  starts_at: string;
}

export interface TurnoverRow {
  starts_at: string;
  bay_minutes: number;
  arrivals: number;
  departures: number;
  turnover_per_hour: number | null;
}

export interface TimeOfDay extends Minutes {
  time_key: string;
  days: number;
  vehicles: number;
}

export interface HourOfWeek extends Minutes {
  weekday_number: number;
  weekday: string;
  hour: number;
}

export interface TrendOfDate extends Minutes {
  local_date: string;
  season: string;
  is_public_holiday: boolean;
  arrivals: number;
  departures: number;
  turnover_per_hour: number | null;
  metered_stays: number;
  estimated_revenue: number;
}

export interface StayLength {
  restriction_type: string;
  from_minutes: number;
  stays: number;
  stay_minutes: number;
}

export interface OverstayTrend {
  place_or_rule: string;
  stays: number;
  judged_stays: number;
  overstays: number;
  minutes_over: number;
  overstay_percent: number | null;
  compliance_percent: number | null;
}

export interface HistoricalSign {
  sign: string;
  stays: number;
  average_stay_minutes: number;
  stays_in_violation: number;
  violation_percent: number;
}

export interface SensorHealth {
  kerbside_id: string;
  is_online: boolean;
  is_retired: boolean;
  online_share: number | null;
  is_stale: boolean;
  is_stuck: boolean;
  is_suspect: boolean;
}

export interface Quality {
  polls: {
    dataset: string;
    accepted: number;
    refused: number;
    failed: number;
    records: number;
    rejected: number;
    newest_accepted_at: string | null;
  }[];
  sensors: {
    sensors: number;
    online: number;
    retired: number;
    stale: number;
    stuck: number;
    suspect: number;
  };
}
