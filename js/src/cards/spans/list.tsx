import { useLayoutEffect, useRef } from "preact/hooks";
import { count } from "../../lib/format";
import { brief, isSuggested, type Span, sameSpan, shortened, sure } from "../../spans/model";
import { hue, memo, Press } from "../../ui/parts";
import type { Tagger } from "./tagger";

/** Of more spans than this, those around the chosen one are listed. */
const SHOWN = 40;

/** All that is labelled, in the text's order: for those who listen, and for those who want it at a glance. */
export function SpanList({ tagger, labels }: { tagger: Tagger; labels: readonly string[] }) {
  const { spans } = tagger.now;
  const { focus } = tagger;
  const list = useRef<HTMLUListElement>(null);
  const latest = useRef(tagger);
  latest.current = tagger;
  const at = focus === null ? 0 : spans.indexOf(focus);
  const from = Math.max(0, Math.min(at - SHOWN / 2, spans.length - SHOWN));
  const shown = spans.slice(from, from + SHOWN);
  useLayoutEffect(() => {
    const box = list.current;
    const chip = box?.querySelector<HTMLElement>("[aria-current]");
    if (box !== null && chip != null) {
      box.scrollLeft = chip.offsetLeft - (box.clientWidth - chip.offsetWidth) / 2;
    } else if (box !== null) {
      box.scrollLeft = 0;
    }
  }, [focus, tagger.now.item.item]);
  return (
    <div class="alwidget-spans">
      <span class="alwidget-spans-count">{brief(spans)}</span>
      <ul ref={list} aria-label="spans" data-testid="span-list">
        {from > 0 && <li class="alwidget-quiet">{count(from)} before</li>}
        {shown.map((span, i) => (
          <Chip
            key={`${span.start} ${span.end} ${span.label}`}
            span={span}
            shade={hue(Math.max(0, labels.indexOf(span.label)))}
            current={focus !== null && sameSpan(span, focus)}
            reachable={focus === null ? i === 0 : sameSpan(span, focus)}
            tagger={latest}
          />
        ))}
        {from + SHOWN < spans.length && <li class="alwidget-quiet">{count(spans.length - from - SHOWN)} after</li>}
      </ul>
    </div>
  );
}

interface ChipProps {
  span: Span;
  shade: string;
  current: boolean;
  /** One of the list is reached with Tab; from there the keys of the card go on. */
  reachable: boolean;
  tagger: { current: Tagger };
}

const Chip = memo(function Chip({ span, shade, current, reachable, tagger }: ChipProps) {
  const suggested = isSuggested(span);
  return (
    <li>
      <Press
        class={suggested ? "alwidget-spanchip is-suggested" : "alwidget-spanchip"}
        data-hue={shade}
        tabIndex={reachable ? 0 : -1}
        {...(current ? { "aria-current": "true" } : {})}
        onClick={() => tagger.current.choose(span)}
      >
        <b dir="auto">{span.label}</b> <bdi>{shortened(span.text)}</bdi>
        {suggested && <span class="alwidget-sr"> (suggested, {sure(span)})</span>}
      </Press>
    </li>
  );
});
