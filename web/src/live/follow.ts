/** Brings the city to the page: the live stream, and what changes rarely. */

import { effect } from "@preact/signals";
import { fetchJson, fetchPlaces, fetchStreets } from "../api/client.ts";
import type { Spot } from "../api/types.ts";
import * as city from "../city/city.ts";
import { filters } from "../route.ts";
import { Live } from "./live.ts";

const RETRY_MS = 5000;
const PLACES_EVERY_MS = 600_000;
const OFFERS_EVERY_MS = 20_000;
// The whole city, seen from its middle.
const OFFERS = { near: "144.963,-37.815", radius_metres: "5000", limit: "5000" };

export function followCity(): void {
  const live = new Live({
    snapshot: city.takeSnapshot,
    changed: city.takeChanged,
    removed: city.takeRemoved,
    source: (freshness) => (city.freshness.value = freshness),
    connection: (connection) => (city.connection.value = connection),
  });
  void live.start();
  void repeat(async () => {
    const streets = await fetchStreets();
    // None while their bays are not loaded: nothing that would have to be drawn.
    if (streets.features.length === 0) return RETRY_MS;
    city.takeStreets(streets);
    return null;
  });
  void repeat(async () => {
    city.takePlaces(await fetchPlaces());
    return PLACES_EVERY_MS;
  });
  followOffers();
}

/** Does it again after as long as it says, and soon when it fails: the page is of use without it. */
async function repeat(work: () => Promise<number | null>): Promise<void> {
  const wait = await work().catch(() => RETRY_MS);
  if (wait !== null) window.setTimeout(() => void repeat(work), wait);
}

/** While somebody asks where to stay for so long, ask again and again. */
function followOffers(): void {
  let timer = 0;
  let asked = "";
  effect(() => {
    const { minutes } = filters.value;
    if (minutes === asked) return;
    asked = minutes;
    window.clearTimeout(timer);
    city.offered.value = null;
    if (minutes !== "") void ask(minutes);
  });

  async function ask(minutes: string): Promise<void> {
    const answer = await fetchJson<{ spots: Spot[] }>("/api/v1/where-to-park", { ...OFFERS, minutes }).catch(
      () => null,
    );
    if (minutes !== asked) return;
    if (answer) city.offered.value = new Set(answer.spots.map((spot) => spot.kerbside_id));
    timer = window.setTimeout(() => void ask(minutes), answer ? OFFERS_EVERY_MS : RETRY_MS);
  }
}
