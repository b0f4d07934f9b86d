/** All changes of the page's state, as one pure function: `reduce(state, event)`. */
import type { Ack, Decide, Item, Queue, Snapshot, StatusMessage } from "../protocol";
import { adopted, asked, decided, redone, undone } from "./decide";
import { type Drafts, edited, turned, typed, untyped, withoutDraft } from "./drafts";
import { browse, putBehind, toLive, withItems, without } from "./line";
import {
  followed,
  type Memory,
  onItems,
  onOtherAck,
  onOwnAck,
  onQueue,
  onRefusal,
  onSnapshot,
  onStatus,
} from "./messages";
import type { Link, PanelName, PromptName, State, Step, Toast } from "./types";

export type Event =
  | { type: "snapshot"; snapshot: Snapshot; live: boolean; memory: Memory }
  | { type: "queue"; message: Queue }
  | { type: "status"; message: StatusMessage }
  | { type: "items"; items: readonly Item[] }
  | { type: "asking"; asking: boolean }
  | { type: "own-ack"; client: string; ack: Ack; now: string }
  | { type: "other-ack"; ack: Ack }
  | { type: "elsewhere"; item: Item }
  | { type: "gone"; id: string }
  | { type: "refused"; client: string }
  | { type: "decide"; decide: Decide; excerpt: string }
  | { type: "undo" | "redo"; decide: Decide; step: Step | null }
  | { type: "adopt"; decides: readonly Decide[] }
  | { type: "edit"; item: string; from: unknown; value: unknown }
  | { type: "typed"; item: string; from: unknown; value: string; visit: string }
  | { type: "untyped"; item: string; visit: string }
  | { type: "turn-edit"; item: string; way: "back" | "forth" }
  | { type: "drop-draft"; item: string }
  | { type: "drafts"; drafts: Drafts }
  | { type: "browse"; by: -1 | 1 }
  | { type: "show"; id: string }
  | { type: "loaded"; item: Item }
  | { type: "live" }
  | { type: "panel"; panel: PanelName | null }
  | { type: "prompt"; prompt: PromptName | null }
  | { type: "toast"; toast: Toast }
  | { type: "dismiss"; key: number }
  | { type: "announce"; text: string }
  | { type: "nudge"; text: string }
  | { type: "link"; link: Link }
  | { type: "saved"; now: string }
  | { type: "option"; status: Partial<State["status"]> }
  | { type: "trouble"; text: string }
  | { type: "failure"; text: string };

const TOASTS = 3;
/** What a person does about a nudge, or instead. */
const ANSWERS_NUDGE: ReadonlySet<Event["type"]> = new Set([
  "edit",
  "typed",
  "untyped",
  "turn-edit",
  "decide",
  "undo",
  "redo",
  "browse",
  "show",
  "live",
]);

export function reduce(state: State, event: Event): State {
  const next = reduced(state, event);
  return next.nudge !== null && ANSWERS_NUDGE.has(event.type) ? { ...next, nudge: null } : next;
}

function reduced(state: State, event: Event): State {
  switch (event.type) {
    case "snapshot":
      return onSnapshot(state, event.snapshot, event.live, event.memory);
    case "queue":
      return onQueue(state, event.message);
    case "status":
      return onStatus(state, event.message);
    case "items":
      return { ...onItems(state, event.items), asking: false };
    case "asking":
      return { ...state, asking: event.asking };
    case "own-ack":
      return onOwnAck(state, event.client, event.ack, event.now);
    case "other-ack":
      return onOtherAck(state, event.ack);
    case "elsewhere":
      return followed(state, event.item, true);
    case "gone":
      return without(state, event.id);
    case "refused":
      return onRefusal(state, event.client);
    case "decide":
      return decided(state, event.decide, event.excerpt);
    case "undo":
      return event.step === null ? asked(state, event.decide) : undone(state, event.decide, event.step);
    case "redo":
      return event.step === null ? asked(state, event.decide) : redone(state, event.decide, event.step);
    case "adopt":
      return adopted(state, event.decides);
    default:
      return reducePage(state, event);
  }
}

type PageEvent = Extract<
  Event,
  {
    type:
      | "edit"
      | "typed"
      | "untyped"
      | "turn-edit"
      | "drop-draft"
      | "drafts"
      | "browse"
      | "show"
      | "loaded"
      | "live"
      | "panel"
      | "prompt"
      | "toast"
      | "dismiss"
      | "announce"
      | "nudge"
      | "link"
      | "saved"
      | "option"
      | "trouble"
      | "failure";
  }
>;

/** What only this page sees: where it looks, what is open, how the kernel seems. */
function reducePage(state: State, event: PageEvent): State {
  switch (event.type) {
    case "edit":
      return edited(state, event.item, event.from, event.value);
    case "typed":
      return typed(state, event.item, event.from, event.value, event.visit);
    case "untyped":
      return untyped(state, event.item, event.visit);
    case "turn-edit":
      return turned(state, event.item, event.way);
    case "drop-draft":
      return withoutDraft(state, event.item);
    case "drafts":
      return { ...state, drafts: event.drafts };
    case "browse":
      return { ...browse(state, event.by), prompt: null };
    case "show":
      return { ...state, shown: event.id, recalled: null, prompt: null };
    case "loaded":
      return loaded(state, event.item);
    case "live":
      return toLive(state);
    case "panel":
      return { ...state, panel: event.panel };
    case "prompt":
      return { ...state, prompt: event.prompt };
    case "toast":
      return {
        ...state,
        toasts: [...state.toasts.filter(({ text }) => text !== event.toast.text), event.toast].slice(-TOASTS),
      };
    case "dismiss":
      return { ...state, toasts: state.toasts.filter(({ key }) => key !== event.key) };
    case "announce":
      return { ...state, announcement: event.text };
    case "nudge":
      return { ...state, nudge: event.text };
    case "link":
      return state.link.kind === event.link.kind ? state : { ...state, link: event.link };
    case "saved":
      return { ...state, savedAt: event.now };
    case "option":
      return { ...state, status: { ...state.status, ...event.status } };
    case "trouble":
      return { ...state, trouble: event.text };
    case "failure":
      return { ...state, failure: event.text };
  }
}

/** A document that was asked for by name arrives; an answered one is put behind, so that browsing finds it again. */
function loaded(state: State, item: Item): State {
  const waits = [...state.pending.values()].some(({ decide }) => decide.item === item.item);
  const next = waits && state.items.has(item.item) ? state : { ...state, items: withItems(state.items, [item]) };
  return item.status !== null && !next.past.includes(item.item) ? putBehind(next, item.item) : next;
}
