import { expect, test } from "vitest";
import { matcher, NO_FILTERS, type Filters, type Known } from "../src/city/filters.ts";
import { categories, categoryOf, rulesWords } from "../src/city/rules.ts";
import type { Bay, Rule } from "../src/api/types.ts";
import { bay, over, place, taken, TWO_HOURS } from "./bays.ts";

const LOADING: Rule = { code: "LZ30", kind: "loading", limit_minutes: 30, is_metered: false };
const BAYS: Bay[] = [
  bay("100"),
  taken("101", { zone_number: 7304, rules: [LOADING] }),
  over("110", 12),
  bay("200", { is_online: false }),
  taken("201", { is_suspect: true }),
  bay("300", { rules: [], rule_status: "unrestricted" }),
  bay("301", { rules: [], rule_status: "no_rule", zone_number: null }),
  bay("302", { rules: [TWO_HOURS, LOADING] }),
];
const PLACES = new Map(
  [
    place("100"),
    place("101", { has_credit_card: false, has_tap_and_go: true }),
    place("110", { has_credit_card: true, has_tap_and_go: false }),
    place("300", { meter_id: null, has_credit_card: null, has_tap_and_go: null }),
  ].map((one) => [one.kerbside_id, one]),
);
const KNOWN: Known = {
  streetOf: (one) => (one.kerbside_id.startsWith("1") ? "Collins Street" : "King Street"),
  placeOf: (one) => PLACES.get(one.kerbside_id),
  offered: new Set(["100", "101"]),
};

const found = (filters: Partial<Filters>, known = KNOWN): string[] =>
  BAYS.filter(matcher({ ...NO_FILTERS, ...filters }, known)).map((one) => one.kerbside_id);

test.each<[Partial<Filters>, string[]]>([
  [{}, BAYS.map((one) => one.kerbside_id)],
  [{ bay: "10" }, ["100", "101"]],
  [{ street: "Collins Street" }, ["100", "101", "110"]],
  [{ zone: "7304" }, ["101"]],
  [{ stay: "2P" }, ["100", "110", "200", "201", "302"]],
  [{ stay: "Loading" }, ["101", "302"]],
  [{ stay: "No limit now" }, ["300"]],
  [{ stay: "Rule unknown" }, ["301"]],
  [{ status: "free" }, ["100", "300", "301", "302"]],
  [{ status: "taken" }, ["101", "110"]],
  [{ status: "overstaying" }, ["110"]],
  [{ status: "silent" }, ["200", "201"]],
  [{ pay: "card" }, ["100", "101", "110"]],
  [{ pay: "credit" }, ["100", "110"]],
  [{ pay: "tap" }, ["100", "101"]],
  [{ pay: "metered" }, ["100", "110", "200", "201", "302"]],
  [{ pay: "unmetered" }, ["101", "300"]],
  // Taken bays are not offered to anybody, whatever the server said before.
  [{ minutes: "60" }, ["100"]],
  [{ street: "Collins Street", status: "taken", pay: "tap" }, ["101"]],
])("%j", (filters, wanted) => {
  expect(found(filters)).toEqual(wanted);
});

test("nobody is sent to a bay while it is not known where one may stay", () => {
  expect(found({ minutes: "60" }, { ...KNOWN, offered: null })).toEqual([]);
});

test("categories are in the order of their length, named ones last", () => {
  const limit = (minutes: number): Rule => ({ ...TWO_HOURS, limit_minutes: minutes });
  const rules = [limit(240), limit(15), limit(60), LOADING, { ...TWO_HOURS, kind: "disability" }];
  expect(categories(rules.map((rule, index) => bay(String(index), { rules: [rule] })))).toEqual([
    "15 min",
    "1P",
    "4P",
    "Disabled",
    "Loading",
  ]);
  expect(categoryOf(limit(90))).toBe("90 min");
  expect(categoryOf(limit(0))).toBe("0 min");
  expect(categoryOf({ ...TWO_HOURS, kind: "paid", limit_minutes: null })).toBe("Paid, no limit");
});

test("rules are told in words, an unknown one not as none", () => {
  expect(rulesWords("restricted", [TWO_HOURS, LOADING])).toBe("2P, metered (MP2P), or Loading (LZ30)");
  expect(rulesWords("unrestricted", [])).toBe("no limit");
  expect(rulesWords("no_rule", [])).toBe("not known");
});
