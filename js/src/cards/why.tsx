import type { Item } from "../protocol";
import { isLive } from "../state/line";
import { rulesOf } from "../tasks";
import { useApp, useState_ } from "../ui/context";

/** One quiet line on why this document is asked; on an answered one, what was said. Its room is always kept. */
export function Why({ item }: { item: Item }) {
  const { controller } = useApp();
  const state = useState_();
  const back = !isLive(state);
  const line = item.status !== null || back ? <Answered item={item} /> : <Reason item={item} />;
  return (
    <div class="alwidget-why" data-testid="why">
      {state.nudge === null ? <p dir="auto">{line}</p> : <p class="is-warn">{state.nudge}</p>}
      {back && (
        <button type="button" class="alwidget-link" data-testid="back" onClick={() => controller.backToLive()}>
          back to the queue
        </button>
      )}
    </div>
  );
}

function Answered({ item }: { item: Item }) {
  const { history, session } = useState_();
  if (item.status === null) {
    return <>Not answered yet.</>;
  }
  const entry = history.find((other) => other.item === item.item && !other.undone);
  const origin = entry?.origin === "accepted" ? ", as suggested" : "";
  const { describe, brief, change } = rulesOf(session?.task);
  const said = item.answer === null ? item.status : describe(item.answer);
  if (item.answer !== null && brief(item.answer) === "") {
    return (
      <>
        You wrote this{origin}. {change}
      </>
    );
  }
  return (
    <>
      You said <b>{said}</b>
      {origin}. {change}
    </>
  );
}

function Reason({ item }: { item: Item }) {
  const { recalled, session } = useState_();
  if (recalled?.item === item.item) {
    const { action, value } = recalled;
    const said = action === "annotate" && value !== null ? rulesOf(session?.task).describe(value) : action;
    return (
      <>
        Taken back: <b>{said}</b>.
      </>
    );
  }
  const { why } = item;
  if (why === null) {
    return <>{"\u00a0"}</>;
  }
  const place = [
    why.strategy,
    why.round > 0 ? `round ${why.round}` : "",
    why.of > 0 ? `rank ${why.rank} of ${why.of}` : "",
    item.suggestion?.confidence === null ? "suggested by the data" : "",
  ];
  return (
    <>
      {why.text !== "" && (
        <>
          {/^(the|it|they) /.test(why.text) ? "Asked because " : ""}
          <span class="alwidget-reason">{why.text}</span>
          {" · "}
        </>
      )}
      {place.filter((part) => part !== "").join(", ")}
    </>
  );
}
