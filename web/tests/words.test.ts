import { expect, test } from "vitest";
import {
  between,
  daysAfter,
  duration,
  melbourneClock,
  melbourneDay,
  melbourneTime,
  percent,
} from "../src/words.ts";

test("times are Melbourne's and name their zone, in winter and in summer", () => {
  expect(melbourneTime("2025-08-07T01:10:00Z")).toMatch(/7 Aug 2025.*11:10.*AEST/);
  expect(melbourneTime("2026-01-01T13:30:00Z")).toMatch(/2 Jan 2026.*00:30.*AEDT/);
  expect(melbourneClock("2025-08-07T01:10:00Z")).toMatch(/Thu.*11:10.*AEST/);
});

test("days are Melbourne's, also where UTC is a day behind", () => {
  expect(melbourneDay("2025-08-06T14:30:00Z")).toBe("2025-08-07");
  expect(daysAfter("2025-03-01", -1)).toBe("2025-02-28");
  expect(daysAfter("2024-12-31", 1)).toBe("2025-01-01");
});

test.each([
  [-5, "0 s"],
  [89, "89 s"],
  [90, "2 min"],
  [3600, "1 h"],
  [7500, "2 h 5 min"],
  [172_800, "2 days"],
])("%d seconds are %s", (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test("what is not known is not zero", () => {
  expect(percent(null)).toBe("–");
  expect(percent(0)).toBe("0 %");
  expect(between("2025-08-07T01:00:00Z", "2025-08-07T03:05:00Z")).toBe("2 h 5 min");
});
