/** Parts of the page as text: what a person reads, in each state that it may be in. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { renderToString } from "preact-render-to-string";
import * as city from "../src/city/city.ts";
import { alertsFor } from "../src/city/kpis.ts";
import { keepSamples, samples } from "../src/city/samples.ts";
import { partedDays } from "../src/city/steps.ts";
import { stayWords, meterWords } from "../src/panel/card.tsx";
import { StateCounts } from "../src/panel/counts.tsx";
import { FreshnessLines, LostConnection, Simulated } from "../src/panel/freshness.tsx";
import { Asking } from "../src/panel/problem.tsx";
import { evidence, OverstaysView, overstays, overWords } from "../src/views/overstays.tsx";
import { NowView, pastPlace, spoken } from "../src/views/now.tsx";
import { DatesChart } from "../src/views/trends_occupancy.tsx";
import { RevenueChart } from "../src/views/trends_stays.tsx";
import { go, parse, route } from "../src/route.ts";
import type { Alert, Bay, Freshness, Session, TrendOfDate } from "../src/api/types.ts";
import { bay, over, place, taken } from "./bays.ts";

vi.mock("maplibre-gl", () => ({}));

const FRESH: Freshness = {
  as_of: "2025-08-07T01:12:10Z",
  source_kind: "simulator",
  is_simulated: true,
  observed_at: "2025-08-07T01:11:39Z",
  feed_updated_at: "2025-08-07T01:11:05Z",
  source_age_seconds: 65,
  pipeline_age_seconds: 31,
  is_stale: false,
  unchanged_seconds: 10,
  is_frozen: false,
  bays: 3,
  last_commit_at: null,
};
const words = (html: string): string => html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");

beforeEach(() => {
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("history", { pushState: () => undefined, replaceState: () => undefined });
  route.value = parse("");
  city.freshness.value = FRESH;
  city.takePlaces([]);
  city.takeSnapshot({
    attribution: "Simulated",
    last_event_id: "a",
    bays: [bay("1"), taken("2"), over("3", 30), over("4", 90.25), bay("5", { is_online: false })],
  });
});
afterEach(() => vi.unstubAllGlobals());

test("the counts are of the bays that the filters want", () => {
  expect(words(renderToString(<StateCounts />))).toBe(" Free 1 Taken 1 Overstaying 2 Unknown or offline 1 ");
  go({ filters: { ...route.value.filters, status: "taken" } });
  expect(words(renderToString(<StateCounts />))).toContain("Free 0 Taken 1 Overstaying 2");
});

test("a change of a bay is counted, and one that is gone no more", () => {
  vi.useFakeTimers();
  city.takeChanged([taken("1")]);
  vi.advanceTimersByTime(500);
  expect(words(renderToString(<StateCounts />))).toContain("Free 0 Taken 2");
  city.takeRemoved(["2"]);
  vi.advanceTimersByTime(500);
  expect(words(renderToString(<StateCounts />))).toContain("Free 0 Taken 1");
  vi.useRealTimers();
});

test("both ages are told apart, with what is wrong", () => {
  const said = (change: Partial<Freshness>): string => {
    city.freshness.value = { ...FRESH, ...change };
    return words(renderToString(<FreshnessLines />));
  };
  expect(said({})).toContain("Source: Simulator, 65 s old");
  expect(said({})).toContain("Pipeline: last poll 31 s ago");
  expect(said({ is_stale: true })).toContain("No fresh data: bays are shown as last heard");
  expect(said({ is_frozen: true, unchanged_seconds: 10_800 })).toContain("No bay has changed for 3 h");
  expect(said({ as_of: null })).toContain("waiting for the first poll");
});

test("simulated data is called so, and a lost connection, too", () => {
  expect(words(renderToString(<Simulated />))).toContain("Simulated data not the real city");
  city.freshness.value = { ...FRESH, is_simulated: false };
  expect(renderToString(<Simulated />)).toBe("");
  city.connection.value = "live";
  expect(renderToString(<LostConnection />)).toBe("");
  city.connection.value = "reconnecting";
  expect(words(renderToString(<LostConnection />))).toContain("No connection");
});

test("what is off is told from what is not there yet", () => {
  const shown = (isOff: boolean): string =>
    words(
      renderToString(
        <Asking of={{ state: "failed", why: "Why.", isOff }} what="alerts">
          {() => "all"}
        </Asking>,
      ),
    );
  expect(shown(true)).toContain("Off here. Why.");
  expect(shown(false)).toContain("Not there yet. Why. It is asked for again");
});

test("overstays are listed the longest first, with deadline and evidence", () => {
  expect(overstays([...city.bays.values()]).map((one) => one.kerbside_id)).toEqual(["4", "3"]);
  const text = words(renderToString(<OverstaysView />));
  expect(text).toContain("2 vehicles are over for certain");
  expect(text.indexOf("90.3 min")).toBeLessThan(text.indexOf("30.0 min"));
  expect(text).toContain("2P, metered (MP2P)");
  expect(evidence(over("3", 30))).toMatch(/^Came Thu.*11:00.*AEST.*heard in the newest poll$/);
  expect(overWords(150)).toBe("2 h 30 min");
  expect(overWords(179.6)).toBe("3 h 0 min");
});

test("an empty list of overstays says so", () => {
  city.takeSnapshot({ attribution: "", last_event_id: "b", bays: [bay("1")] });
  expect(words(renderToString(<OverstaysView />))).toContain("Nobody is over for certain");
});

test("now is of the live bays while gold and alerts are not there", () => {
  const text = words(renderToString(<NowView />));
  expect(text).toContain("Occupancy 75 % 3 of 4 bays that tell");
  expect(text).toContain("Free bays 1");
  expect(text).toContain("Overstays 2 2 h over in sum");
  expect(text).toContain("Meters are not known yet");
  city.takePlaces(
    ["1", "2", "3"].map((id) => place(id, { has_credit_card: id === "1", has_tap_and_go: false })),
  );
  expect(words(renderToString(<NowView />))).toContain("Card-paying bays 33 % 1 of 3 bays with a meter near");
});

test("gold is asked about the street or zone that is looked at, the smaller of both", () => {
  expect(pastPlace({ street: "King Street", zone: "7" })).toEqual({
    query: { place_kind: "zone", place: "7" },
    words: "zone 7 on whatever street",
  });
  expect(pastPlace({ street: "King Street", zone: "" }).query).toEqual({
    place_kind: "street",
    place: "King Street",
  });
  expect(pastPlace({ street: "", zone: "7" }).query).toEqual({ place_kind: "zone", place: "7" });
  expect(pastPlace({ street: "", zone: "" }).query).toEqual({ place_kind: "city" });
});

test("a small trend is said in words", () => {
  expect(spoken("Occupancy", [10, null, 30, 20], "%")).toBe(
    "Occupancy: least 10.0 %, most 30.0 %, last 20.0 %",
  );
  expect(spoken("Occupancy", [], "%")).toBe("Occupancy");
});

test("alerts are those of the bays that are looked at, of their zones, and of the whole city", () => {
  const alert = (place_kind: Alert["place_kind"], place: string): Alert => ({
    alert_id: `${place_kind}/${place}`,
    kind: "overstay",
    place_kind,
    place,
    state: "raised",
    raised_at: "2025-08-07T01:00:00Z",
    detail: "",
  });
  const alerts = [
    alert("bay", "1"),
    alert("bay", "7303"),
    alert("zone", "7303"),
    alert("zone", "1"),
    alert("city", "melbourne"),
  ];
  const found = (...bays: Bay[]): string[] => alertsFor(alerts, bays).map((one) => one.alert_id);
  expect(found(bay("1"), bay("2"))).toEqual(["bay/1", "zone/7303", "city/melbourne"]);
  expect(found(bay("3", { zone_number: null }))).toEqual(["city/melbourne"]);
  expect(found()).toEqual([]);
});

test("a part of a day is no extreme, and is called a part where it is drawn and listed", () => {
  const day = (local_date: string, bay_minutes: number, turnover_per_hour: number): TrendOfDate => ({
    local_date,
    season: "spring",
    is_public_holiday: false,
    bay_minutes,
    online_minutes: bay_minutes,
    occupied_minutes: 0.3 * bay_minutes,
    occupancy_percent: 30,
    arrivals: 10,
    departures: 10,
    turnover_per_hour,
    metered_stays: 0,
    estimated_revenue: 1000 * turnover_per_hour,
  });
  const rows = partedDays(
    [
      day("2026-11-14", 900, 0),
      day("2026-11-15", 2400, 0.2),
      day("2026-11-16", 2400, 0.4),
      day("2026-11-17", 1700, 0.9),
    ],
    "2026-11-17",
  );
  const given = { query: {}, origin: "Simulated", isSimulated: true, rows };
  const drawn = words(renderToString(<DatesChart {...given} />));
  expect(drawn).toContain("Most turnover on 2026-11-16: 0.40");
  expect(drawn).toContain("least on 2026-11-15: 0.20");
  expect(drawn).toContain("2026-11-14 and 2026-11-17 are parts of days and left out of this.");
  const revenue = words(renderToString(<RevenueChart {...given} />));
  expect(revenue).toContain("Most on 2026-11-16: $400");
  expect(revenue).toContain("2026-11-14 and 2026-11-17 are parts of days");
  const onlyParts = words(renderToString(<DatesChart {...given} rows={rows.slice(0, 1)} />));
  expect(onlyParts).toContain("2026-11-14 is a part of a day");
  expect(onlyParts).not.toContain("Most turnover");
});

test("stays with bounds are told as such", () => {
  const stay = {
    arrival_at: "2025-08-07T01:00:00Z",
    arrival_max_at: "2025-08-07T01:00:00Z",
    ending: "observed",
    duration_minutes: 45,
    duration_min_minutes: 45,
    verdict: "within",
  } as Session;
  const live = taken("1", { status_changed_at: "2025-08-07T01:00:00Z" });
  expect(stayWords(stay, live)).toMatch(/Thu.*11:00.*: 45 min$/);
  expect(stayWords({ ...stay, duration_minutes: null, verdict: "overstay" }, live)).toMatch(
    /: at least 45 min, overstayed$/,
  );
  expect(stayWords({ ...stay, duration_minutes: null, duration_min_minutes: 0 }, live)).toMatch(
    /: length not known$/,
  );
});

test("who is still there by gold, but has left by the live bay, is said to have left", () => {
  const stay = {
    arrival_at: "2025-08-07T01:00:00Z",
    ending: "open",
    duration_minutes: null,
    duration_min_minutes: 45,
    verdict: "overstay",
  } as Session;
  const said = (live: Bay): string => stayWords(stay, live);
  expect(said(taken("1", { status_changed_at: "2025-08-07T01:00:00Z" }))).toMatch(
    /: still there, overstayed$/,
  );
  for (const live of [taken("1"), bay("1")]) {
    expect(said({ ...live, status_changed_at: "2025-08-07T03:39:00Z" })).toMatch(
      /: left since, not summed up yet, overstayed$/,
    );
  }
});

test("a meter without cards, none near, and none known are three things", () => {
  expect(meterWords(place("1"), true)).toBe("1A, credit card and tap-and-go");
  expect(meterWords(place("1", { has_credit_card: false, has_tap_and_go: false }), true)).toBe("1A, no card");
  expect(meterWords(place("1", { meter_id: null }), true)).toBe("none near");
  expect(meterWords(undefined, true)).toBe("not known");
  expect(meterWords(undefined, false)).toBe("not known yet");
});

test("samples begin anew when other bays are looked at", () => {
  vi.useFakeTimers();
  keepSamples();
  vi.advanceTimersByTime(20_000);
  expect(samples.value).toEqual([
    { overstaying: 2, fullZones: 0 },
    { overstaying: 2, fullZones: 0 },
  ]);
  go({ filters: { ...route.value.filters, bay: "4" } });
  expect(samples.value).toEqual([]);
  vi.advanceTimersByTime(10_000);
  expect(samples.value).toEqual([{ overstaying: 1, fullZones: 0 }]);
  vi.useRealTimers();
});
