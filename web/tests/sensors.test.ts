/** A sensor's worst trait is the same on the page, in the Power BI report and in the documents. */

import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { traitOf, TRAITS, type Trait } from "../src/map/sensors.tsx";

vi.mock("maplibre-gl", () => ({}));

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const MODEL = read("powerbi/MelPark.SemanticModel/definition/tables/rpt_bay_states.tmdl");
const LEGEND = read("powerbi/MelPark.Report/definition/pages/health/visuals/legend/visual.json");
const NAMES: Record<string, Trait> = { well: "heard", stuck: "stuck", suspect: "suspect", silent: "silent" };

type Flags = Parameters<typeof traitOf>[0];
const EVERY: Flags[] = [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => ({
  is_stale: (bits & 1) > 0,
  is_suspect: (bits & 2) > 0,
  is_stuck: (bits & 4) > 0,
}));

/** What the measure's nested IFs choose, named by the legend. */
function inPowerBi(flags: Flags): Trait {
  const measure = /measure 'Sensor colour' = (.*)/.exec(MODEL)![1]!;
  const steps = [...measure.matchAll(/\[(is_\w+)\]\) = TRUE\(\), "(#\w+)", (?:"(#\w+)")?/g)];
  const found = steps.find(([, flag]) => flags[flag as keyof Flags]);
  const colour = found ? found[2] : steps.at(-1)![3];
  const runs = [...LEGEND.matchAll(/"value": "● (\w+) *",\s*"textStyle": \{\s*"color": "(#\w+)"/g)];
  return NAMES[runs.find(([, , shown]) => shown === colour)![1]!]!;
}

test("the page and Power BI show the same trait of every sensor", () => {
  expect(EVERY.map(inPowerBi)).toEqual(EVERY.map(traitOf));
});

test("the order is the one that the documents tell", () => {
  const said = /the worst is shown: \*\*(\w+)\*\*, else \*\*(\w+)\*\*.*else \*\*(\w+)\*\*/.exec(
    read("docs/gold.md"),
  )!;
  expect(said.slice(1)).toEqual(TRAITS.slice(1).toReversed());
  const worst = EVERY.filter((flags) => flags.is_stuck).map(traitOf);
  expect(new Set(worst)).toEqual(new Set(said.slice(1)));
  expect(traitOf({ is_stale: true, is_suspect: true, is_stuck: true })).toBe(said[1]);
  expect(traitOf({ is_stale: false, is_suspect: true, is_stuck: true })).toBe(said[2]);
});
