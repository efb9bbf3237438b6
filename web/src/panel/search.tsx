/** One box for a bay's number, a street or a zone. */

import { useState } from "preact/hooks";
import { bays, locations, streetNames, streetOf, zoneNumbers } from "../city/city.ts";
import type { Bay } from "../api/types.ts";
import { find } from "../city/finding.ts";
import { cityBounds, moveTo, PLACE_ZOOM } from "../map/map.ts";
import { shownMap } from "../map/view.tsx";
import { go, goFiltered } from "../route.ts";
import { focusCard } from "./card.tsx";

export function Search() {
  const [answer, setAnswer] = useState("");
  const search = (text: string): void => {
    const found = find(text, bays, streetNames.value, zoneNumbers.value);
    setAnswer(
      found.kind === "nothing" && text.trim() !== "" ? `There is no bay, street or zone ${text.trim()}.` : "",
    );
    if (found.kind === "bay") showBay(found.bay);
    if (found.kind === "street") show({ street: found.street }, (bay) => streetOf(bay) === found.street);
    if (found.kind === "zone") show({ zone: found.zone }, (bay) => String(bay.zone_number) === found.zone);
  };
  void locations.value;
  return (
    <form
      id="find"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        search(new FormData(event.currentTarget).get("search") as string);
      }}
    >
      <label for="search">Find a bay by its number, a street or a zone</label>
      <span class="row">
        <input
          id="search"
          name="search"
          list="search-names"
          placeholder="5691, Collins Street, zone 7303"
          autocomplete="off"
          maxLength={60}
          aria-describedby="find-answer"
        />
        <button type="submit">Show</button>
      </span>
      <datalist id="search-names">
        {streetNames.value.map((name) => (
          <option value={name} />
        ))}
      </datalist>
      <span id="find-answer" class="answer" role="status">
        {answer}
      </span>
    </form>
  );
}

/** Open a bay's card, and move the map there. */
export function showBay(bay: Bay): void {
  const camera = { longitude: bay.longitude, latitude: bay.latitude, zoom: PLACE_ZOOM };
  // A map that was never looked at is made where it shall be.
  go({ view: "map", card: bay.kerbside_id, ...(shownMap ? {} : { camera }) });
  if (shownMap) moveTo(shownMap, [bay.longitude, bay.latitude], PLACE_ZOOM);
  focusCard();
}

function show(filters: { street?: string; zone?: string }, isThere: (bay: Bay) => boolean): void {
  goFiltered({ street: "", zone: "", ...filters });
  const there = [...bays.values()].filter(isThere);
  if (there.length > 0) shownMap?.fitBounds(cityBounds(there), { padding: 60, maxZoom: 17, animate: false });
}
