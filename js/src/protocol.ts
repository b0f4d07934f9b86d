// Written by `python -m alwidget.widget.codegen` from alwidget/widget/protocol.py. Do not edit.
// biome-ignore-all format: the generator lays this file out

/**
 * The messages between page and kernel, declared once; `js/src/protocol.ts` is generated from here.
 *
 * Every message has one discriminator, `kind`, both ways. A message from the page that wants an answer carries a
 * `seq` that its view made; the answer carries the same `seq` and `view`. The field is never called `id`:
 * ipykernel 7.4 keeps such ids for ever. Decisions are idempotent by `client`. The loss of any message from the kernel
 * is repaired by the next `Hello`. Numbers are seconds and shares of one; offsets are Unicode code points.
 */

export const PROTOCOL_VERSION = 1;

export type Action = "annotate" | "skip" | "flag" | "note" | "clear" | "undo" | "redo" | "label-add";

export type EngineState = "starting" | "cold" | "training" | "scoring" | "ready" | "paused" | "failed";

/** A label with its definition and how many documents have it. */
export interface LabelInfo {
  name: string;
  definition: string;
  count: number;
}

/**
 * What the model thinks: its answer, how sure, and the probability of every label in key order.
 *
 * A suggested span has a `confidence` of its own. `candidates` are texts that the model would write, best first.
 * A `confidence` of None says that the suggestion, or the span, came with the data and not from the model.
 */
export interface Suggestion {
  value: unknown;
  confidence: number | null;
  probs: number[] | null;
  candidates: string[] | null;
}

/** Why this item is asked. */
export interface Why {
  strategy: string;
  round: number;
  rank: number;
  of: number;
  score: number | null;
  propensity: number | null;
  text: string;
}

/**
 * A document to ask about, or one answered before with its present answer.
 *
 * `words` is for tagging: where each word begins and ends, start, end, start, end, …, in code points.
 */
export interface Item {
  item: string;
  text: string;
  words: number[] | null;
  position: number | null;
  text_pair: string | null;
  source: string | null;
  suggestion: Suggestion | null;
  why: Why | null;
  answer: unknown;
  status: "labelled" | "skipped" | "flagged" | null;
  note: string | null;
}

/** One decision, newest first in lists. `client` names it for undo and redo. */
export interface HistoryEntry {
  client: string;
  item: string;
  action: Action;
  excerpt: string;
  value: unknown;
  origin: string | null;
  note: string | null;
  time: string;
  seconds: number | null;
  undone: boolean;
  annotator: string;
}

/** How far the session is. `saved` and `decisions` count this session's decisions on disk and in all. */
export interface Counts {
  total: number;
  labelled: number;
  skipped: number;
  flagged: number;
  remaining: number;
  saved: number;
  decisions: number;
}

/** What the engine does now, for the status line. */
export interface Status {
  state: EngineState;
  round: number;
  model: string;
  strategy: string;
  message: string;
  ahead: number;
  paused: boolean;
  batch_size: number;
  error: string | null;
  storage_error: string | null;
}

/** A strategy that can be picked, or cannot and why. */
export interface Option {
  name: string;
  line: string;
  reason: string | null;
}

/** `Request.params` of `history`: newest first, filtered by words in the text, label or note. */
export interface HistoryParams {
  query: string;
  offset: number;
  limit: number;
}

/** `Request.params` of `item`: the id of one document, or its place in the pool where no id is meant. */
export interface ItemParams {
  item: string;
  position: number | null;
}

/** `Request.params` of `items`: how many more to ask about, and which the page holds already. */
export interface ItemsParams {
  limit: number;
  exclude: string[];
}

/** `Reply.data` of `history`; `more` when older entries match too. */
export interface HistoryPage {
  entries: HistoryEntry[];
  more: boolean;
}

/** `Reply.data` of `guidelines`: Markdown as it was given, and the labels' definitions. */
export interface Guidelines {
  text: string;
  labels: LabelInfo[];
}

/** `Reply.data` of `model`: what learns, what it has learnt from, and which strategies could choose. */
export interface ModelInfo {
  labels: LabelInfo[];
  status: Status;
  strategies: Option[];
}

/** `Reply.data` of `problems`: what was set aside when the documents were read, a line each. */
export interface Problems {
  problems: string[];
}

/** A view is there; asks for a `Snapshot`. Sent on every render and after silence. */
export interface Hello {
  kind: "hello";
  view: string;
  seq: number;
  protocol: number;
  waiting: number;
}

/**
 * Something the person said. Resent with the same `client` until it is acknowledged.
 *
 * For undo and redo, `target` is the `client` of the decision meant; null means the newest one.
 * `seen` is the suggestion that was on the card.
 */
export interface Decide {
  kind: "decide";
  view: string;
  seq: number;
  client: string;
  action: Action;
  item: string | null;
  value: unknown;
  target: string | null;
  note: string | null;
  origin: "human" | "accepted" | "edited" | null;
  seconds: number | null;
  seen: Suggestion | null;
  why: Why | null;
  at: string | null;
}

/**
 * A panel wants data.
 *
 * `history` takes `HistoryParams` and gets a `HistoryPage`; `item` takes `ItemParams` and gets an `Item`;
 * `items` takes `ItemsParams` and gets a list of `Item`; `guidelines`, `model` and `problems` take
 * nothing and get `Guidelines`, `ModelInfo` and `Problems`.
 */
export interface Request {
  kind: "request";
  view: string;
  seq: number;
  what: "history" | "item" | "items" | "guidelines" | "model" | "problems";
  params: Record<string, unknown>;
}

/** Change `strategy`, `paused`, or `batch_size`; answered by `Ack` or `Reject`. */
export interface SetOption {
  kind: "set";
  view: string;
  seq: number;
  name: "strategy" | "paused" | "batch_size" | "train";
  value: unknown;
}

/**
 * All that a fresh view needs. Also the value of the `_snapshot` trait, so that a first card needs no kernel.
 *
 * `overlap` is for tagging: whether spans may overlap.
 */
export interface Snapshot {
  kind: "snapshot";
  protocol: number;
  revision: number;
  session: string;
  name: string;
  task: string;
  labels: LabelInfo[];
  open_labels: boolean;
  counts: Counts;
  status: Status;
  queue: Item[];
  history: HistoryEntry[];
  pace: number | null;
  guidelines: string;
  strategies: Option[];
  problems: number;
  notice: string | null;
  read_only: boolean;
  overlap: boolean;
  view: string | null;
  seq: number | null;
}

/** The next items, best first; replaces what a view holds after the card that is shown. */
export interface Queue {
  kind: "queue";
  items: Item[];
  counts: Counts;
  status: Status;
  revision: number;
}

/** On disk, after fsync. Goes to every view: the one that asked drops it from its outbox, the others follow. */
export interface Ack {
  kind: "ack";
  view: string;
  seq: number;
  revision: number;
  counts: Counts;
  client: string | null;
  entry: HistoryEntry | null;
  item: Item | null;
  labels: LabelInfo[] | null;
  repeated: boolean;
}

/** Not done. With `retry` the page keeps the decision and sends it again later; without, drops it and says why. */
export interface Reject {
  kind: "reject";
  view: string;
  seq: number;
  reason: string;
  retry: boolean;
  client: string | null;
}

/** The answer to a `Request`; its shape depends on `what`. */
export interface Reply {
  kind: "reply";
  view: string;
  seq: number;
  what: string;
  data: unknown;
}

/** The engine or the disk changed state; may be lost without harm. */
export interface StatusMessage {
  kind: "status";
  status: Status;
  counts: Counts;
  revision: number;
}

/** Something a person should read once. */
export interface Notice {
  kind: "notice";
  level: "info" | "warning" | "error";
  text: string;
}

export type FromPage = Hello | Decide | Request | SetOption;

export type ToPage = Snapshot | Queue | Ack | Reject | Reply | StatusMessage | Notice;

/** The fields of every message, by kind. */
export const FIELDS = {
  hello: ["view","seq","protocol","waiting"],
  decide: ["view","seq","client","action","item","value","target","note","origin","seconds","seen","why","at"],
  request: ["view","seq","what","params"],
  set: ["view","seq","name","value"],
  snapshot: ["protocol","revision","session","name","task","labels","open_labels","counts","status","queue","history","pace","guidelines","strategies","problems","notice","read_only","overlap","view","seq"],
  queue: ["items","counts","status","revision"],
  ack: ["view","seq","revision","counts","client","entry","item","labels","repeated"],
  reject: ["view","seq","reason","retry","client"],
  reply: ["view","seq","what","data"],
  status: ["status","counts","revision"],
  notice: ["level","text"],
} as const;
