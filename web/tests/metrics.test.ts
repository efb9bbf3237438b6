import { expect, test } from "vitest";
import { parseMetrics, stackOf } from "../src/api/metrics.ts";

const TEXT = `# HELP melpark_stack_up 1 while the stack runs
# TYPE melpark_stack_up gauge
melpark_stack_up 1.0
melpark_stage_up{stage="silver"} 1.0
melpark_stage_up{stage="gold"} 0.0
melpark_stage_lag_seconds{stage="silver"} 2.5
melpark_stage_rows{stage="silver"} 1.2e+06
melpark_engine_up{engine="kafka"} 1.0
melpark_engine_restarts_total{engine="kafka"} 2.0
melpark_job_failed{job="a \\"quoted\\" job"} 1.0
melpark_job_duration_seconds{job="a \\"quoted\\" job"} 12.0
melpark_poll_failed{dataset="sensors"} 0.0
melpark_poll_failed{dataset="meters"} 1.0
melpark_quarantined_events 3.0
melpark_capture_whole 1.0
melpark_capture_slot_active 1.0
melpark_capture_gaps{state="open"} 1.0
melpark_capture_gaps{state="filled"} 1.0
melpark_webhook_alerts{state="delivered"} 9.0
melpark_webhook_alerts{state="waiting"} 2.0
melpark_webhook_alerts{state="refused"} 0.0
melpark_webhook_oldest_waiting_seconds 700.0
not a line
`;

test("the text of Prometheus becomes stages, engines and jobs", () => {
  const stack = stackOf(parseMetrics(TEXT));
  expect(stack.isUp).toBe(true);
  expect(stack.stages).toEqual([
    { name: "silver", isUp: true, rows: 1_200_000, lagSeconds: 2.5, newestAt: null },
    { name: "gold", isUp: false, rows: null, lagSeconds: null, newestAt: null },
  ]);
  expect(stack.engines).toEqual([{ name: "kafka", isUp: true, restarts: 2, bytes: null }]);
  expect(stack.jobs).toEqual([
    { name: 'a "quoted" job', isFailed: true, seconds: 12, succeededAt: null, failedAt: null },
  ]);
  expect(stack.failedPolls).toEqual(["meters"]);
  expect(stack.quarantined).toBe(3);
  expect(stack.capture).toEqual({ isWhole: true, gaps: 2, isRead: true });
  expect(stack.webhook).toEqual({ waiting: 2, refused: 0, oldestSeconds: 700 });
});

test("without a stack nothing is up", () => {
  expect(stackOf(parseMetrics("melpark_stack_up 0.0\n"))).toEqual({
    isUp: false,
    stages: [],
    engines: [],
    jobs: [],
    failedPolls: [],
    quarantined: null,
    capture: null,
    webhook: null,
  });
});
