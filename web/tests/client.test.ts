import { afterEach, expect, test, vi } from "vitest";
import { address, fetchAll, fetchCsv, Problem } from "../src/api/client.ts";

const answer = (body: unknown, init: ResponseInit = {}): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), init);

function serve(answers: Record<string, () => Response>): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return Promise.resolve(answers[path]?.() ?? answer({ detail: `no ${path}` }, { status: 404 }));
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("what is not given is not asked for", () => {
  expect(address("/a", { street: "King Street", zone: "" })).toBe("/a?street=King+Street");
  expect(address("/a", {})).toBe("/a");
});

test("all pages of a listing are fetched by their cursors", async () => {
  const asked = serve({
    "/a?limit=5000": () => answer({ rows: [1, 2], next_cursor: "x" }),
    "/a?limit=5000&cursor=x": () => answer({ rows: [3], next_cursor: null }),
  });
  expect(await fetchAll<number>("/a", "rows")).toEqual([1, 2, 3]);
  expect(asked).toHaveLength(2);
});

test("pages of CSV become one file with one header", async () => {
  serve({
    "/a?limit=5000": () => answer("id\r\n1\r\n", { headers: { Link: '</a?cursor=x>; rel="next"' } }),
    "/a?cursor=x": () => answer("id\r\n2\r\n"),
  });
  expect(await fetchCsv("/a", {})).toBe("id\r\n1\r\n2\r\n");
});

test("a problem says what the server says, and whether to ask again", async () => {
  serve({
    "/off?limit=5000": () => answer({ detail: "Windows and alerts are off here." }, { status: 503 }),
    "/late?limit=5000": () =>
      answer({ detail: "Not ready." }, { status: 503, headers: { "Retry-After": "1" } }),
  });
  const off = await fetchAll("/off", "rows").catch((error: unknown) => error);
  expect(off).toBeInstanceOf(Problem);
  expect(off).toMatchObject({ message: "Windows and alerts are off here.", isOff: true });
  expect(await fetchAll("/late", "rows").catch((error: unknown) => error)).toMatchObject({ isOff: false });
  expect(await fetchAll("/gone", "rows").catch((error: unknown) => error)).toMatchObject({
    status: 404,
    isOff: false,
  });
});
