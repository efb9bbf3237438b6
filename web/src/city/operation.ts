/** What is wrong with the operation, as far as the server knows it without Flink, and how the last checks ended. */

import type { Job, Stack } from "../api/metrics.ts";
import { count, duration, melbourneClock } from "../words.ts";

// As in the alert rules: what waits no longer than this is on its way.
const WAITS_SECONDS = 600;

const timeOf = (seconds: number | null): string =>
  seconds === null ? "at a time not known" : melbourneClock(new Date(seconds * 1000).toISOString());

/** Each in a sentence; `silence` is what is wrong with the feed, null when nothing is. */
export function troubles(stack: Stack, silence: string | null): string[] {
  const { capture, webhook } = stack;
  return [
    ...(silence === null ? [] : [`${silence}.`]),
    ...stack.failedPolls.map((dataset) => `The newest poll of ${dataset} was refused or failed.`),
    ...stack.jobs
      .filter((job) => job.isFailed)
      .map((job) => `The newest run of ${job.name} failed, ${timeOf(job.failedAt)}.`),
    ...(capture !== null && !capture.isRead ? ["Nothing reads PostgreSQL's changes now."] : []),
    ...(webhook !== null && webhook.oldestSeconds > WAITS_SECONDS
      ? [
          `${alerts(webhook.waiting)} not delivered: the oldest has waited for ${duration(webhook.oldestSeconds)}.`,
        ]
      : []),
    ...(webhook !== null && webhook.refused > 0
      ? [`${alerts(webhook.refused)} refused by the webhook's receiver.`]
      : []),
  ];
}

const alerts = (number: number): string => (number === 1 ? "1 alert is" : `${count(number)} alerts are`);

export interface Check {
  name: string;
  /** Null while it is not known. */
  isGood: boolean | null;
  words: string;
}

/** What looks after the data: the nightly comparison and tests, and what capture knows of itself. */
export function checks({ jobs, capture, quarantined }: Stack): Check[] {
  return [
    ofJob(jobs, "maintenance", "Nightly care, which compares silver with PostgreSQL"),
    ofJob(jobs, "tests of gold", "Tests of gold"),
    {
      name: "Capture from PostgreSQL",
      isGood: capture === null ? null : capture.isWhole && capture.gaps === 0,
      words: capture === null ? "not told here" : captured(capture.isWhole, capture.gaps),
    },
    {
      name: "Change events that fit no contract",
      isGood: quarantined === null ? null : quarantined === 0,
      words: quarantined === null ? "not told here" : count(quarantined),
    },
  ];
}

function ofJob(jobs: Job[], job: string, name: string): Check {
  const run = jobs.find((one) => one.name === job);
  if (run === undefined) return { name, isGood: null, words: "none yet: it runs at night" };
  return { name, isGood: !run.isFailed, words: timeOf(run.isFailed ? run.failedAt : run.succeededAt) };
}

function captured(isWhole: boolean, gaps: number): string {
  if (gaps > 0) return `${count(gaps)} possible ${gaps === 1 ? "loss" : "losses"} not verified yet`;
  return isWhole ? "nothing is missing" : "changes may be missing";
}
