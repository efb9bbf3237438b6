/** Rules in words, and the categories of stays by which people look for a bay. */

import type { Bay, Rule } from "../api/types.ts";

const HOUR = 60;
const KIND_CATEGORIES: Record<string, string> = {
  loading: "Loading",
  disability: "Disabled",
  paid: "Paid, no limit",
  "no-stopping": "No stopping",
  unknown: "Rule unknown",
};
export const UNRESTRICTED = "No limit now";
export const NO_RULE = "Rule unknown";

/** "2P", "15 min", "Loading", "Disabled", ... */
export function categoryOf(rule: Rule): string {
  const named = KIND_CATEGORIES[rule.kind];
  if (named !== undefined) return named;
  return rule.limit_minutes === null ? UNRESTRICTED : limitWords(rule.limit_minutes);
}

/** Several where plates of different limits stand in the zone. */
export function categoriesOf(bay: Bay): string[] {
  if (bay.rule_status === "no_rule") return [NO_RULE];
  if (bay.rules.length === 0) return [UNRESTRICTED];
  return bay.rules.map(categoryOf);
}

function limitWords(minutes: number): string {
  return minutes >= HOUR && minutes % HOUR === 0 ? `${minutes / HOUR}P` : `${minutes} min`;
}

/** All categories that these bays have now, the shortest stays first. */
export function categories(bays: Iterable<Bay>): string[] {
  const found = new Set<string>();
  for (const bay of bays) for (const category of categoriesOf(bay)) found.add(category);
  return [...found].sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
}

function rank(category: string): number {
  const minutes = /^(\d+) min$/.exec(category)?.[1];
  if (minutes !== undefined) return Number(minutes);
  const hours = /^(\d+)P$/.exec(category)?.[1];
  return hours !== undefined ? Number(hours) * HOUR : 10_000;
}

/** "2P, paid by meter (MP2P)". */
export function ruleWords(rule: Rule): string {
  return `${categoryOf(rule)}${rule.is_metered ? ", metered" : ""} (${rule.code})`;
}

export function rulesWords(status: Bay["rule_status"], rules: Rule[]): string {
  if (status === "no_rule") return "not known";
  return rules.length === 0 ? "no limit" : rules.map(ruleWords).join(", or ");
}
