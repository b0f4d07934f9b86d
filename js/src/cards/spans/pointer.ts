/** The mouse on the text: a click, a double click, and a drag that shows what it will choose. */

import type { Marking } from "../../spans/marking";
import * as marks from "../../spans/marking";
import { labels } from "../../state/selectors";
import { hue } from "../../ui/parts";
import { drawMarks, drawPreview } from "./overlay";
import type { Tagger } from "./tagger";

const DRAG_PX = 4;
const SCROLL_PX = 14;

interface Press {
  x: number;
  y: number;
  caret: number;
  letter: number;
  dragging: boolean;
  next: Marking | null;
}

interface Handlers {
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: (event: PointerEvent) => void;
  onPointerCancel: () => void;
  onClick: (event: MouseEvent) => void;
  onDblClick: (event: MouseEvent) => void;
}

export function pointer(tagger: () => Tagger, layer: { current: HTMLElement | null }): Handlers {
  let press: Press | null = null;
  let dragged = false;

  const clear = (): void => {
    press = null;
    drawMarks(layer.current, tagger(), names(tagger()));
  };
  return {
    onPointerDown: (event) => {
      dragged = false;
      const at = event.button === 0 ? (tagger().now.sheet.current?.at(event.clientX, event.clientY) ?? null) : null;
      // A finger scrolls, and chooses by the browser's own handles.
      press =
        at === null || event.pointerType === "touch"
          ? null
          : { x: event.clientX, y: event.clientY, ...at, dragging: false, next: null };
    },
    onPointerMove: (event) => {
      if (press === null) {
        return;
      }
      const { clientX: x, clientY: y } = event;
      if (!press.dragging && Math.hypot(x - press.x, y - press.y) < DRAG_PX) {
        return;
      }
      const text = event.currentTarget as HTMLElement;
      if (!press.dragging) {
        press.dragging = true;
        text.setPointerCapture?.(event.pointerId);
      }
      scrollAlong(text, y);
      press.next = chosenBy(tagger(), press, x, y, event.shiftKey) ?? press.next;
      preview(tagger(), layer.current, press.next);
    },
    onPointerUp: () => {
      const next = press?.dragging === true ? press.next : null;
      dragged = press?.dragging === true;
      clear();
      if (next !== null) {
        tagger().dragged(next);
      }
    },
    onPointerCancel: clear,
    onClick: (event) => {
      if (!dragged && event.detail === 1) {
        click(tagger(), event);
      }
    },
    onDblClick: (event) => {
      const now = tagger();
      if (now.now.marking.active !== null) {
        const word = wordUnder(now, event);
        if (word >= 0) {
          now.dragged(marks.onWord(now.now.marking, word));
        }
      }
    },
  };
}

/** A click chooses the span under it, else puts the cursor on the word. */
function click(tagger: Tagger, event: MouseEvent): void {
  const { marking, mark, spans } = tagger.now;
  const element = (event.target as Element | null)?.closest<HTMLElement>(".alwidget-span");
  const { start, end, label } = element?.dataset ?? {};
  const span = spans.find((one) => `${one.start} ${one.end} ${one.label}` === `${start} ${end} ${label}`);
  if (span !== undefined) {
    tagger.choose(span);
    return;
  }
  const word = wordUnder(tagger, event);
  mark(word < 0 ? marks.onSpan(marking, null) : marks.onWord(marking, word));
}

/** The word under the mouse; -1 where there is none. */
function wordUnder(tagger: Tagger, event: MouseEvent): number {
  const { document, sheet } = tagger.now;
  const at = sheet.current?.at(event.clientX, event.clientY) ?? null;
  return at === null ? -1 : document.words.near(at.letter);
}

function chosenBy(tagger: Tagger, from: Press, x: number, y: number, letters: boolean): Marking | null {
  const { document, marking, sheet } = tagger.now;
  const at = sheet.current?.at(x, y) ?? null;
  if (at === null) {
    return null;
  }
  if (letters) {
    const range = { start: Math.min(from.caret, at.caret), end: Math.max(from.caret, at.caret) };
    return range.start < range.end ? marks.onLetters(marking, range) : null;
  }
  const [low, high] = [Math.min(from.letter, at.letter), Math.max(from.letter, at.letter)];
  const words = document.words.touched({ start: low, end: high + 1 });
  if (words === null) {
    return null;
  }
  return from.letter <= at.letter
    ? marks.onWords(marking, words.first, words.last)
    : marks.onWords(marking, words.last, words.first);
}

function preview(tagger: Tagger, layer: HTMLElement | null, next: Marking | null): void {
  const { active } = tagger.now.marking;
  const range = next === null ? null : marks.chosen(next, tagger.now.document.words);
  const place = active === null ? -1 : names(tagger).indexOf(active);
  drawPreview(layer, tagger, range, place < 0 ? null : hue(place));
}

function names(tagger: Tagger): string[] {
  return labels(tagger.now.controller.store.state).map(({ name }) => name);
}

/** A drag past the edge of a long text goes on into it. */
function scrollAlong(text: HTMLElement, y: number): void {
  const box = text.closest<HTMLElement>("[data-scroll]");
  const seen = box?.getBoundingClientRect();
  if (box !== null && seen !== undefined && (y < seen.top || y > seen.bottom)) {
    box.scrollTop += y < seen.top ? -SCROLL_PX : SCROLL_PX;
  }
}
