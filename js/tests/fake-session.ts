/** A session as the kernel keeps it, small and in memory: the log, the queue, undo and redo, as `SessionHost` has them. */
import type { Ack, Counts, Decide, HistoryEntry, Item, LabelInfo, Snapshot, Status } from "../src/protocol";
import { PROTOCOL_VERSION } from "../src/protocol";
import { names } from "../src/state/answers";
import { NOTE_LABELS, notes, wordsOf } from "./fake-spans";
import { type FakeTask, fakeTask } from "./fake-tasks";

export interface FakeOptions {
  session?: string;
  name?: string;
  labels?: string[] | Record<string, string>;
  documents?: Partial<Item>[];
  openLabels?: boolean;
  task?: string;
  overlap?: boolean;
  readOnly?: boolean;
  guidelines?: string;
  problems?: string[];
  suggest?: boolean;
  notice?: string | null;
}

interface Said {
  decide: Decide;
  undone: boolean;
  time: string;
}

export class FakeSession {
  readonly options: FakeOptions;
  readonly task: FakeTask;
  readonly items = new Map<string, Item>();
  readonly order: string[];
  readonly said: Said[] = [];
  readonly clients = new Map<string, Ack>();
  labels: LabelInfo[];
  status: Status;
  revision = 0;

  constructor(options: FakeOptions = {}) {
    this.options = options;
    this.task = fakeTask(options.task ?? "classification");
    const own: Record<string, string[]> = { generation: [], tagging: NOTE_LABELS };
    const labels = options.labels ?? own[options.task ?? ""] ?? LABELS;
    const pairs = Array.isArray(labels) ? labels.map((name) => [name, ""] as const) : Object.entries(labels);
    this.labels = pairs.map(([name, definition]) => ({ name, definition, count: 0 }));
    for (const [index, given] of (options.documents ?? documents(40, options.task)).entries()) {
      const item = this.#item(index, given);
      this.items.set(item.item, item);
    }
    this.order = [...this.items.keys()];
    this.status = {
      state: "ready",
      round: 7,
      model: "all-MiniLM-L6 + head",
      strategy: "tyrogue",
      message: "ready",
      ahead: 42,
      paused: false,
      batch_size: 50,
      error: null,
      storage_error: null,
    };
  }

  counts(): Counts {
    const by = (status: string) => [...this.items.values()].filter((item) => item.status === status).length;
    const [labelled, skipped, flagged] = [by("labelled"), by("skipped"), by("flagged")];
    const done = labelled + skipped + flagged;
    return {
      total: this.order.length,
      labelled,
      skipped,
      flagged,
      remaining: this.order.length - done,
      saved: done,
      decisions: done,
    };
  }

  queue(limit: number, exclude: ReadonlySet<string> = new Set()): Item[] {
    const open = this.order.filter((id) => this.items.get(id)?.status === null && !exclude.has(id));
    return open.slice(0, limit).flatMap((id) => this.items.get(id) ?? []);
  }

  snapshot(view: string | null = null, seq: number | null = null): Snapshot {
    this.revision += 1;
    return {
      kind: "snapshot",
      protocol: PROTOCOL_VERSION,
      revision: this.revision,
      session: this.options.session ?? "fake-session",
      name: this.options.name ?? "news",
      task: this.options.task ?? "classification",
      labels: this.labels.map((label) => ({ ...label })),
      open_labels: this.options.openLabels ?? false,
      counts: this.counts(),
      status: { ...this.status },
      queue: this.options.readOnly === true ? [] : this.queue(20),
      history: this.history(50),
      pace: this.said.length > 0 ? 2.4 : null,
      guidelines: this.options.guidelines ?? "",
      strategies: STRATEGIES,
      problems: this.options.problems?.length ?? 0,
      notice: this.options.notice ?? null,
      read_only: this.options.readOnly ?? false,
      overlap: this.options.overlap ?? false,
      view,
      seq,
    };
  }

  history(limit: number, offset = 0, query = ""): HistoryEntry[] {
    const wanted = query.toLowerCase();
    const all = this.said.map((said) => this.entry(said)).reverse();
    const hits = all.filter((entry) =>
      `${entry.excerpt} ${String(entry.value)} ${entry.note ?? ""}`.toLowerCase().includes(wanted),
    );
    return hits.slice(offset, offset + limit);
  }

  entry({ decide, undone, time }: Said): HistoryEntry {
    const text = this.items.get(decide.item ?? "")?.text ?? "";
    return {
      client: decide.client,
      item: decide.item ?? "",
      action: decide.action,
      excerpt: text.slice(0, 160),
      value: decide.value,
      origin: decide.origin,
      note: decide.note,
      time,
      seconds: decide.seconds,
      undone,
      annotator: "ana",
    };
  }

  /** Write a decision down, once for each client; throws with a sentence when it cannot be. */
  decide(decide: Decide): Ack {
    const known = this.clients.get(decide.client);
    if (known !== undefined) {
      return { ...known, view: decide.view, seq: decide.seq, counts: this.counts(), repeated: true };
    }
    let entry: HistoryEntry | null = null;
    let item: Item | null = null;
    let labels: LabelInfo[] | null = null;
    if (decide.action === "undo" || decide.action === "redo") {
      const said = this.#turn(decide.action, decide.target);
      entry = said === null ? null : this.entry(said);
      item = said === null ? null : (this.items.get(said.decide.item ?? "") ?? null);
      labels = this.labels;
    } else if (decide.action === "label-add") {
      this.labels = [...this.labels, { name: String(decide.value), definition: "", count: 0 }];
      labels = this.labels;
    } else {
      const about = this.items.get(decide.item ?? "");
      const wrong =
        decide.action === "annotate"
          ? this.task.wrong(decide.value, this.labels, about, this.options.overlap === true)
          : null;
      if (wrong !== null) {
        throw new Error(wrong);
      }
      const said: Said = { decide, undone: false, time: new Date().toISOString() };
      this.said.push(said);
      this.#fold();
      entry = this.entry(said);
    }
    this.revision += 1;
    const { view, seq, client } = decide;
    const ack: Ack = {
      kind: "ack",
      view,
      seq,
      revision: this.revision,
      counts: this.counts(),
      client,
      entry,
      item,
      labels,
      repeated: false,
    };
    this.clients.set(client, ack);
    return ack;
  }

  #turn(action: "undo" | "redo", target: string | null): Said | null {
    const fits = (said: Said) =>
      said.undone === (action === "redo") && (target === null || said.decide.client === target);
    const said = action === "undo" ? this.said.findLast(fits) : this.said.find(fits);
    if (said === undefined) {
      if (target !== null) {
        throw new Error(`There is no decision "${target}" to ${action}.`);
      }
      return null;
    }
    said.undone = action === "undo";
    this.#fold();
    return said;
  }

  /** Every answer anew from what was said: slow and plain. */
  #fold(): void {
    for (const [id, item] of this.items) {
      this.items.set(id, { ...item, answer: null, status: null, note: null });
    }
    for (const { decide, undone } of this.said) {
      const item = this.items.get(decide.item ?? "");
      if (item === undefined || undone) {
        continue;
      }
      const next = { ...item };
      if (decide.action === "annotate") Object.assign(next, { answer: decide.value, status: "labelled" });
      if (decide.action === "skip") Object.assign(next, { answer: null, status: "skipped" });
      if (decide.action === "flag")
        Object.assign(next, { status: item.answer === null ? "flagged" : "labelled", note: decide.note ?? item.note });
      if (decide.action === "note") next.note = decide.note;
      if (decide.action === "clear") Object.assign(next, { answer: null, status: null });
      this.items.set(item.item, next);
    }
    const count = (name: string) =>
      [...this.items.values()].filter(({ answer }) => names(answer).includes(name)).length;
    this.labels = this.labels.map((label) => ({ ...label, count: count(label.name) }));
  }

  #item(index: number, given: Partial<Item>): Item {
    const suggest = this.options.suggest === true && given.suggestion === undefined;
    return {
      item: `doc-${index}`,
      text: `Document ${index}`,
      words: this.options.task === "tagging" && given.words === undefined ? wordsOf(given.text ?? "") : null,
      position: index,
      text_pair: null,
      source: null,
      suggestion: suggest ? this.task.suggest(index, this.labels, given) : null,
      why: suggest ? this.#why(index) : null,
      answer: null,
      status: null,
      note: null,
      ...given,
    };
  }

  #why(index: number) {
    const [a, b] = [this.labels[0]?.name, this.labels[2]?.name ?? this.labels[1]?.name];
    const text =
      this.options.task === "generation"
        ? "it is unlike the documents that have a text"
        : `the model is torn between ${b} and ${a}`;
    return {
      strategy: "tyrogue",
      round: 7,
      rank: (index % 50) + 1,
      of: 50,
      score: 0.67,
      propensity: null,
      text,
    };
  }
}

const LABELS = ["World", "Sports", "Business", "Sci/Tech"];

const STRATEGIES = [
  {
    name: "tyrogue",
    line: "Variety first, then doubt: cluster centres, then the most torn of each cluster.",
    reason: null,
  },
  { name: "breaking-ties", line: "Asks where the two likeliest labels are closest.", reason: null },
  { name: "random", line: "Asks at random; an honest sample for measuring.", reason: null },
  {
    name: "badge",
    line: "Gradient embeddings, k-means++.",
    reason: "the model has no gradients: choose a fine-tuned one",
  },
];

const SENTENCES = [
  "The ferry company cut its winter timetable on Tuesday, saying fuel now takes a third of every ticket; island councils called the move a breach of contract and asked ministers to step in.",
  "Two late goals turned the cup tie on its head and sent the visitors through on a wet night by the river.",
  "Researchers timed the pulsar's glitches for nine years and found that its crust cracks in steps, not at random.",
  "Shares in the bakery chain rose by a tenth after it said that it would close its loss-making airport shops.",
  "The two governments agreed to reopen the mountain road, shut since the spring, to lorries and to pilgrims.",
  "A coach who once sold boots from the back of a van has taken the village side to the top division.",
  "The probe's last picture shows a plain of ice, ridged like a ploughed field, under a sky without a cloud.",
  "Grain prices fell for the fourth week as rain came to the plains and ships queued at the strait.",
];

export function documents(n: number, task = "classification"): Partial<Item>[] {
  if (task === "tagging") {
    return notes(n);
  }
  return Array.from({ length: n }, (_, index) => ({
    item: `doc-${index}`,
    text: SENTENCES[index % SENTENCES.length] ?? "",
    source: index % 3 === 0 ? "wire" : null,
    position: 4210 + index,
  }));
}
