import "./style.css";
import type { Map as MapLibre } from "maplibre-gl";
import { fetchStreets, type Bay, type Snapshot } from "./api.ts";
import { Labels } from "./labels.ts";
import { Live } from "./live.ts";
import { BAYS, cityBounds, createMap, drawBays, drawState, drawStreets } from "./map.ts";
import { counts, element, showAttribution, showConnection, showCounts, showFreshness } from "./panel.ts";
import { Selection } from "./selection.ts";

declare global {
  interface Window {
    /** For tests and the curious: the map, every bay by its id, and whether all are drawn. */
    __melpark: { map: MapLibre; bays: Map<string, Bay>; ready: boolean };
  }
}

const STREETS_RETRY_MS = 5000;

const bays = new Map<string, Bay>();
const map = createMap(element("map"));
const labels = new Labels(map, bays);
window.__melpark = { map, bays, ready: false };

let now: string | null = null;
let wantsAll = false;
let isFramed = false;
let waitingFrame = 0;
const changed = new Set<string>();
const selection = new Selection(map, bays, () => now);

/** One drawing per frame, however many changes came since the last. */
function draw(): void {
  waitingFrame = 0;
  if (wantsAll) drawBays(map, bays.values());
  else for (const id of changed) drawState(map, bays.get(id)!);
  wantsAll = false;
  changed.clear();
  showCounts(counts(bays.values()), performance.now());
  selection.refresh();
}

function drawSoon(): void {
  if (!waitingFrame) waitingFrame = window.requestAnimationFrame(draw);
}

function take(bay: Bay): void {
  const before = bays.get(bay.kerbside_id);
  bays.set(bay.kerbside_id, bay);
  // A circle that is new or elsewhere needs its geometry; the rest is a change of state.
  if (before?.longitude === bay.longitude && before.latitude === bay.latitude) changed.add(bay.kerbside_id);
  else wantsAll = true;
}

function takeSnapshot(snapshot: Snapshot): void {
  bays.clear();
  for (const bay of snapshot.bays) bays.set(bay.kerbside_id, bay);
  wantsAll = true;
  showAttribution(snapshot.attribution);
  if (!isFramed && snapshot.bays.length > 0) {
    isFramed = true;
    map.fitBounds(cityBounds(snapshot.bays), { padding: padding(), animate: false });
  }
  drawSoon();
}

/** Room for what lies over the map. */
function padding(): { top: number; bottom: number; left: number; right: number } {
  const panel = element("panel").getBoundingClientRect();
  const isNarrow = window.innerWidth < 700;
  return isNarrow
    ? { top: 50, bottom: Math.min(panel.height + 16, window.innerHeight / 2), left: 8, right: 8 }
    : { top: 40, bottom: 40, left: panel.width + 32, right: 56 };
}

async function loadStreets(): Promise<void> {
  try {
    const streets = await fetchStreets();
    drawStreets(map, streets);
    labels.set(streets);
    if (streets.features.length > 0) return;
  } catch {
    // The map is of use without them; they are asked for again.
  }
  window.setTimeout(() => void loadStreets(), STREETS_RETRY_MS);
}

map.on("idle", () => {
  const isDrawn = bays.size > 0 && !wantsAll && map.isSourceLoaded(BAYS);
  window.__melpark.ready = isDrawn;
  document.body.dataset["baysDrawn"] = String(isDrawn ? bays.size : 0);
});

map.once("load", () => {
  const live = new Live({
    snapshot: takeSnapshot,
    changed: (batch) => {
      batch.forEach(take);
      drawSoon();
    },
    removed: (ids) => {
      for (const id of ids) {
        bays.delete(id);
        changed.delete(id);
      }
      wantsAll = true;
      drawSoon();
    },
    source: (freshness) => {
      now = freshness.as_of;
      showFreshness(freshness);
    },
    connection: showConnection,
  });
  void live.start();
  void loadStreets();
});
