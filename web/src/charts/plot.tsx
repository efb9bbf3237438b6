/** One uPlot on the page: as wide as its place, in the page's colours, and kept for a picture. */

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colours, currentColours, type Colours } from "../appearance.ts";

export interface PlotProps {
  data: uPlot.AlignedData;
  options: (colours: Colours) => Omit<uPlot.Options, "width" | "height">;
  height?: number;
  /** Where the plot is kept, for whoever wants a picture of it. */
  kept: { current: uPlot | null };
}

const HEIGHT = 260;

export function Plot({ data, options, height = HEIGHT, kept }: PlotProps) {
  const container = useRef<HTMLDivElement>(null);
  const seen = colours.value;
  useEffect(() => {
    const place = container.current!;
    const size = (): { width: number; height: number } => ({
      width: Math.max(240, place.clientWidth),
      height,
    });
    const plot = new uPlot({ ...options(currentColours()), ...size() }, data, place);
    kept.current = plot;
    const watch = new ResizeObserver(() => plot.setSize(size()));
    watch.observe(place);
    return () => {
      watch.disconnect();
      plot.destroy();
      kept.current = null;
    };
  }, [data, seen, height]);
  // What it shows stands in words and in a table beside it.
  return <div ref={container} class="plot" aria-hidden="true" />;
}

/** An axis as all charts have it. */
export function axis(colours: Colours, given: uPlot.Axis = {}): uPlot.Axis {
  const line = { stroke: colours.edge, width: 1 };
  return {
    stroke: colours.quiet,
    grid: line,
    ticks: line,
    font: "12px system-ui",
    labelFont: "12px system-ui",
    ...given,
  };
}
