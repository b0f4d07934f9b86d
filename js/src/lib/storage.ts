/**
 * Browser storage that may be missing, full or forbidden (private windows, sandboxed frames, site data switched off).
 *
 * What cannot be kept in the browser is kept in memory for as long as the page lives, and `durable` says which it is.
 */
export interface Store {
  get(key: string): string | null;
  /** Returns false when the value could only be kept in memory. */
  set(key: string, value: string): boolean;
  remove(key: string): void;
  keys(prefix: string): string[];
  readonly durable: boolean;
}

export class MemoryStore implements Store {
  readonly durable = false;
  readonly #values = new Map<string, string>();

  get(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  set(key: string, value: string): boolean {
    this.#values.set(key, value);
    return false;
  }

  remove(key: string): void {
    this.#values.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }
}

/** `Storage` with a memory behind it: a value that the browser refuses is still there for this page. */
export class BrowserStore implements Store {
  readonly #storage: Storage | null;
  readonly #memory = new MemoryStore();

  constructor(open: () => Storage) {
    this.#storage = probe(open);
  }

  get durable(): boolean {
    return this.#storage !== null;
  }

  get(key: string): string | null {
    return this.#memory.get(key) ?? attempt(() => this.#storage?.getItem(key) ?? null, null);
  }

  set(key: string, value: string): boolean {
    const kept = attempt(() => {
      this.#storage?.setItem(key, value);
      return this.#storage !== null;
    }, false);
    if (kept) {
      this.#memory.remove(key);
    } else {
      this.#memory.set(key, value);
    }
    return kept;
  }

  remove(key: string): void {
    this.#memory.remove(key);
    attempt(() => this.#storage?.removeItem(key), undefined);
  }

  keys(prefix: string): string[] {
    const found = new Set(this.#memory.keys(prefix));
    attempt(() => {
      for (let i = 0; i < (this.#storage?.length ?? 0); i += 1) {
        const key = this.#storage?.key(i);
        if (key?.startsWith(prefix)) {
          found.add(key);
        }
      }
    }, undefined);
    return [...found];
  }
}

/** The stores of this page; both fall back to memory. */
export function browserStores(): { local: Store; session: Store } {
  return {
    local: new BrowserStore(() => globalThis.localStorage),
    session: new BrowserStore(() => globalThis.sessionStorage),
  };
}

function probe(open: () => Storage): Storage | null {
  return attempt(() => {
    const storage = open();
    const key = "alwidget:probe";
    storage.setItem(key, "1");
    storage.removeItem(key);
    return storage;
  }, null);
}

function attempt<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}
