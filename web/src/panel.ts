/** The words around the map: counts, freshness, connection, and the card of one bay. */

import { stateOf, type Bay, type Freshness, type State } from "./api.ts";
import type { Connection } from "./live.ts";
import { count, duration, melbourneTime } from "./words.ts";

const STATES: State[] = ["free", "taken", "offline"];
const STATE_WORDS: Record<State, string> = { free: "Free", taken: "Taken", offline: "Offline" };
const CONNECTION_WORDS: Record<Connection, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
};
const KIND_WORDS: Record<Freshness["source_kind"], string> = {
  simulator: "Simulator",
  portal: "City of Melbourne",
  replay: "Replay of City data",
};
const ANNOUNCE_EVERY_MS = 60_000;

export function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}`);
  return found as T;
}

export function counts(bays: Iterable<Bay>): Record<State, number> {
  const totals = { free: 0, taken: 0, offline: 0 };
  for (const bay of bays) totals[stateOf(bay)] += 1;
  return totals;
}

let announcedAt = Number.NEGATIVE_INFINITY;

/** Shows the counts, and reads them out now and then: not each change. */
export function showCounts(totals: Record<State, number>, now: number): void {
  for (const state of STATES) element(`count-${state}`).textContent = count(totals[state]);
  if (now - announcedAt >= ANNOUNCE_EVERY_MS) {
    announcedAt = now;
    announce(STATES.map((state) => `${count(totals[state])} ${state}`).join(", "));
  }
}

export function showConnection(connection: Connection): void {
  if (document.body.dataset["connection"] === connection) return;
  document.body.dataset["connection"] = connection;
  element("connection-text").textContent = CONNECTION_WORDS[connection];
  announce(`Connection: ${CONNECTION_WORDS[connection]}`);
}

export function showFreshness(freshness: Freshness): void {
  element("simulated").hidden = !freshness.is_simulated;
  document.body.classList.toggle("is-simulated", freshness.is_simulated);
  document.body.classList.toggle("is-stale", freshness.is_stale);
  const line = element("freshness");
  if (freshness.as_of === null || freshness.source_age_seconds === null || freshness.pipeline_age_seconds === null) {
    line.textContent = `${KIND_WORDS[freshness.source_kind]}: waiting for the first poll`;
    return;
  }
  const parts = [
    melbourneTime(freshness.as_of),
    `Source: ${KIND_WORDS[freshness.source_kind]}, ${duration(freshness.source_age_seconds)} old`,
    `Pipeline: last poll ${duration(freshness.pipeline_age_seconds)} ago`,
  ];
  line.replaceChildren(...parts.map((part) => Object.assign(document.createElement("span"), { textContent: part })));
  const warning = warningOf(freshness);
  if (warning !== null) line.append(Object.assign(document.createElement("strong"), { textContent: warning }));
}

function warningOf(freshness: Freshness): string | null {
  if (freshness.is_stale) return "No fresh data: bays are shown as last heard";
  if (freshness.is_frozen && freshness.unchanged_seconds !== null) {
    return `No bay has changed for ${duration(freshness.unchanged_seconds)}: the feed may stand still`;
  }
  return null;
}

export function showAttribution(text: string): void {
  element("attribution").textContent = text;
}

export function showCard(bay: Bay, now: string | null): void {
  const state = stateOf(bay);
  element("card-title").textContent = `Bay ${bay.kerbside_id}`;
  const status = element("card-status");
  status.className = `card-status ${state}`;
  status.textContent = STATE_WORDS[state];
  const since = now === null ? "" : ` (${duration((Date.parse(now) - Date.parse(bay.status_changed_at)) / 1000)})`;
  const said = bay.status === "Present" ? "vehicle present" : "unoccupied";
  facts({
    "Sensor says": said,
    Since: melbourneTime(bay.status_changed_at) + since,
    Zone: bay.zone_number === null ? "none known" : String(bay.zone_number),
    Sensor: bay.is_retired ? "no longer in the feed" : bay.is_online ? "online" : "offline: last status, may be wrong",
  });
  element("card").hidden = false;
}

export function announce(text: string): void {
  element("announcement").textContent = text;
}

function facts(values: Record<string, string>): void {
  const rows = Object.entries(values).map(([name, value]) => {
    const row = document.createElement("div");
    row.append(
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }),
    );
    return row;
  });
  element("card-facts").replaceChildren(...rows);
}
