import { glyphs } from "../keyboard";
import { canUndo, shownItem } from "../state/selectors";
import type { State } from "../state/types";
import { rulesOf } from "../tasks";
import { useApp, useKey, useState_ } from "./context";
import { Keys, Press } from "./parts";
import { Prompt } from "./prompt";

/** The row at the card's foot: what can be done besides labelling, and the main button. */
export function Actions() {
  const { controller } = useApp();
  const state = useState_();
  const skip = useKey("skip");
  const flag = useKey("flag");
  const undo = useKey("undo");
  const accept = useKey("accept");
  if (state.prompt === "flag" || state.prompt === "comment" || state.prompt === "goto") {
    return <Prompt key={`${state.prompt}-${state.shown}`} kind={state.prompt} />;
  }
  if (state.prompt === "picker") {
    return <PickerHints />;
  }
  const item = shownItem(state);
  const off = item === null || state.session?.readOnly === true;
  const main = mainAction(state);
  return (
    <div class="alwidget-actions">
      {state.session?.task === "generation" && (
        <span class="alwidget-actions-then" aria-hidden="true">
          <kbd>Esc</kbd> then
        </span>
      )}
      <Press
        class="alwidget-act"
        data-testid="skip"
        disabled={off}
        aria-keyshortcuts={skip.aria}
        onClick={() => controller.skip()}
      >
        <Keys keys={skip.glyphs} /> skip
      </Press>
      <Press
        class="alwidget-act"
        data-testid="flag"
        disabled={off}
        aria-keyshortcuts={flag.aria}
        onClick={() => controller.prompt("flag")}
      >
        <Keys keys={flag.glyphs} /> flag
      </Press>
      <Press
        class="alwidget-act"
        data-testid="undo"
        disabled={!canUndo(state)}
        aria-keyshortcuts={undo.aria}
        onClick={() => controller.undo()}
      >
        <Keys keys={undo.glyphs} /> undo
      </Press>
      <span class="alwidget-gap" />
      <Press
        class="alwidget-submit"
        data-testid="submit"
        disabled={off || !main.ready}
        aria-keyshortcuts={accept.aria}
        onClick={() => controller.accept()}
      >
        <span class="alwidget-submit-text">
          {main.verb}
          {main.what !== "" && (
            <span class="alwidget-submit-what">
              {" "}
              <bdi>{main.what}</bdi>
            </span>
          )}
        </span>
        {main.ready && <Keys keys={accept.glyphs} />}
      </Press>
    </div>
  );
}

/** While a label is being found, the keys are the picker's. */
function PickerHints() {
  const { mac } = useApp();
  if (useState_().session?.task === "multilabel") {
    return (
      <div class="alwidget-actions is-hints">
        <Keys keys={["↑", "↓"]} /> choose <Keys keys={["⏎"]} /> check it <Keys keys={glyphs("Mod+Enter", mac)} />{" "}
        submit <Keys keys={["Esc"]} /> all labels
      </div>
    );
  }
  return (
    <div class="alwidget-actions is-hints">
      <Keys keys={["↑", "↓"]} /> choose <Keys keys={["⏎"]} /> take it <Keys keys={["Esc"]} /> all labels
    </div>
  );
}

/** What Enter does now, in words; where room is short the verb alone is shown. */
export function mainAction(state: State): { verb: string; what: string; ready: boolean } {
  const item = shownItem(state);
  const { blank, brief, refuse, first } = rulesOf(state.session?.task);
  const nothing = { verb: first[0], what: first[1], ready: false };
  if (item === null) {
    return nothing;
  }
  const draft = state.drafts.get(item.item)?.now ?? null;
  if (draft !== null) {
    return refuse(draft, item.suggestion) === null ? { verb: "Submit", what: brief(draft), ready: true } : nothing;
  }
  if (item.status !== null) {
    return { verb: "Keep", what: item.answer === null ? "" : brief(item.answer), ready: true };
  }
  if (state.recalled?.item === item.item && state.recalled.value !== null) {
    return { verb: "Again", what: brief(state.recalled.value), ready: true };
  }
  const { suggestion } = item;
  if (suggestion !== null) {
    const ready = refuse(suggestion.value, suggestion) === null;
    return ready ? { verb: "Accept", what: brief(suggestion.value), ready } : nothing;
  }
  return blank === null ? nothing : { verb: "Submit", what: brief(blank), ready: true };
}
