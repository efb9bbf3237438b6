/** Numbers and times as people read them. */

const MELBOURNE = "Australia/Melbourne";
const number = new Intl.NumberFormat("en-AU");
const tenths = new Intl.NumberFormat("en-AU", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat("en-AU", {
  style: "currency",
  currency: "AUD",
  maximumFractionDigits: 0,
});
const full = new Intl.DateTimeFormat("en-AU", {
  timeZone: MELBOURNE,
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});
const short = new Intl.DateTimeFormat("en-AU", {
  timeZone: MELBOURNE,
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});
const day = new Intl.DateTimeFormat("en-CA", { timeZone: MELBOURNE });

export const NOTHING = "–";

export const count = (value: number): string => number.format(value);
export const decimal = (value: number): string => tenths.format(value);
export const money = (value: number): string => dollars.format(value);
export const percent = (value: number | null): string =>
  value === null ? NOTHING : `${Math.round(value)} %`;

/** Melbourne's wall clock with its zone, AEST or AEDT. */
export const melbourneTime = (time: string): string => full.format(new Date(time));

/** The same within a week: "Thu, 09:30 AEST". */
export const melbourneClock = (time: string): string => short.format(new Date(time));

/** Melbourne's day, as in 2025-08-07. */
export const melbourneDay = (time: string | number): string => day.format(new Date(time));

/** So many days after a day; both as in 2025-08-07. */
export const daysAfter = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);

/** "45 s", "3 min", "2 h 5 min", "4 days". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/** How long it is from one time to another. */
export const between = (from: string, to: string): string =>
  duration((Date.parse(to) - Date.parse(from)) / 1000);
