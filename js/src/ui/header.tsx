import { useState } from "preact/hooks";
import { count, plural } from "../lib/format";
import { progress } from "../state/selectors";
import type { PanelName } from "../state/types";
import { useApp, useKey, useState_ } from "./context";
import { Keys, Press } from "./parts";

const TABS: readonly { name: PanelName; title: string }[] = [
  { name: "history", title: "History" },
  { name: "guidelines", title: "Guidelines" },
  { name: "model", title: "Model" },
  { name: "problems", title: "Problems" },
  { name: "keys", title: "Keys" },
];

/** The bar, the session's name, how far it is, and what can be opened beside the card. */
export function Header() {
  const state = useState_();
  const [open, setOpen] = useState(false);
  const { answered, of, share } = progress(state);
  const { total } = state.counts;
  const copies = total - of > 0 ? `; ${plural(total - of, "copy", "copies")} of other documents are not asked` : "";
  const problems = state.session?.problems ?? 0;
  return (
    <header class="alwidget-header">
      <div
        class="alwidget-progress"
        role="progressbar"
        aria-label="answered documents"
        aria-valuemin={0}
        aria-valuemax={of}
        aria-valuenow={answered}
      >
        <div style={{ width: `${share * 100}%` }} />
      </div>
      <div class="alwidget-top">
        <strong class="alwidget-name" dir="auto">
          {state.session?.name ?? "alwidget"}
        </strong>
        {state.session !== null && (
          <span class="alwidget-count" title={`${plural(total, "document")}${copies}`}>
            {count(answered)} of {count(of)}
          </span>
        )}
        {state.session?.readOnly === true && <span class="alwidget-chip">read-only</span>}
        <button
          type="button"
          class="alwidget-menu"
          aria-expanded={open}
          aria-label={open ? "close the menu" : "open the menu"}
          onClick={() => setOpen(!open)}
        >
          <span aria-hidden="true">☰</span>
        </button>
        <nav class={open ? "alwidget-tabs is-open" : "alwidget-tabs"} aria-label="panels">
          {TABS.filter(({ name }) => name !== "problems" || problems > 0).map(({ name, title }) => (
            <Tab key={name} name={name} title={title} badge={name === "problems" ? problems : 0} />
          ))}
        </nav>
      </div>
    </header>
  );
}

function Tab({ name, title, badge }: { name: PanelName; title: string; badge: number }) {
  const { controller } = useApp();
  const { panel } = useState_();
  const keys = useKey("keys");
  return (
    <Press
      class={panel === name ? "alwidget-tab is-on" : "alwidget-tab"}
      data-testid={`tab-${name}`}
      aria-expanded={panel === name}
      onClick={() => controller.panel(name)}
    >
      {title}
      {badge > 0 && <span class="alwidget-badge">{count(badge)}</span>}
      {name === "keys" && <Keys keys={keys.glyphs} />}
    </Press>
  );
}
