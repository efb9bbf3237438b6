/** Overstays: who is over now, since when, on what evidence, and how the street keeps its rules. */

import { useState } from "preact/hooks";
import { fetchAll } from "../api/client.ts";
import { useAsked } from "../api/resource.ts";
import type { Bay, OverstayTrend } from "../api/types.ts";
import { bays, now, streetOf, wanted } from "../city/city.ts";
import { ruleWords } from "../city/rules.ts";
import { FilterPanel } from "../panel/filter_panel.tsx";
import { showBay } from "../panel/search.tsx";
import { count, decimal, melbourneClock, NOTHING, percent } from "../words.ts";
import { Bar } from "./now.tsx";

const ROWS = 40;
const TRENDS_EVERY_MS = 300_000;

/** Those over for certain, the longest first; of as long the one who was over first. */
export const overstays = (found: Bay[]): Bay[] =>
  found
    .filter((bay) => bay.is_overstay && bay.is_online && !bay.is_suspect)
    .sort(
      (one, other) =>
        (other.overstay_minutes ?? 0) - (one.overstay_minutes ?? 0) ||
        one.kerbside_id.localeCompare(other.kerbside_id),
    );

export function OverstaysView() {
  const [shown, setShown] = useState(ROWS);
  const trends = useAsked(
    "compliance",
    () => fetchAll<OverstayTrend>("/api/v1/trends/overstays", "overstays", { by: "street" }),
    TRENDS_EVERY_MS,
  );
  const compliance = new Map(
    trends.state === "ready" ? trends.value.map((row) => [row.place_or_rule, row]) : [],
  );
  const over = overstays(wanted.value);
  return (
    <div class="page" id="overstays">
      <header class="page-head">
        <h1>Overstays</h1>
        <p class="quiet" role="status">
          {bays.size === 0
            ? "Waiting for the first data"
            : `${count(over.length)} vehicles are over for certain`}
          {now.value !== null && `, ${melbourneClock(now.value)}`}
        </p>
        <FilterPanel />
      </header>
      <p class="quiet note">
        Over under every rule in force, by the shortest reading, as of the newest poll less the feed's delay.
        The permit of a disabled driver is not seen by a sensor. Compliance: of the judged stays of the newest
        28 days in gold.
        {trends.state === "failed" && ` It is not there yet: ${trends.why}`}
      </p>
      {over.length === 0 ? (
        bays.size > 0 && <p class="problem empty">Nobody is over for certain among these bays.</p>
      ) : (
        <div class="scroll" role="region" aria-label="Overstays now" tabIndex={0}>
          <table class="wide">
            <thead>
              <tr>
                <th scope="col">Bay</th>
                <th scope="col">Over</th>
                <th scope="col">Street</th>
                <th scope="col">Rule</th>
                <th scope="col">Deadline</th>
                <th scope="col">Evidence</th>
                <th scope="col">Street's compliance</th>
              </tr>
            </thead>
            <tbody>
              {over.slice(0, shown).map((bay) => (
                <Row key={bay.kerbside_id} bay={bay} trend={compliance.get(streetOf(bay))} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {over.length > shown && (
        <p class="pager">
          <button type="button" onClick={() => setShown(shown + ROWS)}>
            Show {count(Math.min(ROWS, over.length - shown))} more
          </button>
        </p>
      )}
    </div>
  );
}

function Row({ bay, trend }: { bay: Bay; trend: OverstayTrend | undefined }) {
  return (
    <tr>
      <th scope="row">
        <button type="button" class="link" onClick={() => showBay(bay)}>
          {bay.kerbside_id}
        </button>
      </th>
      <td class="over">{overWords(bay.overstay_minutes)}</td>
      <td>
        {streetOf(bay)}
        <span class="quiet"> zone {bay.zone_number ?? NOTHING}</span>
      </td>
      <td>{bay.rules.length === 0 ? "that before now" : bay.rules.map(ruleWords).join(", or ")}</td>
      <td>{bay.first_breach_at === null ? NOTHING : melbourneClock(bay.first_breach_at)}</td>
      <td class="evidence">{evidence(bay)}</td>
      <td>{trend?.compliance_percent == null ? NOTHING : <Compliance trend={trend} />}</td>
    </tr>
  );
}

const Compliance = ({ trend }: { trend: OverstayTrend }) => (
  <>
    <Bar percent={trend.compliance_percent!} />
    <span class="unseen">
      {percent(trend.compliance_percent)} of {count(trend.judged_stays)} judged stays
    </span>
  </>
);

export function overWords(minutes: number | null): string {
  if (minutes === null) return NOTHING;
  if (minutes < 120) return `${decimal(minutes)} min`;
  const whole = Math.round(minutes);
  return `${Math.floor(whole / 60)} h ${whole % 60} min`;
}

/** What is known, in one sentence. */
export function evidence(bay: Bay): string {
  const heard = bay.heard_at === null ? "heard in the newest poll" : `heard ${melbourneClock(bay.heard_at)}`;
  return `Came ${melbourneClock(bay.status_changed_at)} by the sensor, which was ${heard}`;
}
