/**
 * The drawn text as a place: from a point on the screen to an offset in the document, and back.
 *
 * Everything goes by nodes and ranges of this text alone, so that it works in a shadow root, where the document's
 * selection and hit test see only the host.
 */
import type { Offsets } from "../offsets";
import { type Block, blockAt } from "./blocks";
import type { Range as Points, Words } from "./words";

interface Spot {
  node: globalThis.Node;
  offset: number;
}

/** A rectangle relative to the text's own box, in CSS pixels. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

export class Sheet {
  readonly #text: HTMLElement;
  readonly #blocks: readonly Block[];
  readonly #offsets: Offsets;

  constructor(text: HTMLElement, blocks: readonly Block[], offsets: Offsets) {
    this.#text = text;
    this.#blocks = blocks;
    this.#offsets = offsets;
  }

  /** Between which characters a point on the screen is, and on which one. In code points; null outside of the text. */
  at(x: number, y: number): { caret: number; letter: number } | null {
    const spot = caretFrom(this.#text, x, y);
    const near = spot === null ? null : this.pointOf(spot.node, spot.offset);
    // The half of a letter is nearest to the place after it, and yet on it; where directions meet, the nearest place may
    // be far away in the text.
    const letter = near === null ? null : [near - 1, near].find((point) => this.#isOver(point, x, y));
    if (letter === undefined || letter === null) {
      const found = this.#search(x, y);
      return found ?? (near === null ? null : { caret: near, letter: near });
    }
    return { caret: near ?? letter, letter };
  }

  /** The offset of a place in the page, in code points; null outside of the text. */
  pointOf(node: globalThis.Node, offset: number): number | null {
    const unit = this.#unitOf(node, offset);
    return unit === null ? null : this.#offsets.toPoint(unit);
  }

  /** What is selected in the text by the browser's own means; null when nothing is. */
  selected(): Points | null {
    const found = nativeRange(this.#text);
    if (found === null) {
      return null;
    }
    const start = this.pointOf(found.startContainer, found.startOffset);
    const end = this.pointOf(found.endContainer, found.endOffset);
    return start === null || end === null || start >= end ? null : { start, end };
  }

  /** Forget what the browser has selected. */
  unselect(): void {
    unselect(this.#text);
  }

  /** The first code point that can be seen where the text scrolls; 0 where all of it is in sight. */
  firstInSight(): number {
    const box = this.#text.closest<HTMLElement>("[data-scroll]");
    if (box === null || box.scrollTop === 0) {
      return 0;
    }
    const seen = box.getBoundingClientRect();
    const found = this.at(seen.left + 24, seen.top + 12) ?? this.at(seen.left + 24, seen.top + 36);
    return found?.letter ?? 0;
  }

  /** The word on the line below or above that stands nearest to this one; null on the last or first line. */
  wordOnNextLine(words: Words, from: number, by: 1 | -1): number | null {
    const start = this.boxes(words.get(from))[0];
    if (start === undefined) {
      return null;
    }
    let best: number | null = null;
    let line: number | null = null;
    let nearest = Number.POSITIVE_INFINITY;
    for (let word = from + by; word >= 0 && word < words.length; word += by) {
      const box = this.boxes(words.get(word))[0];
      if (box === undefined || Math.abs(box.top - start.top) < start.height / 2) {
        continue;
      }
      line ??= box.top;
      if (Math.abs(box.top - line) > box.height / 2) {
        break;
      }
      const off = Math.abs(box.left + box.width / 2 - start.left - start.width / 2);
      if (off < nearest) {
        nearest = off;
        best = word;
      }
    }
    return best;
  }

  /** Scroll as far as it takes to see a range. */
  reveal(range: Points): void {
    const box = this.#text.closest<HTMLElement>("[data-scroll]");
    const first = this.#rects({ start: range.start, end: Math.min(range.end, range.start + 200) })[0];
    if (box === null || first === undefined) {
      return;
    }
    const seen = box.getBoundingClientRect();
    if (first.top < seen.top + 4) {
      box.scrollTop += first.top - seen.top - seen.height / 3;
    } else if (first.bottom > seen.bottom - 8) {
      box.scrollTop += first.bottom - seen.bottom + seen.height / 3;
    }
  }

  /** Where a range is drawn, a box for every line. */
  boxes(range: Points): Box[] {
    const { left, top } = this.#text.getBoundingClientRect();
    const joined: Box[] = [];
    for (const rect of this.#rects(range)) {
      const box = { left: rect.left - left, top: rect.top - top, width: rect.width, height: rect.height };
      const last = joined.at(-1);
      if (last !== undefined && Math.abs(last.top - box.top) < 3 && Math.abs(last.left + last.width - box.left) < 2) {
        last.width = box.left + box.width - last.left;
      } else if (box.width > 0) {
        joined.push(box);
      }
    }
    return joined;
  }

  #isOver(point: number, x: number, y: number): boolean {
    return point >= 0 && this.#rects({ start: point, end: point + 1 }).some((box) => holds(box, x, y));
  }

  #unitOf(node: globalThis.Node, offset: number): number | null {
    if (node === this.#text) {
      return this.#blocks[offset]?.from ?? this.#offsets.text.length;
    }
    let child: globalThis.Node | null = node;
    while (child !== null && child.parentNode !== this.#text) {
      child = child.parentNode;
    }
    const block = child instanceof HTMLElement ? this.#blocks[Number(child.dataset.block)] : undefined;
    if (child === null || block === undefined) {
      return null;
    }
    const before = this.#text.ownerDocument.createRange();
    before.setStart(child, 0);
    before.setEnd(node, offset);
    return block.from + before.toString().length;
  }

  /** The rectangles of the letters alone, without what stands beside them. */
  #rects({ start, end }: Points): DOMRect[] {
    const [from, to] = [this.#offsets.toUnit(start), this.#offsets.toUnit(end)];
    const rects: DOMRect[] = [];
    const range = this.#text.ownerDocument.createRange();
    for (let index = blockAt(this.#blocks, start)?.index ?? 0; index < this.#blocks.length; index += 1) {
      const block = this.#blocks[index];
      if (block === undefined || block.from >= to) {
        break;
      }
      let at = block.from;
      for (const node of textNodes(this.#text.children[index])) {
        const length = node.data.length;
        if (at < to && at + length > from) {
          range.setStart(node, Math.max(0, from - at));
          range.setEnd(node, Math.min(length, to - at));
          rects.push(...range.getClientRects());
        }
        at += length;
      }
    }
    return rects;
  }

  /** The letter under a point, looked for one by one: also where the browser's hit test does not see into shadow roots. */
  #search(x: number, y: number): { caret: number; letter: number } | null {
    const root = this.#text.getRootNode() as Document | ShadowRoot;
    const block = root.elementFromPoint?.(x, y)?.closest("[data-block]") ?? null;
    if (block === null || block.parentNode !== this.#text) {
      return null;
    }
    const range = this.#text.ownerDocument.createRange();
    for (const node of textNodes(block)) {
      range.selectNodeContents(node);
      if (![...range.getClientRects()].some((rect) => holds(rect, x, y))) {
        continue;
      }
      for (let offset = 0; offset < node.data.length; offset += 1) {
        range.setStart(node, offset);
        range.setEnd(node, offset + 1);
        const hit = [...range.getClientRects()].find((rect) => holds(rect, x, y));
        if (hit !== undefined) {
          const letter = this.pointOf(node, offset) ?? 0;
          return { letter, caret: x > hit.left + hit.width / 2 ? letter + 1 : letter };
        }
      }
    }
    return null;
  }
}

function textNodes(element: Element | undefined): Text[] {
  const found: Text[] = [];
  if (element !== undefined) {
    const walker = element.ownerDocument.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      found.push(node as Text);
    }
  }
  return found;
}

function holds(rect: DOMRect, x: number, y: number): boolean {
  return x >= rect.left && x < rect.right && y >= rect.top && y < rect.bottom;
}

/** Browsers spell this in three ways; only the newest sees into shadow roots. */
function caretFrom(text: HTMLElement, x: number, y: number): Spot | null {
  const document = text.ownerDocument;
  const root = text.getRootNode();
  const inside = (node: globalThis.Node | undefined): boolean => node !== undefined && text.contains(node);
  if (typeof document.caretPositionFromPoint === "function") {
    const shadowRoots = root instanceof ShadowRoot ? [root] : [];
    const found = document.caretPositionFromPoint(x, y, { shadowRoots });
    return found !== null && inside(found.offsetNode) ? { node: found.offsetNode, offset: found.offset } : null;
  }
  const range = document.caretRangeFromPoint?.(x, y) ?? null;
  return range !== null && inside(range.startContainer)
    ? { node: range.startContainer, offset: range.startOffset }
    : null;
}

/** The browser's selection as far as it lies in an element, in a shadow root too; null where nothing is selected. */
function nativeRange(element: HTMLElement): StaticRange | null {
  const root = element.getRootNode();
  const selection = selectionOf(element);
  if (selection === null) {
    return null;
  }
  let range: StaticRange | undefined;
  if (root instanceof ShadowRoot && typeof selection.getComposedRanges === "function") {
    range = selection.getComposedRanges({ shadowRoots: [root] })[0];
  } else if (selection.rangeCount > 0) {
    range = selection.getRangeAt(0);
  }
  const inside = range !== undefined && element.contains(range.startContainer) && element.contains(range.endContainer);
  return range !== undefined && inside && !range.collapsed ? range : null;
}

function unselect(element: HTMLElement): void {
  if (nativeRange(element) !== null) {
    selectionOf(element)?.removeAllRanges();
  }
}

function selectionOf(element: HTMLElement): Selection | null {
  const root = element.getRootNode() as ShadowRoot & { getSelection?: () => Selection | null };
  const composed = typeof Selection === "function" && "getComposedRanges" in Selection.prototype;
  return !composed && typeof root.getSelection === "function"
    ? root.getSelection()
    : element.ownerDocument.getSelection();
}
