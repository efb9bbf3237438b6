/** A small trend beside a figure; what it shows is said in words, too. */

const WIDTH = 120;
const HEIGHT = 32;
const EDGE = 2;

/** The line through values; gaps where there are none. From the least to the greatest, or from `floor`. */
export function pathOf(values: (number | null)[], floor?: number): string {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return "";
  const least = floor ?? Math.min(...known);
  const range = Math.max(...known) - least || 1;
  let isDrawing = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isDrawing = false;
        return "";
      }
      const x = EDGE + (index / (values.length - 1)) * (WIDTH - 2 * EDGE);
      const y = HEIGHT - EDGE - ((value - least) / range) * (HEIGHT - 2 * EDGE);
      const step = isDrawing ? "L" : "M";
      isDrawing = true;
      return `${step}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}

export function Sparkline({
  values,
  label,
  floor,
}: {
  values: (number | null)[];
  label: string;
  floor?: number;
}) {
  const path = pathOf(values, floor);
  if (path === "") return null;
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path d={path} />
    </svg>
  );
}
