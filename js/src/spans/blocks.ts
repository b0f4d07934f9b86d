/**
 * A document cut into blocks, and the spans of each as a tree: what is drawn, as data.
 *
 * Blocks are laid out only when they come into sight, and drawn again only when a span in them changes.
 */
import type { Offsets } from "../offsets";
import type { Span, Spans } from "./model";

/** A block holds about so many units; it ends at a line end where there is one soon, else at a space. */
const BLOCK = 3_000;
const LONGEST = 6_000;

export interface Block {
  readonly index: number;
  /** In UTF-16 units. */
  readonly from: number;
  readonly to: number;
  /** In code points. */
  readonly start: number;
  readonly end: number;
}

export function cut(offsets: Offsets): Block[] {
  const { text } = offsets;
  const blocks: Block[] = [];
  let from = 0;
  do {
    const to = endOf(text, from);
    blocks.push({ index: blocks.length, from, to, start: offsets.toPoint(from), end: offsets.toPoint(to) });
    from = to;
  } while (from < text.length);
  return blocks;
}

function endOf(text: string, from: number): number {
  if (text.length - from <= LONGEST) {
    return text.length;
  }
  const line = text.indexOf("\n", from + BLOCK);
  if (line >= 0 && line < from + LONGEST) {
    return line + 1;
  }
  const window = text.slice(from + BLOCK, from + LONGEST);
  const pause = /[.!?。！？]["”’)]*\s+|\s+(?!\s)/.exec(window);
  if (pause !== null && pause.index + pause[0].length < window.length) {
    return from + BLOCK + pause.index + pause[0].length;
  }
  // Letters without a space for so long: anywhere but within a character.
  let end = from + BLOCK;
  while (end < text.length && /^(?:[\udc00-\udfff]|\p{M}|\u200d|[\ufe00-\ufe0f])/u.test(text.slice(end, end + 2))) {
    end += 1;
  }
  return end;
}

/** The block that holds a code point. */
export function blockAt(blocks: readonly Block[], point: number): Block | undefined {
  let low = 0;
  let high = blocks.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((blocks[middle]?.end ?? 0) <= point) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return blocks[low];
}

/** The spans of every block; a list that is as it was is the same list, so that its block need not be drawn again. */
export function distribute(blocks: readonly Block[], spans: Spans, before: readonly Spans[]): Spans[] {
  const lists: Span[][] = blocks.map(() => []);
  for (const span of spans) {
    let index = blockAt(blocks, span.start)?.index ?? 0;
    while (index < blocks.length && (blocks[index]?.start ?? 0) < span.end) {
      lists[index]?.push(span);
      index += 1;
    }
  }
  return lists.map((list, i) => {
    const old = before[i];
    return old !== undefined && old.length === list.length && old.every((span, j) => span === list[j]) ? old : list;
  });
}

/** A piece of text in code points, or a part of a span with what is in it. `rise` counts the underlines below its own. */
export type Node =
  | { readonly kind: "text"; readonly start: number; readonly end: number }
  | {
      readonly kind: "span";
      readonly span: Span;
      readonly first: boolean;
      readonly last: boolean;
      readonly rise: number;
      readonly children: Node[];
    };

interface Open {
  span: Span;
  from: number;
  children: Node[];
}

/**
 * Spans within a stretch of text as a tree. Of two that cross, the one that begins later is in two parts: one within the
 * other span, one after it.
 */
export function tree(spans: Spans, start: number, end: number): Node[] {
  const root: Node[] = [];
  const stack: Open[] = [];
  const into = (): Node[] => stack.at(-1)?.children ?? root;
  let at = start;
  const text = (to: number): void => {
    if (to > at) {
      into().push({ kind: "text", start: at, end: to });
      at = to;
    }
  };
  const close = (): Open | undefined => {
    const open = stack.pop();
    if (open !== undefined && at > open.from) {
      const { span, from, children } = open;
      const rise = Math.max(0, ...children.map((child) => (child.kind === "span" ? child.rise + 1 : 0)));
      into().push({ kind: "span", span, first: from === span.start, last: at === span.end, rise, children });
    }
    return open;
  };
  const closeUntil = (point: number): void => {
    for (let next = earliestEnd(stack); next <= point; next = earliestEnd(stack)) {
      text(next);
      const again: Span[] = [];
      while (stack.some(({ span }) => span.end <= at)) {
        const open = close();
        if (open !== undefined && open.span.end > at) again.unshift(open.span);
      }
      for (const span of again) stack.push({ span, from: at, children: [] });
    }
  };
  const inside = spans.filter((span) => span.start < end && span.end > start);
  for (const span of inside.sort((a, b) => a.start - b.start || b.end - a.end)) {
    closeUntil(Math.max(start, span.start));
    text(Math.max(start, span.start));
    stack.push({ span, from: at, children: [] });
  }
  closeUntil(end);
  text(end);
  while (stack.length > 0) close();
  return root;
}

function earliestEnd(stack: readonly Open[]): number {
  return Math.min(...stack.map(({ span }) => span.end), Number.POSITIVE_INFINITY);
}
