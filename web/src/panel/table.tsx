/** The bays of the map as rows: the same filters, for whoever does not see or use a map. */

import { useState } from "preact/hooks";
import { now, streetOf, wanted } from "../city/city.ts";
import { COLUMNS, ordered, type Column } from "../city/ordering.ts";
import { categoriesOf } from "../city/rules.ts";
import { STATE_WORDS, stateOf } from "../city/state.ts";
import { between, count } from "../words.ts";
import { Symbol } from "./counts.tsx";
import { showBay } from "./search.tsx";

const ROWS = 50;

export function BayTable() {
  const [order, setOrder] = useState<{ column: Column; isDescending: boolean }>({
    column: "bay",
    isDescending: false,
  });
  const [page, setPage] = useState(0);
  const all = ordered(wanted.value, order.column, order.isDescending);
  const pages = Math.max(1, Math.ceil(all.length / ROWS));
  const shownPage = Math.min(page, pages - 1);
  const rows = all.slice(shownPage * ROWS, (shownPage + 1) * ROWS);
  const at = now.value;
  return (
    <div class="bay-table">
      <div class="scroll" role="region" aria-label="Bays as a table" tabIndex={0}>
        <table>
          <caption class="unseen">Bays that fit the filters</caption>
          <thead>
            <tr>
              {(Object.keys(COLUMNS) as Column[]).map((column) => (
                <th key={column} scope="col" aria-sort={sortOf(column, order)}>
                  <button
                    type="button"
                    onClick={() =>
                      setOrder({ column, isDescending: order.column === column && !order.isDescending })
                    }
                  >
                    {COLUMNS[column].label}
                    <span aria-hidden="true">
                      {order.column === column ? (order.isDescending ? " ▾" : " ▴") : ""}
                    </span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((bay) => (
              <tr key={bay.kerbside_id}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => showBay(bay)}>
                    {bay.kerbside_id}
                  </button>
                </th>
                <td class="state">
                  <Symbol state={stateOf(bay)} /> {STATE_WORDS[stateOf(bay)]}
                </td>
                <td>{at === null ? "" : between(bay.status_changed_at, at)}</td>
                <td>{streetOf(bay)}</td>
                <td>{categoriesOf(bay).join(", ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="pager">
        <button type="button" disabled={shownPage === 0} onClick={() => setPage(shownPage - 1)}>
          Before
        </button>
        <span role="status">
          {count(all.length)} bays, page {shownPage + 1} of {pages}
        </span>
        <button type="button" disabled={shownPage >= pages - 1} onClick={() => setPage(shownPage + 1)}>
          Next
        </button>
      </p>
    </div>
  );
}

function sortOf(column: Column, order: { column: Column; isDescending: boolean }) {
  if (order.column !== column) return "none";
  return order.isDescending ? "descending" : "ascending";
}
