/** The live map: what there is beside and over it. */

import { attribution } from "../city/city.ts";
import { go, route } from "../route.ts";
import { BayCard } from "../panel/card.tsx";
import { StateCounts } from "../panel/counts.tsx";
import { FilterForm } from "../panel/filters.tsx";
import { FreshnessLines } from "../panel/freshness.tsx";
import { Search } from "../panel/search.tsx";
import { BayTable } from "../panel/table.tsx";

export function MapView() {
  const { hasTable } = route.value;
  return (
    <>
      <aside id="panel" class={`panel ${hasTable ? "with-table" : ""}`} aria-label="Bays">
        <StateCounts />
        <FreshnessLines />
        <Search />
        <details class="more" open={window.innerWidth >= 700}>
          <summary>Filters</summary>
          <FilterForm idPrefix="map" />
        </details>
        <button
          type="button"
          id="table-toggle"
          aria-pressed={hasTable}
          onClick={() => go({ hasTable: !hasTable }, false)}
        >
          {hasTable ? "Hide the table" : "Show as a table"}
        </button>
        {hasTable && <BayTable />}
        <div class="fullness" aria-hidden="true">
          Streets, farther out: <span>empty</span>
          <i class="ramp" />
          <span>full</span>
        </div>
        <footer>
          <p id="attribution">{attribution}</p>
          <p>
            Streets and the direction of bays are fitted to the bays: approximate. <a href="/docs">API</a>
          </p>
        </footer>
      </aside>
      <BayCard />
    </>
  );
}
