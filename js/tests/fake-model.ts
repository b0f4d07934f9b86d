/**
 * A kernel without Jupyter: an anywidget model whose messages go to a `FakeSession`.
 *
 * It can be busy (messages wait in order), dead (they vanish), slow, or unable to write. Messages cross as JSON, as on a
 * real wire, so that nothing is shared by reference.
 */
import type { FromPage, Reject, Snapshot, ToPage } from "../src/protocol";
import { type FakeOptions, FakeSession } from "./fake-session";

type Handler = (...args: unknown[]) => void;

export class FakeKernel {
  readonly session: FakeSession;
  readonly received: FromPage[] = [];
  readonly models = new Set<FakeModel>();
  latency = 0;
  /** What the host would tell of its kernel; null for a host that tells nothing. */
  reported: "busy" | "idle" | null = null;
  storageError: string | null = null;
  /** Messages to lose on their way to the kernel. */
  lose = 0;
  #busy = false;
  #dead = false;
  #waiting: { message: FromPage; from: FakeModel }[] = [];

  constructor(options: FakeOptions = {}) {
    this.session = new FakeSession(options);
  }

  get busy(): boolean {
    return this.#busy;
  }

  set busy(busy: boolean) {
    this.#busy = busy;
    if (!busy) {
      for (const { message, from } of this.#waiting.splice(0)) {
        this.#handle(message, from);
      }
    }
  }

  /** The kernel was restarted: this comm leads nowhere, for ever. */
  kill(): void {
    this.#dead = true;
    this.#waiting = [];
  }

  /** A new widget on the same session, as after running the cell again. */
  revive(): void {
    this.#dead = false;
  }

  model(snapshot: Snapshot | null = this.session.snapshot()): FakeModel {
    const model = new FakeModel(this, { _snapshot: snapshot, _theme: "auto", _css: "" });
    this.models.add(model);
    return model;
  }

  hear(message: FromPage, from: FakeModel): void {
    if (this.#dead || this.lose > 0) {
      this.lose = Math.max(0, this.lose - 1);
      return;
    }
    const copy = JSON.parse(JSON.stringify(message)) as FromPage;
    if (this.#busy) {
      this.#waiting.push({ message: copy, from });
    } else if (this.latency > 0) {
      setTimeout(() => this.#handle(copy, from), this.latency);
    } else {
      this.#handle(copy, from);
    }
  }

  /** Tell all views something. */
  push(message: ToPage): void {
    const text = JSON.stringify(message);
    for (const model of this.models) {
      queueMicrotask(() => {
        if (!this.#dead) {
          model.emit("msg:custom", JSON.parse(text));
        }
      });
    }
  }

  pushQueue(limit = 20): void {
    const { session } = this;
    session.revision += 1;
    this.push({
      kind: "queue",
      items: session.queue(limit),
      counts: session.counts(),
      status: session.status,
      revision: session.revision,
    });
  }

  pushStatus(): void {
    const { session } = this;
    session.revision += 1;
    const status = { ...session.status, storage_error: this.storageError };
    this.push({ kind: "status", status, counts: session.counts(), revision: session.revision });
  }

  #handle(message: FromPage, from: FakeModel): void {
    if (this.#dead) {
      return;
    }
    this.received.push(message);
    const { session } = this;
    const { view, seq } = message;
    switch (message.kind) {
      case "hello":
        from.deliver(session.snapshot(view, seq));
        break;
      case "decide":
        this.#decide(message);
        break;
      case "request":
        this.#reply(message, from);
        break;
      case "set": {
        const { name, value } = message;
        if (name === "batch_size" && Number(value) > 1000) {
          this.push({
            kind: "reject",
            view,
            seq,
            reason: "A round has at most 1000 documents.",
            retry: false,
            client: null,
          });
          break;
        }
        Object.assign(
          session.status,
          name === "train" ? { state: "training", message: "training on 120 labels…" } : { [name]: value },
        );
        this.push({
          kind: "ack",
          view,
          seq,
          revision: session.revision,
          counts: session.counts(),
          client: null,
          entry: null,
          item: null,
          labels: null,
          repeated: false,
        });
        this.pushStatus();
        break;
      }
    }
  }

  #decide(message: FromPage & { kind: "decide" }): void {
    const { view, seq, client } = message;
    const refuse = (reason: string, retry: boolean): void => {
      this.push({ kind: "reject", view, seq, reason, retry, client } satisfies Reject);
    };
    if (this.storageError !== null) {
      refuse(this.storageError, true);
      this.pushStatus();
      return;
    }
    try {
      this.push(this.session.decide(message));
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error), false);
    }
  }

  #reply({ view, seq, what, params }: FromPage & { kind: "request" }, from: FakeModel): void {
    const data = this.#data(what, params);
    if (what === "item" && data === null) {
      const reason = `No document has the id "${String(params.item)}".`;
      from.deliver({ kind: "reject", view, seq, reason, retry: false, client: null });
    } else {
      from.deliver({ kind: "reply", view, seq, what, data });
    }
  }

  #data(what: string, params: Record<string, unknown>): unknown {
    const { session } = this;
    switch (what) {
      case "items":
        return session.queue(Number(params.limit ?? 20), new Set((params.exclude as string[] | undefined) ?? []));
      case "item":
        return (
          session.items.get(String(params.item)) ??
          [...session.items.values()].find(({ position }) => position === params.position) ??
          null
        );
      case "history": {
        const [limit, offset] = [Number(params.limit ?? 50), Number(params.offset ?? 0)];
        const found = session.history(limit + 1, offset, String(params.query ?? ""));
        return { entries: found.slice(0, limit), more: found.length > limit };
      }
      case "problems":
        return { problems: session.options.problems ?? [] };
      default:
        return null;
    }
  }
}

export class FakeModel {
  readonly #kernel: FakeKernel;
  readonly #traits: Map<string, unknown>;
  readonly #handlers = new Map<string, Set<Handler>>();

  constructor(kernel: FakeKernel, traits: Record<string, unknown>) {
    this.#kernel = kernel;
    this.#traits = new Map(Object.entries(traits));
  }

  get widget_manager(): unknown {
    const { reported } = this.#kernel;
    return reported === null ? undefined : { kernel: { status: reported, connectionStatus: "connected" } };
  }

  get(name: string): unknown {
    return this.#traits.get(name);
  }

  set(name: string, value: unknown): void {
    this.#traits.set(name, value);
    this.emit(`change:${name}`);
  }

  save_changes(): void {
    // Nothing is kept anywhere else.
  }

  on(name: string, handler: Handler): void {
    const handlers = this.#handlers.get(name) ?? new Set();
    handlers.add(handler);
    this.#handlers.set(name, handlers);
  }

  off(name: string, handler: Handler): void {
    this.#handlers.get(name)?.delete(handler);
  }

  send(message: unknown): void {
    this.#kernel.hear(message as FromPage, this);
  }

  deliver(message: ToPage): void {
    const text = JSON.stringify(message);
    queueMicrotask(() => this.emit("msg:custom", JSON.parse(text)));
  }

  emit(name: string, ...args: unknown[]): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      handler(...args);
    }
  }
}
