/** The sensors on a map of their own: each one's worst trait. */

import { effect } from "@preact/signals";
import type { ExpressionSpecification, GeoJSONSource, LayerSpecification } from "maplibre-gl";
import { useEffect, useRef } from "preact/hooks";
import { colours, type Colours } from "../appearance.ts";
import type { SensorHealth } from "../api/types.ts";
import * as city from "../city/city.ts";
import { cityBounds, createMap, EMPTY, repaint } from "./map.ts";

export const TRAITS = ["heard", "stuck", "suspect", "silent"] as const;
export type Trait = (typeof TRAITS)[number];
export const TRAIT_WORDS: Record<Trait, string> = {
  heard: "Heard, and changes",
  stuck: "Stuck: has not changed for days while a neighbour has",
  suspect: "Suspect: a vehicle would have been there too long",
  silent: "Silent",
};

/** Its worst trait, in the order of docs/gold.md, as in the Power BI report. */
export function traitOf(sensor: Pick<SensorHealth, "is_stale" | "is_suspect" | "is_stuck">): Trait {
  if (sensor.is_stale) return "silent";
  if (sensor.is_suspect) return "suspect";
  return sensor.is_stuck ? "stuck" : "heard";
}

const byTrait = (
  heard: unknown,
  stuck: unknown,
  suspect: unknown,
  silent: unknown,
): ExpressionSpecification =>
  [
    "match",
    ["get", "trait"],
    "heard",
    heard,
    "stuck",
    stuck,
    "suspect",
    suspect,
    silent,
  ] as ExpressionSpecification;

function layers(colours: Colours): LayerSpecification[] {
  return [
    { id: "land", type: "background", paint: { "background-color": colours.land } },
    {
      id: "streets",
      type: "line",
      source: "streets",
      layout: { "line-cap": "round" },
      paint: {
        "line-color": colours.street,
        "line-width": ["interpolate", ["linear"], ["zoom"], 12, 1.5, 16, 14],
      },
    },
    {
      id: "sensors",
      type: "circle",
      source: "sensors",
      paint: {
        "circle-radius": [
          "interpolate",
          ["linear"],
          ["zoom"],
          12,
          byTrait(1.2, 2.4, 3, 1.6),
          16,
          byTrait(3, 5, 6, 4),
        ] as ExpressionSpecification,
        "circle-color": byTrait(colours.free, colours.taken, colours.overstaying, "rgba(0,0,0,0)"),
        "circle-stroke-color": byTrait(colours.free, colours.paper, colours.ink, colours.offline),
        "circle-stroke-width": byTrait(0, 0.8, 1.4, 1),
      },
    },
  ];
}

export function SensorMap({ sensors }: { sensors: SensorHealth[] }) {
  const container = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const sources = {
      streets: { type: "geojson" as const, data: EMPTY },
      sensors: { type: "geojson" as const, data: EMPTY },
    };
    const map = createMap(container.current!, sources, layers);
    map.scrollZoom.disable();
    const stops: (() => void)[] = [];
    const known = sensors.filter((sensor) => city.bays.has(sensor.kerbside_id) && !sensor.is_retired);
    const places = known.map((sensor) => city.bays.get(sensor.kerbside_id)!);
    if (places.length > 0) map.fitBounds(cityBounds(places), { padding: 12, animate: false });
    map.once("load", () => {
      stops.push(
        effect(() => {
          if (city.streets.value) void map.getSource<GeoJSONSource>("streets")?.setData(city.streets.value);
        }),
        effect(() => {
          if (colours.value > 1) repaint(map, layers);
        }),
      );
      void map.getSource<GeoJSONSource>("sensors")?.setData({
        type: "FeatureCollection",
        features: known.map((sensor, index) => ({
          type: "Feature",
          geometry: { type: "Point", coordinates: [places[index]!.longitude, places[index]!.latitude] },
          properties: { trait: traitOf(sensor) },
        })),
      });
    });
    return () => {
      for (const stop of stops) stop();
      map.remove();
    };
  }, [sensors]);
  return <div ref={container} class="sensor-map" role="region" aria-label="Map of sensors by their health" />;
}
