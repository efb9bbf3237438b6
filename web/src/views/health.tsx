/** Health: how old, how far behind, how good; and what somebody should look at. */

import { ask, fetchAll, fetchJson } from "../api/client.ts";
import { parseMetrics, stackOf, type Stack } from "../api/metrics.ts";
import { useAsked } from "../api/resource.ts";
import type { Alert, Quality, SensorHealth } from "../api/types.ts";
import { bays, connection, freshness } from "../city/city.ts";
import { checks, troubles } from "../city/operation.ts";
import { SensorMap, traitOf, TRAIT_WORDS, TRAITS } from "../map/sensors.tsx";
import { SOURCE_WORDS, warningOf } from "../panel/freshness.tsx";
import { Asking } from "../panel/problem.tsx";
import { count, duration, melbourneClock, melbourneTime, NOTHING } from "../words.ts";

const STACK_EVERY_MS = 5000;
const QUALITY_EVERY_MS = 60_000;
const SENSORS_EVERY_MS = 600_000;

export function HealthView() {
  const stack = useAsked(
    "stack",
    async () => stackOf(parseMetrics(await (await ask("/metrics", "text/plain")).text())),
    STACK_EVERY_MS,
  );
  const quality = useAsked("quality", () => fetchJson<Quality>("/api/v1/data-quality"), QUALITY_EVERY_MS);
  const sensors = useAsked(
    "sensors",
    () => fetchAll<SensorHealth>("/api/v1/data-quality/sensors", "sensors"),
    SENSORS_EVERY_MS,
  );
  const alerts = useAsked("alerts", async () => {
    return (await fetchJson<{ alerts: Alert[] }>("/api/v1/alerts", { limit: "20" })).alerts;
  });
  return (
    <div class="page" id="health">
      <header class="page-head">
        <h1>Health</h1>
      </header>
      <Ages />
      <div class="columns">
        <section class="sheet">
          <h2>Stages</h2>
          <Asking of={stack} what="stages">
            {(found) => <Stages stack={found} />}
          </Asking>
        </section>
        <section class="sheet" id="operation">
          <h2>Last runs</h2>
          <Asking of={stack} what="runs">
            {(found) => <Jobs stack={found} />}
          </Asking>
          <h2>Alerts</h2>
          <h3>Of the operation</h3>
          <Asking of={stack} what="alerts of the operation">
            {(found) => <Troubles stack={found} />}
          </Asking>
          <h3>Of the city, by Flink</h3>
          <Asking of={alerts} what="alerts of the city">
            {(found) => <Alerts alerts={found} />}
          </Asking>
        </section>
        <section class="sheet">
          <h2>Sensors</h2>
          <Asking of={sensors} what="sensors">
            {(found) => <Sensors sensors={found} />}
          </Asking>
        </section>
        <section class="sheet">
          <h2>Last checks of the data</h2>
          <Asking of={stack} what="checks">
            {(found) => <Checks stack={found} />}
          </Asking>
          <h2>Polls of the newest day</h2>
          <Asking of={quality} what="polls">
            {(found) => <Polls polls={found.polls} />}
          </Asking>
        </section>
      </div>
    </div>
  );
}

function Ages() {
  const told = freshness.value;
  const warning = told === null ? null : warningOf(told);
  const age = (seconds: number | null | undefined): string => (seconds == null ? NOTHING : duration(seconds));
  return (
    <>
      <div class="kpis">
        <section class="kpi" id="kpi-source" aria-label="Age of the source">
          <h2>Source age</h2>
          <p class="value">{age(told?.source_age_seconds)}</p>
          <p class="quiet">
            {told === null ? "" : SOURCE_WORDS[told.source_kind]}: from what its newest record says to now
          </p>
        </section>
        <section class="kpi" id="kpi-pipeline" aria-label="Age of the pipeline">
          <h2>Pipeline age</h2>
          <p class="value">{age(told?.pipeline_age_seconds)}</p>
          <p class="quiet">since our newest poll arrived here</p>
        </section>
        <section class="kpi" aria-label="Last change">
          <h2>Last change of a bay</h2>
          <p class="value">{age(told?.unchanged_seconds)}</p>
          <p class="quiet">ago, by the source's clock</p>
        </section>
        <section class="kpi" aria-label="Connection">
          <h2>This page</h2>
          <p class="value">{connection.value === "live" ? "Live" : "Not connected"}</p>
          <p class="quiet">{count(bays.size)} bays known</p>
        </section>
      </div>
      {warning !== null && <p class="strip lost">{warning}</p>}
    </>
  );
}

const Lamp = ({ isUp }: { isUp: boolean }) => (
  <span class={`status ${isUp ? "up" : "down"}`}>{isUp ? "✓ up" : "✕ away"}</span>
);

function Stages({ stack }: { stack: Stack }) {
  if (!stack.isUp) {
    return (
      <p class="problem off">
        <strong>Not told here.</strong> No <code>melpark up</code> runs on this server's home, so nobody
        measures the stages.
      </p>
    );
  }
  return (
    <>
      <table>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">Answers</th>
            <th scope="col" class="number">
              Lag
            </th>
            <th scope="col" class="number">
              Rows
            </th>
            <th scope="col">Newest event</th>
          </tr>
        </thead>
        <tbody>
          {stack.stages.map((stage) => (
            <tr key={stage.name}>
              <th scope="row">{stage.name}</th>
              <td>
                <Lamp isUp={stage.isUp} />
              </td>
              <td class="number">{stage.lagSeconds === null ? NOTHING : duration(stage.lagSeconds)}</td>
              <td class="number">{stage.rows === null ? NOTHING : count(stage.rows)}</td>
              <td>{stage.newestAt === null ? NOTHING : melbourneClock(iso(stage.newestAt))}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <details>
        <summary>Engines</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">Engine</th>
              <th scope="col">Runs</th>
              <th scope="col" class="number">
                Restarts
              </th>
              <th scope="col" class="number">
                Memory
              </th>
            </tr>
          </thead>
          <tbody>
            {stack.engines.map((engine) => (
              <tr key={engine.name}>
                <th scope="row">{engine.name}</th>
                <td>
                  <Lamp isUp={engine.isUp} />
                </td>
                <td class="number">{count(engine.restarts)}</td>
                <td class="number">
                  {engine.bytes === null ? NOTHING : `${count(Math.round(engine.bytes / 2 ** 20))} MiB`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </>
  );
}

function Jobs({ stack }: { stack: Stack }) {
  if (stack.jobs.length === 0) return <p class="problem">No job has run yet.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Job</th>
          <th scope="col">Newest run</th>
          <th scope="col" class="number">
            Took
          </th>
          <th scope="col">Last good end</th>
        </tr>
      </thead>
      <tbody>
        {stack.jobs.map((job) => (
          <tr key={job.name}>
            <th scope="row">{job.name}</th>
            <td>
              <span class={`status ${job.isFailed ? "down" : "up"}`}>
                {job.isFailed ? "✕ failed" : "✓ good"}
              </span>
            </td>
            <td class="number">{job.seconds === null ? NOTHING : duration(job.seconds)}</td>
            <td>{job.succeededAt === null ? NOTHING : melbourneClock(iso(job.succeededAt))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What is known without Flink. */
function Troubles({ stack }: { stack: Stack }) {
  const told = freshness.value;
  const found = troubles(stack, told === null ? null : warningOf(told));
  return (
    <>
      {found.length === 0 ? (
        <p class="problem empty">Nothing is wrong that is known here.</p>
      ) : (
        <ul class="alerts">
          {found.map((words) => (
            <li key={words} class="raised">
              <strong>▲</strong> {words}
            </li>
          ))}
        </ul>
      )}
      {!stack.isUp && (
        <p class="quiet">
          Polls and capture are not looked at: no <code>melpark up</code> runs on this server's home.
        </p>
      )}
    </>
  );
}

function Checks({ stack }: { stack: Stack }) {
  return (
    <table id="checks">
      <thead>
        <tr>
          <th scope="col">Check</th>
          <th scope="col">Result</th>
          <th scope="col">Newest</th>
        </tr>
      </thead>
      <tbody>
        {checks(stack).map(({ name, isGood, words }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              {isGood === null ? (
                NOTHING
              ) : (
                <span class={`status ${isGood ? "up" : "down"}`}>{isGood ? "✓ good" : "✕ not good"}</span>
              )}
            </td>
            <td>{words}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Alerts({ alerts }: { alerts: Alert[] }) {
  if (alerts.length === 0) return <p class="problem empty">None was raised.</p>;
  return (
    <ul class="alerts">
      {alerts.map((alert) => (
        <li key={alert.alert_id} class={alert.state}>
          <strong>{alert.state === "raised" ? "▲ Raised" : "Cleared"}</strong>{" "}
          {melbourneClock(alert.raised_at)}: {alert.detail}
        </li>
      ))}
    </ul>
  );
}

function Sensors({ sensors }: { sensors: SensorHealth[] }) {
  const inFeed = sensors.filter((sensor) => !sensor.is_retired);
  return (
    <>
      <SensorMap sensors={sensors} />
      <table>
        <caption class="unseen">Sensors by their worst trait</caption>
        <tbody>
          {TRAITS.map((trait) => (
            <tr key={trait}>
              <th scope="row">
                <span class={`trait ${trait}`} aria-hidden="true" /> {TRAIT_WORDS[trait]}
              </th>
              <td class="number">{count(inFeed.filter((sensor) => traitOf(sensor) === trait).length)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">As old as gold is, which is built every few minutes.</p>
    </>
  );
}

function Polls({ polls }: { polls: Quality["polls"] }) {
  if (polls.length === 0) return <p class="problem">No poll is in the lake yet.</p>;
  return (
    <div class="scroll" role="region" aria-label="Polls" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Dataset</th>
            <th scope="col" class="number">
              Taken in
            </th>
            <th scope="col" class="number">
              Refused
            </th>
            <th scope="col" class="number">
              Failed
            </th>
            <th scope="col" class="number">
              Records rejected
            </th>
            <th scope="col">Newest</th>
          </tr>
        </thead>
        <tbody>
          {polls.map((poll) => (
            <tr key={poll.dataset}>
              <th scope="row">{poll.dataset}</th>
              <td class="number">{count(poll.accepted)}</td>
              <td class="number">{count(poll.refused)}</td>
              <td class="number">{count(poll.failed)}</td>
              <td class="number">{count(poll.rejected)}</td>
              <td>{poll.newest_accepted_at === null ? NOTHING : melbourneTime(poll.newest_accepted_at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
