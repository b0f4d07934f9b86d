/** What a person can do, whatever they did it with: keys, buttons and panels all end here. */
import { Fetcher } from "./fetching";
import { excerpt, message, plural } from "./lib/format";
import { isItem } from "./memory";
import type { Decide, Item } from "./protocol";
import { canTurn } from "./state/drafts";
import { isLive } from "./state/line";
import { canUndo, counts, labels, shownItem } from "./state/selectors";
import type { Store } from "./state/store";
import type { PanelName, PromptName } from "./state/types";
import type { DecideFields, Sync } from "./sync";
import { accepts, rulesOf } from "./tasks";
import type { Timings } from "./timings";

/** What a card does with a label that was picked, by key, by button or by typing. */
export type TakeLabel = (name: string, at?: number) => void;

export class Controller {
  readonly store: Store;
  readonly #sync: Sync;
  readonly #timings: Timings;
  #shown: string | null = null;
  #shownAt = performance.now();
  readonly #fetcher: Fetcher;
  #take: TakeLabel | null = null;

  constructor(store: Store, sync: Sync, timings: Timings) {
    this.store = store;
    this.#sync = sync;
    this.#timings = timings;
    this.#fetcher = new Fetcher(store, sync);
  }

  /** To be called after every change: notes when a card came, and asks for what will be needed. */
  changed(): void {
    const { state } = this.store;
    if (state.shown !== this.#shown) {
      this.#shown = state.shown;
      this.#shownAt = performance.now();
      if (state.shown !== null && !state.items.has(state.shown)) {
        void this.#fetcher.load(state.shown);
      }
    }
    this.#fetcher.prefetch();
  }

  // Decisions ----------------------------------------------------------------------------------------------------

  /** Answer the card. Returns false when there is no card that can be answered. */
  annotate(value: unknown, origin: Decide["origin"] = "human", at = performance.now()): boolean {
    const item = this.#open();
    if (item === null) {
      return false;
    }
    const { suggestion, why } = item;
    const seen = suggestion === null ? null : { ...suggestion, probs: null };
    this.#decide(
      { action: "annotate", item: item.item, value, origin, seconds: this.#seconds(), seen, why },
      item,
      at,
    );
    const { brief, describe } = rulesOf(this.store.state.session?.task);
    this.#announce(brief(value) === "" ? "Submitted." : `${describe(value)}.`);
    return true;
  }

  /** The label with this place in key order: the card's to use, or the answer where the card does not take labels. */
  label(index: number, at?: number): void {
    const label = labels(this.store.state)[index];
    if (label !== undefined) {
      this.#give(label.name, at);
    }
  }

  /** Hand labels to the card from now on; null makes a label the answer again. */
  takeLabels(take: TakeLabel | null): void {
    this.#take = take;
  }

  /** Change what is being said about the card; `from` is what the card showed before the first change. */
  edit(from: unknown, value: unknown): void {
    const item = this.#open();
    if (item !== null) {
      this.store.dispatch({ type: "edit", item: item.item, from, value });
    }
  }

  /** Enter: submit what was edited, keep the answer that stands, say again what was taken back, or accept what the model suggests. */
  accept(at?: number): void {
    const { state } = this.store;
    const item = shownItem(state);
    if (item === null) {
      return;
    }
    const rules = rulesOf(state.session?.task);
    const draft = state.drafts.get(item.item);
    if (draft !== undefined && draft.now !== null) {
      const value = rules.clean(draft.now);
      this.#submit(item, value, this.#origin(item, value), at);
    } else if (state.recalled?.item === item.item && item.status === null && state.recalled.value !== null) {
      this.annotate(state.recalled.value, "human", at);
    } else if (item.status !== null) {
      this.store.dispatch({ type: "live" });
      this.#announce("Kept.");
    } else if (item.suggestion !== null) {
      this.#submit(item, rules.clean(item.suggestion.value), "accepted", at);
    } else {
      this.#submit(item, rules.blank, "human", at);
    }
  }

  /** Typing into the card: all of one visit to its field is one step. */
  type(from: unknown, value: string, visit: string): void {
    const item = this.#open();
    if (item !== null) {
      this.store.dispatch({ type: "typed", item: item.item, from, value, visit });
    }
  }

  /** The field's own undo took back all that was typed during this visit. */
  untype(visit: string): void {
    const { shown } = this.store.state;
    if (shown !== null) {
      this.store.dispatch({ type: "untyped", item: shown, visit });
    }
  }

  skip(at = performance.now()): void {
    const item = this.#open();
    if (item !== null) {
      this.#decide({ action: "skip", item: item.item, seconds: this.#seconds(), why: item.why }, item, at);
      this.#announce("Skipped.");
    }
  }

  flag(note: string, at = performance.now()): void {
    const item = this.#open();
    if (item !== null) {
      const text = note.trim() === "" ? null : note;
      this.#decide({ action: "flag", item: item.item, note: text, seconds: this.#seconds(), why: item.why }, item, at);
      this.#announce("Flagged.");
    }
  }

  comment(note: string): void {
    const item = this.#open();
    if (item !== null && note !== (item.note ?? "")) {
      this.#decide({ action: "note", item: item.item, note }, item, performance.now());
      this.#announce("Comment kept.", false);
    }
  }

  clear(): void {
    const item = this.#open();
    if (item !== null && item.status !== null) {
      this.#decide({ action: "clear", item: item.item }, item, performance.now());
      this.#announce("Answer taken away.", false);
    }
  }

  /** Coin a label while labelling, and give it to the card. */
  coin(name: string): void {
    const clean = name.trim();
    if (clean === "" || this.#open() === null) {
      return;
    }
    if (!labels(this.store.state).some((label) => label.name === clean)) {
      const decide = this.#sync.make({ action: "label-add", value: clean });
      this.store.dispatch({ type: "decide", decide, excerpt: "" });
      this.#sync.submit(decide);
    }
    this.#give(clean);
  }

  /** The last edit of the card's draft, else the last decision. */
  undo(): void {
    if (!this.#turnEdit("back")) {
      this.#turn("undo");
    }
  }

  redo(): void {
    if (!this.#turnEdit("forth")) {
      this.#turn("redo");
    }
  }

  // Looking around ------------------------------------------------------------------------------------------------

  browse(by: -1 | 1): void {
    this.store.dispatch({ type: "browse", by });
    this.#announce("", true);
  }

  backToLive(): void {
    this.store.dispatch({ type: "live" });
  }

  show(id: string): void {
    this.store.dispatch({ type: "show", id });
    this.#announce("", true);
  }

  /** Go to a document by its number or its id; says so when there is none. */
  async goTo(text: string): Promise<boolean> {
    const wanted = text.trim();
    const number = /^\d[\d\s\u202f]*$/.test(wanted) ? Number(wanted.replace(/\D/g, "")) : null;
    const held = [...this.store.state.items.values()].find(
      (item) => item.item === wanted || (number !== null && item.position === number - 1),
    );
    if (held !== undefined) {
      this.show(held.item);
      return true;
    }
    try {
      const params = { item: wanted, ...(number === null ? {} : { position: number - 1 }) };
      const data = await this.#sync.request("item", params);
      if (!isItem(data)) {
        return false;
      }
      this.store.dispatch({ type: "loaded", item: data });
      this.show(data.item);
      return true;
    } catch (error) {
      this.#sync.toast("warning", message(error));
      return false;
    }
  }

  panel(name: PanelName): void {
    const { panel } = this.store.state;
    this.store.dispatch({ type: "panel", panel: panel === name ? null : name });
  }

  prompt(name: PromptName | null): void {
    if (name === null || this.#open() !== null || name === "goto") {
      this.store.dispatch({ type: "prompt", prompt: name });
    }
  }

  /** Escape: close the innermost thing that is open. */
  close(): boolean {
    const { state } = this.store;
    if (state.prompt !== null) {
      this.store.dispatch({ type: "prompt", prompt: null });
    } else if (!isLive(state)) {
      this.backToLive();
    } else if (state.panel !== null) {
      this.store.dispatch({ type: "panel", panel: null });
    } else {
      return false;
    }
    return true;
  }

  /** Something that should be read once. */
  tell(level: "info" | "warning" | "error", text: string): void {
    this.#sync.toast(level, text);
  }

  /** Something for those who listen. */
  say(text: string): void {
    this.#announce(text, false);
  }

  dismiss(key: number): void {
    this.store.dispatch({ type: "dismiss", key });
  }

  // The kernel ----------------------------------------------------------------------------------------------------

  request(what: Parameters<Sync["request"]>[0], params: Record<string, unknown> = {}): Promise<unknown> {
    return this.#sync.request(what, params);
  }

  /** Ask the kernel whether all is on disk; decisions go there by themselves, so this only says so. */
  save(): void {
    this.#sync.wake();
    const { pending, savedAt, counts: kernel } = this.store.state;
    if (pending.size > 0) {
      this.#sync.toast(
        "info",
        `${plural(pending.size, "decision")} on the way to the disk; each is written as soon as the kernel hears it.`,
      );
    } else {
      const time = savedAt === null ? "" : ` Last one written at ${new Date(savedAt).toLocaleTimeString()}.`;
      this.#sync.toast("info", `All ${plural(kernel.saved, "answer")} are on disk.${time}`);
    }
  }

  async set(name: "strategy" | "paused" | "batch_size" | "train", value: unknown): Promise<void> {
    const before = this.store.state.status;
    if (name !== "train") {
      this.store.dispatch({ type: "option", status: { [name]: value } });
    }
    try {
      await this.#sync.set(name, value);
    } catch (error) {
      if (name !== "train") {
        this.store.dispatch({ type: "option", status: { [name]: before[name] } });
      }
      this.#sync.toast("error", message(error));
    }
  }

  wake(): void {
    this.#sync.wake();
  }

  // Inside --------------------------------------------------------------------------------------------------------

  /** The card, when it can be answered. */
  #open(): Item | null {
    const { state } = this.store;
    if (state.session?.readOnly === true) {
      this.#sync.toast("info", "This view is read-only: open the session with its data to label.");
      return null;
    }
    return shownItem(state);
  }

  /** Answer with this, or say why it is no answer yet. */
  #submit(item: Item, value: unknown, origin: Decide["origin"], at?: number): void {
    const reason = rulesOf(this.store.state.session?.task).refuse(value, item.suggestion);
    if (reason === null) {
      this.annotate(value, origin, at);
    } else {
      this.store.dispatch({ type: "nudge", text: reason });
      this.#announce(reason, false);
    }
  }

  #give(name: string, at?: number): void {
    if (this.#take === null) {
      this.annotate(name, "human", at);
    } else {
      this.#take(name, at);
    }
  }

  #decide(fields: DecideFields, item: Item, at: number): void {
    const decide = this.#sync.make(fields);
    this.#timings.decided(decide.client, at);
    this.store.dispatch({ type: "decide", decide, excerpt: excerpt(item.text) });
    this.store.dispatch({ type: "prompt", prompt: null });
    this.#sync.submit(decide);
  }

  #turnEdit(way: "back" | "forth"): boolean {
    const { shown } = this.store.state;
    if (shown === null || !canTurn(this.store.state, shown, way)) {
      return false;
    }
    this.store.dispatch({ type: "turn-edit", item: shown, way });
    this.#announce(way === "back" ? "Edit undone." : "Edit redone.", false);
    return true;
  }

  /** Where an edited answer comes from: it is the model's where the edits led back to it. */
  #origin(item: Item, value: unknown): Decide["origin"] {
    if (item.suggestion === null) {
      return "human";
    }
    return accepts(rulesOf(this.store.state.session?.task), value, item.suggestion) ? "accepted" : "edited";
  }

  #turn(action: "undo" | "redo"): void {
    const { state } = this.store;
    if (state.session?.readOnly === true) {
      return;
    }
    const step = state[action].at(-1) ?? null;
    if (step === null && action === "redo" && !state.history.some((entry) => entry.undone)) {
      this.#announce("Nothing to redo.", false);
      return;
    }
    if (action === "undo" && !canUndo(state)) {
      this.#announce("Nothing to undo.", false);
      return;
    }
    const decide = this.#sync.make({ action, item: step?.item ?? null, target: step?.client ?? null });
    this.store.dispatch({ type: action, decide, step });
    this.store.dispatch({ type: "prompt", prompt: null });
    this.#sync.submit(decide);
    this.#announce(action === "undo" ? "Undone." : "Redone.");
  }

  #seconds(): number {
    return Math.round(performance.now() - this.#shownAt) / 1000;
  }

  #announce(text: string, next = true): void {
    const item = shownItem(this.store.state);
    const number = item?.position == null ? "" : ` ${item.position + 1}`;
    const left = counts(this.store.state).remaining;
    const following = !next ? "" : item === null ? ` ${plural(left, "document")} left.` : ` Document${number}.`;
    this.store.dispatch({ type: "announce", text: `${text}${following}`.trim() });
  }
}
