/**
 * Gets decisions to the kernel, and finds out whether anybody is there.
 *
 * A decision is sent at once, in order. What is not acknowledged after a while is followed by a `hello` and the oldest
 * decision again; when the kernel answers a hello, everything sent before it that is still unacknowledged was lost, and is
 * sent again. So a kernel that is busy for a minute finds a few hellos in its queue and not a storm of copies.
 */
import type { KernelState } from "./connection";
import type { Decide, FromPage } from "./protocol";
import type { Link } from "./state/types";

export const BUSY_AFTER_MS = 1_500;
export const LOST_AFTER_MS = 10_000;
/** A host that says its kernel is idle, while nothing is answered: nobody listens there any more. */
export const DEAF_AFTER_MS = 4_000;
const FIRST_WAIT_MS = 3_000;
const LONGEST_WAIT_MS = 20_000;
const BACK_OFF = 1.6;

interface Sent {
  decide: Decide;
  /** When it was first tried, since the kernel was last known to listen. */
  since: number;
  /** The hello that will tell whether it arrived; 0 while it has not left the page. */
  order: number;
  /** The kernel could not do it for now: try again at this time. */
  retryAt: number | null;
  tries: number;
}

export interface Wire {
  send(message: FromPage): boolean;
  hello(waiting: number): FromPage & { kind: "hello" };
}

export class Delivery {
  readonly #wire: Wire;
  readonly #sent = new Map<string, Sent>();
  #orders = 0;
  #hello: { seq: number; order: number; since: number; at: number } | null = null;
  #wait = FIRST_WAIT_MS;
  #heard = Number.NEGATIVE_INFINITY;
  #greeted = false;
  #lost = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Ask for a snapshot. */
  greet(now: number): void {
    const message = this.#wire.hello(this.#sent.size);
    this.#orders += 1;
    this.#hello = { seq: message.seq, order: this.#orders, since: this.#hello?.since ?? now, at: now };
    this.#wire.send(message);
  }

  /** Send a decision, unless it has to wait for an earlier one on the same document. */
  submit(decide: Decide, now: number): void {
    const entry: Sent = { decide, since: now, order: 0, retryAt: null, tries: 0 };
    this.#sent.set(decide.client, entry);
    if (!this.#blocked(entry)) {
      this.#transmit(entry);
    }
  }

  /** The decision is done with, by an ack or a final refusal. */
  settle(client: string): void {
    this.#sent.delete(client);
    for (const entry of this.#sent.values()) {
      if (entry.order === 0 && !this.#blocked(entry)) {
        this.#transmit(entry);
      }
    }
  }

  /** The kernel could not write it down now; it is kept, and tried again. */
  postpone(client: string, now: number): void {
    const entry = this.#sent.get(client);
    if (entry !== undefined) {
      entry.tries += 1;
      entry.retryAt = now + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * BACK_OFF ** (entry.tries - 1));
    }
  }

  /** Any message is a sign of life. Returns true when the kernel had been thought lost. */
  heard(now: number): boolean {
    const back = this.#lost;
    this.#heard = now;
    this.#lost = false;
    return back;
  }

  /** The kernel answered a hello: send again what was sent before it and is still open. */
  greeted(seq: number | null, now: number): void {
    if (this.#hello === null || seq !== this.#hello.seq) {
      return;
    }
    const { order } = this.#hello;
    this.#hello = null;
    this.#greeted = true;
    this.#wait = FIRST_WAIT_MS;
    for (const entry of this.#sent.values()) {
      entry.since = now;
      if (entry.order <= order && entry.retryAt === null && !this.#blocked(entry)) {
        this.#transmit(entry);
      }
    }
  }

  /** The kernel cannot answer this hello; that it says so is an answer too. Returns false when it was no hello. */
  turnedAway(seq: number): boolean {
    if (this.#hello?.seq !== seq) {
      return false;
    }
    this.#hello = null;
    return true;
  }

  /** To be called about twice a second: repeats what got no answer. */
  tick(now: number): void {
    const oldest = this.#oldest();
    if (this.#hello !== null) {
      if (now - this.#hello.at >= this.#wait) {
        this.#again(now);
      }
    } else if (oldest !== null && now - oldest.since >= this.#wait) {
      this.#again(now);
    }
    for (const entry of this.#sent.values()) {
      if (entry.retryAt !== null && now >= entry.retryAt) {
        entry.retryAt = null;
        entry.since = now;
        this.#transmit(entry);
        break;
      }
    }
  }

  /** The page can be seen again, or was used after a long silence: find out at once whether the kernel is there. */
  wake(now: number, silence: number): void {
    if (this.#hello === null && now - this.#heard > silence) {
      this.greet(now);
    } else if (this.#hello !== null && now - this.#hello.at > FIRST_WAIT_MS) {
      this.#wait = FIRST_WAIT_MS;
      this.#again(now);
    }
  }

  /** How the kernel seems, from what it has not answered, and from what the host says of it. */
  link(now: number, kernel: KernelState): Link {
    const since = Math.min(
      this.#oldest()?.since ?? Number.POSITIVE_INFINITY,
      this.#hello?.since ?? Number.POSITIVE_INFINITY,
    );
    const waited = now - since;
    const silent = now - Math.max(this.#heard, Number.isFinite(since) ? since : now);
    const gone = kernel === "gone";
    const deaf = kernel === "idle" && waited > DEAF_AFTER_MS && silent > DEAF_AFTER_MS;
    const mute = kernel !== "busy" && waited > LOST_AFTER_MS && silent > LOST_AFTER_MS;
    this.#lost = gone || deaf || mute || (this.#lost && Number.isFinite(since));
    if (this.#lost) {
      return { kind: "lost" };
    }
    if (waited > BUSY_AFTER_MS) {
      return { kind: "busy" };
    }
    return { kind: this.#greeted ? "live" : "connecting" };
  }

  #oldest(): Sent | null {
    for (const entry of this.#sent.values()) {
      if (entry.retryAt === null) {
        return entry;
      }
    }
    return null;
  }

  #again(now: number): void {
    this.#wait = Math.min(LONGEST_WAIT_MS, this.#wait * BACK_OFF);
    const oldest = this.#oldest();
    if (oldest !== null) {
      this.#wire.send(oldest.decide);
    }
    this.greet(now);
  }

  #transmit(entry: Sent): void {
    const left = this.#wire.send(entry.decide);
    entry.order = left ? this.#orders + 1 : 0;
  }

  /** Decisions on one document keep their order; an undo of "the newest" waits for everything before it. */
  #blocked(entry: Sent): boolean {
    for (const other of this.#sent.values()) {
      if (other === entry) {
        return false;
      }
      const all = entry.decide.item === null && entry.decide.action !== "label-add";
      if (all || other.decide.item === entry.decide.item || other.decide.action === "label-add") {
        return true;
      }
    }
    return false;
  }
}
