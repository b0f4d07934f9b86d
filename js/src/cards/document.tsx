import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
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
      class={`alwidget-document${scrolls ? " is-scrolling" : ""}${item.text_pair === null ? "" : " is-pair"}`}
      aria-label="text"
      {...(scrolls ? { tabIndex: 0 } : {})}
      data-scroll
    >
      {item.text_pair === null ? (
        <Text id="text" text={item.text} />
      ) : (
        <div class="alwidget-pair">
          <Part caption="first" id="text" text={item.text} />
          <Part caption="second" id="text-pair" text={item.text_pair} />
        </div>
      )}
    </section>
  );
}

/** One text of a pair. */
function Part({ caption, id, text }: { caption: string; id: string; text: string }) {
  const name = useId();
  return (
    <div class="alwidget-part" role="group" aria-labelledby={name}>
      <div class="alwidget-caption" id={name}>
        {caption}
      </div>
      <Text id={id} text={text} />
    </div>
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
