/**
 * Offsets as Python counts them, in Unicode code points, and as the page counts them, in UTF-16 units.
 *
 * This is the only place that converts. A text's table holds where its pairs of surrogates are, so a text without any
 * costs nothing, and a lookup in one with many is a binary search. A surrogate without its other half is a code point of
 * its own, as it is in Python.
 */
export class Offsets {
  readonly text: string;
  /** Length in code points. */
  readonly length: number;
  /** Where each pair begins, in units, ascending. */
  readonly #pairs: Uint32Array;

  constructor(text: string) {
    this.text = text;
    this.#pairs = pairsOf(text);
    this.length = text.length - this.#pairs.length;
  }

  /** Code points before this unit; the middle of a pair counts as its beginning. */
  toPoint(unit: number): number {
    return unit - this.#count((pair) => pair + 1 < unit) - (this.splits(unit) ? 1 : 0);
  }

  /** Units before this code point. */
  toUnit(point: number): number {
    return point + this.#count((pair, before) => pair - before < point);
  }

  /** The text between two code points. */
  slice(start: number, end: number): string {
    return this.text.slice(this.toUnit(start), this.toUnit(end));
  }

  /** Whether a unit lies between the halves of a pair. */
  splits(unit: number): boolean {
    return isPair(this.text, unit - 1);
  }

  /** How many pairs hold, where all that hold come first. */
  #count(holds: (pair: number, before: number) => boolean): number {
    let low = 0;
    let high = this.#pairs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (holds(this.#pairs[middle] ?? 0, middle)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

function pairsOf(text: string): Uint32Array {
  const found: number[] = [];
  const surrogate = /[\ud800-\udbff][\udc00-\udfff]/g;
  for (let hit = surrogate.exec(text); hit !== null; hit = surrogate.exec(text)) {
    found.push(hit.index);
  }
  return Uint32Array.from(found);
}

function isPair(text: string, at: number): boolean {
  const [high, low] = [text.charCodeAt(at), text.charCodeAt(at + 1)];
  return high >= 0xd800 && high <= 0xdbff && low >= 0xdc00 && low <= 0xdfff;
}
