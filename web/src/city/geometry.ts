/** Where bays lie along their streets. Metres east and north are flat here: the city is small. */

import type { Bay, Place, Streets } from "../api/types.ts";

export interface Line {
  name: string;
  description: string | null;
  ends: [[number, number], [number, number]];
}

/** `angle` of the bay's long side, in radians from east towards north; `line` is an index into the lines. */
export interface Location {
  street: string;
  line: number | null;
  angle: number;
}

export const METRES_PER_DEGREE = 111_320;
const FARTHEST_METRES = 60;
const UNKNOWN = "Unknown";
// Beside a bay of cars in a row stand at most two others of its side as near as this; beside one of cars side by side, more.
const NEAR_METRES = 10;
const MOST_IN_A_ROW = 2;
// Neighbours of a row: so far away, and so far from its line, which may lean.
const ROW_REACH_METRES = 22;
const ROW_METRES = 1;
const ROW_LEAN = 0.45;
const BAY_METRES = { long: 5.6, wide: 2.1 };

export const width = (latitude: number): number => METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);

export const linesOf = (streets: Streets): Line[] =>
  streets.features.map(({ properties, geometry }) => ({
    name: properties.name,
    description: properties.description,
    ends: geometry.coordinates as Line["ends"],
  }));

/** The street, its line and the direction of every bay: by its segment's name, else by the nearest line. */
export function locate(
  bays: Iterable<Bay>,
  lines: Line[],
  places: ReadonlyMap<string, Place>,
): Map<string, Location> {
  const byDescription = new Map<string, number>();
  lines.forEach((line, index) => {
    if (line.description !== null) byDescription.set(line.description, index);
  });
  const found = new Map<string, Location>();
  const byLine = new Map<number, Bay[]>();
  for (const bay of bays) {
    const place = places.get(bay.kerbside_id);
    const index = (place && byDescription.get(place.street_description)) ?? nearest(bay, lines);
    const street =
      place && place.street !== UNKNOWN ? place.street : index === null ? UNKNOWN : lines[index]!.name;
    found.set(bay.kerbside_id, { street, line: index, angle: index === null ? 0 : direction(lines[index]!) });
    if (index !== null) byLine.set(index, [...(byLine.get(index) ?? []), bay]);
  }
  for (const [index, along] of byLine) turnByNeighbours(along, lines[index]!, found);
  return found;
}

export function direction({ ends: [a, b] }: Line): number {
  return Math.atan2((b[1] - a[1]) * METRES_PER_DEGREE, (b[0] - a[0]) * width(a[1]));
}

function nearest(bay: Bay, lines: Line[]): number | null {
  let best: number | null = null;
  let least = FARTHEST_METRES;
  lines.forEach((line, index) => {
    const metres = distance([bay.longitude, bay.latitude], line.ends);
    if (metres < least) {
      least = metres;
      best = index;
    }
  });
  return best;
}

/** Metres from a place to a line between two others. */
export function distance(place: [number, number], [a, b]: Line["ends"]): number {
  const east = width(place[1]);
  const ax = (a[0] - place[0]) * east;
  const ay = (a[1] - place[1]) * METRES_PER_DEGREE;
  const dx = (b[0] - a[0]) * east;
  const dy = (b[1] - a[1]) * METRES_PER_DEGREE;
  const square = dx * dx + dy * dy;
  const share = square === 0 ? 0 : Math.min(1, Math.max(0, -(ax * dx + ay * dy) / square));
  return Math.hypot(ax + share * dx, ay + share * dy);
}

interface Placed {
  id: string;
  x: number;
  y: number;
  along: number;
  across: number;
}

/**
 * Turns each bay along the row that it stands in: a line is fitted to both sides of its street at once, and leans where
 * they are not alike. Bays with more neighbours on their side than fit in a row stand across it.
 */
function turnByNeighbours(bays: Bay[], line: Line, found: Map<string, Location>): void {
  const angle = direction(line);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [origin] = line.ends;
  const placed = bays.map((bay): Placed => {
    const x = (bay.longitude - origin[0]) * width(origin[1]);
    const y = (bay.latitude - origin[1]) * METRES_PER_DEGREE;
    return { id: bay.kerbside_id, x, y, along: x * cos + y * sin, across: y * cos - x * sin };
  });
  for (const bay of placed) {
    const beside = placed.filter((other) => other !== bay && other.across > 0 === bay.across > 0);
    const near = beside.filter((other) => Math.abs(other.along - bay.along) < NEAR_METRES);
    const turn = near.length > MOST_IN_A_ROW ? Math.PI / 2 : 0;
    found.get(bay.id)!.angle = (rowDirection(bay, beside) ?? angle) + turn;
  }
}

/** The direction in which the neighbours of a row lie; null where too few do. */
function rowDirection(bay: Placed, beside: Placed[]): number | null {
  let [twiceXy, xxLessYy, neighbours] = [0, 0, 0];
  for (const other of beside) {
    const [dx, dy] = [other.x - bay.x, other.y - bay.y];
    const isInRow =
      Math.abs(other.across - bay.across) < ROW_METRES + ROW_LEAN * Math.abs(other.along - bay.along);
    if (Math.hypot(dx, dy) > ROW_REACH_METRES || !isInRow) continue;
    twiceXy += 2 * dx * dy;
    xxLessYy += dx * dx - dy * dy;
    neighbours += 1;
  }
  return neighbours < 2 ? null : Math.atan2(twiceXy, xxLessYy) / 2;
}

/** The four corners of a bay, the first one twice, as longitude and latitude. */
export function corners(bay: Bay, angle: number): [number, number][] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [halfLong, halfWide] = [BAY_METRES.long / 2, BAY_METRES.wide / 2];
  return [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
    [-1, -1],
  ].map(([long, wide]): [number, number] => {
    const [x, y] = [long! * halfLong, wide! * halfWide];
    return [
      bay.longitude + (x * cos - y * sin) / width(bay.latitude),
      bay.latitude + (x * sin + y * cos) / METRES_PER_DEGREE,
    ];
  });
}
