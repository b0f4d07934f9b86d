import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Item } from "../protocol";

const CHUNK = 8_000;

/**
 * The document as text, exactly as it is: its `textContent` is the document.
 *
 * A very long one is cut at line ends into blocks that the browser lays out only when they come into sight.
 */
export function DocumentText({ item }: { item: Item }) {
  const box = useRef<HTMLDivElement>(null);
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
  }, [item.item]);
  return (
    <section
      ref={box}
      class={scrolls ? "alwidget-document is-scrolling" : "alwidget-document"}
      aria-label="text"
      {...(scrolls ? { tabIndex: 0 } : {})}
      data-scroll
    >
      {item.text_pair === null ? (
        <Text id="text" text={item.text} />
      ) : (
        <>
          <div class="alwidget-caption">first</div>
          <Text id="text" text={item.text} />
          <div class="alwidget-caption">second</div>
          <Text id="text-pair" text={item.text_pair} />
        </>
      )}
    </section>
  );
}

function Text({ id, text }: { id: string; text: string }) {
  const parts = chunks(text);
  return (
    <div class="alwidget-text" data-testid={id} dir="auto">
      {parts.length === 1
        ? text
        : parts.map((part, index) => (
            <div key={index} class="alwidget-chunk">
              {part}
            </div>
          ))}
    </div>
  );
}

/** A text in blocks that end at line ends; together they are the text. */
export function chunks(text: string): string[] {
  if (text.length <= 2 * CHUNK) {
    return [text];
  }
  const out: string[] = [];
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf("\n", start + CHUNK);
    out.push(end < 0 ? text.slice(start) : text.slice(start, end + 1));
    start = end < 0 ? text.length : end + 1;
  }
  return out;
}
