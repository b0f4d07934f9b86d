import { beforeEach, describe, expect, it } from "vitest";
import { MemoryStore } from "../src/lib/storage";
import { Outbox, STALE_MS } from "../src/outbox";
import { decide } from "./make";

class Durable extends MemoryStore {
  full = false;
  writes: string[] = [];

  override set(key: string, value: string): boolean {
    this.writes.push(key);
    super.set(key, value);
    return !this.full;
  }
}

let store: Durable;
const now = 1_000_000;

function outbox(view: string, tab = "tab", alive: string[] = [], session = "s"): Outbox {
  return new Outbox(store, { session, view, tab, alive: new Set(alive) });
}

const clients = (decides: { client: string }[]) => decides.map(({ client }) => client);

beforeEach(() => {
  store = new Durable();
});

describe("keeping", () => {
  it("keeps decisions in order until they are acknowledged", () => {
    const box = outbox("v");
    for (const client of ["1", "2", "3"]) box.add(decide(client), now);
    box.add(decide("2"), now);
    box.remove("2");
    expect(clients(box.all())).toEqual(["1", "3"]);
    expect(box.has("2")).toBe(false);
    box.remove("1");
    box.remove("3");
    expect(store.keys("")).toEqual([]);
  });

  it("writes one entry for one decision, however many wait", () => {
    const box = outbox("v");
    for (let i = 0; i < 200; i += 1) box.add(decide(String(i)), now);
    store.writes = [];
    box.add(decide("last"), now);
    expect(store.writes).toHaveLength(1);
  });

  it("says when the browser keeps nothing", () => {
    const box = outbox("v");
    box.add(decide("1"), now);
    expect(box.durable).toBe(true);
    store.full = true;
    box.add(decide("2"), now);
    expect(box.durable).toBe(false);
    expect(clients(box.all())).toEqual(["1", "2"]);
  });
});

describe("adopting", () => {
  it("takes over at once what the same tab left, as after a reload", () => {
    const before = outbox("old");
    before.add(decide("1", { at: "2026-01-05T10:00:01Z" }), now);
    before.add(decide("2", { at: "2026-01-05T10:00:02Z" }), now);
    const after = outbox("new");
    const taken = after.adopt(now);
    expect(clients(taken)).toEqual(["1", "2"]);
    expect(taken.every(({ view }) => view === "new")).toBe(true);
    expect(store.keys("").every((key) => key.includes(":new:"))).toBe(true);
    expect(after.adopt(now)).toEqual([]);
  });

  it("leaves alone what lives, in this page or in another tab", () => {
    outbox("beside").add(decide("1"), now);
    outbox("elsewhere", "other tab").add(decide("2"), now);
    const box = outbox("v", "tab", ["beside"]);
    expect(box.adopt(now + STALE_MS - 1)).toEqual([]);
    expect(clients(box.adopt(now + STALE_MS))).toEqual(["2"]);
  });

  it("takes over what a closed view released", () => {
    const other = outbox("elsewhere", "other tab");
    other.add(decide("1"), now);
    other.release();
    expect(clients(outbox("v").adopt(now))).toEqual(["1"]);
  });

  it("waits for a tab that says that it lives", () => {
    const other = outbox("elsewhere", "other tab");
    other.add(decide("1"), now);
    other.beat(now + STALE_MS);
    expect(outbox("v").adopt(now + STALE_MS + 1)).toEqual([]);
  });

  it("keeps the order of several views by time", () => {
    outbox("b", "gone").add(decide("late", { at: "2026-01-05T10:00:09Z" }), 0);
    outbox("a", "gone").add(decide("early", { at: "2026-01-05T10:00:01Z" }), 0);
    outbox("c", "gone").add(decide("middle", { at: "2026-01-05T10:00:05Z" }), 0);
    expect(clients(outbox("v").adopt(now))).toEqual(["early", "middle", "late"]);
  });

  it("does not touch other sessions, nor trip over what is damaged", () => {
    outbox("x", "gone", [], "another").add(decide("theirs"), 0);
    outbox("y", "gone").add(decide("mine"), 0);
    store.set("alwidget:outbox:s:z:000000001", "{broken");
    store.set("alwidget:outbox:s:z:000000002", '{"kind":"decide"}');
    expect(clients(outbox("v").adopt(now))).toEqual(["mine"]);
    expect(
      outbox("w", "tab", ["v"], "another")
        .adopt(now)
        .map(({ client }) => client),
    ).toEqual(["theirs"]);
  });

  it("knows which documents wait elsewhere", () => {
    const other = outbox("elsewhere", "other tab");
    other.add(decide("1", { item: "a" }), now);
    other.add(decide("2", { item: "b", action: "note" }), now);
    const box = outbox("v");
    box.add(decide("3", { item: "c" }), now);
    expect([...box.elsewhere()]).toEqual(["a"]);
  });
});
