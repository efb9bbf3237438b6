/** Now: the figures of this moment, of the bays that the filters want. */

import type { ComponentChildren } from "preact";
import { fetchAll, fetchJson } from "../api/client.ts";
import { useAsked, type Asked } from "../api/resource.ts";
import type { Alert, Bay, OccupancyRow, TurnoverRow } from "../api/types.ts";
import { Sparkline } from "../charts/sparkline.tsx";
import { now, placeOf, places, streetOf, wanted } from "../city/city.ts";
import { isFiltered } from "../city/filters.ts";
import { alertsFor, arrivedWithin, cardShare, FULL_PERCENT, fullest, type Group } from "../city/kpis.ts";
import { samples, zonesFull } from "../city/samples.ts";
import { countStates, occupancyPercent, online } from "../city/state.ts";
import { wholeSteps } from "../city/steps.ts";
import { FilterPanel } from "../panel/filter_panel.tsx";
import { go, linkTo, route } from "../route.ts";
import { count, decimal, melbourneClock, NOTHING, percent } from "../words.ts";

const BUSIEST = 12;
const ARRIVED_MINUTES = 15;
const PAST_EVERY_MS = 120_000;

/** Which place gold is asked about: a zone or else a street where one is chosen, else the city. */
export function pastPlace(filters: { street: string; zone: string }): {
  query: Record<string, string>;
  words: string;
} {
  const { street, zone } = filters;
  if (zone !== "") {
    const words = street === "" ? `zone ${zone}` : `zone ${zone} on whatever street`;
    return { query: { place_kind: "zone", place: zone }, words };
  }
  if (street !== "") return { query: { place_kind: "street", place: street }, words: street };
  return { query: { place_kind: "city" }, words: "the whole city" };
}

export function NowView() {
  const { filters } = route.value;
  const past = pastPlace(filters);
  const key = JSON.stringify(past.query);
  const occupancy = useAsked(
    `occupancy ${key}`,
    () => fetchAll<OccupancyRow>("/api/v1/occupancy", "occupancy", { ...past.query, step: "quarter_hour" }),
    PAST_EVERY_MS,
  );
  const turnover = useAsked(
    `turnover ${key}`,
    () => fetchAll<TurnoverRow>("/api/v1/turnover", "turnover", { ...past.query, step: "hour" }),
    PAST_EVERY_MS,
  );
  const alerts = useAsked("alerts", async () => {
    const query = { state: "raised", limit: "5000" };
    return (await fetchJson<{ alerts: Alert[] }>("/api/v1/alerts", query)).alerts;
  });
  const others = { ...filters, street: "", zone: "" };
  return (
    <div class="page now" id="now">
      <header class="page-head">
        <h1>Now</h1>
        <p class="quiet">{now.value === null ? "Waiting for the first data" : melbourneClock(now.value)}</p>
        <FilterPanel />
      </header>
      <LiveFigures occupancy={occupancy} turnover={turnover} alerts={alerts} />
      <p class="quiet note">
        Figures are of the live bays that the filters want. Lines of occupancy, free bays and turnover are of{" "}
        {past.words}
        {isFiltered(others) ? ", all its bays" : ""}: the newest day in gold up to its last whole quarter hour
        or hour. Those of overstays and full zones are of the wanted bays since this page was opened.
      </p>
      <div class="columns">
        <Fullest
          title="Busiest streets"
          first="Street"
          groups={fullest(wanted.value, knownStreet)}
          filter="street"
        />
        <Fullest
          title="Fullest zones"
          first="Zone"
          groups={fullest(wanted.value, (bay) => (bay.zone_number === null ? null : String(bay.zone_number)))}
          filter="zone"
        />
      </div>
    </div>
  );
}

interface Past {
  occupancy: Asked<OccupancyRow[]>;
  turnover: Asked<TurnoverRow[]>;
  alerts: Asked<Alert[]>;
}

function LiveFigures({ occupancy, turnover, alerts }: Past) {
  const bays = wanted.value;
  const counts = countStates(bays);
  const telling = online(counts);
  const card = cardShare(bays, placeOf);
  const at = now.value;
  const quarters = occupancy.state === "ready" ? wholeSteps(occupancy.value) : [];
  const hours = turnover.state === "ready" ? wholeSteps(turnover.value) : [];
  const newest = hours.findLast((hour) => hour.turnover_per_hour !== null);
  return (
    <div class="kpis">
      <Kpi
        id="kpi-occupancy"
        name="Occupancy"
        value={percent(occupancyPercent(counts))}
        more={`${count(counts.taken + counts.overstaying)} of ${count(telling)} bays that tell`}
      >
        <Sparkline
          values={quarters.map((row) => row.occupancy_percent)}
          label={spoken(
            "Occupancy",
            quarters.map((row) => row.occupancy_percent),
            "%",
          )}
        />
      </Kpi>
      <Kpi
        id="kpi-free"
        name="Free bays"
        value={count(counts.free)}
        more={`${count(counts.unknown + counts.offline)} bays tell nothing`}
      >
        <Sparkline values={quarters.map(freeBays)} label={spoken("Free bays", quarters.map(freeBays), "")} />
      </Kpi>
      <Kpi
        id="kpi-turnover"
        name="Turnover"
        value={newest ? `${newest.turnover_per_hour!.toFixed(2)}` : NOTHING}
        more={
          <>
            {newest
              ? `stays per bay in the hour from ${melbourneClock(newest.starts_at)}`
              : unready(turnover, "stays per bay and hour, once an hour is whole")}
            <br />
            {at !== null &&
              `${count(arrivedWithin(bays, at, ARRIVED_MINUTES))} came in the last ${ARRIVED_MINUTES} min and still stand`}
          </>
        }
      >
        <Sparkline
          values={hours.map((row) => row.turnover_per_hour)}
          label={spoken(
            "Turnover",
            hours.map((row) => row.turnover_per_hour),
            "stays per bay and hour",
          )}
          floor={0}
        />
      </Kpi>
      <Kpi
        id="kpi-overstays"
        name="Overstays"
        value={count(counts.overstaying)}
        more={<a href={linkTo("overstays")}>{minutesOver(bays)} over in sum</a>}
      >
        <Sparkline
          values={samples.value.map((sample) => sample.overstaying)}
          label="Overstays since this page was opened"
        />
      </Kpi>
      <AlertKpi alerts={alerts} />
      <Kpi
        id="kpi-card"
        name="Card-paying bays"
        value={card ? percent(card.percent) : NOTHING}
        more={
          card
            ? `${count(card.card)} of ${count(card.metered)} bays with a meter near; ${percent(card.creditPercent)} by credit card`
            : places.value.size === 0
              ? "Meters are not known yet; they come with the first build of gold"
              : "No meter near these bays"
        }
      />
    </div>
  );
}

/** Flink tells alerts; where it is off the page says so, and counts the full zones itself. */
function AlertKpi({ alerts }: { alerts: Asked<Alert[]> }) {
  const line = (
    <Sparkline
      values={samples.value.map((sample) => sample.fullZones)}
      label="Full zones since this page was opened"
    />
  );
  if (alerts.state === "ready") {
    const found = isFiltered(route.value.filters) ? alertsFor(alerts.value, wanted.value) : alerts.value;
    return (
      <Kpi
        id="kpi-alerts"
        name="Alerts"
        value={count(found.length)}
        more={
          <a href={linkTo("health")}>
            raised now, {found === alerts.value ? "whole city" : "of these bays and their zones"}
          </a>
        }
      >
        {line}
      </Kpi>
    );
  }
  const isOff = alerts.state === "failed" && alerts.isOff;
  return (
    <Kpi
      id="kpi-alerts"
      name="Full zones"
      value={count(zonesFull())}
      more={`at least ${FULL_PERCENT} % full now, counted here. ${isOff ? "Alerts are off." : "Alerts are not there yet."}`}
    >
      {line}
    </Kpi>
  );
}

interface KpiProps {
  id: string;
  name: string;
  value: string;
  more: ComponentChildren;
  children?: ComponentChildren;
}

const Kpi = ({ id, name, value, more, children }: KpiProps) => (
  <section class="kpi" id={id} aria-label={name}>
    <h2>{name}</h2>
    <p class="value">{value}</p>
    {children}
    <p class="quiet">{more}</p>
  </section>
);

const knownStreet = (bay: Bay): string | null => (streetOf(bay) === "Unknown" ? null : streetOf(bay));

/** Bays free on average within a whole quarter hour. */
export const freeBays = (row: OccupancyRow): number | null =>
  row.occupancy_percent === null ? null : Math.round((row.online_minutes - row.occupied_minutes) / 15);

function minutesOver(bays: Bay[]): string {
  const minutes = bays.reduce((sum, bay) => sum + (bay.is_overstay ? (bay.overstay_minutes ?? 0) : 0), 0);
  return minutes < 120 ? `${Math.round(minutes)} min` : `${count(Math.round(minutes / 60))} h`;
}

const unready = (asked: Asked<unknown>, otherwise: string): string =>
  asked.state === "failed" ? `${otherwise}: not there yet` : otherwise;

export function spoken(name: string, values: (number | null)[], unit: string): string {
  const known = values.filter((value): value is number => value !== null);
  if (known.length === 0) return name;
  const words = (value: number): string => `${decimal(value)} ${unit}`.trim();
  return `${name}: least ${words(Math.min(...known))}, most ${words(Math.max(...known))}, last ${words(known.at(-1)!)}`;
}

interface FullestProps {
  title: string;
  first: string;
  groups: Group[];
  filter: "street" | "zone";
}

function Fullest({ title, first, groups, filter }: FullestProps) {
  return (
    <section class="sheet">
      <h2>{title}</h2>
      {groups.length === 0 ? (
        <p class="problem">No {filter} with five bays or more that tell.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{first}</th>
              <th scope="col">Occupancy</th>
              <th scope="col" class="number">
                Free
              </th>
              <th scope="col" class="number">
                Over
              </th>
            </tr>
          </thead>
          <tbody>
            {groups.slice(0, BUSIEST).map((group) => (
              <tr key={group.name}>
                <th scope="row">
                  <button
                    type="button"
                    class="link"
                    onClick={() => go({ filters: { ...route.value.filters, [filter]: group.name } })}
                  >
                    {group.name}
                  </button>
                </th>
                <td>
                  <Bar percent={group.occupancy!} />
                </td>
                <td class="number">{count(group.counts.free)}</td>
                <td class="number">{count(group.counts.overstaying)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

export const Bar = ({ percent: value }: { percent: number }) => (
  <span class="bar">
    <span class="bar-fill" style={{ width: `${Math.max(0, Math.min(100, value))}%` }} />
    <span class="bar-value">{percent(value)}</span>
  </span>
);
