/** All about one bay. */

import { useEffect } from "preact/hooks";
import { fetchJson } from "../api/client.ts";
import { useAsked } from "../api/resource.ts";
import type { Bay, Place, Restriction, Session } from "../api/types.ts";
import { bays, now, placeOf, places, revision, streetOf } from "../city/city.ts";
import { rulesWords } from "../city/rules.ts";
import { STATE_WORDS, stateOf } from "../city/state.ts";
import { go, route } from "../route.ts";
import { between, decimal, duration, melbourneClock, melbourneTime } from "../words.ts";
import { Symbol } from "./counts.tsx";
import { Asking } from "./problem.tsx";

const LAST_STAYS = "5";
let returnFocus: HTMLElement | null = null;

/** Put the keyboard into the card once it is there; closing it puts it back. */
export function focusCard(): void {
  returnFocus = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  window.setTimeout(() => document.getElementById("card")?.focus());
}

export function close(): void {
  go({ card: null }, false);
  // Where it came from may be gone: another view's table.
  const back = returnFocus?.isConnected ? returnFocus : document.querySelector<HTMLElement>("main");
  back?.focus();
  returnFocus = null;
}

export function BayCard() {
  void revision.value;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === "Escape" && route.peek().card !== null) close();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const id = route.value.card;
  if (id === null) return null;
  const bay = bays.get(id);
  return (
    <section id="card" class="card" role="region" aria-labelledby="card-title" tabIndex={-1} key={id}>
      <header>
        <h2 id="card-title">Bay {id}</h2>
        <button id="card-close" type="button" aria-label="Close" onClick={close}>
          ×
        </button>
      </header>
      {bay ? <Details bay={bay} /> : bays.size > 0 && <p>No sensor tells of this bay now.</p>}
    </section>
  );
}

function Details({ bay }: { bay: Bay }) {
  const state = stateOf(bay);
  const at = now.value;
  const place = placeOf(bay);
  return (
    <>
      <p id="card-status" class={`card-status ${state}`}>
        <Symbol state={state} />
        {STATE_WORDS[state]}
      </p>
      <dl id="card-facts" class="facts">
        <Fact name="Since">
          {melbourneTime(bay.status_changed_at)}
          {at !== null && ` (${between(bay.status_changed_at, at)})`}
        </Fact>
        <Fact name="Rule now">
          {rulesWords(bay.rule_status, bay.rules)}
          {bay.rule_until_at !== null && `, until ${melbourneClock(bay.rule_until_at)}`}
        </Fact>
        {bay.rule_until_at !== null && bay.zone_number !== null && (
          <NextRule key={bay.rule_until_at} zone={bay.zone_number} at={bay.rule_until_at} />
        )}
        {state !== "free" && state !== "offline" && <Fact name="May stay">{permitted(bay)}</Fact>}
        {bay.is_overstay && bay.overstay_minutes !== null && bay.first_breach_at !== null && (
          <Fact name="Over">
            {decimal(bay.overstay_minutes)} min for certain, since {melbourneClock(bay.first_breach_at)}
          </Fact>
        )}
        <Fact name="Meter">{meterWords(place, places.value.size > 0)}</Fact>
        <Fact name="Place">
          {place?.street_description ?? streetOf(bay)}
          <br />
          Zone {bay.zone_number ?? "not known"}, {bay.latitude.toFixed(5)}, {bay.longitude.toFixed(5)}
        </Fact>
        <Fact name="Sensor">{sensorWords(bay)}</Fact>
      </dl>
      <LastStays bay={bay} />
    </>
  );
}

const Fact = ({ name, children }: { name: string; children: preact.ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function permitted(bay: Bay): string {
  if (bay.is_suspect) return "not told: the sensor seems to be stuck";
  if (bay.permitted_until_at !== null) return `until ${melbourneTime(bay.permitted_until_at)}`;
  return bay.rule_status === "no_rule" ? "not known" : "as long as rules are known";
}

export function meterWords(place: Place | undefined, areKnown: boolean): string {
  if (place === undefined) return areKnown ? "not known" : "not known yet";
  if (place.meter_id === null) return "none near";
  const takes = [place.has_credit_card && "credit card", place.has_tap_and_go && "tap-and-go"].filter(
    Boolean,
  );
  return `${place.meter_id}, ${takes.length > 0 ? takes.join(" and ") : "no card"}`;
}

function sensorWords(bay: Bay): string {
  if (bay.is_retired) return "no longer in the feed";
  if (!bay.is_online) return "silent: the last status may be wrong";
  return bay.is_suspect ? "seems to be stuck" : "heard";
}

function NextRule({ zone, at }: { zone: number; at: string }) {
  const asked = useAsked(`${zone} ${at}`, async () => {
    const query = { zone: String(zone), at };
    const answer = await fetchJson<{ restrictions: Restriction[] }>("/api/v1/restrictions", query);
    return answer.restrictions[0] ?? null;
  });
  if (asked.state !== "ready" || asked.value === null) return null;
  return <Fact name="Then">{rulesWords(asked.value.rule_status, asked.value.rules)}</Fact>;
}

function LastStays({ bay }: { bay: Bay }) {
  const id = bay.kerbside_id;
  const asked = useAsked(`stays ${id}`, async () => {
    const query = { bay: id, limit: LAST_STAYS };
    return (await fetchJson<{ sessions: Session[] }>("/api/v1/sessions", query)).sessions;
  });
  return (
    <div class="last-stays">
      <h3>Last stays</h3>
      <Asking of={asked} what="stays">
        {(stays) =>
          stays.length === 0 ? (
            <p class="quiet">None is known.</p>
          ) : (
            <>
              <ul aria-label="Last stays">
                {stays.map((stay) => (
                  <li key={stay.session_key}>{stayWords(stay, bay)}</li>
                ))}
              </ul>
              <p class="quiet">Stays are summed up every few minutes; what stands above is live.</p>
            </>
          )
        }
      </Asking>
    </div>
  );
}

/** A stay as gold knows it; the live bay may know more of one that gold holds for open. */
export function stayWords(stay: Session, bay: Bay): string {
  const came = stay.arrival_at ?? stay.arrival_max_at;
  const over = stay.verdict === "overstay" ? ", overstayed" : "";
  return `${melbourneClock(came)}: ${lengthWords(stay, Date.parse(came), bay)}${over}`;
}

function lengthWords(stay: Session, came: number, bay: Bay): string {
  if (stay.ending === "open")
    return Date.parse(bay.status_changed_at) > came ? "left since, not summed up yet" : "still there";
  if (stay.duration_minutes !== null) return duration(stay.duration_minutes * 60);
  const least = stay.duration_min_minutes * 60;
  return least < 1 ? "length not known" : `at least ${duration(least)}`;
}
