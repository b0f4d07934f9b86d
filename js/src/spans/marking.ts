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
  return { visit, active, focus: null, cursor: null, letters: null, everywhere: false };
}

export function onWord(marking: Marking, word: number): Marking {
  const cursor = word < 0 ? null : { anchor: word, head: word, holding: false };
  return { ...marking, cursor, focus: null, letters: null, everywhere: false };
}

export function onWords(marking: Marking, anchor: number, head: number): Marking {
  return { ...marking, cursor: { anchor, head, holding: false }, focus: null, letters: null, everywhere: false };
}

export function onLetters(marking: Marking, letters: Range): Marking {
  return { ...marking, cursor: null, focus: null, letters, everywhere: false };
}

export function onSpan(marking: Marking, focus: Span | null): Marking {
  return { ...marking, focus, cursor: null, letters: null, everywhere: false };
}

/** The cursor moved to a word; with `extend`, what is chosen grows or shrinks up to there. */
export function moved(marking: Marking, word: number, extend: boolean): Marking {
  const { cursor } = marking;
  const holding = cursor?.holding ?? false;
  const anchor = cursor !== null && (extend || holding) ? cursor.anchor : word;
  return { ...marking, cursor: { anchor, head: word, holding }, focus: null, letters: null, everywhere: false };
}

/** A span was made of what was chosen: it is the one that keys speak of, and the cursor stays where it was. */
export function labelled(marking: Marking, span: Span): Marking {
  const { cursor } = marking;
  const stays = cursor === null ? null : { anchor: cursor.head, head: cursor.head, holding: false };
  return { ...marking, focus: span, cursor: stays, letters: null, everywhere: false };
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

/** The span in focus as it is now; null when it is gone, as after an undo. */
export function focused({ focus }: Marking, spans: Spans): Span | null {
  return focus === null ? null : (spans.find((span) => sameSpan(span, focus)) ?? null);
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
