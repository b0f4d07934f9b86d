/**
 * How much room the document gets, so that nothing below it moves from card to card.
 *
 * The room fits four of five documents that are known, within bounds; longer ones scroll inside it. It grows when longer
 * documents come, and never shrinks while the widget is on the page. At its largest it cuts a line in two: there is more.
 */
import type { Item } from "./protocol";

const LINES = { least: 4, most: 10.45 };
/** Mean width of a Latin letter in the interface's font, in em, and the longest line in letters. */
const LETTER_EM = 0.53;
const LONGEST_LINE = 74;
const LOOK_AT = 4_000;

/** Letters that fit in a line of this width, both in CSS pixels. */
export function lettersPerLine(width: number, font: number): number {
  return Math.max(16, Math.min(LONGEST_LINE, Math.floor(width / (font * LETTER_EM))));
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

/** Lines that four of five documents need, a pair of texts counted with its captions. */
export function linesFor(items: Iterable<Item>, perLine: number): number {
  const needs: number[] = [];
  for (const item of items) {
    const pair = item.text_pair === null ? 0 : linesOf(item.text_pair, perLine) + 3;
    needs.push(linesOf(item.text, perLine) + pair);
  }
  needs.sort((a, b) => a - b);
  const need = needs[Math.min(needs.length - 1, Math.floor(needs.length * 0.8))] ?? 0;
  return Math.min(LINES.most, Math.max(LINES.least, need));
}

export class Room {
  #perLine = 0;
  #known = -1;
  #lines: number = LINES.least;

  /**
   * Lines to reserve with this many letters each; only ever more, until lines have another width. `known` counts the documents that
   * the page knows: only when it changes are they looked at again, so that deciding costs nothing here.
   */
  lines(known: number, items: () => Iterable<Item>, perLine: number): number {
    if (perLine !== this.#perLine) {
      this.#perLine = perLine;
      this.#known = -1;
      this.#lines = LINES.least;
    }
    if (known !== this.#known && known > 0) {
      this.#known = known;
      this.#lines = Math.max(this.#lines, linesFor(items(), perLine));
    }
    return this.#lines;
  }
}
