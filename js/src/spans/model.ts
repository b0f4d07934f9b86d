/**
 * The spans of one document as a value: read, changed, and said in words, without side effects.
 *
 * Offsets are code points. A span that only the model or the data has said carries a `confidence`; an accepted one does not, so
 * that what was looked at and what was not is part of what undo and drafts keep. Changes return a new list and leave
 * the spans that they do not concern as they are, so that a page may tell by identity what to draw again.
 */
import { excerpt, plural, share } from "../lib/format";
import type { Offsets } from "../offsets";

export interface Span {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  readonly text: string;
  /** How sure the model is; null of a suggestion that came with the data. */
  readonly confidence?: number | null;
}

export type Spans = readonly Span[];

/** A change, or why it was not made. */
export type Edit = { spans: Spans; refused: null } | { spans: null; refused: string };

export const NONE: Spans = [];

/** Spans that were made here, whose text need not be held against the document again with every edit. */
const checked = new WeakSet<Span>();

/** Spans out of an answer, a draft or a suggestion; what is no span of this document is left out. */
export function read(value: unknown, offsets: Offsets): Spans {
  if (!Array.isArray(value)) {
    return NONE;
  }
  const fits = value.filter((part): part is Span => isSpan(part) && part.end <= offsets.length);
  const whole = fits.every((span) => checked.has(span) || span.text === offsets.slice(span.start, span.end));
  return whole && fits.length === value.length && isSorted(fits)
    ? (value as Spans)
    : sorted(fits.map((span) => made(span, offsets)));
}

function isSpan(part: unknown): boolean {
  const span = part as Partial<Span> | null;
  return (
    typeof span === "object" &&
    span !== null &&
    typeof span.label === "string" &&
    Number.isInteger(span.start) &&
    Number.isInteger(span.end) &&
    (span.start ?? -1) >= 0 &&
    (span.start ?? 0) < (span.end ?? 0)
  );
}

function made({ start, end, label, confidence }: Omit<Span, "text">, offsets: Offsets): Span {
  const span = { start, end, label, text: offsets.slice(start, end) };
  const whole = confidence === undefined ? span : { ...span, confidence };
  checked.add(whole);
  return whole;
}

export function span(offsets: Offsets, start: number, end: number, label: string): Span {
  return made({ start, end, label }, offsets);
}

function order(a: Span, b: Span): number {
  return a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);
}

function isSorted(spans: Spans): boolean {
  return spans.every((one, i) => i === 0 || order(spans[i - 1] ?? one, one) <= 0);
}

function sorted(spans: Spans): Spans {
  return [...spans].sort(order);
}

export function isSuggested({ confidence }: Span): boolean {
  return confidence !== undefined;
}

/** How sure a suggestion is, in words. */
export function sure({ confidence }: Span): string {
  return confidence == null ? "by the data" : share(confidence);
}

export function sameSpan(a: Omit<Span, "text">, b: Omit<Span, "text">): boolean {
  return a.start === b.start && a.end === b.end && a.label === b.label;
}

function overlaps(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

/** A span as the person's own. */
function owned(one: Span): Span {
  if (one.confidence === undefined) {
    return one;
  }
  const { start, end, label, text } = one;
  const own = { start, end, label, text };
  if (checked.has(one)) {
    checked.add(own);
  }
  return own;
}

/**
 * One more span.
 *
 * Where spans may not overlap, one at the very same place gets the new label, suggestions in the way give way, and a span
 * of the person's own stands: the change is refused.
 */
export function add(spans: Spans, one: Span, overlap: boolean): Edit {
  const twin = spans.find((other) => sameSpan(other, one));
  if (twin !== undefined) {
    return isSuggested(twin)
      ? done(spans.map((other) => (other === twin ? owned(other) : other)))
      : refuse(`“${shortened(one.text)}” is ${one.label} already.`);
  }
  if (overlap) {
    return done(sorted([...spans, one]));
  }
  const inTheWay = spans.filter((other) => overlaps(other, one));
  const blocking = inTheWay.find((other) => !isSuggested(other) && !samePlace(other, one));
  if (blocking !== undefined) {
    return refuse(`Spans may not overlap here: “${shortened(blocking.text)}” is ${blocking.label}. Delete it first.`);
  }
  return done(sorted([...spans.filter((other) => !inTheWay.includes(other)), one]));
}

function samePlace(a: Span, b: Span): boolean {
  return a.start === b.start && a.end === b.end;
}

/** Several more at once; those that cannot be are left out. */
export function addAll(spans: Spans, more: Spans, overlap: boolean): Spans {
  const made = new Set(more.map(key));
  const rest = spans.filter((other) => !made.has(key(other)));
  if (overlap) {
    return sorted([...rest, ...more]);
  }
  const own = rest.filter((other) => !isSuggested(other));
  const fits = more.filter((one) => !touches(own, one));
  return sorted([...own, ...fits, ...rest.filter((other) => isSuggested(other) && !touches(fits, other))]);
}

/**
 * Whether a span could be added at a place: with `label` where it is known, with any otherwise. Where spans may not
 * overlap, a place that touches one of the person's own is not free.
 */
export function free(spans: Spans, label: string | null, overlap: boolean): (place: Place) => boolean {
  const own = spans.filter((span) => !isSuggested(span));
  if (!overlap) {
    return (place) => !touches(own, place);
  }
  const taken = new Set(own.filter((span) => label === null || span.label === label).map(placeOf));
  return (place) => !taken.has(placeOf(place));
}

interface Place {
  readonly start: number;
  readonly end: number;
}

function placeOf({ start, end }: Place): string {
  return `${start} ${end}`;
}

export function key(span: Omit<Span, "text">): string {
  return `${placeOf(span)} ${span.label}`;
}

/** Whether one of these, which are in order and do not overlap each other, overlaps a place. */
function touches(spans: readonly Place[], { start, end }: Place): boolean {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.end ?? 0) <= start) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return (spans[low]?.start ?? Number.POSITIVE_INFINITY) < end;
}

export function remove(spans: Spans, one: Span): Spans {
  return spans.filter((other) => other !== one);
}

/** Another label on a span; a suggestion becomes the person's own by it. */
export function relabel(spans: Spans, one: Span, label: string): Edit {
  if (one.label === label) {
    return isSuggested(one) ? done(accept(spans, one)) : refuse(`“${shortened(one.text)}” is ${label} already.`);
  }
  const next = { ...owned(one), label };
  const rest = remove(spans, one).filter((other) => !sameSpan(other, next));
  return done(sorted([...rest, next]));
}

/** Other ends for a span. */
export function resize(spans: Spans, one: Span, to: Span, overlap: boolean): Edit {
  return add(remove(spans, one), to, overlap);
}

export function accept(spans: Spans, one: Span): Spans {
  return spans.map((other) => (other === one ? owned(other) : other));
}

export function acceptAll(spans: Spans): Spans {
  return spans.map(owned);
}

/** The span after this place in the text, or before it; past the end it goes on at the other one. */
export function step(spans: Spans, from: Span | number | null, by: 1 | -1): Span | null {
  if (spans.length === 0) {
    return null;
  }
  const at = typeof from === "object" && from !== null ? spans.indexOf(from) : -1;
  if (at >= 0) {
    return spans[(at + by + spans.length) % spans.length] ?? null;
  }
  const place = typeof from === "number" ? from : by === 1 ? -1 : Number.POSITIVE_INFINITY;
  const found = by === 1 ? spans.find(({ start }) => start >= place) : spans.findLast(({ start }) => start < place);
  return found ?? (by === 1 ? spans[0] : spans.at(-1)) ?? null;
}

function done(spans: Spans): Edit {
  return { spans, refused: null };
}

function refuse(refused: string): Edit {
  return { spans: null, refused };
}

// As an answer -----------------------------------------------------------------------------------------------------

/** Spans as they are submitted: without what only the model knows of them. */
export function clean(value: unknown): unknown {
  return Array.isArray(value) ? acceptAll(value as Spans) : value;
}

const TOLD = 4;

/** "3 spans: PER Ada Lovelace, LOC London, DATE 1843". */
export function describe(value: unknown): string {
  const spans = Array.isArray(value) ? (value as Spans) : NONE;
  const told = spans.slice(0, TOLD).map(({ label, text }) => `${label} ${shortened(text ?? "")}`);
  const more = spans.length > TOLD ? [`${spans.length - TOLD} more`] : [];
  return spans.length === 0 ? brief(spans) : `${brief(spans)}: ${[...told, ...more].join(", ")}`;
}

/** "3 spans". */
export function brief(value: unknown): string {
  const n = Array.isArray(value) ? value.length : 0;
  return n === 0 ? "no spans" : plural(n, "span");
}

const LONG = 48;

/** A piece of text on one line, for lists and messages. */
export function shortened(text: string, most = LONG): string {
  return excerpt(text, most);
}

/** Whether Python would call a text white space, or this page would. */
export function isBlank(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are white space to Python
  return /^[\s\x1c-\x1f\x85]*$/.test(text);
}
