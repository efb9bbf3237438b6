/** How many bays are what, which is the map's legend as well; read out now and then. */

import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { wanted } from "../city/city.ts";
import { countStates, STATE_WORDS, type Counts } from "../city/state.ts";
import { count } from "../words.ts";
import { announce } from "./announce.tsx";

const ANNOUNCE_EVERY_MS = 60_000;
const TILES = ["free", "taken", "overstaying", "silent"] as const;
type Tile = (typeof TILES)[number];
const WORDS: Record<Tile, string> = { ...STATE_WORDS, silent: "Unknown or offline" };

const tiles = (counts: Counts): Record<Tile, number> => ({
  ...counts,
  silent: counts.unknown + counts.offline,
});

export function StateCounts() {
  const announcedAt = useRef(Number.NEGATIVE_INFINITY);
  const shown = tiles(countStates(wanted.value));
  useSignalEffect(() => {
    const { length } = wanted.value;
    if (length === 0 || performance.now() - announcedAt.current < ANNOUNCE_EVERY_MS) return;
    announcedAt.current = performance.now();
    const now = tiles(countStates(wanted.value));
    announce(TILES.map((tile) => `${count(now[tile])} ${WORDS[tile].toLowerCase()}`).join(", "));
  });
  return (
    <dl class="counts" aria-label="Legend and counts">
      {TILES.map((tile) => (
        <div class="count" key={tile}>
          <dt>
            <Symbol state={tile} />
            {WORDS[tile]}
          </dt>
          <dd id={`count-${tile}`}>{count(shown[tile])}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The shape of a state, as on the map. */
export const Symbol = ({ state }: { state: string }) => (
  <svg class={`symbol ${state}`} viewBox="0 0 22 14" width="22" height="14" aria-hidden="true">
    <rect class="box" x="2" y="2" width="18" height="10" />
    {state === "overstaying" && <path class="mark" d="M3 3 19 11M3 11 19 3" />}
    {(state === "silent" || state === "offline" || state === "unknown") && (
      <path class="mark" d="M3 11 19 3" />
    )}
  </svg>
);
