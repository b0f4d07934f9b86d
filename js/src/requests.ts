/** Questions to the kernel that wait for one answer: a panel's data, an option that is changed. */
import type { FromPage } from "./protocol";

const PATIENCE_MS = 20_000;

interface Waiting {
  resolve: (data: unknown) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** The kernel said no, with a reason; a question without an answer is another kind of error. */
export class Refused extends Error {}

export class Requests {
  readonly #waiting = new Map<number, Waiting>();

  ask(message: FromPage, send: (message: FromPage) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(message.seq);
        reject(new Error("The kernel has not answered. It may be busy with another cell."));
      }, PATIENCE_MS);
      this.#waiting.set(message.seq, { resolve, reject, timer });
      send(message);
    });
  }

  answered(seq: number, data: unknown): void {
    this.#take(seq)?.resolve(data);
  }

  refused(seq: number, reason: string): void {
    this.#take(seq)?.reject(new Refused(reason));
  }

  /** The view is closed: nobody will answer any more. */
  close(): void {
    for (const seq of [...this.#waiting.keys()]) {
      this.refused(seq, "This view was closed.");
    }
  }

  #take(seq: number): Waiting | null {
    const waiting = this.#waiting.get(seq);
    if (waiting === undefined) {
      return null;
    }
    this.#waiting.delete(seq);
    clearTimeout(waiting.timer);
    return waiting;
  }
}
