import { expect, test } from "vitest";
import { pathOf } from "../src/charts/sparkline.tsx";
import { isDark, mixed, points } from "../src/charts/shapes.ts";
import {
  dayNumber,
  dayWords,
  extremes,
  hoursOf,
  judgedMost,
  LENGTHS,
  partDays,
  seasons,
  stayCurves,
} from "../src/city/trends.ts";
import type { Colours } from "../src/appearance.ts";
import type { OverstayTrend, TimeOfDay, TrendOfDate } from "../src/api/types.ts";
import type { Parted } from "../src/city/steps.ts";

const date = (season: string, online: number, occupied: number): Parted<TrendOfDate> => ({
  local_date: "2025-08-07",
  season,
  is_public_holiday: false,
  bay_minutes: online,
  online_minutes: online,
  occupied_minutes: occupied,
  occupancy_percent: 0,
  arrivals: 0,
  departures: 0,
  turnover_per_hour: 0,
  metered_stays: 0,
  estimated_revenue: 0,
  isPart: false,
});

test("a season's occupancy is that of its minutes, not the mean of its days", () => {
  const part = { ...date("winter", 100, 0), isPart: true };
  const found = seasons([date("winter", 1000, 900), part, date("spring", 10, 1)]);
  expect(found).toEqual([
    { season: "summer", days: 0, parts: 0, percent: null },
    { season: "autumn", days: 0, parts: 0, percent: null },
    { season: "winter", days: 2, parts: 1, percent: (100 * 900) / 1100 },
    { season: "spring", days: 1, parts: 0, percent: 10 },
  ]);
});

test("a season in which most sensors were silent tells no occupancy", () => {
  const silent = { ...date("summer", 10, 5), bay_minutes: 1000 };
  expect(seasons([silent])[0]).toEqual({ season: "summer", days: 1, parts: 0, percent: null });
});

test("a curve holds all stays of its kind, those with most stays first", () => {
  const row = (type: string, from: number, stays: number, minutes: number) => ({
    restriction_type: type,
    from_minutes: from,
    stays,
    stay_minutes: minutes,
  });
  const curves = stayCurves([row("loading", 15, 2, 40), row("timed", 0, 6, 30), row("timed", 480, 2, 1000)]);
  expect(curves.map((curve) => [curve.type, curve.stays])).toEqual([
    ["timed", 8],
    ["loading", 2],
  ]);
  expect(curves[0]!.shares).toHaveLength(LENGTHS.length);
  expect(curves[0]!.shares[0]).toBe(75);
  expect(curves[0]!.shares.at(-1)).toBe(25);
  expect(curves[0]!.lasting.slice(0, 2)).toEqual([100, 25]);
  expect(curves[0]!.lasting.at(-1)).toBe(25);
  expect(curves[0]!.meanMinutes).toBe(1030 / 8);
});

test("rules under which nothing was judged are left out", () => {
  const rule = (name: string, judged: number) =>
    ({ place_or_rule: name, judged_stays: judged }) as OverstayTrend;
  expect(judgedMost([rule("a", 3), rule("b", 0), rule("c", 9)], 5).map((row) => row.place_or_rule)).toEqual([
    "c",
    "a",
  ]);
});

test("extremes pass over what is not known", () => {
  const rows = [{ value: null }, { value: 3 }, { value: -1 }];
  expect(extremes(rows, (row) => row.value)).toEqual({ most: { value: 3 }, least: { value: -1 } });
  expect(extremes([{ value: null }], (row) => row.value)).toBeNull();
});

test("times of day and days become numbers and come back", () => {
  expect(hoursOf({ time_key: "09:45" } as TimeOfDay)).toBe(9.75);
  expect(dayWords(dayNumber("2025-10-05"))).toBe("2025-10-05");
  expect(dayNumber("2025-10-06") - dayNumber("2025-10-05")).toBe(1);
});

test("a line breaks where nothing is known", () => {
  expect(pathOf([0, 1, null, 1, 0]).match(/M/g)).toHaveLength(2);
  expect(pathOf([1])).toBe("");
  expect(pathOf([null, null])).toBe("");
});

test("a colour between two is as far from each as it should, and the text on it can be read", () => {
  expect(mixed("#000000", "#ffffff", 0.5)).toBe("#808080");
  expect(mixed("#102030", "#405060", 2)).toBe("#405060");
  expect(isDark("#6d2e8e")).toBe(true);
  expect(isDark("#bfe3d2")).toBe(false);
});

test("days that are parts are told in a sentence", () => {
  const days = ["2026-11-14", "2026-11-27", "2026-11-28"].map((local_date) => ({ local_date }));
  expect(partDays([])).toBe("");
  expect(partDays(days.slice(0, 1))).toBe("2026-11-14 is a part of a day and left out of this.");
  expect(partDays(days)).toBe(
    "2026-11-14, 2026-11-27 and 2026-11-28 are parts of days and left out of this.",
  );
});

test("a chart of points has room for those at its edges, and none is told below nought", () => {
  const { scales, axes } = points("Across", "Up", "part", String)({} as Colours);
  const range = scales!["x"]!.range as (plot: unknown, least: number, most: number) => [number, number];
  expect(range(null, 20, 40)).toEqual([19, 41]);
  expect(range(null, 0, 100)).toEqual([-5, 105]);
  expect(range(null, 30, 30)).toEqual([29, 31]);
  const upwards = scales!["number"]!.range as typeof range;
  expect(upwards(null, 300, 1000)).toEqual([-50, 1050]);
  const values = axes![0]!.values as (plot: unknown, values: number[]) => string[];
  expect(values(null, [-5, 0, 5])).toEqual(["", "0 %", "5 %"]);
});
