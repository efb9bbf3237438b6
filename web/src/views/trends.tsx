/** Trends: how it was, by gold's reports, over the days that are asked for. */

import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { fetchAll, type Query } from "../api/client.ts";
import { useAsked, type Asked } from "../api/resource.ts";
import type {
  HistoricalSign,
  HourOfWeek,
  OverstayTrend,
  StayLength,
  TimeOfDay,
  TrendOfDate,
} from "../api/types.ts";
import { freshness, streetNames } from "../city/city.ts";
import { partedDays, partedHours, partedTimes, type Parted } from "../city/steps.ts";
import { Asking } from "../panel/problem.tsx";
import { go, goFiltered, route } from "../route.ts";
import { daysAfter, melbourneDay } from "../words.ts";
import { AccumulationChart, DatesChart, SeasonsChart, WeekChart } from "./trends_occupancy.tsx";
import { HistoricalChart, OverstaysChart, RevenueChart, StaysChart } from "./trends_stays.tsx";

const EVERY_MS = 600_000;
// Before anything of today's feed.
const BEGINNING = "2018-01-01";
const RANGES = { "7 days": 7, "28 days": 28, "13 weeks": 91 };

export interface Origin {
  origin: string;
  isSimulated: boolean;
}

/** Whose data the live pipeline's history is. */
function originNow(): Origin {
  switch (freshness.value?.source_kind) {
    case "simulator":
      return { origin: "Simulated", isSimulated: true };
    case "replay":
      return { origin: "City of Melbourne, replayed", isSimulated: false };
    case "portal":
      return { origin: "City of Melbourne", isSimulated: false };
    default:
      return { origin: "Source not known yet", isSimulated: false };
  }
}

/** Melbourne's day by the source's clock. */
const today = (): string => melbourneDay(freshness.value?.as_of ?? Date.now());

export function TrendsView() {
  const { from, to, filters } = route.value;
  const query: Query = { start_on: from, end_on: to, street: filters.street };
  const key = JSON.stringify(query);
  const about = useMemo(() => query, [key]);
  const by = { ...about, by: "rule" };
  const origin = originNow();
  const day = useAsked(
    `day ${key}`,
    async () => partedTimes(await fetchAll<TimeOfDay>("/api/v1/trends/day", "times", about)),
    EVERY_MS,
  );
  const week = useAsked(
    `week ${key}`,
    async () => partedHours(await fetchAll<HourOfWeek>("/api/v1/trends/week", "hours", about)),
    EVERY_MS,
  );
  const dates = useAsked(
    `dates ${key}`,
    () => fetchAll<TrendOfDate>("/api/v1/trends/dates", "dates", about),
    EVERY_MS,
  );
  const stays = useAsked(
    `stays ${key}`,
    () => fetchAll<StayLength>("/api/v1/trends/stays", "stays", about),
    EVERY_MS,
  );
  const over = useAsked(
    `over ${key}`,
    () => fetchAll<OverstayTrend>("/api/v1/trends/overstays", "overstays", by),
    EVERY_MS,
  );
  // The source's clock may be known after the days.
  const newest = today();
  const days = useMemo(
    (): Asked<Parted<TrendOfDate>[]> =>
      dates.state === "ready" ? { ...dates, value: partedDays(dates.value, newest) } : dates,
    [dates, newest],
  );
  const past = { street: filters.street };
  const historical = useAsked(
    `historical ${filters.street}`,
    () => fetchAll<HistoricalSign>("/api/v1/trends/historical", "signs", past),
    EVERY_MS,
  );
  const given = { ...origin, query: about };
  return (
    <div class="page" id="trends">
      <header class="page-head">
        <h1>Trends</h1>
        <p class="quiet">{rangeWords(dates.state === "ready" ? dates.value : [])}</p>
        <Range />
      </header>
      <div class="charts">
        <Slot of={day} title="How the city fills over the day">
          {(rows) => <AccumulationChart rows={rows} {...given} />}
        </Slot>
        <Slot of={week} title="Occupancy by weekday and hour">
          {(rows) => <WeekChart rows={rows} {...given} />}
        </Slot>
        <Slot of={days} title="Occupancy and turnover by day">
          {(rows) => <DatesChart rows={rows} {...given} />}
        </Slot>
        <Slot of={days} title="Occupancy by season">
          {(rows) => <SeasonsChart rows={rows} {...given} />}
        </Slot>
        <Slot of={stays} title="How long vehicles stay, by kind of rule">
          {(rows) => <StaysChart rows={rows} {...given} />}
        </Slot>
        <Slot of={over} title="Overstays against the rule">
          {(rows) => <OverstaysChart rows={rows} {...given} query={by} />}
        </Slot>
        <Slot of={days} title="Revenue estimate against occupancy">
          {(rows) => <RevenueChart rows={rows} {...given} />}
        </Slot>
        <Slot of={historical} title="The City's own files: violations by sign">
          {(rows) => (
            <HistoricalChart
              rows={rows}
              origin="City's files, 2011 to 2020"
              isSimulated={false}
              query={past}
            />
          )}
        </Slot>
      </div>
    </div>
  );
}

/** A chart once its rows are there; until then its title and why not. */
function Slot<T>({
  of,
  title,
  children,
}: {
  of: Asked<T>;
  title: string;
  children: (rows: T) => ComponentChildren;
}) {
  if (of.state === "ready") return <>{children(of.value)}</>;
  return (
    <section class="sheet chart">
      <h2>{title}</h2>
      <Asking of={of} what="the numbers">
        {() => null}
      </Asking>
    </section>
  );
}

function rangeWords(dates: TrendOfDate[]): string {
  const [first, last] = [dates[0], dates.at(-1)];
  if (!first || !last) return "";
  return `${first.local_date} to ${last.local_date}, ${dates.length} days of which the sensors told`;
}

function Range() {
  const { from, to, filters } = route.value;
  const newest = today();
  return (
    <form class="filters range" aria-label="Days and street" onSubmit={(event) => event.preventDefault()}>
      <div class="field">
        <label for="trend-from">From</label>
        <input
          id="trend-from"
          type="date"
          value={from}
          max={to || newest}
          onChange={(event) => go({ from: event.currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="trend-to">To</label>
        <input
          id="trend-to"
          type="date"
          value={to}
          min={from}
          onChange={(event) => go({ to: event.currentTarget.value })}
        />
      </div>
      <div class="field">
        <label for="trend-street">Street</label>
        <select
          id="trend-street"
          value={filters.street}
          onChange={(event) => goFiltered({ street: event.currentTarget.value })}
        >
          <option value="">Whole city</option>
          {[...new Set([...streetNames.value, ...(filters.street ? [filters.street] : [])])].map((name) => (
            <option value={name}>{name}</option>
          ))}
        </select>
      </div>
      <div class="quick" role="group" aria-label="Usual ranges">
        {Object.entries(RANGES).map(([label, days]) => (
          <button
            type="button"
            key={label}
            onClick={() => go({ from: daysAfter(newest, 1 - days), to: newest })}
          >
            {label}
          </button>
        ))}
        <button type="button" onClick={() => go({ from: BEGINNING, to: "" })}>
          All
        </button>
      </div>
    </form>
  );
}
