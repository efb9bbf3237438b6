import { expect, test } from "vitest";
import { corners, distance, locate, METRES_PER_DEGREE, width, type Line } from "../src/city/geometry.ts";
import { featuresOf } from "../src/map/drawing.ts";
import { bay, place } from "./bays.ts";

const [LONGITUDE, LATITUDE] = [144.96, -37.81];
/** So many metres east and north of a place. */
const at = (east: number, north: number): [number, number] => [
  LONGITUDE + east / width(LATITUDE),
  LATITUDE + north / METRES_PER_DEGREE,
];
const there = (id: string, east: number, north: number) => {
  const [longitude, latitude] = at(east, north);
  return bay(id, { longitude, latitude });
};
const line = (name: string, from: [number, number], to: [number, number]): Line => ({
  name,
  description: `${name} between A and B`,
  ends: [at(...from), at(...to)],
});
const EAST = line("East Street", [0, 0], [100, 0]);
const NORTH = line("North Street", [0, 10], [0, 110]);

test("the distance to a line is that to its nearest point", () => {
  expect(distance(at(50, 7), EAST.ends)).toBeCloseTo(7, 1);
  expect(distance(at(103, 4), EAST.ends)).toBeCloseTo(5, 1);
  expect(distance(at(3, 4), [at(0, 0), at(0, 0)])).toBeCloseTo(5, 1);
});

test("a bay lies along the nearest line, unless its segment is known", () => {
  const found = locate(
    [there("1", 50, 5), there("2", 2, 60), there("3", 500, 500)],
    [EAST, NORTH],
    new Map(),
  );
  expect(found.get("1")).toMatchObject({ street: "East Street", line: 0 });
  expect(found.get("1")!.angle).toBeCloseTo(0, 5);
  expect(found.get("2")).toMatchObject({ street: "North Street", line: 1 });
  expect(found.get("2")!.angle).toBeCloseTo(Math.PI / 2, 5);
  expect(found.get("3")).toEqual({ street: "Unknown", line: null, angle: 0 });
  const known = place("1", { street: "North Street", street_description: NORTH.description! });
  expect(locate([there("1", 50, 5)], [EAST, NORTH], new Map([["1", known]])).get("1")).toMatchObject({
    street: "North Street",
    line: 1,
  });
});

test("a row that leans against the line of its street is followed", () => {
  const row = [0, 6, 12, 18].map((east) => there(`row${east}`, east, 5 + east * Math.tan(0.3)));
  const found = locate([...row, there("alone", 60, -5)], [EAST], new Map());
  for (const one of row) expect(found.get(one.kerbside_id)!.angle).toBeCloseTo(0.3, 3);
  expect(found.get("alone")!.angle).toBeCloseTo(0, 5);
});

test("bays with more neighbours than fit in a row stand across the street", () => {
  const row = [0, 5.8, 11.5, 17].map((east) => there(`along${east}`, east, 5));
  const angled = [60, 63, 66, 69, 72].map((east) => there(`across${east}`, east, 5));
  // On the other side of the street: no neighbours of these.
  const opposite = [1, 7, 62, 68].map((east) => there(`opposite${east}`, east, -5));
  const found = locate([...row, ...angled, ...opposite], [EAST], new Map());
  for (const one of [...row, ...opposite]) expect(found.get(one.kerbside_id)!.angle).toBeCloseTo(0, 5);
  for (const one of angled) expect(found.get(one.kerbside_id)!.angle).toBeCloseTo(Math.PI / 2, 5);
});

test.each([0, 0.5, Math.PI / 2])("a bay at %f radians is as long and wide as it is", (angle) => {
  const box = corners(there("1", 10, 10), angle);
  const metres = (a: [number, number], b: [number, number]): number =>
    Math.hypot((b[0] - a[0]) * width(LATITUDE), (b[1] - a[1]) * METRES_PER_DEGREE);
  expect(box).toHaveLength(5);
  expect(box[4]).toEqual(box[0]);
  expect(metres(box[0]!, box[1]!)).toBeCloseTo(5.6, 2);
  expect(metres(box[1]!, box[2]!)).toBeCloseTo(2.1, 2);
  const bearing = Math.atan2(
    (box[1]![1] - box[0]![1]) * METRES_PER_DEGREE,
    (box[1]![0] - box[0]![0]) * width(LATITUDE),
  );
  expect(bearing).toBeCloseTo(angle, 3);
});

test("a bay is a point, a box and two strokes of one id, so that one state colours them all", () => {
  const features = featuresOf(there("7", 0, 0), 0);
  expect(features.map((feature) => feature.geometry.type)).toEqual([
    "Point",
    "Polygon",
    "LineString",
    "LineString",
  ]);
  expect(new Set(features.map((feature) => feature.properties!["kerbside_id"]))).toEqual(new Set(["7"]));
});
