import { expect, test } from "vitest";
import { countStates, occupancyPercent, stateOf } from "../src/city/state.ts";
import { arrivedWithin, cardShare, fullest } from "../src/city/kpis.ts";
import { bay, over, place, taken } from "./bays.ts";

test("a sensor that is silent, retired or stuck tells nothing of its bay", () => {
  expect(stateOf(bay("1"))).toBe("free");
  expect(stateOf(taken("1"))).toBe("taken");
  expect(stateOf(over("1", 5))).toBe("overstaying");
  expect(stateOf(over("1", 5, { is_suspect: true }))).toBe("unknown");
  expect(stateOf(over("1", 5, { is_suspect: true, is_online: false }))).toBe("offline");
  expect(stateOf(bay("1", { is_retired: true }))).toBe("offline");
});

test("occupancy is of the bays that tell, and of none when most are silent", () => {
  const telling = [bay("1"), taken("2"), over("3", 9), taken("4")];
  expect(occupancyPercent(countStates(telling))).toBe(75);
  const silent = (id: string) => bay(id, { is_online: false });
  expect(occupancyPercent(countStates([...telling, ...["5", "6", "7", "8"].map(silent)]))).toBe(75);
  expect(occupancyPercent(countStates([...telling, ...["5", "6", "7", "8", "9"].map(silent)]))).toBeNull();
  expect(occupancyPercent(countStates([]))).toBeNull();
});

test("the fullest come first, and groups of few bays not at all", () => {
  const group = (zone: number, free: number, full: number) => [
    ...Array.from({ length: free }, (_, index) => bay(`${zone}f${index}`, { zone_number: zone })),
    ...Array.from({ length: full }, (_, index) => taken(`${zone}t${index}`, { zone_number: zone })),
  ];
  const found = fullest([...group(1, 3, 3), ...group(2, 1, 9), ...group(3, 0, 4), ...group(4, 2, 8)], (one) =>
    String(one.zone_number),
  );
  expect(found.map((one) => [one.name, one.occupancy])).toEqual([
    ["2", 90],
    ["4", 80],
    ["1", 50],
  ]);
});

test("the share of card-paying bays is of those with a meter", () => {
  const places = new Map(
    [
      place("1"),
      place("2", { has_credit_card: false }),
      place("3", { has_credit_card: false, has_tap_and_go: false }),
      place("4", { meter_id: null, has_credit_card: null, has_tap_and_go: null }),
    ].map((one) => [one.kerbside_id, one]),
  );
  const bays = ["1", "2", "3", "4", "5"].map((id) => bay(id));
  const share = cardShare(bays, (one) => places.get(one.kerbside_id));
  expect(share).toMatchObject({ metered: 3, card: 2, creditPercent: 100 / 3 });
  expect(cardShare(bays, () => undefined)).toBeNull();
});

test("vehicles that came lately are those that still stand", () => {
  const at = "2025-08-07T01:10:00Z";
  const lately = "2025-08-07T01:00:00Z";
  const before = "2025-08-07T00:50:00Z";
  const bays = [
    taken("1", { status_changed_at: lately }),
    taken("2", { status_changed_at: before }),
    bay("3", { status_changed_at: lately }),
    taken("4", { status_changed_at: lately, is_online: false }),
  ];
  expect(arrivedWithin(bays, at, 15)).toBe(1);
});
