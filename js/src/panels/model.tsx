import { useEffect, useState } from "preact/hooks";
import { count } from "../lib/format";
import { labels } from "../state/selectors";
import { useApp, useState_ } from "../ui/context";
import { hue } from "../ui/parts";
import { Section } from "./panel";

/** What learns, what it learned from, and what chooses the next question. */
export function ModelPanel() {
  const state = useState_();
  return (
    <>
      <EngineSection />
      <Section title="Labels">
        <LabelCounts />
      </Section>
      {state.session?.readOnly === false && (
        <>
          <StrategySection />
          <BatchSection />
        </>
      )}
    </>
  );
}

function EngineSection() {
  const { controller } = useApp();
  const { status, session } = useState_();
  const words = status.paused ? "paused" : status.message || status.state;
  return (
    <section class="alwidget-section">
      <p class="alwidget-big" title={status.model}>
        {status.model === "" ? "no model yet" : status.model}
      </p>
      <p class="alwidget-quiet" data-testid="engine-state">
        {status.round === 0 ? "before the first round" : `round ${status.round}`} · {words}
      </p>
      {status.error !== null && (
        <p class="alwidget-quiet is-warn" role="alert">
          The last round failed: {status.error} Labelling goes on with the last good model.
        </p>
      )}
      {session?.readOnly === false && (
        <div class="alwidget-row-acts">
          <button
            type="button"
            class="alwidget-secondary"
            data-testid="pause"
            onClick={() => void controller.set("paused", !status.paused)}
          >
            {status.paused ? "resume" : "pause"}
          </button>
          <button
            type="button"
            class="alwidget-secondary"
            data-testid="train"
            disabled={status.paused}
            onClick={() => void controller.set("train", null)}
          >
            train now
          </button>
        </div>
      )}
    </section>
  );
}

function LabelCounts() {
  const list = labels(useState_());
  const most = Math.max(1, ...list.map((label) => label.count));
  return (
    <ul class="alwidget-bars">
      {list.map(({ name, count: n }, index) => (
        <li key={name} data-hue={hue(index)}>
          <span class="alwidget-bars-name" title={name} dir="auto">
            {name}
          </span>
          <span class="alwidget-bars-bar" aria-hidden="true">
            <span style={{ width: `${Math.round((n / most) * 100)}%` }} />
          </span>
          <span class="alwidget-bars-count">{count(n)}</span>
        </li>
      ))}
    </ul>
  );
}

function StrategySection() {
  const { controller } = useApp();
  const { session, status } = useState_();
  const options = session?.strategies ?? [];
  const current = options.find(({ name }) => name === status.strategy);
  const closed = options.filter(({ reason }) => reason !== null);
  return (
    <Section title="Next question by">
      <select
        class="alwidget-field"
        data-testid="strategy"
        aria-label="strategy"
        value={status.strategy}
        onChange={(event) => void controller.set("strategy", event.currentTarget.value)}
      >
        {current === undefined && <option value={status.strategy}>{status.strategy || "not chosen yet"}</option>}
        {options.map(({ name, reason }) => (
          <option key={name} value={name} disabled={reason !== null}>
            {reason === null ? name : `${name} (not now)`}
          </option>
        ))}
      </select>
      {current !== undefined && <p class="alwidget-quiet">{current.line}</p>}
      {closed.length > 0 && (
        <details class="alwidget-details">
          <summary>Why not the others</summary>
          <dl>
            {closed.map(({ name, reason }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{reason}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </Section>
  );
}

function BatchSection() {
  const { controller } = useApp();
  const { status } = useState_();
  const [text, setText] = useState(String(status.batch_size));
  useEffect(() => setText(String(status.batch_size)), [status.batch_size]);
  const commit = (): void => {
    const size = Number(text);
    if (Number.isInteger(size) && size > 0 && size !== status.batch_size) {
      void controller.set("batch_size", size);
    } else {
      setText(String(status.batch_size));
    }
  };
  return (
    <Section title="Documents in a round">
      <input
        class="alwidget-field is-short"
        type="number"
        min={1}
        data-testid="batch-size"
        aria-label="documents in a round"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={commit}
      />
    </Section>
  );
}
