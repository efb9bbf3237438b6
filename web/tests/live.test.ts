import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Live, type Connection } from "../src/live/live.ts";

class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static opened: Stream[] = [];
  readyState = 1;
  readonly url: string;
  constructor(url: string) {
    super();
    this.url = url;
    Stream.opened.push(this);
  }
  close(): void {
    this.readyState = Stream.CLOSED;
  }
  tell(name: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
}

const told: { connections: Connection[]; snapshots: number; changed: unknown[] } = {
  connections: [],
  snapshots: 0,
  changed: [],
};
let isThere = true;

beforeEach(() => {
  vi.useFakeTimers();
  isThere = true;
  Stream.opened = [];
  Object.assign(told, { connections: [], snapshots: 0, changed: [] });
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("EventSource", Stream);
  vi.stubGlobal("fetch", () =>
    isThere
      ? Promise.resolve(new Response(JSON.stringify({ attribution: "", last_event_id: "a-7", bays: [] })))
      : Promise.reject(new TypeError("no network")),
  );
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const started = async (): Promise<void> => {
  const live = new Live({
    snapshot: () => (told.snapshots += 1),
    changed: (bays) => told.changed.push(bays),
    removed: () => undefined,
    source: () => undefined,
    connection: (connection) => told.connections.push(connection),
  });
  void live.start();
  await vi.advanceTimersByTimeAsync(0);
};

test("the stream is followed from the snapshot on", async () => {
  await started();
  expect(Stream.opened.map((stream) => stream.url)).toEqual(["/api/v1/stream?after=a-7"]);
  Stream.opened[0]!.tell("bays", [{ kerbside_id: "1" }]);
  expect(told.changed).toEqual([[{ kerbside_id: "1" }]]);
  expect(told.connections.at(-1)).toBe("live");
});

test("silence means that nobody is there: everything is begun anew", async () => {
  await started();
  Stream.opened[0]!.tell("source", {});
  await vi.advanceTimersByTimeAsync(15_000);
  expect(Stream.opened).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told.connections.at(-1)).toBe("reconnecting");
  expect(Stream.opened).toHaveLength(2);
  expect(told.snapshots).toBe(2);
});

test("a server that is away is asked again until it is back", async () => {
  isThere = false;
  await started();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told.snapshots).toBe(0);
  isThere = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(told.snapshots).toBe(1);
});

test("a reader that was told to fetch a snapshot does", async () => {
  await started();
  Stream.opened[0]!.tell("snapshot-needed", {});
  await vi.advanceTimersByTimeAsync(0);
  expect(told.snapshots).toBe(2);
  expect(Stream.opened[0]!.readyState).toBe(Stream.CLOSED);
});
