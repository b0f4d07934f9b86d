/**
 * How much room the document gets, so that nothing below it moves from card to card.
 *
 * The room fits nine of ten documents that are known, within bounds; longer ones scroll inside it. It grows when longer
 * documents come, and never shrinks while the widget is on the page.
 */
import type { Item } from "./protocol";

const LINES = { least: 4, most: 13 };
const TEXT_EM = 18;
/** Mean width of a Latin letter in the interface's font, in em, and the longest line in letters. */
const LETTER_EM = 0.5;
const LONGEST_LINE = 78;
const LOOK_AT = 4_000;

export function lettersPerLine(width: number): number {
  return Math.max(16, Math.min(LONGEST_LINE, Math.floor(width / (TEXT_EM * LETTER_EM))));
}

/** Lines that a text takes; wide scripts count double. */
export function linesOf(text: string, perLine: number): number {
  let lines = 0;
  for (const line of text.slice(0, LOOK_AT).split("\n")) {
    let wide = 0;
    for (const letter of line) {
      wide += (letter.codePointAt(0) ?? 0) > 0x2e7f ? 2 : 1;
    }
    lines += Math.max(1, Math.ceil((wide * 1.06) / perLine));
  }
  return lines;
}

/** Lines that nine of ten documents need, a pair of texts counted with its captions. */
export function linesFor(items: Iterable<Item>, width: number): number {
  const perLine = lettersPerLine(width);
  const needs: number[] = [];
  for (const item of items) {
    const pair = item.text_pair === null ? 0 : linesOf(item.text_pair, perLine) + 3;
    needs.push(linesOf(item.text, perLine) + pair);
  }
  needs.sort((a, b) => a - b);
  const need = needs[Math.min(needs.length - 1, Math.floor(needs.length * 0.9))] ?? 0;
  return Math.min(LINES.most, Math.max(LINES.least, need));
}

export class Room {
  #width = 0;
  #lines = LINES.least;
  #seen: ReadonlyMap<string, Item> | null = null;

  /** Lines for these items at this width; only ever more, until the width is another one. */
  lines(items: ReadonlyMap<string, Item>, width: number): number {
    const bucket = Math.round(width / 40);
    if (bucket !== this.#width) {
      this.#width = bucket;
      this.#lines = LINES.least;
      this.#seen = null;
    }
    if (items !== this.#seen && items.size > 0) {
      const grown = this.#seen === null || items.size !== this.#seen.size;
      this.#seen = items;
      this.#lines = grown ? Math.max(this.#lines, linesFor(items.values(), width)) : this.#lines;
    }
    return this.#lines;
  }
}
