/** The page around the views: where to go, what is wrong, how it looks. */

import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { PALETTES, palette, SCHEMES, scheme, type Palette, type Scheme } from "./appearance.ts";
import { now } from "./city/city.ts";
import { LiveMap } from "./map/view.tsx";
import { Announcement } from "./panel/announce.tsx";
import { ConnectionLamp, LostConnection, Simulated } from "./panel/freshness.tsx";
import { linkTo, route, VIEW_NAMES, VIEWS, type View } from "./route.ts";
import { HealthView } from "./views/health.tsx";
import { MapView } from "./views/map.tsx";
import { NowView } from "./views/now.tsx";
import { OverstaysView } from "./views/overstays.tsx";
import { TrendsView } from "./views/trends.tsx";
import { melbourneClock } from "./words.ts";

const OTHERS: Record<Exclude<View, "map">, () => preact.JSX.Element> = {
  now: NowView,
  trends: TrendsView,
  overstays: OverstaysView,
  health: HealthView,
};

export function Shell() {
  const { view } = route.value;
  useSignalEffect(() => {
    document.title = `${VIEW_NAMES[route.value.view]} · MelPark`;
    document.body.dataset["view"] = route.value.view;
  });
  return (
    <>
      <button
        type="button"
        class="skip"
        onClick={() => document.getElementById("search")?.focus()}
        hidden={view !== "map"}
      >
        Skip the map, find a bay by its number
      </button>
      <header class="top">
        <p class="brand">MelPark</p>
        <nav aria-label="Views">
          {VIEWS.map((one) => (
            <a key={one} href={linkTo(one)} {...(one === view ? { "aria-current": "page" as const } : {})}>
              {VIEW_NAMES[one]}
            </a>
          ))}
        </nav>
        <Simulated />
        <p class="clock">{now.value === null ? "" : melbourneClock(now.value)}</p>
        <ConnectionLamp />
        <Looks />
      </header>
      <LostConnection />
      <Main view={view} />
      <Announcement />
    </>
  );
}

/** The focus follows to what was gone to, so that a screen reader begins there. */
function Main({ view }: { view: View }) {
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const wasMapSeen = useRef(false);
  wasMapSeen.current ||= view === "map";
  useEffect(() => {
    if (!isFirst.current && view !== "map") main.current?.focus();
    isFirst.current = false;
  }, [view]);
  const Other = view === "map" ? null : OTHERS[view];
  return (
    <main ref={main} tabIndex={-1} aria-label={VIEW_NAMES[view]}>
      <div class={`map-view ${view === "map" ? "" : "away"}`}>
        {view === "map" && <h1 class="unseen">Live map</h1>}
        {wasMapSeen.current && <LiveMap />}
        {view === "map" && <MapView />}
      </div>
      {Other && <Other />}
    </main>
  );
}

const Looks = () => (
  <details class="looks">
    <summary aria-label="Colours">
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <path d="M10 2a8 8 0 1 0 0 16z" fill="currentColor" />
        <circle cx="10" cy="10" r="8" fill="none" stroke="currentColor" stroke-width="1.6" />
      </svg>
    </summary>
    <div class="looks-box">
      <label for="palette">Colours</label>
      <select
        id="palette"
        value={palette.value}
        onChange={(event) => (palette.value = event.currentTarget.value as Palette)}
      >
        {Object.entries(PALETTES).map(([value, label]) => (
          <option value={value}>{label}</option>
        ))}
      </select>
      <label for="scheme">Brightness</label>
      <select
        id="scheme"
        value={scheme.value}
        onChange={(event) => (scheme.value = event.currentTarget.value as Scheme)}
      >
        {Object.entries(SCHEMES).map(([value, label]) => (
          <option value={value}>{label}</option>
        ))}
      </select>
    </div>
  </details>
);
