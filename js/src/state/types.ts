/**
 * What the page knows. Three kinds of state, kept apart:
 *
 * - from the kernel (`session`, `counts`, `status`, `items`): replaced by snapshots, patched by messages;
 * - said here and not yet on disk (`pending`, and the outbox that persists it): laid over the kernel's on every change;
 * - of this page only (`shown`, `panel`, `prompt`, `undo`, `notices`, `drafts`): never sent.
 */
import type { Counts, Decide, HistoryEntry, Item, LabelInfo, Option, Status } from "../protocol";
import type { Drafts } from "./drafts";

export type ItemStatus = Item["status"];

export interface Session {
  id: string;
  name: string;
  task: string;
  openLabels: boolean;
  guidelines: string;
  strategies: readonly Option[];
  problems: number;
  readOnly: boolean;
  /** For tagging: whether spans may overlap. */
  overlap: boolean;
}

/** The answer that an item has: what a decision changes, and an undo restores. */
export interface Answer {
  answer: unknown;
  status: ItemStatus;
  note: string | null;
}

/** A decision of this session that can be taken back or done again. */
export interface Step {
  client: string;
  item: string;
  action: Decide["action"];
  before: Answer | null;
  after: Answer;
}

/** How a decision changes the counts until the kernel's own include it. */
export interface Delta {
  labelled: number;
  skipped: number;
  flagged: number;
  remaining: number;
}

export interface Pending {
  decide: Decide;
  before: Answer;
  after: Answer;
  delta: Delta;
  excerpt: string;
}

/** How the kernel is, as far as a page can tell. */
export type Link = { kind: "connecting" } | { kind: "live" } | { kind: "busy" } | { kind: "lost" };

export type PanelName = "history" | "guidelines" | "model" | "keys" | "problems";
export type PromptName = "flag" | "comment" | "goto" | "picker";

export interface Toast {
  key: number;
  level: "info" | "warning" | "error";
  text: string;
}

/** An earlier answer shown again after an undo, so that it can be kept with one key. */
export interface Recalled {
  item: string;
  value: unknown;
  action: Decide["action"];
}

export interface State {
  session: Session | null;
  labels: readonly LabelInfo[];
  counts: Counts;
  status: Status;
  revision: number;
  live: boolean;
  items: ReadonlyMap<string, Item>;
  queue: readonly string[];
  past: readonly string[];
  shown: string | null;
  recalled: Recalled | null;
  /** Begun and not submitted, by document. */
  drafts: Drafts;
  /** Documents that an undo brought back: they keep their place in the queue until they are answered again. */
  returned: readonly string[];
  history: readonly HistoryEntry[];
  pending: ReadonlyMap<string, Pending>;
  undo: readonly Step[];
  redo: readonly Step[];
  seconds: readonly number[];
  kernelPace: number | null;
  link: Link;
  savedAt: string | null;
  panel: PanelName | null;
  prompt: PromptName | null;
  toasts: readonly Toast[];
  announcement: string;
  /** Why the card was not submitted just now, until something is done about it. */
  nudge: string | null;
  recentLabels: readonly string[];
  failure: string | null;
  /** Why the kernel cannot write decisions down for now; they wait, and are sent again. */
  trouble: string | null;
  asking: boolean;
}

const NO_COUNTS: Counts = { total: 0, labelled: 0, skipped: 0, flagged: 0, remaining: 0, saved: 0, decisions: 0 };
const NO_STATUS: Status = {
  state: "starting",
  round: 0,
  model: "",
  strategy: "",
  message: "",
  ahead: 0,
  paused: false,
  batch_size: 0,
  error: null,
  storage_error: null,
};

export function initialState(): State {
  return {
    session: null,
    labels: [],
    counts: NO_COUNTS,
    status: NO_STATUS,
    revision: -1,
    live: false,
    items: new Map(),
    queue: [],
    past: [],
    shown: null,
    recalled: null,
    drafts: new Map(),
    returned: [],
    history: [],
    pending: new Map(),
    undo: [],
    redo: [],
    seconds: [],
    kernelPace: null,
    link: { kind: "connecting" },
    savedAt: null,
    panel: null,
    prompt: null,
    toasts: [],
    announcement: "",
    nudge: null,
    recentLabels: [],
    failure: null,
    trouble: null,
    asking: false,
  };
}
