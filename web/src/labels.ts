/** Street names as HTML over the map: text drawn by the map itself would need font files. */

import { Marker, type Map as MapLibre } from "maplibre-gl";
import type { Streets } from "./api.ts";

interface Segment {
  name: string;
  ends: [[number, number], [number, number]];
}

interface Placed {
  segment: Segment;
  x: number;
  y: number;
  angle: number;
  halfWidth: number;
}

const PIXELS_PER_LETTER = 6.4;
const MOST_LABELS = 60;
const LEAST_ZOOM = 13.4;

export class Labels {
  #map: MapLibre;
  #segments: Segment[] = [];
  #shown: Marker[] = [];

  constructor(map: MapLibre) {
    this.#map = map;
    map.on("moveend", () => this.#place());
    map.on("resize", () => this.#place());
  }

  set(streets: Streets): void {
    this.#segments = streets.features.map((feature) => ({
      name: feature.properties.name,
      ends: feature.geometry.coordinates as Segment["ends"],
    }));
    this.#place();
  }

  #place(): void {
    for (const marker of this.#shown) marker.remove();
    this.#shown = [];
    if (this.#map.getZoom() < LEAST_ZOOM) return;
    for (const place of withoutOverlaps(this.#candidates())) {
      const element = document.createElement("span");
      element.className = "street";
      element.textContent = place.segment.name;
      element.ariaHidden = "true";
      const [[ax, ay], [bx, by]] = place.segment.ends;
      this.#shown.push(
        new Marker({ element, rotation: place.angle }).setLngLat([(ax + bx) / 2, (ay + by) / 2]).addTo(this.#map),
      );
    }
  }

  /** Segments that can carry their name, the longest first. It may run over the crossing at either end. */
  #candidates(): Placed[] {
    const { clientWidth: width, clientHeight: height } = this.#map.getContainer();
    const found: (Placed & { length: number })[] = [];
    for (const segment of this.#segments) {
      const a = this.#map.project(segment.ends[0]);
      const b = this.#map.project(segment.ends[1]);
      const x = (a.x + b.x) / 2;
      const y = (a.y + b.y) / 2;
      const halfWidth = (segment.name.length * PIXELS_PER_LETTER) / 2;
      const length = Math.hypot(b.x - a.x, b.y - a.y);
      if (x < 0 || y < 0 || x > width || y > height || length < halfWidth) continue;
      found.push({ segment, x, y, angle: readable(Math.atan2(b.y - a.y, b.x - a.x)), halfWidth, length });
    }
    return found.sort((one, other) => other.length - one.length);
  }
}

/** Degrees clockwise, turned so that nobody reads upside down. */
function readable(angle: number): number {
  const degrees = (angle * 180) / Math.PI;
  if (degrees > 90) return degrees - 180;
  return degrees <= -90 ? degrees + 180 : degrees;
}

/** Takes labels in order; leaves out what would touch one already taken, or say a name twice close by. */
function withoutOverlaps(candidates: Placed[]): Placed[] {
  const taken: Placed[] = [];
  for (const candidate of candidates) {
    if (taken.length >= MOST_LABELS) break;
    if (!taken.some((other) => collide(candidate, other))) taken.push(candidate);
  }
  return taken;
}

function collide(one: Placed, other: Placed): boolean {
  const distance = Math.hypot(one.x - other.x, one.y - other.y);
  if (one.segment.name === other.segment.name && distance < 420) return true;
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
