/** What the interface shows, worked out from the state. */
import { median } from "../lib/format";
import type { Counts, Item, LabelInfo } from "../protocol";
import { addDelta, moveLabel } from "./answers";
import { canTurn } from "./drafts";
import type { State } from "./types";

export type Phase = "loading" | "ready" | "waiting" | "done" | "error";

export function phase(state: State): Phase {
  if (state.failure !== null) {
    return "error";
  }
  if (state.session === null) {
    return "loading";
  }
  if (state.shown !== null) {
    return "ready";
  }
  if (state.session.readOnly) {
    return "done";
  }
  if (!state.live) {
    return "loading";
  }
  return counts(state).remaining > 0 ? "waiting" : "done";
}

/** The kernel's counts, and what waits on top. */
export function counts(state: State): Counts {
  let total = state.counts;
  for (const { delta } of state.pending.values()) {
    total = addDelta(total, delta);
  }
  return total;
}

/** Documents with an answer, and how many there are to answer in all. Copies of a document are asked once. */
export function progress(state: State): { answered: number; of: number; share: number } {
  const now = counts(state);
  const answered = now.labelled + now.skipped + now.flagged;
  const of = answered + now.remaining;
  return { answered, of, share: of === 0 ? 0 : answered / of };
}

/** Answers on disk, of all that were given. What waits is never called saved, also where it changes an earlier answer. */
export function saved(state: State): { saved: number; of: number; waiting: number } {
  const waiting = state.pending.size;
  let of = state.counts.decisions;
  for (const { delta } of state.pending.values()) {
    of += delta.labelled + delta.skipped + delta.flagged;
  }
  return { saved: Math.max(0, Math.min(state.counts.saved, of - waiting)), of: Math.max(0, of), waiting };
}

export function labels(state: State): readonly LabelInfo[] {
  let list = state.labels;
  for (const { before, after } of state.pending.values()) {
    list = moveLabel(list, before.answer, after.answer);
  }
  return list;
}

/** Median seconds for one document; from earlier sessions until this one has told enough. */
export function pace(state: State): number | null {
  return state.seconds.length >= 3 || state.kernelPace === null ? median(state.seconds) : state.kernelPace;
}

export function shownItem(state: State): Item | null {
  return state.shown === null ? null : (state.items.get(state.shown) ?? null);
}

/** What the card says now: what was edited, else the answer that stands or was taken back, else what the model suggests. */
export function saying(state: State, item: Item): { value: unknown; by: "person" | "model" | "nobody" } {
  const draft = state.drafts.get(item.item);
  if (draft !== undefined) {
    return { value: draft.now, by: "person" };
  }
  const recalled = state.recalled?.item === item.item ? state.recalled.value : null;
  const answer = item.status === null ? recalled : item.answer;
  if (answer !== null || item.status !== null) {
    return { value: answer, by: "person" };
  }
  return item.suggestion === null ? { value: null, by: "nobody" } : { value: item.suggestion.value, by: "model" };
}

/** Documents that wait after the card: those held here, and those the kernel has ready beyond them. */
export function ahead(state: State): number {
  const held = Math.max(0, state.queue.length - 1);
  const ready = Math.max(0, state.status.ahead - state.pending.size);
  const card = state.queue.length > 0 ? 1 : 0;
  return Math.min(Math.max(held, ready), Math.max(0, counts(state).remaining - card));
}

export function canUndo(state: State): boolean {
  if (state.session?.readOnly === true) {
    return false;
  }
  const { labelled, skipped, flagged } = state.counts;
  return canTurn(state, state.shown, "back") || state.undo.length > 0 || labelled + skipped + flagged > 0;
}
