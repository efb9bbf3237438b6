/** The filters above a view, folded until they are wanted or in use. */

import { isFiltered } from "../city/filters.ts";
import { route } from "../route.ts";
import { FilterForm } from "./filters.tsx";

export const FilterPanel = () => (
  <details class="filter-panel" open={isFiltered(route.value.filters)}>
    <summary>Filters</summary>
    <FilterForm idPrefix="view" />
  </details>
);
