/** Messages and states for tests, with only what matters spelled out. */
import type { Ack, Counts, Decide, HistoryEntry, Item, Queue, Snapshot, Status } from "../src/protocol";
import { reduce } from "../src/state/reducer";
import { initialState, type State, type Step } from "../src/state/types";

export const STATUS: Status = {
  state: "ready",
  round: 1,
  model: "m",
  strategy: "tyrogue",
  message: "",
  ahead: 10,
  paused: false,
  batch_size: 50,
  error: null,
  storage_error: null,
};

export function counts(more: Partial<Counts> = {}): Counts {
  return { total: 10, labelled: 0, skipped: 0, flagged: 0, remaining: 10, saved: 0, decisions: 0, ...more };
}

export function item(id: string, more: Partial<Item> = {}): Item {
  return {
    item: id,
    text: `text of ${id}`,
    words: null,
    position: null,
    text_pair: null,
    source: null,
    suggestion: null,
    why: null,
    answer: null,
    status: null,
    note: null,
    ...more,
  };
}

export function snapshot(ids: string[], more: Partial<Snapshot> = {}): Snapshot {
  return {
    kind: "snapshot",
    protocol: 1,
    revision: 1,
    session: "s",
    name: "news",
    task: "classification",
    labels: ["A", "B"].map((name) => ({ name, definition: "", count: 0 })),
    open_labels: false,
    counts: counts(),
    status: STATUS,
    queue: ids.map((id) => item(id)),
    history: [],
    pace: null,
    guidelines: "",
    strategies: [],
    problems: 0,
    notice: null,
    read_only: false,
    overlap: false,
    view: null,
    seq: null,
    ...more,
  };
}

export function queue(ids: string[], more: Partial<Queue> = {}): Queue {
  return { kind: "queue", items: ids.map((id) => item(id)), counts: counts(), status: STATUS, revision: 2, ...more };
}

export function decide(client: string, more: Partial<Decide> = {}): Decide {
  return {
    kind: "decide",
    view: "v",
    seq: 1,
    client,
    action: "annotate",
    item: null,
    value: null,
    target: null,
    note: null,
    origin: "human",
    seconds: 2,
    seen: null,
    why: null,
    at: "2026-01-05T10:00:00.000Z",
    ...more,
  };
}

export function entry(client: string, id: string, more: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    client,
    item: id,
    action: "annotate",
    excerpt: `text of ${id}`,
    value: "A",
    origin: "human",
    note: null,
    time: "2026-01-05T09:00:00.000Z",
    seconds: 2,
    undone: false,
    annotator: "ana",
    ...more,
  };
}

export function ack(client: string, more: Partial<Ack> = {}): Ack {
  return {
    kind: "ack",
    view: "v",
    seq: 1,
    revision: 3,
    counts: counts({ labelled: 1, remaining: 9, saved: 1, decisions: 1 }),
    client,
    entry: null,
    item: null,
    labels: null,
    repeated: false,
    ...more,
  };
}

const NOTHING = { decided: new Set<string>(), at: null, card: null };

/** A state with this queue, as after the kernel's first answer. */
export function started(ids: string[], more: Partial<Snapshot> = {}): State {
  return reduce(initialState(), { type: "snapshot", snapshot: snapshot(ids, more), live: true, memory: NOTHING });
}

export function resnapshot(state: State, ids: string[], more: Partial<Snapshot> = {}): State {
  return reduce(state, {
    type: "snapshot",
    snapshot: snapshot(ids, { revision: 9, ...more }),
    live: true,
    memory: NOTHING,
  });
}

let clients = 0;

/** Something said about the card, as the controller says it. */
export function say(state: State, more: Partial<Decide> = {}): { state: State; client: string } {
  clients += 1;
  const client = `c${clients}`;
  const made = decide(client, { item: state.shown, value: more.action === undefined ? "A" : null, ...more });
  return { state: reduce(state, { type: "decide", decide: made, excerpt: "…" }), client };
}

export function turn(state: State, action: "undo" | "redo"): { state: State; client: string; step: Step | null } {
  clients += 1;
  const client = `c${clients}`;
  const step = state[action].at(-1) ?? null;
  const made = decide(client, { action, item: step?.item ?? null, target: step?.client ?? null });
  return { state: reduce(state, { type: action, decide: made, step }), client, step };
}

/** What a person sees of a state, to compare two. */
export function seen(state: State): unknown {
  const answers = [...state.items].map(([id, { answer, status, note }]) => [id, answer, status, note]);
  return { shown: state.shown, queue: state.queue, answers: answers.sort() };
}
