/** Follows the server: a snapshot, then the stream from exactly there, again and again. */

import { fetchSnapshot } from "../api/client.ts";
import type { Bay, Freshness, Snapshot } from "../api/types.ts";

export type Connection = "connecting" | "live" | "reconnecting";

export interface Listener {
  snapshot(snapshot: Snapshot): void;
  changed(bays: Bay[]): void;
  removed(ids: string[]): void;
  source(freshness: Freshness): void;
  connection(connection: Connection): void;
}

const RETRY_MS = [500, 1000, 2000, 5000];
// The server sends a heartbeat every 5 s; three missed ones mean that nobody is there.
const SILENCE_MS = 16_000;

export class Live {
  #listener: Listener;
  #stream: EventSource | null = null;
  #failures = 0;
  #wasLive = false;
  #silence = 0;
  #retry = 0;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Fetch a snapshot and follow the stream from it; whatever fails is tried again for ever. */
  async start(): Promise<void> {
    this.#close();
    this.#listener.connection(this.#wasLive ? "reconnecting" : "connecting");
    try {
      const snapshot = await fetchSnapshot();
      this.#listener.snapshot(snapshot);
      this.#follow(snapshot.last_event_id);
    } catch {
      this.#startAgain();
    }
  }

  #follow(after: string): void {
    const stream = new EventSource(`/api/v1/stream?after=${encodeURIComponent(after)}`);
    this.#stream = stream;
    const on = <T>(name: string, take: (data: T) => void): void => {
      stream.addEventListener(name, (event: MessageEvent<string>) => {
        this.#heard();
        take(JSON.parse(event.data) as T);
      });
    };
    stream.addEventListener("open", () => this.#heard());
    // A lost connection is taken up again by the browser with Last-Event-ID; a refusal is not.
    stream.addEventListener("error", () => {
      this.#listener.connection("reconnecting");
      if (stream.readyState === EventSource.CLOSED) this.#startAgain();
    });
    on<Bay[]>("bays", (bays) => this.#listener.changed(bays));
    on<string[]>("removed", (ids) => this.#listener.removed(ids));
    on<Freshness>("source", (freshness) => this.#listener.source(freshness));
    on<object>("snapshot-needed", () => void this.start());
    this.#watch();
  }

  #heard(): void {
    this.#failures = 0;
    this.#wasLive = true;
    this.#listener.connection("live");
    this.#watch();
  }

  #watch(): void {
    window.clearTimeout(this.#silence);
    this.#silence = window.setTimeout(() => void this.start(), SILENCE_MS);
  }

  #startAgain(): void {
    this.#close();
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 5000;
    this.#failures += 1;
    this.#retry = window.setTimeout(() => void this.start(), wait);
  }

  #close(): void {
    window.clearTimeout(this.#silence);
    window.clearTimeout(this.#retry);
    this.#stream?.close();
    this.#stream = null;
  }
}
