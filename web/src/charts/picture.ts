/** A chart as a picture that says what it is and whom its data is owed to, and files for the disk. */

import { currentColours } from "../appearance.ts";

export interface Words {
  title: string;
  origin: string;
  about: string;
  attribution: string;
}

const HEAD = 56;
const FOOT = 34;
const EDGE = 16;

/** The chart's canvas with its words above and below, at the device's resolution. */
export function pictureOf(chart: HTMLCanvasElement, words: Words): HTMLCanvasElement {
  const scale = window.devicePixelRatio || 1;
  const colours = currentColours();
  const canvas = document.createElement("canvas");
  canvas.width = chart.width + 2 * EDGE * scale;
  canvas.height = chart.height + (HEAD + FOOT) * scale;
  const context = canvas.getContext("2d")!;
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(chart, EDGE * scale, HEAD * scale);
  const write = (text: string, y: number, font: string, colour: string): void => {
    context.font = font.replace(/(\d+)px/, (_, size: string) => `${Number(size) * scale}px`);
    context.fillStyle = colour;
    context.fillText(text, EDGE * scale, y * scale, canvas.width - 2 * EDGE * scale);
  };
  write(words.title, 24, "bold 17px system-ui", colours.ink);
  write(`${words.origin}. ${words.about}`, 44, "12px system-ui", colours.quiet);
  write(`MelPark. ${words.attribution}`, HEAD + chart.height / scale + 22, "11px system-ui", colours.quiet);
  return canvas;
}

export function savePicture(canvas: HTMLCanvasElement, name: string): void {
  canvas.toBlob((blob) => blob && save(blob, `${name}.png`));
}

export const saveText = (text: string, name: string): void =>
  save(new Blob([text], { type: "text/csv" }), name);

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
