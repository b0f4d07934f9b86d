import { count, duration, pace as paceText, plural } from "../lib/format";
import { ahead, counts, pace, saved } from "../state/selectors";
import type { State } from "../state/types";
import { useState_ } from "./context";

const MILESTONE = 50;

/** The thin line at the bottom: what is safe, how fast it goes, what the engine does. */
export function StatusLine() {
  const state = useState_();
  const { saved: done, of, waiting } = saved(state);
  const alert = alertOf(state, waiting);
  const tone = alert?.tone ?? "ok";
  return (
    <footer class="alwidget-status" role="group" aria-label="status">
      <span class={`alwidget-saved is-${tone}`}>
        <span class="alwidget-dot" aria-hidden="true" />
        <span data-testid="saved" title={savedTitle(state)}>
          saved {done} of {of}
        </span>
      </span>
      {alert === null ? (
        <Pace state={state} />
      ) : (
        <span class={`alwidget-alert is-${alert.tone}`} data-testid="alert" role="alert" title={alert.text}>
          {alert.text}
        </span>
      )}
      {alert === null && <Engine state={state} />}
    </footer>
  );
}

interface Alert {
  tone: "warn" | "bad";
  text: string;
}

/** What a person must know about their work's safety, the worst first. */
export function alertOf(state: State, waiting: number): Alert | null {
  const trouble = state.status.storage_error ?? (waiting > 0 ? state.trouble : null);
  if (trouble !== null) {
    return { tone: "bad", text: `not being saved: ${trouble}` };
  }
  if (state.link.kind === "lost") {
    const kept = waiting === 0 ? "nothing is lost" : `${plural(waiting, "decision")} kept in this browser`;
    return { tone: "bad", text: `disconnected from the kernel: ${kept}; re-run the cell to go on` };
  }
  if (state.link.kind === "busy") {
    return { tone: "warn", text: waiting === 0 ? "kernel busy" : `kernel busy: ${count(waiting)} waiting, kept here` };
  }
  return null;
}

function savedTitle(state: State): string {
  const now = counts(state);
  const parts = [
    `${plural(now.labelled, "labelled", "labelled")}`,
    `${plural(now.skipped, "skipped", "skipped")}`,
    `${plural(now.flagged, "flagged", "flagged")}`,
  ];
  const when = state.savedAt === null ? "" : `; last written at ${new Date(state.savedAt).toLocaleTimeString()}`;
  return `${parts.join(", ")}${when}`;
}

function Pace({ state }: { state: State }) {
  const seconds = pace(state);
  const { remaining } = counts(state);
  if (seconds === null || remaining === 0) {
    return null;
  }
  const next = Math.min(MILESTONE, remaining);
  const all = `all ${plural(remaining, "remaining document")} ≈ ${duration(remaining * seconds)}`;
  return (
    <>
      <span class="alwidget-stat" title="your median time for one document">
        <b>{paceText(seconds)}</b> each
      </span>
      <span class="alwidget-stat" title={all}>
        {count(next)} more ≈ <b>{duration(next * seconds)}</b>
      </span>
    </>
  );
}

/** Round, model, and what the engine does now. */
function Engine({ state }: { state: State }) {
  const { status } = state;
  const model = [status.round > 0 ? `round ${status.round}` : "", status.model]
    .filter((part) => part !== "")
    .join(" · ");
  const doing = status.paused ? "paused" : (status.error ?? (status.message || status.state));
  return (
    <span class="alwidget-engine">
      {model !== "" && (
        <span class="alwidget-stat" title={status.model}>
          {model}
        </span>
      )}
      <span
        class={status.error === null ? "alwidget-stat" : "alwidget-stat is-warn"}
        title={doing}
        data-testid="engine"
      >
        {doing}
      </span>
      <span class="alwidget-stat" title="documents ready to be shown without waiting">
        <b>{count(ahead(state))}</b> ahead
      </span>
    </span>
  );
}
