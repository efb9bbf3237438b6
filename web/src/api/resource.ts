/** A question that a part of the page asks again and again; what is not there yet is waited for. */

import { useEffect, useState } from "preact/hooks";
import { Problem } from "./client.ts";

export type Asked<T> =
  | { state: "loading" }
  | { state: "ready"; value: T }
  /** `isOff`: asking again is of no use. Otherwise it is asked again. */
  | { state: "failed"; why: string; isOff: boolean };

const RETRY_MS = 5000;
const LOADING = { state: "loading" } as const;

/** Asks when `key` changes and every `everyMs` from then on. While it is asked again the last answer stands. */
export function useAsked<T>(key: string, load: () => Promise<T>, everyMs = 60_000): Asked<T> {
  const [asked, setAsked] = useState<{ key: string; answer: Asked<T> }>({ key, answer: LOADING });
  useEffect(() => {
    let isOver = false;
    let timer = 0;
    const turn = async (): Promise<void> => {
      let answer: Asked<T>;
      let wait = everyMs;
      try {
        answer = { state: "ready", value: await load() };
      } catch (error) {
        answer = failed(error);
        wait = isOff(error) ? everyMs : RETRY_MS;
      }
      if (isOver) return;
      setAsked({ key, answer });
      timer = window.setTimeout(() => void turn(), wait);
    };
    void turn();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
    };
  }, [key, everyMs]);
  return asked.key === key ? asked.answer : LOADING;
}

const isOff = (error: unknown): boolean => error instanceof Problem && error.isOff;

function failed(error: unknown): Asked<never> {
  const why = error instanceof Problem ? error.message : "The server cannot be reached.";
  return { state: "failed", why, isOff: isOff(error) };
}
