/** Keeps drafts in the browser, so that a half-done document outlives a reload. */
import type { Store as Storage } from "./lib/storage";
import type { Draft, Drafts } from "./state/drafts";
import type { Store } from "./state/store";

const PREFIX = "alwidget:drafts:";
const PAUSE_MS = 300;
/** Of each draft so many steps back are kept, of a large one fewer; the rest is the page's only. */
const STEPS_KEPT = 20;
const LETTERS_KEPT = 200_000;

/** A draft of thousands of spans takes milliseconds to write, which no key should wait for. */
const whenIdle = globalThis.requestIdleCallback ?? ((run: () => void) => run());

export class DraftKeeper {
  readonly #store: Store;
  readonly #local: Storage;
  #session: string | null = null;
  #written: Drafts = new Map();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(store: Store, local: Storage) {
    this.#store = store;
    this.#local = local;
  }

  /** To be called after every change. */
  changed(): void {
    const { session, drafts } = this.#store.state;
    if (session !== null && session.id !== this.#session) {
      this.#session = session.id;
      this.#written = read(this.#local.get(PREFIX + session.id));
      if (this.#written.size > 0 && drafts.size === 0) {
        this.#store.dispatch({ type: "drafts", drafts: this.#written });
      }
    } else if (drafts !== this.#written && this.#timer === null) {
      this.#timer = setTimeout(() => whenIdle(() => this.flush(), { timeout: PAUSE_MS }), PAUSE_MS);
    }
  }

  flush(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    const { drafts } = this.#store.state;
    if (this.#session === null || drafts === this.#written) {
      return;
    }
    this.#written = drafts;
    if (drafts.size === 0) {
      this.#local.remove(PREFIX + this.#session);
    } else {
      this.#local.set(PREFIX + this.#session, `[${[...drafts].map(written).join()}]`);
    }
  }
}

function written([id, { now, past }]: [string, Draft]): string {
  const text = JSON.stringify(now);
  const steps = Math.min(STEPS_KEPT, Math.ceil(LETTERS_KEPT / text.length));
  return `[${JSON.stringify(id)},${text},${JSON.stringify(past.slice(-steps))}]`;
}

function read(text: string | null): Drafts {
  const drafts = new Map<string, Draft>();
  try {
    const value: unknown = JSON.parse(text ?? "[]");
    for (const row of Array.isArray(value) ? value : []) {
      const [id, now, past] = Array.isArray(row) ? row : [];
      if (typeof id === "string" && Array.isArray(past)) {
        drafts.set(id, { now, past, future: [] });
      }
    }
  } catch {
    // What another version left there is not worth an error.
  }
  return drafts;
}
