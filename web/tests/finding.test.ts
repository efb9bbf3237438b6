import { afterEach, expect, test } from "vitest";
import { bays } from "../src/city/city.ts";
import { find } from "../src/city/finding.ts";
import { ordered } from "../src/city/ordering.ts";
import { bay, over, taken } from "./bays.ts";

const KNOWN = new Map(["7570N", "56", "7303"].map((id) => [id, bay(id)]));
const STREETS = ["Collins Street", "Little Collins Street"];

afterEach(() => bays.clear());

test.each([
  ["56", { kind: "bay" }],
  ["7570n", { kind: "bay" }],
  // A bay's number goes before a zone's; the word says that the zone is meant.
  ["7303", { kind: "bay" }],
  ["zone 7303", { kind: "zone", zone: "7303" }],
  [" 7304 ", { kind: "zone", zone: "7304" }],
  ["collins street", { kind: "street", street: "Collins Street" }],
  ["little", { kind: "street", street: "Little Collins Street" }],
  ["9", { kind: "nothing" }],
  ["", { kind: "nothing" }],
  ["Nowhere Street", { kind: "nothing" }],
])("%j", (text, wanted) => {
  expect(find(text, KNOWN, STREETS, [7303, 7304])).toMatchObject(wanted);
});

test("rows follow a column up and down, and bays their numbers as numbers", () => {
  const rows = [taken("100"), bay("9"), over("20", 3)];
  const ids = (found: typeof rows): string[] => found.map((one) => one.kerbside_id);
  expect(ids(ordered(rows, "bay", false))).toEqual(["9", "20", "100"]);
  expect(ids(ordered(rows, "bay", true))).toEqual(["100", "20", "9"]);
  expect(ids(ordered(rows, "state", false))).toEqual(["9", "20", "100"]);
});
