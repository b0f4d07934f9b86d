/** What is chosen, drawn over the text without touching it: so a drag costs no drawing of the document. */
import type { Box } from "../../spans/sheet";
import type { Range } from "../../spans/words";
import { hue } from "../../ui/parts";
import type { Tagger } from "./tagger";

type Look = "chosen" | "preview" | "elsewhere";

/** So many places, around the chosen one, are more than anybody sees at once. */
const MOST = 200;

/** Draw what the tagger has chosen. */
export function drawMarks(layer: HTMLElement | null, tagger: Tagger, labels: readonly string[]): void {
  const { marking, sheet } = tagger.now;
  if (layer === null || sheet.current === null) {
    return;
  }
  const drawn: Node[] = [];
  if (tagger.focus === null && tagger.range !== null) {
    drawn.push(...boxes(layer, sheet.current.boxes(tagger.range), "chosen", null));
  }
  if (marking.everywhere) {
    const { focus } = tagger;
    const shade = focus === null ? null : hue(Math.max(0, labels.indexOf(focus.label)));
    const { start = 0 } = tagger.range ?? {};
    const after = tagger.elsewhere.filter((range) => range.start < start).length;
    for (const range of tagger.elsewhere.slice(Math.max(0, after - MOST / 2), after + MOST / 2)) {
      drawn.push(...boxes(layer, sheet.current.boxes(range), "elsewhere", shade));
    }
  }
  layer.replaceChildren(...drawn);
}

/** Draw what would be chosen if the button were let go now. */
export function drawPreview(
  layer: HTMLElement | null,
  tagger: Tagger,
  range: Range | null,
  shade: string | null,
): void {
  const { sheet } = tagger.now;
  if (layer !== null && sheet.current !== null) {
    layer.replaceChildren(...(range === null ? [] : boxes(layer, sheet.current.boxes(range), "preview", shade)));
  }
}

function boxes(layer: HTMLElement, places: readonly Box[], look: Look, shade: string | null): Node[] {
  return places.map(({ left, top, width, height }) => {
    const box = layer.ownerDocument.createElement("div");
    box.className = `alwidget-mark is-${look}`;
    if (shade !== null) {
      box.dataset.hue = shade;
    }
    Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    return box;
  });
}
