import type { Offsets } from "../offsets";
import { isBlank } from "./model";
import type { Range, Words } from "./words";

/**
 * Where else the text of a range stands and there is room for a span, from the beginning on, none overlapping another; at
 * most so many.
 *
 * A range that fits the words is looked for as words, so that "art" is not found in "party"; one that cuts a word is
 * looked for wherever its letters stand.
 */
export function occurrences(
  offsets: Offsets,
  words: Words,
  range: Range,
  most = Number.POSITIVE_INFINITY,
  free: (hit: Range) => boolean = () => true,
): Range[] {
  const { text } = offsets;
  const wanted = offsets.slice(range.start, range.end);
  const whole = !words.cuts(range);
  const found: Range[] = [];
  if (isBlank(wanted)) {
    return found;
  }
  let at = text.indexOf(wanted);
  while (at >= 0 && found.length < most) {
    const end = at + wanted.length;
    const hit = { start: offsets.toPoint(at), end: offsets.toPoint(end) };
    const fits = !offsets.splits(at) && !offsets.splits(end) && !(whole && words.cuts(hit));
    if (fits && (hit.end <= range.start || hit.start >= range.end) && free(hit)) {
      found.push(hit);
    }
    at = text.indexOf(wanted, fits ? end : at + 1);
  }
  return found;
}
