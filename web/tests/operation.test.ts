import { expect, test } from "vitest";
import type { Job, Stack } from "../src/api/metrics.ts";
import { checks, troubles } from "../src/city/operation.ts";

const NOON = Date.parse("2025-08-07T02:00:00Z") / 1000;
const job = (name: string, isFailed: boolean): Job => ({
  name,
  isFailed,
  seconds: 3,
  succeededAt: NOON - 3600,
  failedAt: isFailed ? NOON : null,
});
const QUIET: Stack = {
  isUp: true,
  stages: [],
  engines: [],
  jobs: [job("gold", false)],
  failedPolls: [],
  quarantined: 0,
  capture: { isWhole: true, gaps: 0, isRead: true },
  webhook: { waiting: 1, refused: 0, oldestSeconds: 30 },
};

test("an operation in which nothing is wrong tells nothing, also where nobody looks at it", () => {
  expect(troubles(QUIET, null)).toEqual([]);
  expect(troubles({ ...QUIET, isUp: false, capture: null, webhook: null, quarantined: null }, null)).toEqual(
    [],
  );
});

test("silence, failed runs, a slot that nobody reads and alerts that do not leave are told", () => {
  const broken: Stack = {
    ...QUIET,
    jobs: [job("gold", true), job("maintenance", false)],
    failedPolls: ["on-street-parking-bays"],
    capture: { isWhole: true, gaps: 0, isRead: false },
    webhook: { waiting: 2, refused: 1, oldestSeconds: 1200 },
  };
  expect(troubles(broken, "No fresh data")).toEqual([
    "No fresh data.",
    "The newest poll of on-street-parking-bays was refused or failed.",
    expect.stringMatching(/^The newest run of gold failed, Thu.*12:00.*AEST\.$/),
    "Nothing reads PostgreSQL's changes now.",
    "2 alerts are not delivered: the oldest has waited for 20 min.",
    "1 alert is refused by the webhook's receiver.",
  ]);
});

const results = (stack: Stack): (boolean | null)[] => checks(stack).map((check) => check.isGood);

test("checks tell how they ended, and that they have not run", () => {
  expect(results(QUIET)).toEqual([null, null, true, true]);
  const night = { ...QUIET, jobs: [job("maintenance", true), job("tests of gold", false)] };
  expect(results(night)).toEqual([false, true, true, true]);
  const words = checks(night).map((check) => check.words);
  expect(words[0]).toMatch(/12:00/);
  expect(words[1]).toMatch(/11:00/);
  expect(results({ ...QUIET, capture: { isWhole: true, gaps: 1, isRead: true }, quarantined: 2 })).toEqual([
    null,
    null,
    false,
    false,
  ]);
  expect(results({ ...QUIET, capture: null, quarantined: null })).toEqual([null, null, null, null]);
});
