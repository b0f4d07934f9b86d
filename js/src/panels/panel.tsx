import type { ComponentChildren, ComponentType } from "preact";
import type { PanelName } from "../state/types";
import { useApp, useState_ } from "../ui/context";
import { GuidelinesPanel } from "./guidelines";
import { HistoryPanel } from "./history";
import { KeysPanel } from "./keys";
import { ModelPanel } from "./model";
import { ProblemsPanel } from "./problems";

const PANELS: Readonly<Record<PanelName, { title: string; body: ComponentType }>> = {
  history: { title: "History", body: HistoryPanel },
  guidelines: { title: "Guidelines", body: GuidelinesPanel },
  model: { title: "Model", body: ModelPanel },
  problems: { title: "Problems in the data", body: ProblemsPanel },
  keys: { title: "Keys", body: KeysPanel },
};

/** What is open beside the card; never over it. */
export function SidePanel() {
  const { controller, focusRoot } = useApp();
  const { panel } = useState_();
  if (panel === null) {
    return null;
  }
  const { title, body: Body } = PANELS[panel];
  return (
    <aside class="alwidget-side" aria-label={title} data-testid={`panel-${panel}`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls has to be reachable by keyboard */}
      <div class="alwidget-side-scroll" tabIndex={0} role="group" aria-label={title} key={panel}>
        <div class="alwidget-side-head">
          <h3>{title}</h3>
          <button
            type="button"
            class="alwidget-close"
            aria-label={`close ${title.toLowerCase()}`}
            onClick={() => {
              controller.panel(panel);
              focusRoot();
            }}
          >
            <span aria-hidden="true">×</span>
          </button>
        </div>
        <Body />
      </div>
    </aside>
  );
}

export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="alwidget-section">
      <h4>{title}</h4>
      {children}
    </section>
  );
}
