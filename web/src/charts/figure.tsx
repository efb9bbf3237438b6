/** A chart with all that belongs to it: title, origin, words, table, and exports. */

import { useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { fetchCsv, type Query } from "../api/client.ts";
import { attribution } from "../city/city.ts";
import { count } from "../words.ts";
import { pictureOf, savePicture, saveText } from "./picture.ts";
import { Plot, type PlotProps } from "./plot.tsx";

export interface Rows {
  columns: string[];
  rows: (string | number)[][];
}

export interface FigureProps {
  id: string;
  title: string;
  /** Whose data it is: simulated, the City's, a replay, the City's files. */
  origin: string;
  isSimulated: boolean;
  /** What it shows, with its extremes, in a sentence. */
  summary: string;
  source: { path: string; query: Query };
  plot: Omit<PlotProps, "kept">;
  table: Rows;
}

const MOST_ROWS = 200;

export function Figure({ id, title, origin, isSimulated, summary, source, plot, table }: FigureProps) {
  const kept = useRef<uPlot | null>(null);
  const [failure, setFailure] = useState("");
  const saveCsv = (): void => {
    fetchCsv(source.path, source.query).then(
      (text) => (setFailure(""), saveText(text, `melpark-${id}.csv`)),
      (error: unknown) =>
        setFailure(`No CSV: ${error instanceof Error ? error.message : "the server cannot be reached"}`),
    );
  };
  const savePng = (): void => {
    if (kept.current === null) return;
    const words = { title, origin, about: summary, attribution: attribution.value };
    savePicture(pictureOf(kept.current.ctx.canvas, words), `melpark-${id}`);
  };
  return (
    <figure class="sheet chart" id={`chart-${id}`} aria-labelledby={`title-${id}`}>
      <header>
        <h2 id={`title-${id}`}>{title}</h2>
        <span class={`origin ${isSimulated ? "is-simulated" : ""}`}>{origin}</span>
      </header>
      <Plot {...plot} kept={kept} />
      <figcaption>{summary}</figcaption>
      <div class="exports">
        <button type="button" onClick={saveCsv} aria-label={`${title} as CSV`}>
          CSV
        </button>
        <button type="button" onClick={savePng} aria-label={`${title} as PNG`}>
          PNG
        </button>
        {failure !== "" && <span role="alert">{failure}</span>}
      </div>
      <Numbers of={table} title={title} />
    </figure>
  );
}

function Numbers({ of: { columns, rows }, title }: { of: Rows; title: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && (
        <div class="scroll" role="region" aria-label={`${title} as a table`} tabIndex={0}>
          <table>
            <thead>
              <tr>
                {columns.map((column) => (
                  <th scope="col" key={column}>
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, MOST_ROWS).map((row, index) => (
                <tr key={index}>
                  {row.map((cell, place) => (place === 0 ? <th scope="row">{cell}</th> : <td>{cell}</td>))}
                </tr>
              ))}
            </tbody>
          </table>
          {rows.length > MOST_ROWS && (
            <p class="quiet">{count(rows.length - MOST_ROWS)} more rows are in the CSV.</p>
          )}
        </div>
      )}
    </details>
  );
}
