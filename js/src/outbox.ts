/**
 * Decisions that the kernel has not yet acknowledged, kept in the browser until it has.
 *
 * Every decision has a key of its own, under its session and its view, so that writing one costs the same whether two or
 * two hundred wait, and tabs never overwrite each other's. A view that has something waiting says now and then that it
 * lives; what a closed or crashed view left behind is adopted by the next view of that session. Should two views adopt
 * the same decision, the kernel knows it by its `client` and writes it once.
 */
import type { Store } from "./lib/storage";
import type { Decide } from "./protocol";

const PREFIX = "alwidget:outbox:";
/** Older than this, a sign of life is none. */
export const STALE_MS = 15_000;
const OWNER = "owner";

interface Owner {
  tab: string;
  beat: number;
}

export interface OutboxPlace {
  session: string;
  view: string;
  /** The same for all pages that one browser tab shows, one after the other. */
  tab: string;
  /** Views that live in this page. */
  alive: ReadonlySet<string>;
}

export class Outbox {
  readonly #store: Store;
  readonly #place: OutboxPlace;
  readonly #entries = new Map<string, { key: string; decide: Decide }>();
  #count = 0;
  #durable = true;

  constructor(store: Store, place: OutboxPlace) {
    this.#store = store;
    this.#place = place;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** False once something could only be kept in memory: closing the page would lose it. */
  get durable(): boolean {
    return this.#durable;
  }

  /** All that waits, oldest first. */
  all(): Decide[] {
    return [...this.#entries.values()].map(({ decide }) => decide);
  }

  has(client: string): boolean {
    return this.#entries.has(client);
  }

  add(decide: Decide, now: number): void {
    if (this.#entries.has(decide.client)) {
      return;
    }
    this.#count += 1;
    const key = `${this.#own()}${String(this.#count).padStart(9, "0")}`;
    this.#entries.set(decide.client, { key, decide });
    this.#durable = this.#store.set(key, JSON.stringify(decide)) && this.#durable;
    if (this.#entries.size === 1) {
      this.beat(now);
    }
  }

  remove(client: string): void {
    const entry = this.#entries.get(client);
    if (entry === undefined) {
      return;
    }
    this.#entries.delete(client);
    this.#store.remove(entry.key);
    if (this.#entries.size === 0) {
      this.#durable = true;
      this.#store.remove(`${this.#own()}${OWNER}`);
    }
  }

  /** Say that this view lives, while it has something waiting. */
  beat(now: number): void {
    if (this.#entries.size > 0) {
      const owner: Owner = { tab: this.#place.tab, beat: now };
      this.#store.set(`${this.#own()}${OWNER}`, JSON.stringify(owner));
    }
  }

  /** The view closes: whoever comes next may take over at once. */
  release(): void {
    if (this.#entries.size > 0) {
      this.#store.set(`${this.#own()}${OWNER}`, JSON.stringify({ tab: this.#place.tab, beat: 0 } satisfies Owner));
    }
  }

  /** Take over what closed views of this session left behind; returns it, oldest first. */
  adopt(now: number): Decide[] {
    const left = new Map<string, { key: string; decide: Decide | null }[]>();
    const prefix = `${PREFIX}${this.#place.session}:`;
    for (const key of this.#store.keys(prefix)) {
      const [view, name] = key.slice(prefix.length).split(":");
      if (view === undefined || name === undefined || name === OWNER || this.#lives(view, now)) {
        continue;
      }
      const entry = { key, decide: readDecide(this.#store.get(key)) };
      left.set(view, [...(left.get(view) ?? []), entry]);
    }
    const found = [...left.values()].flat().sort((a, b) => when(a.decide) - when(b.decide) || order(a.key, b.key));
    const taken: Decide[] = [];
    for (const { key, decide } of found) {
      if (decide !== null && !this.#entries.has(decide.client)) {
        const mine = { ...decide, view: this.#place.view };
        this.add(mine, now);
        taken.push(mine);
      }
      this.#store.remove(key);
    }
    for (const view of left.keys()) {
      this.#store.remove(`${prefix}${view}:${OWNER}`);
    }
    return taken;
  }

  /** Documents decided in other views of this session that still wait there: not to be asked here meanwhile. */
  elsewhere(): Set<string> {
    const prefix = `${PREFIX}${this.#place.session}:`;
    const ids = new Set<string>();
    for (const key of this.#store.keys(prefix)) {
      const decide =
        key.startsWith(this.#own()) || key.endsWith(`:${OWNER}`) ? null : readDecide(this.#store.get(key));
      if (decide?.item != null && decide.action !== "undo" && decide.action !== "note") {
        ids.add(decide.item);
      }
    }
    return ids;
  }

  #own(): string {
    return `${PREFIX}${this.#place.session}:${this.#place.view}:`;
  }

  #lives(view: string, now: number): boolean {
    if (view === this.#place.view || this.#place.alive.has(view)) {
      return true;
    }
    const owner = readOwner(this.#store.get(`${PREFIX}${this.#place.session}:${view}:${OWNER}`));
    return owner !== null && owner.tab !== this.#place.tab && now - owner.beat < STALE_MS;
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function when(decide: Decide | null): number {
  const time = Date.parse(decide?.at ?? "");
  return Number.isNaN(time) ? 0 : time;
}

function readOwner(text: string | null): Owner | null {
  const value = parse(text);
  return value !== null && typeof value.tab === "string" && typeof value.beat === "number"
    ? { tab: value.tab, beat: value.beat }
    : null;
}

/** What lies in storage may be from another version or be damaged: only a whole decision is taken. */
function readDecide(text: string | null): Decide | null {
  const value = parse(text);
  const whole = value?.kind === "decide" && typeof value.client === "string" && typeof value.action === "string";
  return whole ? (value as unknown as Decide) : null;
}

function parse(text: string | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text ?? "null");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Views in this page, over all copies of this module: each widget instance imports its own. */
export function viewsAlive(): Set<string> {
  const key = Symbol.for("alwidget.views");
  const holder = globalThis as unknown as Record<symbol, Set<string> | undefined>;
  holder[key] ??= new Set();
  return holder[key];
}
