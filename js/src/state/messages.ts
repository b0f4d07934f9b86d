/** What the kernel says, folded into the page's state. */
import type { Ack, HistoryEntry, Item, Queue, Snapshot, StatusMessage } from "../protocol";
import { answerOf, moveLabel, outcome, withAnswer } from "./answers";
import { recalledFrom, refused, relaid, setAnswer, withEntry } from "./decide";
import { withoutDraft } from "./drafts";
import { appendAhead, isLive, pruned, putAhead, putBehind, replaceAhead, toLive, withItems } from "./line";
import { initialState, type State, type Step } from "./types";

const DECIDING = new Set(["annotate", "skip", "flag"]);

/**
 * A whole new view of the session. `live` is false for the one that came with the widget, which may be old: what this
 * browser remembers to have answered is then left out.
 */
export function onSnapshot(state: State, snapshot: Snapshot, live: boolean, memory: Memory): State {
  const same = state.session?.id === snapshot.session;
  const base = same ? state : { ...initialState(), panel: state.panel, link: state.link, toasts: state.toasts };
  let next: State = {
    ...base,
    session: {
      id: snapshot.session,
      name: snapshot.name,
      task: snapshot.task,
      openLabels: snapshot.open_labels,
      guidelines: snapshot.guidelines,
      strategies: snapshot.strategies,
      problems: snapshot.problems,
      readOnly: snapshot.read_only,
      overlap: snapshot.overlap,
    },
    labels: snapshot.labels,
    counts: snapshot.counts,
    status: snapshot.status,
    revision: snapshot.revision,
    live: base.live || live,
    kernelPace: snapshot.pace,
    history: mergedHistory(base, snapshot.history),
  };
  next = withAnswers(next, snapshot);
  const items = live ? snapshot.queue : snapshot.queue.filter(({ item }) => !memory.decided.has(item));
  if (!same) {
    next = remembered(next, memory, items);
  }
  next = relaid(replaceAhead({ ...next, queue: liveHead(next) }, items));
  return pruned(next.shown === null ? toLive(next) : next);
}

/** What this browser tab remembers of a session from before a reload: what it answered, and the card it was at. */
export interface Memory {
  decided: ReadonlySet<string>;
  /** The id of the live card, and the card itself unless it is too long to be kept. */
  at: string | null;
  card: Item | null;
}

/** After a reload the same card is shown, unless it is known to be answered. */
function remembered(state: State, { at, card }: Memory, queue: readonly Item[]): State {
  const item = queue.find((other) => other.item === at) ?? (card?.item === at ? card : undefined);
  if (item === undefined || state.past.includes(item.item)) {
    return state;
  }
  return toLive({ ...state, queue: [item.item], items: withItems(state.items, [item]) });
}

/** The card on the screen stays, unless the kernel knows an answer to it. */
function liveHead(state: State): readonly string[] {
  const [head] = state.queue;
  const kept = state.queue.filter((id) => state.returned.includes(id) && id !== head);
  return head === undefined ? kept : [head, ...kept];
}

/** Own decisions that wait are in front; the kernel's list is the truth about all others. */
function mergedHistory(state: State, entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const known = new Set(entries.map((entry) => entry.client));
  const waiting = state.history.filter((entry) => state.pending.has(entry.client) && !known.has(entry.client));
  const oldest = entries.at(-1)?.time ?? "";
  const older =
    entries.length === 0 ? [] : state.history.filter((entry) => !known.has(entry.client) && entry.time < oldest);
  return [...waiting, ...entries, ...older.filter((entry) => !waiting.includes(entry))];
}

/** Answers that the history tells, and the line of documents behind. */
function withAnswers(state: State, snapshot: Snapshot): State {
  const asked = new Set(snapshot.queue.map(({ item }) => item));
  const answered = new Map<string, HistoryEntry>();
  for (const entry of snapshot.history) {
    const deciding = DECIDING.has(entry.action) || entry.action === "clear";
    if (!entry.undone && deciding && !answered.has(entry.item)) {
      answered.set(entry.item, entry);
    }
  }
  let next: State = { ...state, items: withItems(state.items, [...state.items.values()].map(cleared(asked))) };
  for (const entry of [...answered.values()].reverse()) {
    if (DECIDING.has(entry.action) && !asked.has(entry.item)) {
      next = setAnswer(next, entry.item, { ...answerOf(next.items.get(entry.item)), ...fromEntry(entry) });
      const live = isLive(next) && next.shown === entry.item;
      next = putBehind(next, entry.item);
      next = live ? toLive(next) : next;
    }
  }
  return next;
}

function cleared(asked: ReadonlySet<string>): (item: Item) => Item {
  return (item) => (asked.has(item.item) ? { ...item, answer: null, status: null } : item);
}

function fromEntry(entry: HistoryEntry): Pick<Item, "answer" | "status"> {
  const status = entry.action === "annotate" ? "labelled" : entry.action === "skip" ? "skipped" : "flagged";
  return { answer: entry.action === "annotate" ? entry.value : null, status };
}

export function onQueue(state: State, message: Queue): State {
  const next = { ...state, status: message.status, counts: fresher(state, message), revision: newest(state, message) };
  return replaceAhead(next, message.items);
}

export function onItems(state: State, items: readonly Item[]): State {
  return appendAhead(state, items);
}

export function onStatus(state: State, message: StatusMessage): State {
  return { ...state, status: message.status, counts: fresher(state, message), revision: newest(state, message) };
}

/** A decision of this page is on disk. */
export function onOwnAck(state: State, client: string, ack: Ack, now: string): State {
  const pending = state.pending.get(client);
  const rest = new Map(state.pending);
  rest.delete(client);
  const moved =
    pending === undefined ? state.labels : moveLabel(state.labels, pending.before.answer, pending.after.answer);
  let next: State = {
    ...state,
    pending: rest,
    counts: ack.counts,
    revision: Math.max(state.revision, ack.revision),
    labels: ack.labels ?? moved,
    savedAt: now,
    trouble: pending === undefined ? state.trouble : null,
  };
  if (ack.entry !== null) {
    next = { ...next, history: withEntry(next.history, ack.entry) };
  }
  const blind = pending !== undefined && pending.decide.item === null && isTurn(pending.decide.action);
  if (blind) {
    return ack.item === null ? next : cameBack(next, ack.item, ack.entry, pending.decide.action === "undo");
  }
  const busy = [...rest.values()].some((other) => other.decide.item === ack.item?.item);
  return ack.item === null || busy ? next : withKernelItem(next, ack.item);
}

function isTurn(action: string): boolean {
  return action === "undo" || action === "redo";
}

/** An item after an undo or redo of something from before this page. */
function cameBack(state: State, item: Item, entry: HistoryEntry | null, undo: boolean): State {
  let next = withKernelItem(state, item);
  next = item.status === null ? putAhead(next, item.item, false) : putBehind(next, item.item);
  const step = entry === null ? null : stepOf(entry, item);
  if (step !== null) {
    const other = (steps: readonly Step[]) => steps.filter(({ client }) => client !== step.client);
    next = undo
      ? { ...next, redo: [...other(next.redo), { ...step, before: answerOf(item) }] }
      : { ...next, undo: [...other(next.undo), { ...step, before: null }] };
  }
  if (!undo) {
    return toLive(next);
  }
  return { ...next, shown: item.item, recalled: step === null ? null : recalledFrom(step) };
}

function stepOf(entry: HistoryEntry, item: Item): Step | null {
  if (isTurn(entry.action)) {
    return null;
  }
  const { answer, status } = fromEntry(entry);
  return {
    client: entry.client,
    item: entry.item,
    action: entry.action,
    before: null,
    after: { answer, status: DECIDING.has(entry.action) ? status : item.status, note: entry.note ?? item.note },
  };
}

/**
 * Something decided in another view or by code. What it did to a document is either plain from the entry, or the
 * caller asks the kernel for the document and hands it to `followed`.
 */
export function onOtherAck(state: State, ack: Ack): State {
  const { entry } = ack;
  let next: State = {
    ...state,
    counts: ack.counts,
    revision: Math.max(state.revision, ack.revision),
    labels: ack.labels ?? state.labels,
  };
  if (entry !== null) {
    next = { ...withStep(next, entry, ack.view !== ""), history: withEntry(next.history, entry) };
  }
  const item = ack.item ?? (entry === null || needsItem(ack) ? null : plainOutcome(state, entry));
  return item === null ? next : followed(next, item, ack.labels === null);
}

/** True where an entry alone does not tell what a document's answer is now. */
export function needsItem(ack: Ack): boolean {
  const { entry } = ack;
  return ack.item === null && entry !== null && entry.item !== "" && (entry.undone || isTurn(entry.action));
}

function plainOutcome(state: State, entry: HistoryEntry): Item | null {
  const known = state.items.get(entry.item);
  if (entry.item === "") {
    return null;
  }
  const item: Item = known ?? {
    item: entry.item,
    text: "",
    words: null,
    position: null,
    text_pair: null,
    source: null,
    suggestion: null,
    why: null,
    answer: null,
    status: null,
    note: null,
  };
  return withAnswer(item, outcome(answerOf(item), entry));
}

/** Follow another view: the card moves on with it, except one that is looked back at, or that an undo elsewhere would replace. */
export function followed(state: State, item: Item, countLabels: boolean): State {
  if ([...state.pending.values()].some(({ decide }) => decide.item === item.item)) {
    return state;
  }
  const known = state.items.get(item.item);
  let next = countLabels ? { ...state, labels: moveLabel(state.labels, known?.answer, item.answer) } : state;
  const wasLive = isLive(next) && next.shown === item.item;
  if (known !== undefined || item.text !== "") {
    next = withKernelItem(next, item);
  }
  if (item.status === null) {
    const back = (known?.status ?? null) !== null || next.past.includes(item.item);
    next = back && next.items.has(item.item) ? putAhead(next, item.item, true) : next;
    return next.shown === null ? toLive(next) : next;
  }
  next = putBehind(withoutDraft(next, item.item), item.item);
  return wasLive ? toLive(next) : next;
}

/** Another view's decision can be undone from this one too: one session, one line of steps. */
function withStep(state: State, entry: HistoryEntry, fromView: boolean): State {
  const step = [...state.undo, ...state.redo].find(({ client }) => client === entry.client);
  const known = state.items.get(entry.item);
  const undo = state.undo.filter(({ client }) => client !== entry.client);
  const redo = state.redo.filter(({ client }) => client !== entry.client);
  if (isTurn(entry.action) || (!fromView && step === undefined)) {
    return state;
  }
  const made = step ?? (known === undefined ? null : stepOf(entry, known));
  if (made === null) {
    return state;
  }
  const whole = step ?? { ...made, before: answerOf(known) };
  return entry.undone ? { ...state, undo, redo: [...redo, whole] } : { ...state, undo: [...undo, whole], redo };
}

/** The kernel's answer to an item, kept together with the suggestion and reason that the page already has. */
function withKernelItem(state: State, item: Item): State {
  const old = state.items.get(item.item);
  const merged = {
    ...item,
    suggestion: item.suggestion ?? old?.suggestion ?? null,
    why: item.why ?? old?.why ?? null,
  };
  return { ...state, items: withItems(state.items, [withAnswer(merged, answerOf(item))]) };
}

/** A refusal that is final. */
export function onRefusal(state: State, client: string): State {
  return refused(state, client);
}

function fresher(state: State, message: { revision: number; counts: State["counts"] }): State["counts"] {
  return message.revision >= state.revision ? message.counts : state.counts;
}

function newest(state: State, message: { revision: number }): number {
  return Math.max(state.revision, message.revision);
}
