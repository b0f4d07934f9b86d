/** What stands where the card stands when there is none: loading, waiting, done, out of order. */
import type { ComponentChildren } from "preact";
import { count, plural } from "../lib/format";
import { counts } from "../state/selectors";
import { useApp, useKey, useState_ } from "./context";
import { Keys, Press } from "./parts";

function Place({ title, children, id }: { title: string; children?: ComponentChildren; id: string }) {
  return (
    <div class="alwidget-place" data-testid={id}>
      <h3>{title}</h3>
      {children}
    </div>
  );
}

export function Loading() {
  const { link } = useState_();
  const lost = link.kind === "lost";
  return (
    <Place id="loading" title={lost ? "No answer from the kernel" : "Opening the session…"}>
      <p>
        {lost
          ? "Run the cell again to go on. Everything that was saved is on disk."
          : "The first document comes in a moment."}
      </p>
    </Place>
  );
}

export function WaitingPlace() {
  const { status, link } = useState_();
  const why =
    link.kind === "live" ? status.message || "The kernel is choosing them." : "The kernel is busy or gone; see below.";
  return (
    <Place id="waiting" title="Waiting for the next documents…">
      <p>{why}</p>
    </Place>
  );
}

export function Done() {
  const { controller } = useApp();
  const state = useState_();
  const { labelled, skipped, flagged } = counts(state);
  const history = useKey("history");
  const previous = useKey("previous");
  if (state.session?.readOnly === true) {
    return (
      <Place id="done" title="This session is open for reading">
        <p>
          {plural(labelled, "document is", "documents are")} labelled. Open it together with its documents to go on
          labelling.
        </p>
        <Press class="alwidget-secondary" onClick={() => controller.panel("history")}>
          Look at the answers <Keys keys={history.glyphs} />
        </Press>
      </Place>
    );
  }
  const all = labelled + skipped + flagged;
  return (
    <Place
      id="done"
      title={all === 0 ? "There are no documents to label" : `All ${count(all)} documents are answered`}
    >
      {all > 0 && (
        <>
          <p>
            {count(labelled)} labelled, {count(skipped)} skipped, {count(flagged)} flagged. Take them along with
          </p>
          <pre class="alwidget-code">session.export("answers.jsonl", format="jsonl")</pre>
          <div class="alwidget-place-acts">
            <Press class="alwidget-secondary" onClick={() => controller.panel("history")}>
              Review the history <Keys keys={history.glyphs} />
            </Press>
            <Press class="alwidget-secondary" onClick={() => controller.browse(-1)}>
              Look back <Keys keys={previous.glyphs} />
            </Press>
          </div>
        </>
      )}
    </Place>
  );
}

export function Failure({ text }: { text: string }) {
  return (
    <div class="alwidget-place is-bad" role="alert" data-testid="failure">
      <h3>The widget cannot go on</h3>
      <p>{text}</p>
      <p>Nothing that was saved is lost: decisions are on disk. Run the cell again to go on.</p>
    </div>
  );
}
