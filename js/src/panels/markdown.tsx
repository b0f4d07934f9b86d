import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { type Block, type Inline, parse } from "../lib/markdown";

/** Markdown as elements: only those below, and text. */
export function Markdown({ source }: { source: string }) {
  const blocks = useMemo(() => parse(source), [source]);
  return (
    <div class="alwidget-markdown" dir="auto">
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
}

function BlockView({ block }: { block: Block }): JSX.Element {
  switch (block.kind) {
    case "heading": {
      const Heading = block.level <= 1 ? "h4" : block.level === 2 ? "h5" : "h6";
      return <Heading>{inlines(block.children)}</Heading>;
    }
    case "paragraph":
      return <p>{inlines(block.children)}</p>;
    case "quote":
      return <blockquote>{inlines(block.children)}</blockquote>;
    case "code":
      return <pre class="alwidget-code">{block.text}</pre>;
    case "rule":
      return <hr />;
    case "list": {
      const List = block.ordered ? "ol" : "ul";
      return (
        <List {...(block.ordered && block.start !== 1 ? { start: block.start } : {})}>
          {block.items.map((item, index) => (
            <li key={index} class={`alwidget-depth-${item.depth}`}>
              {inlines(item.children)}
            </li>
          ))}
        </List>
      );
    }
  }
}

function inlines(parts: readonly Inline[]): JSX.Element[] {
  return parts.map((part, index) => <InlineView key={`${index}-${part.kind}`} part={part} />);
}

function InlineView({ part }: { part: Inline }): JSX.Element {
  switch (part.kind) {
    case "text":
      return <>{part.text}</>;
    case "code":
      return <code>{part.text}</code>;
    case "strong":
      return <strong>{inlines(part.children)}</strong>;
    case "em":
      return <em>{inlines(part.children)}</em>;
    case "break":
      return <br />;
    case "link":
      return (
        <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
          {inlines(part.children)}
        </a>
      );
  }
}
