import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { share } from "../../lib/format";
import type { Offsets } from "../../offsets";
import { type Block, distribute, type Node, tree } from "../../spans/blocks";
import { isSuggested, key, type Span, type Spans, shortened } from "../../spans/model";
import { Sheet } from "../../spans/sheet";
import { hue, memo } from "../../ui/parts";
import { drawMarks } from "./overlay";
import { pointer } from "./pointer";
import type { Tagger } from "./tagger";

/**
 * The document with its spans. The text stands in text nodes, and its `textContent` is the document: labels are drawn by
 * the style sheet, and what is chosen is drawn on a layer of its own.
 */
export function SpanText({ tagger, labels }: { tagger: Tagger; labels: readonly string[] }) {
  const { item, document, spans, marking, sheet } = tagger.now;
  const { offsets, blocks } = document;
  const box = useRef<HTMLElement>(null);
  const text = useRef<HTMLDivElement>(null);
  const layer = useRef<HTMLDivElement>(null);
  const lists = useRef<Spans[]>([]);
  const latest = useRef(tagger);
  latest.current = tagger;
  lists.current = distribute(blocks, spans, lists.current);
  const scrolls = useScrolls(box, item.item);

  useLayoutEffect(() => {
    sheet.current = text.current === null ? null : new Sheet(text.current, blocks, offsets);
  }, [document]);
  // Before the marks are drawn: to measure after that would lay the text out twice.
  useLayoutEffect(() => {
    const range = latest.current.range;
    if (range !== null) {
      sheet.current?.reveal(range);
    }
  }, [marking]);
  useLayoutEffect(() => drawMarks(layer.current, latest.current, labels), [marking, spans, document, scrolls]);
  const [handlers] = useState(() => pointer(() => latest.current, layer));
  const marked = tagger.range !== null;
  const value: unknown = item.suggestion?.value;
  const suggested = useMemo(() => new Set(Array.isArray(value) ? value.map(key) : []), [value]);
  return (
    <section
      ref={box}
      class={`alwidget-document is-tagged${scrolls ? " is-scrolling" : ""}`}
      aria-label="text"
      {...(scrolls ? { tabIndex: 0 } : {})}
      data-scroll
    >
      <div class={marked ? "alwidget-sheet is-marked" : "alwidget-sheet"}>
        <div
          ref={text}
          class={blocks.length > 1 ? "alwidget-text is-long" : "alwidget-text"}
          data-testid="text"
          dir="auto"
          {...handlers}
        >
          {blocks.map((block) => (
            <BlockText
              key={`${item.item} ${block.index}`}
              offsets={offsets}
              block={block}
              spans={lists.current[block.index] ?? []}
              focus={within(tagger.focus, block)}
              labels={labels}
              suggested={suggested}
            />
          ))}
        </div>
        <div ref={layer} class="alwidget-marks" aria-hidden="true" />
        {item.text === "" && <p class="alwidget-quiet">This document is empty.</p>}
      </div>
    </section>
  );
}

function within(span: Span | null, block: Block): Span | null {
  return span !== null && span.start < block.end && span.end > block.start ? span : null;
}

interface BlockProps {
  offsets: Offsets;
  block: Block;
  spans: Spans;
  focus: Span | null;
  labels: readonly string[];
  /** The spans of the suggestion, by their keys. */
  suggested: ReadonlySet<string>;
}

/** The label beside a span has at most so many letters; its whole name is among the labels. */
const TAG = 24;

/** Drawn again only when a span in it changed. */
const BlockText = memo(function BlockText(props: BlockProps) {
  const { block, spans } = props;
  return (
    <div class="alwidget-chunk" data-block={block.index}>
      {tree(spans, block.start, block.end).map((node) => (
        <Piece key={place(node)} node={node} {...props} />
      ))}
    </div>
  );
});

function place(node: Node): string {
  return node.kind === "text" ? `t${node.start}` : `s${node.span.start} ${node.span.end} ${node.span.label}`;
}

function Piece({ node, ...props }: BlockProps & { node: Node }) {
  const { offsets, focus, labels } = props;
  if (node.kind === "text") {
    return <>{offsets.slice(node.start, node.end)}</>;
  }
  const { span, first, last, rise, children } = node;
  const name = shortened(span.label, TAG);
  const classes = [
    "alwidget-span",
    isSuggested(span) ? "is-suggested" : "",
    span === focus ? "is-focus" : "",
    first ? "is-first" : "",
    last ? "is-last" : "",
  ];
  return (
    <span
      class={classes.filter((name) => name !== "").join(" ")}
      data-testid={first ? "span" : "span-part"}
      data-label={span.label}
      data-start={span.start}
      data-end={span.end}
      data-origin={originOf(span, props.suggested)}
      data-hue={hue(Math.max(0, labels.indexOf(span.label)))}
      data-rise={Math.min(rise, 3)}
      {...(last ? { "data-tag": span.confidence == null ? name : `${name} ${share(span.confidence)}` } : {})}
    >
      {children.map((child) => (
        <Piece key={place(child)} {...props} node={child} />
      ))}
    </span>
  );
}

/** Where a span comes from: the model alone, the model with the person's consent, or the person. */
function originOf(span: Span, suggested: ReadonlySet<string>): "suggested" | "accepted" | "human" {
  return isSuggested(span) ? "suggested" : suggested.has(key(span)) ? "accepted" : "human";
}

/** Whether the text is longer than its room; a new document begins at its top. */
function useScrolls(box: { current: HTMLElement | null }, id: string): boolean {
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) {
      return undefined;
    }
    element.scrollTop = 0;
    const look = (): void => setScrolls(element.scrollHeight > element.clientHeight + 1);
    look();
    if (typeof ResizeObserver !== "function") {
      return undefined;
    }
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, [id]);
  return scrolls;
}
