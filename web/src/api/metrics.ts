/** The server's /metrics, as far as Health needs them: Prometheus' text, read into numbers. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function parseMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const found = LINE.exec(line);
    if (!found) return [];
    const labels = Object.fromEntries(
      [...(found[2] ?? "").matchAll(LABEL)].map(([, name, value]) => [name!, value!.replace(/\\(.)/g, "$1")]),
    );
    return [{ name: found[1]!, labels, value: Number(found[3]) }];
  });
}

export interface Stage {
  name: string;
  isUp: boolean;
  rows: number | null;
  lagSeconds: number | null;
  newestAt: number | null;
}

export interface Job {
  name: string;
  isFailed: boolean;
  seconds: number | null;
  succeededAt: number | null;
  failedAt: number | null;
}

export interface Engine {
  name: string;
  isUp: boolean;
  restarts: number;
  bytes: number | null;
}

/** Of capture from PostgreSQL. */
export interface Capture {
  isWhole: boolean;
  /** Possible losses that were not verified yet. */
  gaps: number;
  isRead: boolean;
}

/** Of the outbox of alerts; the seconds are those of the oldest that waits. */
export interface Webhook {
  waiting: number;
  refused: number;
  oldestSeconds: number;
}

export interface Stack {
  isUp: boolean;
  stages: Stage[];
  engines: Engine[];
  jobs: Job[];
  /** Datasets whose newest poll was refused or failed. */
  failedPolls: string[];
  /** Change events that fit no contract. */
  quarantined: number | null;
  /** Null where nobody looks at it. */
  capture: Capture | null;
  /** Null where there is none. */
  webhook: Webhook | null;
}

/** The running stack; without one `isUp` is false, and jobs and webhook are as they were last. */
export function stackOf(samples: Sample[]): Stack {
  const value = (name: string, labels: Record<string, string> = {}): number | null =>
    samples.find(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted),
    )?.value ?? null;
  const named = (name: string, label: string): string[] =>
    samples.filter((sample) => sample.name === name).map((sample) => sample.labels[label] ?? "");
  const sum = (name: string): number =>
    samples.filter((sample) => sample.name === name).reduce((all, sample) => all + sample.value, 0);
  const isWhole = value("melpark_capture_whole");
  const oldestSeconds = value("melpark_webhook_oldest_waiting_seconds");
  return {
    isUp: value("melpark_stack_up") === 1,
    stages: named("melpark_stage_up", "stage").map((stage) => ({
      name: stage,
      isUp: value("melpark_stage_up", { stage }) === 1,
      rows: value("melpark_stage_rows", { stage }),
      lagSeconds: value("melpark_stage_lag_seconds", { stage }),
      newestAt: value("melpark_stage_newest_event_timestamp_seconds", { stage }),
    })),
    engines: named("melpark_engine_up", "engine").map((engine) => ({
      name: engine,
      isUp: value("melpark_engine_up", { engine }) === 1,
      restarts: value("melpark_engine_restarts_total", { engine }) ?? 0,
      bytes: value("melpark_engine_memory_bytes", { engine }),
    })),
    jobs: named("melpark_job_failed", "job").map((job) => ({
      name: job,
      isFailed: value("melpark_job_failed", { job }) === 1,
      seconds: value("melpark_job_duration_seconds", { job }),
      succeededAt: value("melpark_job_last_success_timestamp_seconds", { job }),
      failedAt: value("melpark_job_last_failure_timestamp_seconds", { job }),
    })),
    failedPolls: named("melpark_poll_failed", "dataset").filter(
      (dataset) => value("melpark_poll_failed", { dataset }) === 1,
    ),
    quarantined: value("melpark_quarantined_events"),
    capture:
      isWhole === null
        ? null
        : {
            isWhole: isWhole === 1,
            gaps: sum("melpark_capture_gaps"),
            isRead: value("melpark_capture_slot_active") !== 0,
          },
    webhook:
      oldestSeconds === null
        ? null
        : {
            waiting: value("melpark_webhook_alerts", { state: "waiting" }) ?? 0,
            refused: value("melpark_webhook_alerts", { state: "refused" }) ?? 0,
            oldestSeconds,
          },
  };
}
