/**
 * The line of documents: `past` behind, the `queue` ahead, one of them shown.
 *
 * `queue[0]` is the live card. While somebody looks back, `shown` is another one and the live card waits.
 */
import type { Item } from "../protocol";
import type { State } from "./types";

const PAST_KEPT = 500;

export function isAnswered(state: Pick<State, "items">, id: string): boolean {
  return (state.items.get(id)?.status ?? null) !== null;
}

export function isLive(state: Pick<State, "queue" | "shown">): boolean {
  return state.shown === null || state.shown === state.queue[0];
}

/** Items with some added or replaced; nothing that is still in use is dropped. */
export function withItems(items: ReadonlyMap<string, Item>, added: Iterable<Item>): ReadonlyMap<string, Item> {
  const next = new Map(items);
  for (const item of added) {
    next.set(item.item, item);
  }
  return next;
}

/** Forget the documents that can no longer be reached by browsing; they are asked for again when needed. */
export function pruned(state: State): State {
  if (state.items.size <= PAST_KEPT + 200) {
    return state;
  }
  const past = state.past.slice(-PAST_KEPT);
  const used = new Set([...past, ...state.queue]);
  if (state.shown !== null) used.add(state.shown);
  for (const { decide } of state.pending.values()) {
    if (decide.item !== null) used.add(decide.item);
  }
  for (const step of state.redo) used.add(step.item);
  return { ...state, past, items: new Map([...state.items].filter(([id]) => used.has(id))) };
}

/** Put an answered item behind; its place is kept when it has one. */
export function putBehind(state: State, id: string): State {
  const queue = state.queue.includes(id) ? state.queue.filter((other) => other !== id) : state.queue;
  const stays = state.past.includes(id) && !state.queue.includes(id);
  const past = stays ? state.past : [...state.past.filter((other) => other !== id), id];
  return { ...state, queue, past, returned: state.returned.filter((other) => other !== id) };
}

/** Put an unanswered item first in the queue, or second when a live card is shown that should stay. */
export function putAhead(state: State, id: string, keepShown: boolean): State {
  const rest = state.queue.filter((other) => other !== id);
  const [head] = rest;
  const queue = keepShown && head !== undefined && isLive(state) ? [head, id, ...rest.slice(1)] : [id, ...rest];
  const returned = [id, ...state.returned.filter((other) => other !== id)];
  return { ...state, queue, returned, past: state.past.filter((other) => other !== id) };
}

/** A document that the kernel does not know, as when the session was opened with other data. */
export function without(state: State, id: string): State {
  const keep = (other: string) => other !== id;
  const items = new Map([...state.items].filter(([other]) => keep(other)));
  const next = { ...state, items, queue: state.queue.filter(keep), past: state.past.filter(keep) };
  return state.shown === id ? toLive(next) : next;
}

/** The live card: what comes next when something has been decided. */
export function toLive(state: State): State {
  return { ...state, shown: state.queue[0] ?? null, recalled: null };
}

/**
 * New items after the live card, from the kernel's queue.
 *
 * Kept are the card at the head, and items that an undo brought back. What was answered here is not asked again, and
 * what somebody passed over by browsing comes last.
 */
export function replaceAhead(state: State, incoming: readonly Item[]): State {
  const waiting = new Set([...state.pending.values()].map(({ decide }) => decide.item));
  const fresh = incoming.filter(({ item }) => !waiting.has(item) && !isAnswered(state, item));
  const kept = state.queue.filter((id, i) => i === 0 || state.returned.includes(id));
  const ids = fresh.map(({ item }) => item).filter((id) => !kept.includes(id));
  const passed = new Set(state.past);
  const queue = [...kept, ...ids.filter((id) => !passed.has(id)), ...ids.filter((id) => passed.has(id))];
  const known = fresh.map((item) => refreshed(state, item));
  const next = { ...state, queue: [...new Set(queue)], items: withItems(state.items, known) };
  return pruned(next.shown === null ? toLive(next) : next);
}

/** Items at the end of the queue, from a prefetch. */
export function appendAhead(state: State, incoming: readonly Item[]): State {
  const held = new Set(state.queue);
  const waiting = new Set([...state.pending.values()].map(({ decide }) => decide.item));
  const fresh = incoming.filter(({ item }) => !held.has(item) && !waiting.has(item) && !isAnswered(state, item));
  const queue = [...state.queue, ...fresh.map(({ item }) => item)];
  const next = { ...state, queue, items: withItems(state.items, fresh) };
  return pruned(next.shown === null ? toLive(next) : next);
}

/** A suggestion may come late for a card that is being read, but one that is there does not change under the eyes. */
function refreshed(state: State, item: Item): Item {
  const old = state.items.get(item.item);
  if (old === undefined) {
    return item;
  }
  if (item.item === state.shown && old.suggestion !== null) {
    return { ...item, suggestion: old.suggestion, why: old.why };
  }
  return { ...item, suggestion: item.suggestion ?? old.suggestion, why: item.why ?? old.why };
}

/** Look at the previous or next document without deciding anything. */
export function browse(state: State, by: -1 | 1): State {
  const head = state.queue[0] ?? null;
  if (by === -1) {
    const at = isLive(state) ? state.past.length : state.past.indexOf(state.shown ?? "");
    let target = (at === -1 ? state.past.length : at) - 1;
    while (target >= 0 && state.past[target] === state.shown) target -= 1;
    const previous = state.past[target];
    return previous === undefined ? state : { ...state, shown: previous, recalled: null };
  }
  if (!isLive(state)) {
    const at = state.past.indexOf(state.shown ?? "");
    const following = at === -1 ? undefined : state.past[at + 1];
    return { ...state, shown: following ?? head, recalled: null };
  }
  if (head === null || state.queue.length < 2) {
    return state;
  }
  const past = [...state.past.filter((id) => id !== head), head];
  return toLive({ ...state, past, queue: [...state.queue.slice(1), head] });
}
