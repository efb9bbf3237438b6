/** Charts of stays: how long, how often too long, what they may have paid, and how it was before 2020. */

import { useMemo } from "preact/hooks";
import type { AlignedData } from "uplot";
import type { HistoricalSign, OverstayTrend, StayLength, TrendOfDate } from "../api/types.ts";
import { Figure } from "../charts/figure.tsx";
import { bars, lines, points } from "../charts/shapes.ts";
import { whole, type Parted } from "../city/steps.ts";
import { extremes, judgedMost, LENGTHS, partDays, PART_OF_DAY, stayCurves } from "../city/trends.ts";
import { count, decimal, money, NOTHING, percent } from "../words.ts";
import { Empty, type ChartProps } from "./trends_occupancy.tsx";

const MOST_CURVES = 5;
const MOST_BARS = 10;
const DASHES = [[], [8, 4], [2, 3], [12, 4, 2, 4], [5, 2]];
const KIND_WORDS: Record<string, string> = {
  timed: "Time limit",
  free: "Free, time limit",
  loading: "Loading",
  disability: "Disabled",
  paid: "Paid, no limit",
  "no-stopping": "No stopping",
  unrestricted: "No limit in force",
  no_rule: "Rule not known",
  several: "Several plates",
};
const kindWords = (kind: string): string => KIND_WORDS[kind] ?? kind;
const hours = (minutes: number): string => (minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} min`);

export function StaysChart({ rows, query, ...origin }: ChartProps<StayLength>) {
  const title = "How long vehicles stay, by kind of rule";
  const curves = useMemo(() => stayCurves(rows).slice(0, MOST_CURVES), [rows]);
  const data = useMemo((): AlignedData => [LENGTHS, ...curves.map((curve) => curve.lasting)], [curves]);
  if (curves.length === 0) return <Empty title={title} why="No stay of known length ended on these days." />;
  return (
    <Figure
      id="stays"
      title={title}
      {...origin}
      summary={`Share of vehicles that stayed so long or longer, in steps of 15 minutes; the table has the share of each step. ${curves.map((curve) => `${kindWords(curve.type)}: ${count(curve.stays)} stays, ${decimal(curve.meanMinutes)} min on average`).join("; ")}.`}
      source={{ path: "/api/v1/trends/stays", query }}
      plot={{
        data,
        options: lines(
          curves.map((curve, index) => ({
            label: kindWords(curve.type),
            unit: "percent",
            dash: DASHES[index] ?? [],
          })),
          hours,
          { incrs: [60, 120] },
        ),
      }}
      table={{
        columns: ["From", ...curves.map((curve) => kindWords(curve.type))],
        rows: LENGTHS.map((length, index) => [
          length === 480 ? "8 h and more" : `${length} min`,
          ...curves.map((curve) => `${decimal(curve.shares[index] ?? 0)} %`),
        ]),
      }}
    />
  );
}

export function OverstaysChart({ rows, query, ...origin }: ChartProps<OverstayTrend>) {
  const title = "Overstays against the rule";
  const found = useMemo(() => judgedMost(rows, MOST_BARS), [rows]);
  const data = useMemo(
    (): AlignedData => [found.map((_, index) => index), found.map((row) => row.overstay_percent)],
    [found],
  );
  if (found.length === 0)
    return <Empty title={title} why="No stay that could be judged ended on these days." />;
  const worst = extremes(found, (row) => row.overstay_percent);
  return (
    <Figure
      id="overstays"
      title={title}
      {...origin}
      summary={`Overstays per judged stay under the ${found.length} most frequent rules.${worst === null ? "" : ` Most under ${worst.most.place_or_rule}: ${percent(worst.most.overstay_percent)} of ${count(worst.most.judged_stays)}.`}`}
      source={{ path: "/api/v1/trends/overstays", query }}
      plot={{
        data,
        options: bars(
          found.map((row) => row.place_or_rule),
          "Overstays",
        ),
        height: 290,
      }}
      table={{
        columns: ["Rule", "Overstays", "Judged stays", "Share", "Minutes over"],
        rows: found.map((row) => [
          row.place_or_rule,
          count(row.overstays),
          count(row.judged_stays),
          percent(row.overstay_percent),
          count(Math.round(row.minutes_over)),
        ]),
      }}
    />
  );
}

export function RevenueChart({ rows, query, ...origin }: ChartProps<Parted<TrendOfDate>>) {
  const title = "Revenue estimate against occupancy";
  const found = useMemo(
    () =>
      rows
        .filter((row) => row.occupancy_percent !== null)
        .sort((a, b) => a.occupancy_percent! - b.occupancy_percent!),
    [rows],
  );
  const data = useMemo(
    (): AlignedData => [
      found.map((row) => row.occupancy_percent!),
      found.map((row) => (row.isPart ? null : row.estimated_revenue)),
      found.map((row) => (row.isPart ? row.estimated_revenue : null)),
    ],
    [found],
  );
  if (found.length === 0) return <Empty title={title} why="Gold knows no occupancy of these days." />;
  const best = extremes(whole(found), (row) => row.estimated_revenue);
  const parts = rows.filter((row) => row.isPart && row.occupancy_percent !== null);
  return (
    <Figure
      id="revenue"
      title={title}
      {...origin}
      summary={`One point for each day. An estimate: minutes in metered windows times an assumed tariff.${best === null ? "" : ` Most on ${best.most.local_date}: ${money(best.most.estimated_revenue)} at ${percent(best.most.occupancy_percent)}.`} ${partDays(parts)}`.trimEnd()}
      source={{ path: "/api/v1/trends/dates", query }}
      plot={{ data, options: points("Occupancy of the day", "Estimated revenue", PART_OF_DAY, money) }}
      table={{
        columns: ["Day", "Occupancy", "Estimated revenue", "Metered stays"],
        rows: found.map((row) => [
          row.isPart ? `${row.local_date}, ${PART_OF_DAY}` : row.local_date,
          percent(row.occupancy_percent),
          money(row.estimated_revenue),
          count(row.metered_stays),
        ]),
      }}
    />
  );
}

export function HistoricalChart({ rows, query, ...origin }: ChartProps<HistoricalSign>) {
  const title = "The City's own files: violations by sign";
  const found = useMemo(() => rows.toSorted((a, b) => b.stays - a.stays).slice(0, MOST_BARS), [rows]);
  const data = useMemo(
    (): AlignedData => [found.map((_, index) => index), found.map((row) => row.violation_percent)],
    [found],
  );
  if (found.length === 0) {
    return (
      <Empty
        title={title}
        why="No file of 2011 to 2020 is loaded. `melpark backfill events FILE` loads one."
      />
    );
  }
  return (
    <Figure
      id="historical"
      title={title}
      {...origin}
      summary={`Real stays of 2011 to 2020, judged by the City. Under ${found[0]!.sign}: ${percent(found[0]!.violation_percent)} of ${count(found[0]!.stays)} stays.`}
      source={{ path: "/api/v1/trends/historical", query }}
      plot={{
        data,
        options: bars(
          found.map((row) => row.sign),
          "In violation",
        ),
        height: 290,
      }}
      table={{
        columns: ["Sign", "Stays", "Mean minutes", "In violation"],
        rows: found.map((row) => [
          row.sign,
          count(row.stays),
          row.average_stay_minutes === null ? NOTHING : decimal(row.average_stay_minutes),
          percent(row.violation_percent),
        ]),
      }}
    />
  );
}
