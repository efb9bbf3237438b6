/** Questions to the server, and its problems as it words them. */

import type { Place, Snapshot, Streets } from "./types.ts";

const JSON_TYPE = "application/json";
const LARGEST_PAGE = "5000";

/** What the server answered instead: 503 without `retryAfter` means that it is off, not late. */
export class Problem extends Error {
  readonly status: number;
  readonly retryAfter: number | null;

  constructor(status: number, detail: string, retryAfter: number | null) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  get isOff(): boolean {
    return this.status === 503 && this.retryAfter === null;
  }
}

export type Query = Record<string, string>;

export const address = (path: string, query: Query = {}): string => {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  return given.length > 0 ? `${path}?${new URLSearchParams(given).toString()}` : path;
};

export async function ask(path: string, accept = JSON_TYPE): Promise<Response> {
  const answer = await fetch(path, { headers: { Accept: accept } });
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: unknown };
  const retryAfter = answer.headers.get("Retry-After");
  const detail =
    typeof problem.detail === "string" ? problem.detail : `The server answered ${answer.status}.`;
  throw new Problem(answer.status, detail, retryAfter === null ? null : Number(retryAfter));
}

export async function fetchJson<T>(path: string, query: Query = {}): Promise<T> {
  return (await (await ask(address(path, query))).json()) as T;
}

/** Every row of a listing, page by page. */
export async function fetchAll<Row>(path: string, name: string, query: Query = {}): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page: Record<string, unknown> = await fetchJson(path, { limit: LARGEST_PAGE, ...query, cursor });
    rows.push(...(page[name] as Row[]));
    cursor = page["next_cursor"] as string | null;
  }
  return rows;
}

/** A listing as one CSV text: the header of the first page, the rows of all. */
export async function fetchCsv(path: string, query: Query): Promise<string> {
  let next: string | null = address(path, { limit: LARGEST_PAGE, ...query });
  let text = "";
  while (next !== null) {
    const answer: Response = await ask(next, "text/csv");
    const page = await answer.text();
    text += text === "" ? page : page.slice(page.indexOf("\n") + 1);
    next = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "")?.[1] ?? null;
  }
  return text;
}

export const fetchSnapshot = (): Promise<Snapshot> => fetchJson<Snapshot>("/api/v1/bays");
export const fetchStreets = (): Promise<Streets> => fetchJson<Streets>("/api/v1/streets");
export const fetchPlaces = (): Promise<Place[]> => fetchAll<Place>("/api/v1/places", "places");
