/** What is shown while something is not there: waiting, off, or failed and asked for again. */

import type { ComponentChildren } from "preact";
import type { Asked } from "../api/resource.ts";

export function Asking<T>({
  of,
  what,
  children,
}: {
  of: Asked<T>;
  what: string;
  children: (value: T) => ComponentChildren;
}) {
  if (of.state === "ready") return <>{children(of.value)}</>;
  if (of.state === "loading")
    return (
      <p class="problem" aria-busy="true">
        Loading {what} …
      </p>
    );
  return (
    <p class={`problem ${of.isOff ? "off" : "failed"}`}>
      <strong>{of.isOff ? "Off here." : "Not there yet."}</strong> {of.why}
      {!of.isOff && <span class="quiet"> It is asked for again every few seconds.</span>}
    </p>
  );
}
