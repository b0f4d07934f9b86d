/** Where a person is in the text: which words or letters are chosen, which span, which label is at hand. Pure. */
import { isSuggested, type Span, type Spans, sameSpan } from "./model";
import type { Range, Words } from "./words";

export interface Marking {
  /** The visit to a document that all this is about. */
  readonly visit: number;
  /** The label that a drag gives at once. */
  readonly active: string | null;
  /** The span that keys speak of. */
  readonly focus: Span | null;
  /** What it was before it was changed or deleted: an undo brings that back, and keys speak of it again. */
  readonly was: Span | null;
  /** The token cursor: the words from `anchor` to `head`. With `holding`, it extends as if Shift were down. */
  readonly cursor: Cursor | null;
  /** Letters chosen without regard to words. */
  readonly letters: Range | null;
  /** Whether all places with the same text are shown, to be labelled together. */
  readonly everywhere: boolean;
}

export interface Cursor {
  readonly anchor: number;
  readonly head: number;
  readonly holding: boolean;
}

/** Nothing chosen; the label at hand stays from document to document. */
export function fresh(visit: number, active: string | null = null): Marking {
  return { visit, active, ...NOTHING };
}

const NOTHING = { focus: null, was: null, cursor: null, letters: null, everywhere: false };

export function onWord(marking: Marking, word: number): Marking {
  return word < 0 ? { ...marking, ...NOTHING } : onWords(marking, word, word);
}

export function onWords(marking: Marking, anchor: number, head: number): Marking {
  return { ...marking, ...NOTHING, cursor: { anchor, head, holding: false } };
}

export function onLetters(marking: Marking, letters: Range): Marking {
  return { ...marking, ...NOTHING, letters };
}

export function onSpan(marking: Marking, focus: Span | null, was: Span | null = null): Marking {
  return { ...marking, ...NOTHING, focus, was };
}

/** The cursor moved to a word; with `extend`, what is chosen grows or shrinks up to there. */
export function moved(marking: Marking, word: number, extend: boolean): Marking {
  const { cursor } = marking;
  const holding = cursor?.holding ?? false;
  const anchor = cursor !== null && (extend || holding) ? cursor.anchor : word;
  return { ...marking, ...NOTHING, cursor: { anchor, head: word, holding } };
}

/** A span was made of what was chosen: it is the one that keys speak of, and the cursor stays where it was. */
export function labelled(marking: Marking, span: Span): Marking {
  const { cursor } = marking;
  const stays = cursor === null ? null : { anchor: cursor.head, head: cursor.head, holding: false };
  return { ...marking, ...NOTHING, focus: span, cursor: stays };
}

/** The span that keys speak of was changed, or deleted where `now` is null; the cursor stays where it was. */
export function changed(marking: Marking, was: Span, now: Span | null): Marking {
  return { ...marking, focus: now, was, everywhere: now !== null && marking.everywhere };
}

/** One thing less: what Escape does. Null when nothing is left to leave. */
export function left(marking: Marking): Marking | null {
  if (marking.everywhere) {
    return { ...marking, everywhere: false };
  }
  if (marking.cursor !== null || marking.letters !== null || marking.focus !== null) {
    return fresh(marking.visit, marking.active);
  }
  return marking.active === null ? null : { ...marking, active: null };
}

/** What is chosen in the text; a span that keys speak of comes before the cursor. */
export function chosen(marking: Marking, words: Words): Range | null {
  const { focus, letters, cursor } = marking;
  return focus ?? letters ?? (cursor === null ? null : words.between(cursor.anchor, cursor.head));
}

/** The span in focus as it is now, also where an undo or redo has changed it since; null when it is gone. */
export function focused({ focus, was }: Marking, spans: Spans): Span | null {
  const find = (one: Span | null) => one !== null && spans.find((span) => sameSpan(span, one));
  const place = () => focus !== null && spans.find(({ start, end }) => start === focus.start && end === focus.end);
  return find(focus) || find(was) || place() || null;
}

export function suggestions(spans: Spans): Spans {
  return spans.filter(isSuggested);
}

const RTL_LETTER = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|\ud83a[\udc00-\udfff]/;

/** Whether the line of the text around a unit runs from right to left, by its first letter, as it is drawn. */
export function runsLeft(text: string, unit: number): boolean {
  const from = text.lastIndexOf("\n", Math.max(0, unit - 1)) + 1;
  const letter = /\p{L}/u.exec(text.slice(from, from + 1_000));
  return letter !== null && RTL_LETTER.test(letter[0]);
}
