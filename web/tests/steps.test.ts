import { expect, test, vi } from "vitest";
import { partedDays, partedHours, partedTimes, whole, wholeSteps } from "../src/city/steps.ts";
import { freeBays } from "../src/views/now.tsx";
import type { OccupancyRow } from "../src/api/types.ts";

vi.mock("maplibre-gl", () => ({}));

// A place of 20 bays, of which 12 are taken all the time.
const quarter = (starts_at: string, minutes = 15): OccupancyRow => ({
  place: "melbourne",
  starts_at,
  bay_minutes: 20 * minutes,
  online_minutes: 20 * minutes,
  occupied_minutes: 12 * minutes,
  occupancy_percent: 60,
});

test("free bays do not fall off where the newest quarter hour is not over", () => {
  const rows = [quarter("09:45", 4), quarter("09:30"), quarter("09:15"), quarter("09:00", 6)];
  expect(wholeSteps(rows).map((row) => row.starts_at)).toEqual(["09:15", "09:30"]);
  expect(wholeSteps(rows).map(freeBays)).toEqual([8, 8]);
});

test("of steps that nothing cuts only the newest is left out", () => {
  const rows = [quarter("09:30"), quarter("09:15"), quarter("09:00")];
  expect(wholeSteps(rows).map((row) => row.starts_at)).toEqual(["09:00", "09:15"]);
  expect(wholeSteps([quarter("09:30", 2)])).toEqual([]);
  expect(wholeSteps([])).toEqual([]);
});

const day = (number: number, bayMinutes: number) => ({
  local_date: `2026-11-${number}`,
  bay_minutes: bayMinutes,
});

test("a home's first day and today are parts of days; a day of 23 hours and a city that grows are not", () => {
  const rows = [day(14, 8 * 60), day(15, 24 * 60), day(16, 23 * 60), day(17, 24 * 60), day(18, 24 * 60)];
  const isPart = partedDays(rows, "2026-11-18").map((row) => row.isPart);
  expect(isPart).toEqual([true, false, false, false, true]);
  expect(whole(partedDays(rows, "")).map((row) => row.local_date)).not.toContain("2026-11-14");
  const growing = Array.from({ length: 60 }, (_, number) => day(number, 1000 + 20 * number));
  expect(partedDays(growing, "").filter((row) => row.isPart)).toEqual([]);
});

test("of two days the shorter one is a part; how long today is says nothing of others", () => {
  const rows = [day(14, 14 * 60), day(15, 24 * 60), day(16, 12 * 60)];
  expect(partedDays(rows, "2026-11-16").map((row) => row.isPart)).toEqual([true, false, true]);
  expect(partedDays([day(14, 500), day(15, 900)], "").map((row) => row.isPart)).toEqual([true, false]);
});

test("an hour of the week that was there once is whole, one of minutes is not", () => {
  const hours = [120, 120, 60, 5].map((minutes) => ({ bay_minutes: minutes }));
  expect(partedHours(hours).map((row) => row.isPart)).toEqual([false, false, false, true]);
});

test("a quarter hour of the day is measured by the days that have it", () => {
  const times = [
    { bay_minutes: 30, days: 2 },
    { bay_minutes: 30, days: 2 },
    { bay_minutes: 15, days: 1 },
    { bay_minutes: 4, days: 1 },
  ];
  expect(partedTimes(times).map((row) => row.isPart)).toEqual([false, false, false, true]);
});
