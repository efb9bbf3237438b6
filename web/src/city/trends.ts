/** Rows of the API as charts need them: pure, so that they are tested without one. */

import type { HourOfWeek, OverstayTrend, StayLength, TimeOfDay, TrendOfDate } from "../api/types.ts";
import type { Parted } from "./steps.ts";

export const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
export const SEASONS = ["summer", "autumn", "winter", "spring"];
const QUARTER_MINUTES = 15;
const LONGEST_MINUTES = 480;

export const hoursOf = (row: TimeOfDay): number =>
  Number(row.time_key.slice(0, 2)) + Number(row.time_key.slice(3, 5)) / 60;

export const dayNumber = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 86_400_000;
export const dayWords = (number: number): string => new Date(number * 86_400_000).toISOString().slice(0, 10);

export interface SeasonRow {
  season: string;
  days: number;
  /** Of the days those that are known in part only. */
  parts: number;
  percent: number | null;
}

/** Of each season the share of online minutes that were occupied; not the mean of days' percentages. */
export function seasons(dates: Parted<TrendOfDate>[]): SeasonRow[] {
  return SEASONS.map((season) => {
    const found = dates.filter((row) => row.season === season);
    const all = found.reduce((sum, row) => sum + row.bay_minutes, 0);
    const online = found.reduce((sum, row) => sum + row.online_minutes, 0);
    const occupied = found.reduce((sum, row) => sum + row.occupied_minutes, 0);
    // As in gold: not told where most sensors are silent.
    const tells = online > 0 && 2 * online >= all;
    const parts = found.filter((row) => row.isPart).length;
    return { season, days: found.length, parts, percent: tells ? (100 * occupied) / online : null };
  });
}

export interface StayCurve {
  type: string;
  stays: number;
  /** Share of its stays in each quarter hour of length, of 100. */
  shares: number[];
  /** Share of its stays that lasted so long or longer, of 100. */
  lasting: number[];
  meanMinutes: number;
}

export const LENGTHS = Array.from(
  { length: LONGEST_MINUTES / QUARTER_MINUTES + 1 },
  (_, index) => index * QUARTER_MINUTES,
);

/** One curve for each kind of rule, those with the most stays first. */
export function stayCurves(rows: StayLength[]): StayCurve[] {
  const types = [...new Set(rows.map((row) => row.restriction_type))];
  return types
    .map((type) => {
      const found = rows.filter((row) => row.restriction_type === type);
      const stays = found.reduce((sum, row) => sum + row.stays, 0);
      const minutes = found.reduce((sum, row) => sum + row.stay_minutes, 0);
      const by = new Map(found.map((row) => [row.from_minutes, row.stays]));
      const shares = LENGTHS.map((length) => (100 * (by.get(length) ?? 0)) / Math.max(1, stays));
      let left = 100;
      const lasting = shares.map((share) => {
        const before = left;
        left -= share;
        return before;
      });
      return {
        type,
        stays,
        shares,
        lasting,
        meanMinutes: minutes / Math.max(1, stays),
      };
    })
    .sort((one, other) => other.stays - one.stays);
}

/** Rules under which most stays were judged. */
export const judgedMost = (rows: OverstayTrend[], most: number): OverstayTrend[] =>
  rows
    .filter((row) => row.judged_stays > 0)
    .sort((one, other) => other.judged_stays - one.judged_stays)
    .slice(0, most);

/** The row with the greatest and the one with the least of something that is known. */
export function extremes<Row>(
  rows: Row[],
  of: (row: Row) => number | null,
): { most: Row; least: Row } | null {
  const known = rows.filter((row) => of(row) !== null);
  if (known.length === 0) return null;
  return {
    most: known.reduce((best, row) => (of(row)! > of(best)! ? row : best)),
    least: known.reduce((best, row) => (of(row)! < of(best)! ? row : best)),
  };
}

export const PART_OF_DAY = "part of a day";

/** That days were left out of a comparison, in a sentence. */
export function partDays(rows: { local_date: string }[]): string {
  const days = rows.map((row) => row.local_date);
  if (days.length === 0) return "";
  return days.length === 1
    ? `${days[0]} is a ${PART_OF_DAY} and left out of this.`
    : `${days.slice(0, -1).join(", ")} and ${days.at(-1)} are parts of days and left out of this.`;
}

export const weekdayHour = (row: HourOfWeek): string =>
  `${row.weekday} ${String(row.hour).padStart(2, "0")}:00`;
