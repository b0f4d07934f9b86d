import { describe, expect, it } from "vitest";
import { reduce } from "../src/state/reducer";
import { ahead, labels, pace, phase, progress, saved, counts as shownCounts } from "../src/state/selectors";
import { initialState, type State } from "../src/state/types";
import { ack, counts, decide, entry, item, queue, resnapshot, say, seen, snapshot, started, turn } from "./make";

function answerOf(state: State, id: string): unknown {
  return state.items.get(id)?.answer;
}

describe("deciding", () => {
  it("shows the next document at once, and counts before the kernel does", () => {
    const { state, client } = say(started(["a", "b", "c"]));
    expect(state.shown).toBe("b");
    expect(state.past).toEqual(["a"]);
    expect(answerOf(state, "a")).toBe("A");
    expect(state.pending.has(client)).toBe(true);
    expect(progress(state)).toMatchObject({ answered: 1, of: 10 });
    expect(saved(state)).toEqual({ saved: 0, of: 1, waiting: 1 });
    expect(labels(state)[0]?.count).toBe(1);
  });

  it("calls saved only what is", () => {
    const first = say(started(["a", "b"]));
    const done = reduce(first.state, { type: "own-ack", client: first.client, ack: ack(first.client), now: "now" });
    expect(saved(done)).toEqual({ saved: 1, of: 1, waiting: 0 });
    expect(labels(done)[0]?.count).toBe(1);
    const again = reduce(done, { type: "show", id: "a" });
    const changed = say(again, { value: "B" });
    expect(saved(changed.state)).toEqual({ saved: 0, of: 1, waiting: 1 });
    expect(labels(changed.state).map(({ count }) => count)).toEqual([0, 1]);
  });

  it("keeps a card that gets a comment, leaves one that is flagged unanswered, stays on a flagged answer", () => {
    const start = started(["a", "b", "c"]);
    expect(say(start, { action: "note", note: "hm" }).state).toMatchObject({ shown: "a", queue: ["a", "b", "c"] });
    const flagged = say(start, { action: "flag", note: "two topics" }).state;
    expect(flagged.shown).toBe("b");
    expect(flagged.items.get("a")).toMatchObject({ status: "flagged", note: "two topics", answer: null });
    const answered = reduce(say(start).state, { type: "browse", by: -1 });
    const both = say(answered, { action: "flag" }).state;
    expect(both).toMatchObject({ shown: "a" });
    expect(both.items.get("a")).toMatchObject({ status: "labelled", answer: "A" });
  });

  it("asks again what was cleared", () => {
    const back = reduce(say(started(["a", "b"])).state, { type: "browse", by: -1 });
    const { state } = say(back, { action: "clear" });
    expect(state).toMatchObject({ shown: "a", queue: ["a", "b"] });
    expect(state.items.get("a")?.status).toBeNull();
  });

  it("returns to the live card after an earlier answer was changed", () => {
    let { state } = say(started(["a", "b", "c", "d"]));
    ({ state } = say(state));
    state = reduce(reduce(state, { type: "browse", by: -1 }), { type: "browse", by: -1 });
    expect(state.shown).toBe("a");
    ({ state } = say(state, { value: "B" }));
    expect(state).toMatchObject({ shown: "c", past: ["a", "b"] });
  });

  it("ends when nothing is left, and waits while something is", () => {
    const last = say(started(["a"], { counts: counts({ total: 1, remaining: 1 }) })).state;
    expect(phase(last)).toBe("done");
    expect(phase(say(started(["a"])).state)).toBe("waiting");
    expect(phase(initialState())).toBe("loading");
    expect(phase(started([], { read_only: true }))).toBe("done");
  });
});

describe("undo and redo", () => {
  it("are the inverse of each other, over any number of steps", () => {
    const states: State[] = [started(["a", "b", "c", "d"])];
    for (const more of [{ value: "A" }, { action: "skip" as const }, { action: "flag" as const, note: "n" }]) {
      states.push(say(states.at(-1) as State, more).state);
    }
    let state = states.at(-1) as State;
    for (let i = states.length - 2; i >= 0; i -= 1) {
      ({ state } = turn(state, "undo"));
      expect(seen(state)).toEqual(seen(states[i] as State));
    }
    expect(state.undo).toEqual([]);
    for (let i = 1; i < states.length; i += 1) {
      ({ state } = turn(state, "redo"));
      expect(seen(state)).toEqual(seen(states[i] as State));
    }
    expect(state.redo).toEqual([]);
  });

  it("show what had been said, and keep the place of what came back through a new queue", () => {
    let { state } = say(started(["a", "b", "c"]), { value: "B" });
    ({ state } = turn(state, "undo"));
    expect(state.recalled).toEqual({ item: "a", value: "B", action: "annotate" });
    ({ state } = turn(say(say(state).state).state, "undo"));
    state = reduce(state, { type: "queue", message: queue(["x", "y"]) });
    expect(state.queue).toEqual(["b", "x", "y"]);
  });

  it("a new decision forgets what could be redone", () => {
    let { state } = say(started(["a", "b"]));
    ({ state } = turn(state, "undo"));
    expect(say(state, { value: "B" }).state.redo).toEqual([]);
  });

  it("of a changed answer show the answer before", () => {
    let { state } = say(started(["a", "b"]));
    ({ state } = say(reduce(state, { type: "browse", by: -1 }), { value: "B" }));
    expect(answerOf(state, "a")).toBe("B");
    ({ state } = turn(state, "undo"));
    expect(state.shown).toBe("a");
    expect(answerOf(state, "a")).toBe("A");
    expect(state.queue).toEqual(["b"]);
  });

  it("of something before this page wait for the kernel to say what it was", () => {
    const start = started(["b"], { history: [entry("old", "a")], counts: counts({ labelled: 1, remaining: 9 }) });
    const { state, client } = turn(start, "undo");
    expect(state.shown).toBe("b");
    const back = item("a");
    const done = reduce(state, {
      type: "own-ack",
      client,
      ack: ack(client, { item: back, entry: entry("old", "a", { undone: true }), counts: counts() }),
      now: "now",
    });
    expect(done).toMatchObject({ shown: "a", queue: ["a", "b"], recalled: { item: "a", value: "A" } });
    expect(done.history).toEqual([entry("old", "a", { undone: true })]);
    const again = turn(done, "redo");
    expect(again.step?.client).toBe("old");
    expect(again.state).toMatchObject({ shown: "b" });
    expect(answerOf(again.state, "a")).toBe("A");
  });
});

describe("refusals", () => {
  it("put everything back, without taking the card away", () => {
    const start = started(["a", "b", "c"]);
    const { state, client } = say(start);
    const back = reduce(state, { type: "refused", client });
    expect(back).toMatchObject({ shown: "b", queue: ["b", "a", "c"], undo: [], history: [] });
    expect(answerOf(back, "a")).toBeNull();
    expect(shownCounts(back)).toEqual(start.counts);
  });

  it("leave alone what was said since", () => {
    let { state, client } = say(started(["a", "b"]));
    ({ state } = say(reduce(state, { type: "browse", by: -1 }), { value: "B" }));
    state = reduce(state, { type: "refused", client });
    expect(answerOf(state, "a")).toBe("B");
  });

  it("of a new label take it away again", () => {
    const start = started(["a"], { open_labels: true });
    const { state, client } = say(start, { action: "label-add", item: null, value: "New" });
    expect(labels(state).map(({ name }) => name)).toEqual(["A", "B", "New"]);
    expect(labels(reduce(state, { type: "refused", client })).map(({ name }) => name)).toEqual(["A", "B"]);
  });
});

describe("what the kernel says", () => {
  it("replaces what is ahead, never the card", () => {
    const state = reduce(started(["a", "b", "c"]), { type: "queue", message: queue(["x", "a", "y"]) });
    expect(state).toMatchObject({ shown: "a", queue: ["a", "x", "y"] });
  });

  it("does not ask again what is answered here and not yet there", () => {
    const { state } = say(started(["a", "b", "c"]));
    expect(reduce(state, { type: "queue", message: queue(["a", "b", "d"]) }).queue).toEqual(["b", "d"]);
    expect(resnapshot(state, ["a", "b", "d"]).queue).toEqual(["b", "d"]);
    expect(answerOf(resnapshot(state, ["a", "b"]), "a")).toBe("A");
  });

  it("is not fooled by a queue older than an answer", () => {
    const { state, client } = say(started(["a", "b"]));
    const done = reduce(state, { type: "own-ack", client, ack: ack(client, { revision: 7 }), now: "now" });
    const late = reduce(done, { type: "queue", message: queue(["a", "c"], { revision: 5, counts: counts() }) });
    expect(late.queue).toEqual(["b", "c"]);
    expect(late.counts.labelled).toBe(1);
  });

  it("fills in a late suggestion, and changes none that is being read", () => {
    const suggestion = { value: "A", confidence: 0.9, probs: null, candidates: null };
    const late = queue([], { items: [item("a", { suggestion }), item("b", { suggestion })] });
    const state = reduce(started(["a", "b"]), { type: "queue", message: late });
    expect(state.items.get("a")?.suggestion).toEqual(suggestion);
    const other = { value: "B", confidence: 0.8, probs: null, candidates: null };
    const later = queue([], { items: [item("a", { suggestion: other }), item("b", { suggestion: other })] });
    const after = reduce(state, { type: "queue", message: later });
    expect(after.items.get("a")?.suggestion?.value).toBe("A");
    expect(after.items.get("b")?.suggestion?.value).toBe("B");
  });

  it("appends what was asked for, once", () => {
    const state = reduce(started(["a", "b"]), { type: "items", items: [item("b"), item("c")] });
    expect(state.queue).toEqual(["a", "b", "c"]);
    const { state: said } = say(state);
    expect(reduce(said, { type: "items", items: [item("a")] }).queue).toEqual(["b", "c"]);
  });

  it("moves a view along with another one", () => {
    const start = started(["a", "b", "c"]);
    const other = reduce(start, { type: "other-ack", ack: ack("z", { view: "w", entry: entry("z", "a") }) });
    expect(other).toMatchObject({ shown: "b", past: ["a"] });
    expect(other.history[0]?.client).toBe("z");
    expect(labels(other)[0]?.count).toBe(1);
    const elsewhere = reduce(start, { type: "other-ack", ack: ack("z", { view: "w", entry: entry("z", "c") }) });
    expect(elsewhere).toMatchObject({ shown: "a", queue: ["a", "b"] });
  });

  it("lets one view undo what another said", () => {
    const start = started(["a", "b"]);
    const other = reduce(start, { type: "other-ack", ack: ack("z", { view: "w", entry: entry("z", "a") }) });
    const { state, step } = turn(other, "undo");
    expect(step?.client).toBe("z");
    expect(state).toMatchObject({ shown: "a", queue: ["a", "b"] });
  });

  it("does not take a card away that is looked back at, nor for an undo elsewhere", () => {
    const looking = reduce(say(started(["a", "b", "c"])).state, { type: "browse", by: -1 });
    const moved = reduce(looking, { type: "other-ack", ack: ack("z", { view: "w", entry: entry("z", "b") }) });
    expect(moved).toMatchObject({ shown: "a", queue: ["c"] });
    const { state, client } = say(started(["a", "b", "c"]));
    const done = reduce(state, { type: "own-ack", client, ack: ack(client), now: "now" });
    const undone = reduce(done, { type: "elsewhere", item: item("a") });
    expect(undone).toMatchObject({ shown: "b", queue: ["b", "a", "c"] });
  });

  it("starts anew for another session", () => {
    const { state } = say(started(["a", "b"]));
    const other = resnapshot(state, ["x"], { session: "t" });
    expect(other).toMatchObject({ shown: "x", queue: ["x"], past: [], undo: [], revision: 9 });
    expect(other.pending.size).toBe(0);
  });
});

describe("after a reload", () => {
  it("the old snapshot asks nothing that was answered in this tab, and the same card is shown", () => {
    const memory = { decided: new Set(["a", "b"]), at: "d", card: item("d") };
    const state = reduce(initialState(), {
      type: "snapshot",
      snapshot: snapshot(["a", "b", "c", "d"]),
      live: false,
      memory,
    });
    expect(state).toMatchObject({ shown: "d", queue: ["d", "c"], live: false });
    const live = resnapshot(state, ["c", "e"], { history: [entry("1", "b"), entry("0", "a")] });
    expect(live).toMatchObject({ shown: "d", queue: ["d", "c", "e"], past: ["a", "b"], live: true });
  });

  it("a remembered card that the kernel knows an answer to is not shown", () => {
    const memory = { decided: new Set<string>(), at: "d", card: item("d") };
    const answered = snapshot(["c"], { history: [entry("1", "d")] });
    expect(reduce(initialState(), { type: "snapshot", snapshot: answered, live: true, memory }).shown).toBe("c");
    const old = reduce(initialState(), { type: "snapshot", snapshot: snapshot(["c"]), live: false, memory });
    expect(old.shown).toBe("d");
    expect(resnapshot(old, ["c"], { history: [entry("1", "d")] }).shown).toBe("c");
  });

  it("decisions of the page before count and are not asked again", () => {
    const start = started(["a", "b", "c"]);
    const adopted = [decide("before", { item: "a", value: "A" })];
    const state = reduce(start, { type: "adopt", decides: adopted });
    expect(state).toMatchObject({ shown: "b", queue: ["b", "c"] });
    expect(saved(state)).toEqual({ saved: 0, of: 1, waiting: 1 });
    expect(reduce(state, { type: "adopt", decides: adopted })).toEqual(state);
  });
});

it("a long sitting is not kept whole", () => {
  let state = started(["doc 0"], { counts: counts({ total: 5_000, remaining: 5_000 }) });
  for (let i = 0; i < 3_000; i += 1) {
    const { state: next, client } = say(state);
    state = reduce(next, { type: "own-ack", client, ack: ack(client, { revision: i + 2 }), now: "now" });
    state = reduce(state, { type: "items", items: [item(`doc ${i + 1}`)] });
  }
  expect(state.shown).toBe("doc 3000");
  expect(state.items.size).toBeLessThan(1_000);
  expect(state.past.length).toBeLessThan(1_000);
  expect(state.history.length).toBeLessThan(1_000);
  expect(state.undo).toHaveLength(3_000);
});

describe("looking around", () => {
  it("goes back and forth without deciding", () => {
    let state = started(["a", "b", "c"], { history: [entry("1", "y"), entry("0", "x")] });
    const step = (by: -1 | 1) => {
      state = reduce(state, { type: "browse", by });
      return state.shown;
    };
    expect([step(-1), step(-1), step(-1)]).toEqual(["y", "x", "x"]);
    expect([step(1), step(1)]).toEqual(["y", "a"]);
    expect([step(1), step(1)]).toEqual(["b", "c"]);
    expect(state.queue).toEqual(["c", "a", "b"]);
    expect([step(-1), step(-1), step(-1)]).toEqual(["b", "a", "y"]);
    expect(state.pending.size).toBe(0);
  });

  it("puts what was passed over at the end of a new queue", () => {
    const passed = reduce(started(["a", "b", "c"]), { type: "browse", by: 1 });
    expect(reduce(passed, { type: "queue", message: queue(["a", "b", "x"]) }).queue).toEqual(["b", "x", "a"]);
  });
});

describe("numbers", () => {
  it("takes the pace from earlier sessions until this one has told enough", () => {
    let state = started(["a", "b", "c", "d"], { pace: 9 });
    for (const seconds of [1, 2]) {
      ({ state } = say(state, { action: "skip", seconds }));
    }
    expect(pace(state)).toBe(9);
    ({ state } = say(state, { action: "skip", seconds: 3 }));
    expect(pace(state)).toBe(2);
  });

  it("does not promise more ahead than there is", () => {
    expect(ahead(started(["a", "b"], { counts: counts({ remaining: 2 }) }))).toBe(1);
    expect(ahead(started(["a", "b"]))).toBe(9);
  });
});
