/** The words that a selection snaps to: as the kernel gave them, or as this browser finds them. Offsets are code points. */
import type { Offsets } from "../offsets";

export interface Range {
  readonly start: number;
  readonly end: number;
}

export class Words {
  /** Start, end, start, end, …, ascending. */
  readonly #flat: ArrayLike<number>;
  readonly length: number;

  constructor(flat: ArrayLike<number>) {
    this.#flat = flat;
    this.length = flat.length >> 1;
  }

  /** The word with this index. */
  get(index: number): Range {
    return { start: this.#flat[2 * index] ?? 0, end: this.#flat[2 * index + 1] ?? 0 };
  }

  /** The word at a character, else the nearest one before it, else the first; -1 where there are no words. */
  near(point: number): number {
    return this.length === 0 ? -1 : Math.max(0, this.#firstEndingAfter(point) - (this.covers(point) ? 0 : 1));
  }

  covers(point: number): boolean {
    const index = this.#firstEndingAfter(point);
    return index < this.length && this.get(index).start <= point;
  }

  /** First and last of the words that a range touches; null where it touches none. */
  touched({ start, end }: Range): { first: number; last: number } | null {
    const first = this.#firstEndingAfter(start);
    let last = this.#firstEndingAfter(end);
    if (last >= this.length || this.get(last).start >= end) {
      last -= 1;
    }
    return first <= last ? { first, last } : null;
  }

  /** From the first word to the last one, whichever comes first in the text. */
  between(a: number, b: number): Range {
    return { start: this.get(Math.min(a, b)).start, end: this.get(Math.max(a, b)).end };
  }

  /** Whether a range begins or ends within a word. */
  cuts(range: Range): boolean {
    return this.#inside(range.start) || this.#inside(range.end);
  }

  /** The range made wider, until it cuts no word. */
  widened(range: Range): Range {
    const words = this.touched(range);
    return words === null
      ? range
      : {
          start: Math.min(range.start, this.get(words.first).start),
          end: Math.max(range.end, this.get(words.last).end),
        };
  }

  /** The range made narrower, until it cuts no word; null where no whole word is in it. */
  narrowed(range: Range): Range | null {
    const words = this.touched(range);
    if (words === null) {
      return null;
    }
    const first = this.get(words.first).start < range.start ? words.first + 1 : words.first;
    const last = this.get(words.last).end > range.end ? words.last - 1 : words.last;
    return first <= last ? this.between(first, last) : null;
  }

  #inside(point: number): boolean {
    const index = this.#firstEndingAfter(point);
    return index < this.length && this.get(index).start < point;
  }

  #firstEndingAfter(point: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#flat[2 * middle + 1] ?? 0) <= point) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

/** Words of a text whose kernel gave none: by Unicode's rule where the browser knows it, one ideograph a word. */
export function findWords(offsets: Offsets): Words {
  const flat: number[] = [];
  for (const [start, end] of pieces(offsets.text)) {
    flat.push(offsets.toPoint(start), offsets.toPoint(end));
  }
  return new Words(flat);
}

const IDEOGRAPHS = /^[\p{Script=Han}\p{Script=Hiragana}]{2,}$/u;

function* pieces(text: string): Generator<[number, number]> {
  if (typeof Intl.Segmenter !== "function") {
    for (const { 0: word, index } of text.matchAll(/\S+/g)) {
      yield [index, index + word.length];
    }
    return;
  }
  for (const { segment, index } of new Intl.Segmenter("en", { granularity: "word" }).segment(text)) {
    if (IDEOGRAPHS.test(segment)) {
      let at = index;
      for (const letter of segment) {
        yield [at, at + letter.length];
        at += letter.length;
      }
    } else if (/\S/.test(segment)) {
      yield [index, index + segment.length];
    }
  }
}
