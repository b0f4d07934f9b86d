import { Component, type ComponentChildren } from "preact";
import { cardFor } from "../cards/registry";
import { SidePanel } from "../panels/panel";
import { phase } from "../state/selectors";
import type { State } from "../state/types";
import { Actions } from "./actions";
import { AppContext, type App as AppValue, StateContext } from "./context";
import { Header } from "./header";
import { Notices } from "./notices";
import { Done, Failure, Loading, WaitingPlace } from "./places";
import { StatusLine } from "./status";

export function App({ app, state, onCrash }: { app: AppValue; state: State; onCrash: (error: unknown) => void }) {
  return (
    <Boundary onCrash={onCrash}>
      <AppContext.Provider value={app}>
        <StateContext.Provider value={state}>
          <Header />
          <div class={state.panel === null ? "alwidget-body" : "alwidget-body has-panel"}>
            <div class="alwidget-main">
              <Middle state={state} />
            </div>
            <SidePanel />
          </div>
          <StatusLine />
          <Notices />
          <div class="alwidget-sr" role="status" aria-live="polite" data-testid="live">
            {state.announcement}
          </div>
        </StateContext.Provider>
      </AppContext.Provider>
    </Boundary>
  );
}

function Middle({ state }: { state: State }) {
  switch (phase(state)) {
    case "error":
      return <Failure text={state.failure ?? ""} />;
    case "loading":
      return <Loading />;
    case "waiting":
      return <WaitingPlace />;
    case "done":
      return <Done />;
    case "ready":
      return <Shown state={state} />;
  }
}

function Shown({ state }: { state: State }) {
  const Card = cardFor(state.session?.task ?? "");
  const item = state.shown === null ? undefined : state.items.get(state.shown);
  if (Card === null) {
    return <Failure text={`This version of the page cannot show the task "${state.session?.task}".`} />;
  }
  if (item === undefined) {
    return <Fetching id={state.shown ?? ""} state={state} />;
  }
  return <Card item={item} />;
}

/** A document from before this page: its beginning is known, the rest is on its way. */
function Fetching({ id, state }: { id: string; state: State }) {
  const excerpt = state.history.find((entry) => entry.item === id)?.excerpt ?? "";
  return (
    <article class="alwidget-card is-fetching" aria-label="document" aria-busy="true">
      <div class="alwidget-meta">fetching the document…</div>
      <div class="alwidget-document">
        <div class="alwidget-text" dir="auto">
          {excerpt}
        </div>
      </div>
      <div class="alwidget-answer" />
      <div class="alwidget-why" />
      <Actions />
    </article>
  );
}

interface BoundaryProps {
  children: ComponentChildren;
  onCrash: (error: unknown) => void;
}

/** A fault while drawing is shown in words; a blank cell would tell nobody anything. */
class Boundary extends Component<BoundaryProps, { text: string | null }> {
  override state = { text: null };

  static override getDerivedStateFromError(error: unknown): { text: string } {
    return { text: error instanceof Error ? error.message : String(error) };
  }

  override componentDidCatch(error: unknown): void {
    this.props.onCrash(error);
  }

  override render() {
    return this.state.text === null ? this.props.children : <Failure text={this.state.text} />;
  }
}
