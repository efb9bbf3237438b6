/** Which bays are shown, here and in every other view. */

import type { ComponentChildren } from "preact";
import { useComputed } from "@preact/signals";
import { bays, offered, places, revision, streetNames, wanted, zoneNumbers } from "../city/city.ts";
import { isFiltered, NO_FILTERS, PAY_CHOICES, STATUS_CHOICES, type Filters } from "../city/filters.ts";
import { categories } from "../city/rules.ts";
import { go, goFiltered, route } from "../route.ts";
import { count } from "../words.ts";

const SEPARATOR = "|";
const STAYS = [15, 30, 60, 90, 120, 180, 240, 480];

export function FilterForm({ idPrefix }: { idPrefix: string }) {
  // One word for all of them: while it is the same the form need not be looked at again.
  const known = useComputed(() => (void revision.value, categories(bays.values()).join(SEPARATOR)));
  const { filters } = route.value;
  const field = (name: keyof Filters, label: string, choices: ComponentChildren) => (
    <div class="field" key={name}>
      <label for={`${idPrefix}-${name}`}>{label}</label>
      <select
        id={`${idPrefix}-${name}`}
        name={name}
        value={filters[name]}
        onChange={(event) => goFiltered({ [name]: event.currentTarget.value })}
      >
        <option value="">Any</option>
        {choices}
      </select>
    </div>
  );
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {field("minutes", "I want to stay", stayChoices(filters.minutes))}
      {field(
        "stay",
        "Stay category now",
        options(withChosen(known.value.split(SEPARATOR).filter(Boolean), filters.stay)),
      )}
      {field("street", "Street", options(withChosen(streetNames.value, filters.street)))}
      {field("zone", "Zone", options(withChosen(zoneNumbers.value.map(String), filters.zone)))}
      {field("status", "Status", pairs(STATUS_CHOICES))}
      {field("pay", "Payment", pairs(PAY_CHOICES))}
      <div class="field">
        <label for={`${idPrefix}-bay`}>Bay number</label>
        <input
          id={`${idPrefix}-bay`}
          name="bay"
          placeholder="begins with"
          value={filters.bay}
          maxLength={32}
          autocomplete="off"
          onInput={(event) => goFiltered({ bay: event.currentTarget.value.trim() })}
        />
      </div>
      <Found />
      {isFiltered(filters) && (
        <button type="button" onClick={() => go({ filters: NO_FILTERS })}>
          Show all bays
        </button>
      )}
    </form>
  );
}

const Found = () => (
  <p class="found" role="status">
    {foundWords()}
  </p>
);

function foundWords(): string {
  const { filters } = route.value;
  if (bays.size === 0) return "";
  if (filters.minutes !== "" && offered.value === null) return "Asking where such a stay is allowed …";
  const needsPlaces = ["card", "credit", "tap"].includes(filters.pay);
  if (needsPlaces && places.value.size === 0)
    return "Meters are not known yet; they come with the first build of gold.";
  const found = wanted.value.length;
  if (found === 0) return "No bay fits all of these. Leave one away.";
  return isFiltered(filters) ? `${count(found)} of ${count(bays.size)} bays fit` : `All ${count(found)} bays`;
}

const options = (values: string[]) => values.map((value) => <option value={value}>{value}</option>);
const pairs = (choices: Record<string, string>) =>
  Object.entries(choices).map(([value, label]) => <option value={value}>{label}</option>);

/** What an address asks for can be chosen, even when no bay has it now. */
const withChosen = (values: string[], chosen: string): string[] =>
  chosen === "" || values.includes(chosen) ? values : [...values, chosen];

function stayChoices(chosen: string) {
  const minutes = STAYS.map(String).includes(chosen) || chosen === "" ? STAYS : [...STAYS, Number(chosen)];
  return minutes.map((value) => (
    <option value={String(value)}>{value < 120 ? `${value} minutes` : `${value / 60} hours`}</option>
  ));
}
