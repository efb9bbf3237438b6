/** Street names as HTML over the map: text drawn by the map itself would need font files. While the map moves they move as one. */

import type { Map as MapLibre } from "maplibre-gl";
import type { Bay } from "../api/types.ts";
import type { Line } from "../city/geometry.ts";

interface Candidate {
  name: string;
  angle: number;
  halfWidth: number;
  length: number;
  /** Where the name may stand, the best first: on the street, else beside it. */
  places: [number, number][];
}

interface Placed {
  name: string;
  x: number;
  y: number;
  angle: number;
  halfWidth: number;
}

const PIXELS_PER_LETTER = 6.4;
const MOST_LABELS = 60;
const LEAST_ZOOM = 13;
// Some bays lie at a crossing, which is no street to be named.
const NO_STREET = "Intersection of";
const CELL_PIXELS = 7;
const BESIDE_PIXELS = 17;
const SHARES_OF_LENGTH = [0.5, 0.28, 0.72];

export class Labels {
  #map: MapLibre;
  #bays: Map<string, Bay>;
  #lines: Line[] = [];
  /** Holds all names; where its corner was on the map, and at which zoom, when they were placed. */
  #layer = document.createElement("div");
  #corner: [longitude: number, latitude: number] = [0, 0];
  #zoom = 0;

  constructor(map: MapLibre, bays: Map<string, Bay>) {
    this.#map = map;
    this.#bays = bays;
    this.#layer.className = "street-names";
    this.#layer.ariaHidden = "true";
    map.getCanvasContainer().append(this.#layer);
    map.on("move", () => this.#follow());
    map.on("moveend", () => this.#place());
    map.on("resize", () => this.#place());
  }

  set(lines: Line[]): void {
    this.#lines = lines;
    this.#place();
  }

  #follow(): void {
    const { x, y } = this.#map.project(this.#corner);
    const scale = 2 ** (this.#map.getZoom() - this.#zoom);
    this.#layer.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }

  #place(): void {
    const corner = this.#map.unproject([0, 0]);
    this.#corner = [corner.lng, corner.lat];
    this.#zoom = this.#map.getZoom();
    this.#layer.style.transform = "";
    const isNear = this.#zoom >= LEAST_ZOOM;
    const labels = isNear ? placed(this.#candidates(), this.#cellsWithBays()) : [];
    this.#layer.replaceChildren(
      ...labels.map(({ name, x, y, angle }) => {
        const element = document.createElement("span");
        element.className = "street";
        element.textContent = name;
        element.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%) rotate(${angle}deg)`;
        return element;
      }),
    );
  }

  /** Segments that can carry their name, the longest first. It may run over the crossing at either end. */
  #candidates(): Candidate[] {
    const { clientWidth: width, clientHeight: height } = this.#map.getContainer();
    const isSeen = ([x, y]: [number, number]): boolean => x > 0 && y > 0 && x < width && y < height;
    const found: Candidate[] = [];
    for (const { name, ends } of this.#lines) {
      if (name.startsWith(NO_STREET)) continue;
      const a = this.#map.project(ends[0]);
      const b = this.#map.project(ends[1]);
      const halfWidth = (name.length * PIXELS_PER_LETTER) / 2;
      const length = Math.hypot(b.x - a.x, b.y - a.y);
      if (length < halfWidth) continue;
      const [sideX, sideY] = [
        (-(b.y - a.y) / length) * BESIDE_PIXELS,
        ((b.x - a.x) / length) * BESIDE_PIXELS,
      ];
      const places = [0, 1, -1]
        .flatMap((side) =>
          SHARES_OF_LENGTH.map((share): [number, number] => [
            a.x + share * (b.x - a.x) + side * sideX,
            a.y + share * (b.y - a.y) + side * sideY,
          ]),
        )
        .filter(isSeen);
      if (places.length === 0) continue;
      found.push({ name, places, angle: readable(Math.atan2(b.y - a.y, b.x - a.x)), halfWidth, length });
    }
    return found.sort((one, other) => other.length - one.length);
  }

  /** The small squares of the screen in which bays lie: no name shall hide them. */
  #cellsWithBays(): Set<number> {
    const cells = new Set<number>();
    for (const bay of this.#bays.values()) {
      const { x, y } = this.#map.project([bay.longitude, bay.latitude]);
      for (const dx of [-1, 0, 1]) for (const dy of [-1, 0, 1]) cells.add(cell(x, y, dx, dy));
    }
    return cells;
  }
}

function cell(x: number, y: number, dx = 0, dy = 0): number {
  return (Math.floor(x / CELL_PIXELS) + dx) * 65_536 + Math.floor(y / CELL_PIXELS) + dy;
}

/** Degrees clockwise, turned so that nobody reads upside down. */
function readable(angle: number): number {
  const degrees = (angle * 180) / Math.PI;
  if (degrees > 90) return degrees - 180;
  return degrees <= -90 ? degrees + 180 : degrees;
}

/** Takes names in order, each at its best free place; leaves out what would hide a bay or another name. */
function placed(candidates: Candidate[], cellsWithBays: Set<number>): Placed[] {
  const taken: Placed[] = [];
  for (const { name, angle, halfWidth, places } of candidates) {
    if (taken.length >= MOST_LABELS) break;
    const free = places
      .map(([x, y]): Placed => ({ name, x, y, angle, halfWidth }))
      .find(
        (label) =>
          !taken.some((other) => collide(label, other)) &&
          !dots(label).some(([x, y]) => cellsWithBays.has(cell(x, y))),
      );
    if (free) taken.push(free);
  }
  return taken;
}

function collide(one: Placed, other: Placed): boolean {
  const distance = Math.hypot(one.x - other.x, one.y - other.y);
  if (one.name === other.name && distance < 420) return true;
  if (distance > one.halfWidth + other.halfWidth + 16) return false;
  return dots(one).some(([ax, ay]) => dots(other).some(([bx, by]) => Math.hypot(ax - bx, ay - by) < 18));
}

/** Points along the label, close enough to each other to stand for its box. */
function dots(label: Placed): [number, number][] {
  const direction = (label.angle * Math.PI) / 180;
  const steps = Math.max(2, Math.ceil(label.halfWidth / 8));
  return Array.from({ length: steps + 1 }, (_, index) => {
    const along = ((2 * index) / steps - 1) * label.halfWidth;
    return [label.x + along * Math.cos(direction), label.y + along * Math.sin(direction)];
  });
}
