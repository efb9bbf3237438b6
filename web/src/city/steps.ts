/** Which rows of gold tell of a part of their time only: a home's first day and hour, and what is not over yet. */

interface InTime {
  bay_minutes: number;
}

// A day of 23 hours is whole; one that lacks some hours is not.
const WHOLE_SHARE = 0.9;

/** The whole steps of an answer, the oldest first. */
export function wholeSteps<Row extends InTime>(newestFirst: Row[]): Row[] {
  // The newest is not over when gold is built, and the first may begin in its middle.
  const [first, ...rest] = newestFirst.slice(1).toReversed();
  if (first === undefined) return [];
  const isWhole = first.bay_minutes >= WHOLE_SHARE * (rest[0]?.bay_minutes ?? 0);
  return isWhole ? [first, ...rest] : rest;
}

/** A row, and whether it tells of a part of its time only. */
export type Parted<Row> = Row & { isPart: boolean };

const DAYS_AROUND = 7;
// Hours of a weekday are there once in one week and twice in another; of one that is there once nothing is missing.
const HOUR_SHARE = 0.5;

/** Days of which much is missing beside the fortnight around them, and `today`, which is not over. Ordered by day. */
export function partedDays<Row extends InTime & { local_date: string }>(
  rows: Row[],
  today: string,
): Parted<Row>[] {
  const isToday = (row: Row): boolean => row.local_date === today;
  return [
    ...parted(
      rows.filter((row) => !isToday(row)),
      (row) => row.bay_minutes,
      WHOLE_SHARE,
      DAYS_AROUND,
    ),
    // The newest: no later day is known.
    ...rows.filter(isToday).map((row) => ({ ...row, isPart: true })),
  ];
}

/** Hours of the week of which most is missing. */
export const partedHours = <Row extends InTime>(rows: Row[]): Parted<Row>[] =>
  parted(rows, (row) => row.bay_minutes, HOUR_SHARE);

/** Quarter hours of the day of which much is missing on the days that have them. */
export const partedTimes = <Row extends InTime & { days: number }>(rows: Row[]): Parted<Row>[] =>
  parted(rows, (row) => row.bay_minutes / row.days, WHOLE_SHARE);

export const whole = <Row>(rows: Parted<Row>[]): Parted<Row>[] => rows.filter((row) => !row.isPart);

/** A row is a part when its minutes are less than `share` of the median of the rows up to `around` before and after. */
function parted<Row>(
  rows: Row[],
  minutesOf: (row: Row) => number,
  share: number,
  around = rows.length,
): Parted<Row>[] {
  return rows.map((row, index) => {
    const near = rows.slice(Math.max(0, index - around), index + around + 1);
    return { ...row, isPart: minutesOf(row) < share * median(near.map(minutesOf)) };
  });
}

/** Of an even number the greater of both in the middle: of two days the shorter one may be a part. */
const median = (values: number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
