/**
 * What a browser tab remembers of a session across reloads: the documents answered here, and the card that was shown.
 *
 * With it, a page whose kernel is busy starts from the widget's old snapshot, and still neither asks again what was just
 * answered nor jumps to another card.
 */
import type { Store } from "./lib/storage";
import type { Item } from "./protocol";
import type { Memory } from "./state/messages";

const KEPT = 300;
/** Longer documents are remembered by their id alone: writing them would be felt. */
const LARGEST_CARD = 20_000;

export class TabMemory {
  readonly #store: Store;
  readonly #decided = new Set<string>();
  #session: string | null = null;
  #card: string | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Read what is known of this session. */
  recall(session: string): Memory {
    this.#session = session;
    this.#decided.clear();
    for (const id of strings(parse(this.#store.get(this.#key("decided"))))) {
      this.#decided.add(id);
    }
    const card = parse(this.#store.get(this.#key("card")));
    const id: unknown = parse(this.#store.get(this.#key("at")));
    return { decided: this.#decided, at: typeof id === "string" ? id : null, card: isItem(card) ? card : null };
  }

  decided(id: string, answered: boolean): void {
    this.#decided.delete(id);
    if (answered) {
      this.#decided.add(id);
    }
    const kept = [...this.#decided].slice(-KEPT);
    this.#store.set(this.#key("decided"), JSON.stringify(kept));
  }

  /** The live card: written only when it is another one. */
  card(item: Item | null): void {
    const id = item?.item ?? null;
    if (this.#session === null || id === this.#card) {
      return;
    }
    this.#card = id;
    this.#store.set(this.#key("at"), JSON.stringify(id));
    if (item === null || item.text.length + (item.text_pair?.length ?? 0) > LARGEST_CARD) {
      this.#store.remove(this.#key("card"));
    } else {
      this.#store.set(this.#key("card"), JSON.stringify({ ...item, answer: null, status: null }));
    }
  }

  #key(what: string): string {
    return `alwidget:tab:${this.#session}:${what}`;
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

function isItem(value: unknown): value is Item {
  return (
    typeof value === "object" && value !== null && "item" in value && "text" in value && typeof value.text === "string"
  );
}
