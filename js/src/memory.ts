/**
 * What a browser remembers of a session across reloads, so that a page which starts from the widget's old snapshot
 * neither asks again what was answered since, nor jumps to another card, nor forgets how much is saved.
 *
 * The answered documents and the counts are shared by all tabs; the card that was shown is each tab's own. All of it
 * is written a moment later, after the next card was painted: what must not be lost stands in the outbox.
 */
import type { Store } from "./lib/storage";
import type { Counts, Item, Snapshot } from "./protocol";
import type { Memory } from "./state/messages";

const SESSIONS_KEPT = 50;
const DECIDED_KEPT = 500;
/** Longer documents are remembered by their id alone: writing them would be felt. */
const LARGEST_CARD = 20_000;
const SEEN = "alwidget:seen:";
const AFTER_PAINT_MS = 20;

interface Seen {
  decided: string[];
  counts: Counts | null;
}

export interface Recalled extends Memory {
  /** This browser had the session before: a snapshot from the widget's creation may be old. */
  seen: boolean;
  counts: Counts | null;
}

export class BrowserMemory {
  readonly #local: Store;
  readonly #tab: Store;
  /** Only these can come back with an old snapshot, so only these have to be remembered. */
  readonly #listed = new Set<string>();
  #session: string | null = null;
  #card: string | null = null;
  readonly #later = new Map<string, () => void>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(stores: { local: Store; session: Store }) {
    this.#local = stores.local;
    this.#tab = stores.session;
  }

  /** Read what is known of the session of this snapshot. */
  recall(snapshot: Snapshot, live: boolean): Recalled {
    this.flush();
    this.#session = snapshot.session;
    if (!live) {
      for (const { item } of snapshot.queue) this.#listed.add(item);
    }
    const known = this.#seen();
    const card = parse(this.#tab.get(this.#key("card")));
    const at = parse(this.#tab.get(this.#key("at")));
    return {
      seen: known !== null,
      counts: known?.counts ?? null,
      decided: new Set(known?.decided),
      at: typeof at === "string" ? at : null,
      card: isItem(card) ? card : null,
    };
  }

  decided(id: string, answered: boolean): void {
    if (!this.#listed.has(id)) {
      return;
    }
    this.#soon(`decided ${id}`, () => {
      const known = this.#seen() ?? { decided: [], counts: null };
      const decided = known.decided.filter((other) => other !== id);
      this.#write({ ...known, decided: (answered ? [...decided, id] : decided).slice(-DECIDED_KEPT) });
    });
  }

  counts(counts: Counts): void {
    this.#soon("counts", () => this.#write({ decided: this.#seen()?.decided ?? [], counts }));
  }

  /** The live card: written only when it is another one. */
  card(item: Item | null): void {
    const id = item?.item ?? null;
    if (this.#session === null || id === this.#card) {
      return;
    }
    this.#card = id;
    this.#soon("card", () => {
      this.#tab.set(this.#key("at"), JSON.stringify(id));
      if (item === null || item.text.length + (item.text_pair?.length ?? 0) > LARGEST_CARD) {
        this.#tab.remove(this.#key("card"));
      } else {
        this.#tab.set(this.#key("card"), JSON.stringify({ ...item, answer: null, status: null }));
      }
    });
  }

  /** Write what waits to be written. */
  flush(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    const due = [...this.#later.values()];
    this.#later.clear();
    for (const write of due) write();
  }

  /** Write a moment later; of several with one name only the last. */
  #soon(name: string, write: () => void): void {
    this.#later.delete(name);
    this.#later.set(name, write);
    this.#timer ??= setTimeout(() => this.flush(), AFTER_PAINT_MS);
  }

  #key(what: string): string {
    return `alwidget:tab:${this.#session}:${what}`;
  }

  #seen(): Seen | null {
    const value = parse(this.#local.get(`${SEEN}${this.#session}`));
    if (typeof value !== "object" || value === null) {
      return null;
    }
    const counts = "counts" in value ? value.counts : null;
    return { decided: strings("decided" in value ? value.decided : null), counts: isCounts(counts) ? counts : null };
  }

  #write(seen: Seen): void {
    const key = `${SEEN}${this.#session}`;
    if (this.#session === null) {
      return;
    }
    if (this.#local.get(key) === null) {
      const others = this.#local.keys(SEEN);
      for (const other of others.slice(0, Math.max(0, others.length - SESSIONS_KEPT + 1))) {
        this.#local.remove(other);
      }
    }
    this.#local.set(key, JSON.stringify(seen));
  }
}

/** A name for this browser tab that lives as long as the tab; new in a window where nothing can be stored. */
export function tabName(store: Store, make: () => string): string {
  const key = "alwidget:tab";
  const known = store.get(key);
  if (known !== null) {
    return known;
  }
  const name = make();
  store.set(key, name);
  return name;
}

function parse(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((part): part is string => typeof part === "string") : [];
}

/** A whole document, as the kernel sends it and as storage keeps it. */
export function isItem(value: unknown): value is Item {
  return (
    typeof value === "object" && value !== null && "item" in value && "text" in value && typeof value.text === "string"
  );
}

function isCounts(value: unknown): value is Counts {
  const fields = ["total", "labelled", "skipped", "flagged", "remaining", "saved", "decisions"];
  return (
    typeof value === "object" &&
    value !== null &&
    fields.every((field) => typeof (value as Record<string, unknown>)[field] === "number")
  );
}

/** Counts kept by this browser, unless those of the snapshot are further. */
export function later(kept: Counts | null, given: Counts): Counts {
  return kept !== null && kept.decisions > given.decisions ? kept : given;
}
