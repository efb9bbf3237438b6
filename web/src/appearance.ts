/** Palette and brightness: chosen here, kept by the browser, and said to style.css by two attributes. */

import { effect, signal } from "@preact/signals";

export const PALETTES = { melpark: "Purple and green", safe: "Colour-blind safe" } as const;
export const SCHEMES = { auto: "As the device", light: "Light", dark: "Dark" } as const;
export type Palette = keyof typeof PALETTES;
export type Scheme = keyof typeof SCHEMES;

export const palette = signal<Palette>(kept("palette", PALETTES, "melpark"));
export const scheme = signal<Scheme>(kept("scheme", SCHEMES, "auto"));
/** Changes after the colours have. */
export const colours = signal(0);

const COLOUR_NAMES = [
  "land",
  "street",
  "street-edge",
  "free",
  "free-fill",
  "taken",
  "overstaying",
  "over-mark",
  "offline",
  "focus",
  "fill-low",
  "fill-high",
  "ink",
  "quiet",
  "edge",
  "paper",
  "accent",
] as const;
export type Colours = Record<(typeof COLOUR_NAMES)[number], string>;

export function currentColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    COLOUR_NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  ) as Colours;
}

export const motionIsReduced = (): boolean => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export function applyAppearance(): void {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = signal(dark.matches);
  dark.addEventListener("change", () => (isDark.value = dark.matches));
  effect(() => {
    const root = document.documentElement;
    const shown = scheme.value === "auto" ? (isDark.value ? "dark" : "light") : scheme.value;
    root.dataset["scheme"] = shown;
    root.dataset["palette"] = palette.value;
    keep("palette", palette.value);
    keep("scheme", scheme.value);
    colours.value = colours.peek() + 1;
  });
}

function kept<T extends string>(name: string, choices: Record<T, string>, otherwise: T): T {
  try {
    const value = localStorage.getItem(`melpark-${name}`);
    return value !== null && value in choices ? (value as T) : otherwise;
  } catch {
    // Nothing is kept where the browser forbids it.
    return otherwise;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`melpark-${name}`, value);
  } catch {
    // As above.
  }
}
