/** How old the data is, and whether the server is there. */

import { useSignalEffect } from "@preact/signals";
import { connection, freshness } from "../city/city.ts";
import type { Freshness as Told } from "../api/types.ts";
import type { Connection } from "../live/live.ts";
import { duration, melbourneTime } from "../words.ts";
import { announce } from "./announce.tsx";

const CONNECTION_WORDS: Record<Connection, string> = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
};
export const SOURCE_WORDS: Record<Told["source_kind"], string> = {
  simulator: "Simulator",
  portal: "City of Melbourne",
  replay: "Replay of City data",
};

export function ConnectionLamp() {
  useSignalEffect(() => {
    document.body.dataset["connection"] = connection.value;
    announce(`Connection: ${CONNECTION_WORDS[connection.value]}`);
  });
  return (
    <p id="connection" class="connection">
      <span class="lamp" aria-hidden="true" />
      {CONNECTION_WORDS[connection.value]}
    </p>
  );
}

/** Across the page while the server is away: what is shown is no longer now. */
export function LostConnection() {
  if (connection.value !== "reconnecting") return null;
  return (
    <p id="lost" class="strip lost" role="alert">
      <strong>No connection.</strong> What you see is the last that was heard. Trying again.
    </p>
  );
}

export function Simulated() {
  const told = freshness.value;
  if (told === null || !told.is_simulated) return null;
  return (
    <p id="simulated" class="simulated">
      <strong>Simulated data</strong> <span>not the real city</span>
    </p>
  );
}

export function warningOf(told: Told): string | null {
  if (told.is_stale) return "No fresh data: bays are shown as last heard";
  if (told.is_frozen && told.unchanged_seconds !== null) {
    return `No bay has changed for ${duration(told.unchanged_seconds)}: the feed may stand still`;
  }
  return null;
}

export function FreshnessLines() {
  const told = freshness.value;
  if (told === null)
    return (
      <p id="freshness" class="freshness">
        Waiting for the first data
      </p>
    );
  if (told.as_of === null || told.source_age_seconds === null || told.pipeline_age_seconds === null) {
    return (
      <p id="freshness" class="freshness">
        {SOURCE_WORDS[told.source_kind]}: waiting for the first poll
      </p>
    );
  }
  const warning = warningOf(told);
  return (
    <p id="freshness" class={`freshness ${told.is_stale ? "is-stale" : ""}`}>
      <span class="time">{melbourneTime(told.as_of)}</span>
      <span>
        Source: {SOURCE_WORDS[told.source_kind]}, {duration(told.source_age_seconds)} old
      </span>
      <span>Pipeline: last poll {duration(told.pipeline_age_seconds)} ago</span>
      {warning !== null && <strong>{warning}</strong>}
    </p>
  );
}
