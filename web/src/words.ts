/** Numbers and times as people read them. */

const number = new Intl.NumberFormat("en-AU");
const clock = new Intl.DateTimeFormat("en-AU", {
  timeZone: "Australia/Melbourne",
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

export const count = (value: number): string => number.format(value);

/** Melbourne's wall clock with its zone, AEST or AEDT. */
export const melbourneTime = (time: string): string => clock.format(new Date(time));

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
