/** Performance entries for benchmarks: "alwidget:advance" from the key to the next card painted, "alwidget:ack" to the disk. */
const KEPT = 2_000;

export class Timings {
  readonly #open = new Map<string, number>();
  #measures = 0;

  /** A decision was made at this moment (`Event.timeStamp` where there is one, so that queueing counts too). */
  decided(client: string, at: number): void {
    this.#open.set(client, at);
    afterPaint(() => this.#measure("alwidget:advance", at));
    for (const old of this.#open.keys()) {
      if (this.#open.size <= KEPT) {
        break;
      }
      this.#open.delete(old);
    }
  }

  acknowledged(client: string): void {
    const at = this.#open.get(client);
    if (at !== undefined) {
      this.#open.delete(client);
      this.#measure("alwidget:ack", at);
    }
  }

  #measure(name: string, start: number): void {
    if (typeof performance?.measure !== "function") {
      return;
    }
    try {
      this.#measures += 1;
      if (this.#measures > KEPT) {
        this.#measures = 0;
        performance.clearMeasures("alwidget:advance");
        performance.clearMeasures("alwidget:ack");
      }
      performance.measure(name, { start, end: performance.now() });
    } catch {
      // A page that overrides `performance` loses its measurements, nothing else.
    }
  }
}

/** Calls back in the first task after the coming frame, with the new card, has been handed to the screen. */
function afterPaint(done: () => void): void {
  if (typeof requestAnimationFrame === "function" && typeof MessageChannel === "function") {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        done();
      };
      port2.postMessage(null);
    });
  }
}
