/** What somebody who types into the search box means. */

import type { Bay } from "../api/types.ts";

export type Found =
  | { kind: "bay"; bay: Bay }
  | { kind: "street"; street: string }
  | { kind: "zone"; zone: string }
  | { kind: "nothing" };

/** What is meant: a bay by its whole number, a zone by "zone 7303" or its number, a street by its name or its beginning. */
export function find(
  text: string,
  known: ReadonlyMap<string, Bay>,
  streets: string[],
  zones: number[],
): Found {
  const asked = text.trim();
  const bay = known.get(asked) ?? known.get(asked.toUpperCase());
  if (bay) return { kind: "bay", bay };
  const zone = /^(?:zone\s*)?(\d+)$/i.exec(asked)?.[1];
  if (zone !== undefined && zones.includes(Number(zone))) return { kind: "zone", zone: String(Number(zone)) };
  const lower = asked.toLowerCase();
  const street =
    lower === ""
      ? undefined
      : (streets.find((name) => name.toLowerCase() === lower) ??
        streets.find((name) => name.toLowerCase().startsWith(lower)));
  return street === undefined ? { kind: "nothing" } : { kind: "street", street };
}
