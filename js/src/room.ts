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

/** What captions and frames of a pair take, in lines: of both texts, and of one where they stand beside each other. */
const FRAMES = { stacked: 4, beside: 1.4 };

/** Lines that four of five documents need. */
export function linesFor(items: Iterable<Item>, perLine: number, beside = false): number {
  const needs: number[] = [];
  for (const { text, text_pair: pair } of items) {
    const [first, second] = [linesOf(text, perLine), pair === null ? 0 : linesOf(pair, perLine)];
    const both = beside ? Math.max(first, second) + FRAMES.beside : first + second + FRAMES.stacked;
    needs.push(pair === null ? first : both);
  }
  needs.sort((a, b) => a - b);
  const need = needs[Math.min(needs.length - 1, Math.floor(needs.length * 0.8))] ?? 0;
  return Math.min(LINES.most, Math.max(LINES.least, need));
}

export class Room {
  #perLine = 0;
  #beside = false;
  #known = -1;
  #lines: number = LINES.least;

  /**
   * Lines to reserve with this many letters each; only ever more, until lines have another width, or the texts of a pair
   * another place. `known` counts the documents that the page knows: only when it changes are they looked at again, so
   * that deciding costs nothing here.
   */
  lines(known: number, items: () => Iterable<Item>, perLine: number, beside = false): number {
    if (perLine !== this.#perLine || beside !== this.#beside) {
      this.#perLine = perLine;
      this.#beside = beside;
      this.#known = -1;
      this.#lines = LINES.least;
    }
    if (known !== this.#known && known > 0) {
      this.#known = known;
      this.#lines = Math.max(this.#lines, linesFor(items(), perLine, beside));
    }
    return this.#lines;
  }
}
