/**
 * Keeps page and kernel at one: messages in, decisions and requests out, both through the store. The page waits
 * for none of it: what was said is in the outbox before it is sent, and leaves it with the kernel's acknowledgement.
 */
import type { Connection } from "./connection";
import { BUSY_AFTER_MS, Delivery } from "./delivery";
import { uuid } from "./lib/ids";
import type { Store as Storage } from "./lib/storage";
import { BrowserMemory, isItem, later, tabName } from "./memory";
import { Outbox, viewsAlive } from "./outbox";
import {
  type Ack,
  type Decide,
  type Hello,
  PROTOCOL_VERSION,
  type Reject,
  type Request,
  type SetOption,
  type Snapshot,
  type ToPage,
} from "./protocol";
import { Refused, Requests } from "./requests";
import { isAnswered } from "./state/line";
import { needsItem } from "./state/messages";
import type { Store } from "./state/store";
import type { Toast } from "./state/types";

const TICK_MS = 500;
const BEAT_MS = 2_000;
const SILENCE_MS = 30_000;

export interface Stores {
  local: Storage;
  session: Storage;
}

export type DecideFields = Pick<Decide, "action"> &
  Partial<Omit<Decide, "kind" | "view" | "seq" | "client" | "action">>;

export class Sync {
  readonly view = uuid();
  readonly #connection: Connection;
  readonly #store: Store;
  readonly #stores: Stores;
  readonly #memory: BrowserMemory;
  readonly #delivery: Delivery;
  readonly #requests = new Requests();
  readonly #stops: (() => void)[] = [];
  readonly #onSaved: (client: string) => void;
  #outbox: Outbox | null = null;
  #seq = 0;
  #toasts = 0;
  #noticed: string | null = null;
  #held: { snapshot: Snapshot; since: number } | null = null;
  #beatAt = 0;
  #hidden = false;

  constructor(
    connection: Connection,
    store: Store,
    stores: Stores,
    onSaved: (client: string) => void = () => undefined,
  ) {
    this.#onSaved = onSaved;
    this.#connection = connection;
    this.#store = store;
    this.#stores = stores;
    this.#memory = new BrowserMemory(stores);
    this.#delivery = new Delivery({
      send: (message) => connection.send(message),
      hello: (waiting): Hello => ({
        kind: "hello",
        view: this.view,
        seq: this.#next(),
        protocol: PROTOCOL_VERSION,
        waiting,
      }),
    });
  }

  start(): void {
    viewsAlive().add(this.view);
    this.#stops.push(this.#connection.listen((message) => this.#guarded(() => this.#hear(message))));
    this.#stops.push(this.#connection.onSnapshot(() => this.#guarded(() => this.#firstSnapshot())));
    this.#stops.push(this.#store.subscribe(() => this.#remember()));
    this.#guarded(() => this.#firstSnapshot());
    this.#delivery.greet(Date.now());
    const timer = setInterval(() => this.#guarded(() => this.#tick()), TICK_MS);
    this.#stops.push(() => clearInterval(timer));
  }

  stop(): void {
    viewsAlive().delete(this.view);
    this.#memory.flush();
    this.#outbox?.release();
    for (const stop of this.#stops.splice(0)) stop();
    this.#requests.close();
  }

  /** Make a decision with all its fields; nothing is sent yet. */
  make(fields: DecideFields): Decide {
    return {
      kind: "decide",
      view: this.view,
      seq: this.#next(),
      client: uuid(),
      item: null,
      value: null,
      target: null,
      note: null,
      origin: null,
      seconds: null,
      seen: null,
      why: null,
      at: new Date().toISOString(),
      ...fields,
    };
  }

  /** Keep a decision in the browser, then send it. The caller has told the store. */
  submit(decide: Decide): void {
    const now = Date.now();
    const kept = this.#outbox?.durable ?? true;
    this.#outbox?.add(decide, now);
    if (kept && this.#outbox?.durable === false) {
      this.toast(
        "warning",
        "This browser keeps nothing for this page: decisions that wait would be lost if it is closed.",
      );
    }
    if (decide.item !== null && decide.action !== "note") {
      this.#memory.decided(decide.item, isAnswered(this.#store.state, decide.item));
    }
    this.#delivery.submit(decide, now);
  }

  request(what: Request["what"], params: Record<string, unknown>): Promise<unknown> {
    const message: Request = { kind: "request", view: this.view, seq: this.#next(), what, params };
    return this.#requests.ask(message, (sent) => this.#connection.send(sent));
  }

  set(name: SetOption["name"], value: unknown): Promise<unknown> {
    const message: SetOption = { kind: "set", view: this.view, seq: this.#next(), name, value };
    return this.#requests.ask(message, (sent) => this.#connection.send(sent));
  }

  /** Somebody came back to this view. */
  wake(): void {
    this.#delivery.wake(Date.now(), SILENCE_MS);
  }

  toast(level: Toast["level"], text: string): void {
    this.#toasts += 1;
    this.#store.dispatch({ type: "toast", toast: { key: this.#toasts, level, text } });
  }

  #next(): number {
    this.#seq += 1;
    return this.#seq;
  }

  #hear(message: ToPage): void {
    const now = Date.now();
    if (this.#delivery.heard(now)) {
      this.#delivery.greet(now);
    }
    switch (message.kind) {
      case "snapshot":
        this.#onSnapshot(message, now);
        break;
      case "queue":
        this.#store.dispatch({ type: "queue", message });
        break;
      case "status":
        this.#store.dispatch({ type: "status", message });
        break;
      case "ack":
        this.#onAck(message);
        break;
      case "reject":
        this.#onReject(message, now);
        break;
      case "reply":
        if (message.view === this.view) {
          this.#requests.answered(message.seq, message.data);
        }
        break;
      case "notice":
        this.toast(message.level, message.text);
        break;
    }
    this.#link(now);
  }

  /**
   * The snapshot that came with the widget is shown at once where this browser never had the session. Else it may be old:
   * of its documents only the card that was shown here is, until the kernel answers, or proves to be busy.
   */
  #firstSnapshot(): void {
    const snapshot = this.#connection.snapshot();
    if (snapshot === null || this.#store.state.session !== null) {
      return;
    }
    const { seen, at } = this.#memory.recall(snapshot, false);
    if (seen) {
      this.#held = { snapshot, since: Date.now() };
      this.#take({ ...snapshot, queue: snapshot.queue.filter(({ item }) => item === at) }, false);
    } else {
      this.#take(snapshot, false);
    }
  }

  /** The kernel is busy: the old snapshot, without what is known to be answered, is better than nothing. */
  #showHeld(now: number): void {
    if (this.#held !== null && !this.#store.state.live && now - this.#held.since > BUSY_AFTER_MS) {
      const { snapshot } = this.#held;
      this.#held = null;
      this.#take(snapshot, false);
    }
  }

  #onSnapshot(snapshot: Snapshot, now: number): void {
    if (snapshot.view !== null && snapshot.view !== this.view) {
      return;
    }
    this.#take(snapshot, true);
    this.#delivery.greeted(snapshot.seq, now);
    this.#checkCard(snapshot);
  }

  #take(snapshot: Snapshot, live: boolean): void {
    if (snapshot.protocol !== PROTOCOL_VERSION) {
      const text = `The kernel speaks version ${snapshot.protocol} of the widget's protocol and this page version ${PROTOCOL_VERSION}. Restart the kernel, reload the page, and run the cell again.`;
      this.#store.dispatch({ type: "failure", text });
      return;
    }
    const first = this.#store.state.session?.id !== snapshot.session;
    const memory = this.#memory.recall(snapshot, live);
    if (live) {
      this.#held = null;
      this.#memory.counts(snapshot.counts);
    }
    if (first) {
      this.#openOutbox(snapshot.session);
    }
    const elsewhere = this.#outbox?.elsewhere() ?? new Set();
    const queue = snapshot.queue.filter(({ item }) => !elsewhere.has(item));
    const counts = live ? snapshot.counts : later(memory.counts, snapshot.counts);
    this.#store.dispatch({ type: "snapshot", snapshot: { ...snapshot, queue, counts }, live, memory });
    this.#adopt();
    if (snapshot.notice !== null && snapshot.notice !== this.#noticed) {
      this.#noticed = snapshot.notice;
      this.toast("info", snapshot.notice);
    }
  }

  #openOutbox(session: string): void {
    this.#outbox?.release();
    const tab = tabName(this.#stores.session, uuid);
    this.#outbox = new Outbox(this.#stores.local, { session, view: this.view, tab, alive: viewsAlive() });
  }

  /** Decisions that a closed page of this session could not deliver are this page's now. */
  #adopt(): void {
    const now = Date.now();
    const decides = (this.#outbox?.adopt(now) ?? []).map((decide) => ({ ...decide, seq: this.#next() }));
    if (decides.length > 0) {
      this.#store.dispatch({ type: "adopt", decides });
      for (const decide of decides) {
        this.#delivery.submit(decide, now);
      }
    }
  }

  /** A remembered card that is neither asked nor in the newest history may be answered elsewhere, or gone: ask. */
  #checkCard(snapshot: Snapshot): void {
    const [head] = this.#store.state.queue;
    if (head !== undefined && !snapshot.queue.some(({ item }) => item === head)) {
      this.#refetch(head);
    }
  }

  #refetch(id: string): void {
    this.request("item", { item: id }).then(
      (data) => isItem(data) && this.#store.dispatch({ type: "elsewhere", item: data }),
      (error) => error instanceof Refused && this.#store.dispatch({ type: "gone", id }),
    );
  }

  #onAck(ack: Ack): void {
    const { state } = this.#store;
    this.#memory.counts(ack.counts);
    if (ack.entry !== null && ack.entry.item !== "") {
      this.#memory.decided(
        ack.entry.item,
        !ack.entry.undone && ack.entry.action !== "note" && ack.entry.action !== "clear",
      );
    }
    const now = new Date().toISOString();
    if (ack.client !== null && (state.pending.has(ack.client) || this.#outbox?.has(ack.client))) {
      this.#outbox?.remove(ack.client);
      this.#delivery.settle(ack.client);
      this.#store.dispatch({ type: "own-ack", client: ack.client, ack, now });
      this.#onSaved(ack.client);
      return;
    }
    if (ack.view === this.view) {
      this.#requests.answered(ack.seq, null);
      this.#store.dispatch({
        type: "own-ack",
        client: ack.client ?? "",
        ack: { ...ack, entry: null, item: null },
        now,
      });
      return;
    }
    this.#store.dispatch({ type: "other-ack", ack });
    if (needsItem(ack) && ack.entry !== null) {
      this.#refetch(ack.entry.item);
    }
  }

  /** A request, an option or a hello that the kernel cannot do. */
  #turnedAway(reject: Reject): void {
    if (!this.#delivery.turnedAway(reject.seq)) {
      this.#requests.refused(reject.seq, reject.reason);
    } else if (this.#store.state.session === null) {
      this.#store.dispatch({ type: "failure", text: reject.reason });
    } else {
      this.toast("error", reject.reason);
    }
  }

  #onReject(reject: Reject, now: number): void {
    if (reject.client === null) {
      if (reject.view === this.view) {
        this.#turnedAway(reject);
      }
      return;
    }
    const pending = this.#store.state.pending.get(reject.client);
    if (pending === undefined) {
      return;
    }
    if (reject.retry) {
      this.#delivery.postpone(reject.client, now);
      this.#store.dispatch({ type: "trouble", text: reject.reason });
      return;
    }
    this.#outbox?.remove(reject.client);
    this.#delivery.settle(reject.client);
    this.#store.dispatch({ type: "refused", client: reject.client });
    if (pending.decide.item !== null) {
      this.#memory.decided(pending.decide.item, isAnswered(this.#store.state, pending.decide.item));
    }
    this.toast("error", `Not saved: ${reject.reason}`);
  }

  #tick(): void {
    const now = Date.now();
    const hidden = globalThis.document?.visibilityState === "hidden";
    if (this.#hidden && !hidden) {
      this.#delivery.wake(now, SILENCE_MS);
    }
    this.#hidden = hidden;
    this.#delivery.tick(now);
    this.#showHeld(now);
    if (now - this.#beatAt >= BEAT_MS && this.#store.state.session !== null) {
      this.#beatAt = now;
      this.#outbox?.beat(now);
      this.#adopt();
    }
    this.#link(now);
  }

  #link(now: number): void {
    this.#store.dispatch({ type: "link", link: this.#delivery.link(now, this.#connection.kernel()) });
  }

  #remember(): void {
    const { queue, items } = this.#store.state;
    const [head] = queue;
    this.#memory.card(head === undefined ? null : (items.get(head) ?? null));
  }

  /** A fault of ours while hearing a message is shown, not swallowed, and the view lives on. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      console.error("alwidget", error);
      this.toast("error", `A fault in the widget: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
