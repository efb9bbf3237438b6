/** Bays for tests: free, heard, in zone 7303, under 2P. */

import type { Bay, Place, Rule } from "../src/api/types.ts";

export const TWO_HOURS: Rule = { code: "MP2P", kind: "timed", limit_minutes: 120, is_metered: true };

export function bay(id: string, values: Partial<Bay> = {}): Bay {
  return {
    kerbside_id: id,
    status: "Unoccupied",
    status_changed_at: "2025-08-07T01:00:00Z",
    zone_number: 7303,
    longitude: 144.96,
    latitude: -37.81,
    is_online: true,
    is_retired: false,
    heard_at: null,
    observed_at: "2025-08-07T01:11:39Z",
    committed_at: "2025-08-07T01:11:40Z",
    rule_status: "restricted",
    rules: [TWO_HOURS],
    rule_until_at: null,
    permitted_until_at: null,
    is_overstay: false,
    overstay_minutes: null,
    first_breach_at: null,
    is_suspect: false,
    ...values,
  };
}

export const taken = (id: string, values: Partial<Bay> = {}): Bay =>
  bay(id, { status: "Present", ...values });

export const over = (id: string, minutes: number, values: Partial<Bay> = {}): Bay =>
  taken(id, {
    is_overstay: true,
    overstay_minutes: minutes,
    first_breach_at: "2025-08-07T00:30:00Z",
    ...values,
  });

export function place(id: string, values: Partial<Place> = {}): Place {
  return {
    kerbside_id: id,
    street: "Collins Street",
    street_description: "Collins Street between A and B",
    location_key: "7303-1",
    meter_id: "1A",
    has_credit_card: true,
    has_tap_and_go: true,
    ...values,
  };
}
