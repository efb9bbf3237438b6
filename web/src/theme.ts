/** The map's colours, taken from style.css: light and dark are told apart there alone. */

const NAMES = ["land", "street", "street-edge", "free", "free-fill", "taken", "offline", "focus"] as const;

export type Theme = Record<(typeof NAMES)[number], string>;

export function currentTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Theme;
}

export const onThemeChange = (take: (theme: Theme) => void): void =>
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => take(currentTheme()));

export const motionIsReduced = (): boolean => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
