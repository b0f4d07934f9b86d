/** Documents that the page will need: the next ones before the queue runs low, and one that is shown and not held. */
import { message } from "./lib/format";
import { isItem } from "./memory";
import { counts } from "./state/selectors";
import type { Store } from "./state/store";
import type { Sync } from "./sync";

const PREFETCH_BELOW = 10;
const PREFETCH = 20;
/** After an answer that brought nothing new, so that a kernel that has nothing ready is not asked without end. */
const PREFETCH_PAUSE_MS = 2_000;

export class Fetcher {
  readonly #store: Store;
  readonly #sync: Sync;
  #askAgainAt = Number.NEGATIVE_INFINITY;
  readonly #fetching = new Set<string>();

  constructor(store: Store, sync: Sync) {
    this.#store = store;
    this.#sync = sync;
  }

  /** Ask for more documents while the page holds few. */
  prefetch(): void {
    const { state } = this.#store;
    const ahead = state.queue.length - 1;
    const now = performance.now();
    const wanted = state.live && state.link.kind === "live" && !state.asking && state.session?.readOnly === false;
    const enough = ahead >= PREFETCH_BELOW || state.queue.length >= counts(state).remaining;
    if (!wanted || enough || now < this.#askAgainAt) {
      return;
    }
    this.#askAgainAt = now + PREFETCH_PAUSE_MS;
    const waiting = [...state.pending.values()].flatMap(({ decide }) => (decide.item === null ? [] : [decide.item]));
    const exclude = [...new Set([...state.queue, ...waiting])];
    this.#store.dispatch({ type: "asking", asking: true });
    this.#sync.request("items", { limit: PREFETCH, exclude }).then(
      (data) => {
        const items = Array.isArray(data) ? data.filter(isItem) : [];
        const held = this.#store.state.items;
        if (items.some(({ item }) => !held.has(item))) {
          this.#askAgainAt = Number.NEGATIVE_INFINITY;
        }
        this.#store.dispatch({ type: "items", items });
      },
      () => this.#store.dispatch({ type: "asking", asking: false }),
    );
  }

  /** Ask for a document that is to be shown and is not here. */
  async load(id: string): Promise<void> {
    if (this.#fetching.has(id)) {
      return;
    }
    this.#fetching.add(id);
    try {
      const data = await this.#sync.request("item", { item: id });
      if (isItem(data)) {
        this.#store.dispatch({ type: "loaded", item: data });
      }
    } catch (error) {
      this.#sync.toast("warning", message(error));
    } finally {
      this.#fetching.delete(id);
    }
  }
}
