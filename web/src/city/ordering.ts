/** Bays as rows, in the order of a column. */

import type { Bay } from "../api/types.ts";
import { streetOf } from "./city.ts";
import { categoriesOf } from "./rules.ts";
import { stateOf } from "./state.ts";

export const COLUMNS = {
  bay: { label: "Bay", key: (bay: Bay) => bay.kerbside_id.padStart(9, "0") },
  state: { label: "Status", key: (bay: Bay) => stateOf(bay) },
  since: { label: "Since", key: (bay: Bay) => bay.status_changed_at },
  street: { label: "Street", key: (bay: Bay) => streetOf(bay) },
  rule: { label: "Rule", key: (bay: Bay) => categoriesOf(bay)[0] ?? "" },
};
export type Column = keyof typeof COLUMNS;

/** Bays in the order of a column, and of their numbers where that is the same. */
export function ordered(bays: Bay[], column: Column, isDescending: boolean): Bay[] {
  const key = COLUMNS[column].key;
  const keyed = bays.map((bay) => ({ bay, key: key(bay), id: COLUMNS.bay.key(bay) }));
  const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
  keyed.sort((a, b) => (isDescending ? -1 : 1) * compare(a.key, b.key) || compare(a.id, b.id));
  return keyed.map(({ bay }) => bay);
}
