// @vitest-environment happy-dom
/** The message examples that the Python side writes and reads too: both halves must know the same protocol. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { CommConnection, type WidgetModel } from "../src/connection";
import { MemoryStore } from "../src/lib/storage";
import type { FromPage, Snapshot, ToPage } from "../src/protocol";
import { Store } from "../src/state/store";
import { Sync } from "../src/sync";
import { FakeKernel } from "./fake-model";

const FOLDER = join(import.meta.dirname, "..", "..", "tests", "fixtures", "protocol");
const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const read = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
const toPage = names.filter((name) => name.startsWith("to_page-"));
const fromPage = names.filter((name) => name.startsWith("from_page-"));

function page() {
  const kernel = new FakeKernel();
  kernel.kill();
  const model = kernel.model(read("to_page-snapshot-trait.json") as Snapshot);
  const store = new Store();
  const sync = new Sync(new CommConnection(model as unknown as WidgetModel), store, {
    local: new MemoryStore(),
    session: new MemoryStore(),
  });
  sync.start();
  return { model, store, sync };
}

afterEach(() => {
  vi.restoreAllMocks();
});

it("there are examples both ways", () => {
  expect(toPage.length).toBeGreaterThan(10);
  expect(fromPage.length).toBeGreaterThan(10);
});

test.each(toPage)("%s is understood", (name) => {
  const { model, store, sync } = page();
  model.emit("msg:custom", read(name));
  expect(store.state.toasts.filter(({ text }) => text.includes("fault"))).toEqual([]);
  expect(store.state.session).not.toBeNull();
  sync.stop();
});

test("an example of every kind is there", () => {
  const kinds = new Set(toPage.map((name) => (read(name) as ToPage).kind));
  expect([...kinds].sort()).toEqual(["ack", "notice", "queue", "reject", "reply", "snapshot", "status"]);
});

describe("what the page says has the fields that the kernel reads", () => {
  const { sync } = page();
  const fields = (message: object) => Object.keys(message).sort();
  const decides = fromPage.map(read).filter((message): message is FromPage => (message as FromPage).kind === "decide");

  it("in decisions", () => {
    for (const decide of decides) {
      expect(fields(sync.make({ action: "annotate" }))).toEqual(fields(decide));
    }
  });

  it("in hellos, requests and options", async () => {
    const kernel = new FakeKernel();
    const model = kernel.model();
    const other = new Sync(new CommConnection(model as unknown as WidgetModel), new Store(), {
      local: new MemoryStore(),
      session: new MemoryStore(),
    });
    other.start();
    await other.request("items", { limit: 1, exclude: [] });
    await other.set("paused", true);
    other.stop();
    for (const sent of kernel.received) {
      const example = fromPage.map(read).find((message) => (message as FromPage).kind === sent.kind);
      expect(fields(sent)).toEqual(fields(example as object));
    }
    expect(kernel.received.map(({ kind }) => kind)).toEqual(["hello", "request", "set"]);
  });

  sync.stop();
});

it("what is no message of ours is ignored", () => {
  const { model, store, sync } = page();
  const before = store.state;
  for (const { message } of read("junk.json") as { message: unknown }[]) {
    const kind = typeof message === "object" && message !== null && "kind" in message ? message.kind : null;
    if (!["snapshot", "queue", "ack", "reject", "reply", "status", "notice"].includes(String(kind))) {
      model.emit("msg:custom", message);
    }
  }
  expect(store.state).toBe(before);
  sync.stop();
});
