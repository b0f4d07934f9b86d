import { useMemo } from "preact/hooks";
import { changes } from "../lib/diff";

/** The text against the model's, word by word. */
export function Changes({ before, after }: { before: string; after: string }) {
  const parts = useMemo(() => changes(before, after), [before, after]);
  return (
    <div class="alwidget-changes" data-testid="changes" dir="auto" role="group" aria-label="changes" data-scroll>
      {parts.every(({ kind }) => kind === "same") ? (
        <span class="alwidget-quiet">As the model wrote it.</span>
      ) : (
        parts.map(({ kind, text }, index) => {
          const key = `${index}-${kind}`;
          if (kind === "removed") return <del key={key}>{text}</del>;
          return kind === "added" ? <ins key={key}>{text}</ins> : <span key={key}>{text}</span>;
        })
      )}
    </div>
  );
}
