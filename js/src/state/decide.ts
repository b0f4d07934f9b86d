/** Decisions as the page makes them: at once, before the kernel has heard. */
import type { Decide, HistoryEntry, Item } from "../protocol";
import { answerOf, delta, names, outcome, withAnswer } from "./answers";
import { withoutDraft } from "./drafts";
import { isLive, putAhead, putBehind, toLive, withItems } from "./line";
import type { Answer, Pending, State, Step } from "./types";

const PACE_WINDOW = 50;
const HISTORY_KEPT = 300;
const RECENT_LABELS = 12;

/** Something said about an item: annotate, skip, flag, note or clear. */
export function decided(state: State, decide: Decide, excerpt: string): State {
  const id = decide.item;
  if (id === null) {
    const waiting = withPending(state, decide, answerOf(undefined), answerOf(undefined), excerpt);
    return decide.action === "label-add" ? withLabel(waiting, decide.value) : waiting;
  }
  const before = answerOf(state.items.get(id));
  const after = outcome(before, decide);
  const step: Step = { client: decide.client, item: id, action: decide.action, before, after };
  let next = withPending(state, decide, before, after, excerpt);
  next = { ...next, undo: [...next.undo, step], redo: [], history: entered(next.history, decide, excerpt) };
  next = decide.action === "note" || decide.action === "flag" ? next : withoutDraft(next, id);
  next = moved(setAnswer(next, id, after), id, decide.action, before, after);
  return { ...paced(next, decide), recentLabels: recent(state.recentLabels, decide) };
}

function withLabel(state: State, name: unknown): State {
  if (typeof name !== "string" || state.labels.some((label) => label.name === name)) {
    return state;
  }
  return { ...state, labels: [...state.labels, { name, definition: "", count: 0 }] };
}

/** Where the person goes after a decision: on to the live card, except where the card itself is what they work on. */
function moved(state: State, id: string, action: Decide["action"], before: Answer, after: Answer): State {
  if (action === "note") {
    return state;
  }
  if (action === "clear") {
    return { ...putAhead(state, id, false), shown: id, recalled: null };
  }
  const behind = putBehind(state, id);
  const stays = action === "flag" && before.status !== null;
  return after.status === null || stays ? behind : toLive(behind);
}

/** Take back a step of this page; the item shows again, with what had been said about it. */
export function undone(state: State, decide: Decide, step: Step): State {
  const before = step.before ?? answerOf(undefined);
  const now = answerOf(state.items.get(step.item));
  let next = withPending(state, decide, now, before, excerptOf(state, step));
  next = setAnswer(next, step.item, before);
  next = before.status === null ? putAhead(next, step.item, false) : putBehind(next, step.item);
  return {
    ...next,
    shown: step.item,
    recalled: recalledFrom(step),
    undo: state.undo.filter((other) => other.client !== step.client),
    redo: [...state.redo, step],
    history: state.history.map((entry) => (entry.client === step.client ? { ...entry, undone: true } : entry)),
  };
}

/** Say again what was taken back. */
export function redone(state: State, decide: Decide, step: Step): State {
  const now = answerOf(state.items.get(step.item));
  const next = setAnswer(withPending(state, decide, now, step.after, excerptOf(state, step)), step.item, step.after);
  return {
    ...moved(next, step.item, step.action, now, step.after),
    undo: [...state.undo, step],
    redo: state.redo.filter((other) => other.client !== step.client),
    history: state.history.map((entry) => (entry.client === step.client ? { ...entry, undone: false } : entry)),
  };
}

/** Undo or redo of something from before this page: only the kernel knows what it was, so it is shown when it answers. */
export function asked(state: State, decide: Decide): State {
  return withPending(state, decide, answerOf(undefined), answerOf(undefined), "");
}

/** Decisions that an earlier page of this session could not deliver: laid over what the kernel says. */
export function adopted(state: State, decides: readonly Decide[]): State {
  return decides.reduce((next, decide) => {
    if (next.pending.has(decide.client)) {
      return next;
    }
    const before = answerOf(decide.item === null ? undefined : next.items.get(decide.item));
    const after = outcome(before, decide);
    return overlay(withPending(next, decide, before, after, ""), decide, after);
  }, state);
}

/** Lay all pending decisions over a state that came from the kernel. */
export function relaid(state: State): State {
  let next = state;
  for (const pending of state.pending.values()) {
    const { decide } = pending;
    const step = [...state.undo, ...state.redo].find((other) => other.client === (decide.target ?? decide.client));
    const before = answerOf(decide.item === null ? undefined : next.items.get(decide.item));
    let after = outcome(before, decide);
    next = decide.action === "label-add" ? withLabel(next, decide.value) : next;
    if (step !== undefined) {
      after = decide.action === "undo" ? (step.before ?? after) : step.after;
    }
    next = overlay(next, decide, after);
    next = { ...next, pending: new Map(next.pending).set(decide.client, { ...pending, before, after }) };
  }
  return next;
}

function overlay(state: State, decide: Decide, after: Answer): State {
  if (decide.item === null || decide.action === "note" || decide.action === "label-add") {
    return state;
  }
  const next = setAnswer(state, decide.item, after);
  if (after.status !== null) {
    const behind = putBehind(next, decide.item);
    return behind.shown === decide.item && isLive(next) ? toLive(behind) : behind;
  }
  return next;
}

/** A decision that will never be saved: what it changed is put back, unless something newer was said about the item. */
export function refused(state: State, client: string): State {
  const pending = state.pending.get(client);
  if (pending === undefined) {
    return state;
  }
  const rest = new Map(state.pending);
  rest.delete(client);
  const { decide } = pending;
  const own = decide.target ?? client;
  let next: State = {
    ...state,
    pending: rest,
    undo: state.undo.filter((step) => step.client !== own),
    redo: state.redo.filter((step) => step.client !== own),
    history: state.history.filter((entry) => entry.client !== client),
  };
  if (decide.action === "label-add") {
    next = { ...next, labels: next.labels.filter(({ name, count }) => name !== decide.value || count > 0) };
  }
  const newer = [...rest.values()].some((other) => other.decide.item === decide.item);
  if (decide.item === null || newer || !state.items.has(decide.item)) {
    return next;
  }
  next = setAnswer(next, decide.item, pending.before);
  if (pending.before.status === null) {
    next = putAhead(next, decide.item, true);
    return next.shown === null ? toLive(next) : next;
  }
  return putBehind(next, decide.item);
}

export function setAnswer(state: State, id: string, answer: Answer): State {
  const item: Item | undefined = state.items.get(id);
  return item === undefined ? state : { ...state, items: withItems(state.items, [withAnswer(item, answer)]) };
}

function withPending(state: State, decide: Decide, before: Answer, after: Answer, excerpt: string): State {
  const change = delta(before.status, after.status);
  const entry: Pending = { decide, before, after, delta: change, excerpt };
  return { ...state, pending: new Map(state.pending).set(decide.client, entry) };
}

function paced(state: State, decide: Decide): State {
  const counts = decide.action === "annotate" || decide.action === "skip";
  if (!counts || decide.seconds === null) {
    return state;
  }
  return { ...state, seconds: [...state.seconds, decide.seconds].slice(-PACE_WINDOW) };
}

function recent(labels: readonly string[], decide: Decide): readonly string[] {
  if (decide.action !== "annotate") {
    return labels;
  }
  const used = names(decide.value);
  return [...used, ...labels.filter((label) => !used.includes(label))].slice(0, RECENT_LABELS);
}

export function recalledFrom(step: Pick<Step, "item" | "action" | "after">): State["recalled"] {
  const value = step.action === "annotate" ? step.after.answer : null;
  return { item: step.item, value, action: step.action };
}

function excerptOf(state: State, step: Step): string {
  return state.history.find((entry) => entry.client === step.client)?.excerpt ?? "";
}

function entered(history: readonly HistoryEntry[], decide: Decide, excerpt: string): readonly HistoryEntry[] {
  const entry: HistoryEntry = {
    client: decide.client,
    item: decide.item ?? "",
    action: decide.action,
    excerpt,
    value: decide.value,
    origin: decide.origin,
    note: decide.note,
    time: decide.at ?? "",
    seconds: decide.seconds,
    undone: false,
    annotator: "",
  };
  return withEntry(history, entry);
}

/** A history with this entry: replaced where its decision already is, else in front. */
export function withEntry(history: readonly HistoryEntry[], entry: HistoryEntry): readonly HistoryEntry[] {
  if (history.some((other) => other.client === entry.client)) {
    return history.map((other) => (other.client === entry.client ? { ...other, ...entry } : other));
  }
  return [entry, ...history].slice(0, HISTORY_KEPT);
}
