/**
 * What a person has begun to say about a document and not submitted yet: kept a step at a time, so that each edit can be
 * taken back before the decision is. Classification needs none: there an answer is one key.
 */
import type { State } from "./types";

export interface Draft {
  now: unknown;
  past: readonly unknown[];
  future: readonly unknown[];
  /** The visit to a field in which the last step was typed and may go on growing. */
  visit?: string;
}

export type Drafts = ReadonlyMap<string, Draft>;

const STEPS_KEPT = 500;

/** One more edit; `from` is what the card showed before the first. */
export function edited(state: State, item: string, from: unknown, value: unknown): State {
  const draft = state.drafts.get(item) ?? { now: from, past: [], future: [] };
  return withDraft(state, item, { now: value, past: [...draft.past, draft.now].slice(-STEPS_KEPT), future: [] });
}

/** Typing: all of it during one visit to the field is one step, so that the field's own undo has the finer ones. */
export function typed(state: State, item: string, from: unknown, value: string, visit: string): State {
  const draft = state.drafts.get(item);
  if (draft?.visit !== visit) {
    const next = edited(state, item, from, value);
    const made = next.drafts.get(item);
    return made === undefined ? next : withDraft(next, item, { ...made, visit });
  }
  return withDraft(state, item, { ...draft, now: value, future: [] });
}

/** The field's own undo led back to the text from before the visit: there is no step. */
export function untyped(state: State, item: string, visit: string): State {
  const draft = state.drafts.get(item);
  if (draft?.visit !== visit) {
    return state;
  }
  const past = draft.past.slice(0, -1);
  return past.length === 0
    ? withoutDraft(state, item)
    : withDraft(state, item, { now: draft.past.at(-1), past, future: [] });
}

/** The draft without its last edit, or with the one that was taken back last; the same state where there is none. */
export function turned(state: State, item: string, way: "back" | "forth"): State {
  const draft = state.drafts.get(item);
  const target = way === "back" ? draft?.past.at(-1) : draft?.future.at(-1);
  if (draft === undefined || target === undefined) {
    return state;
  }
  const { now, past, future } = draft;
  return withDraft(
    state,
    item,
    way === "back"
      ? { now: target, past: past.slice(0, -1), future: [...future, now] }
      : { now: target, past: [...past, now], future: future.slice(0, -1) },
  );
}

export function withoutDraft(state: State, item: string): State {
  if (!state.drafts.has(item)) {
    return state;
  }
  const drafts = new Map(state.drafts);
  drafts.delete(item);
  return { ...state, drafts };
}

export function canTurn(state: State, item: string | null, way: "back" | "forth"): boolean {
  const draft = item === null ? undefined : state.drafts.get(item);
  return draft !== undefined && (way === "back" ? draft.past : draft.future).length > 0;
}

function withDraft(state: State, item: string, draft: Draft): State {
  return { ...state, drafts: new Map(state.drafts).set(item, draft) };
}
