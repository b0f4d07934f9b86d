import { type Event, reduce } from "./reducer";
import { initialState, type State } from "./types";

/** Holds the state, and tells its listeners after each change. */
export class Store {
  #state: State = initialState();
  readonly #listeners = new Set<() => void>();

  get state(): State {
    return this.#state;
  }

  dispatch(event: Event): void {
    const next = reduce(this.#state, event);
    if (next !== this.#state) {
      this.#state = next;
      for (const listener of [...this.#listeners]) {
        listener();
      }
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
