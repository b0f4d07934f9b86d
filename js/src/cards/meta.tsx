import { count } from "../lib/format";
import type { Item } from "../protocol";

const STATUS = { labelled: "answered", skipped: "skipped", flagged: "flagged" } as const;

/** Where the document comes from, and what was noted about it. */
export function Meta({ item }: { item: Item }) {
  return (
    <div class="alwidget-meta">
      {item.source !== null && (
        <span class="alwidget-chip" title="source" dir="auto">
          {item.source}
        </span>
      )}
      <span title={item.item}>{item.position === null ? item.item : `document ${count(item.position + 1)}`}</span>
      {item.status !== null && <span class={`alwidget-chip is-${item.status}`}>{STATUS[item.status]}</span>}
      {item.note !== null && item.note !== "" && (
        <span class="alwidget-note" dir="auto" title={item.note} data-testid="note">
          {item.note}
        </span>
      )}
      <span class="alwidget-gap" />
      <span class="alwidget-unfocused" aria-hidden="true">
        click to use the keys
      </span>
    </div>
  );
}
