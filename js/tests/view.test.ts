// @vitest-environment happy-dom
/** The whole page against a fake kernel: what a person does, and what is on the other side afterwards. */
import { describe, expect, it, vi } from "vitest";
import type { Decide } from "../src/protocol";
import { card, Durable, find, open, press, reload, said, settle, start, stores, text } from "./page";

describe("labelling", () => {
  it("goes on with each key, and everything is in the kernel once", async () => {
    const kernel = start();
    const view = await open(kernel);
    expect(view.root.dataset.state).toBe("ready");
    expect(card(view)).toBe("doc-0");
    await press(view, "1", "2", " ", "3");
    expect(card(view)).toBe("doc-4");
    expect(said(kernel)).toEqual([
      ["doc-0", "World"],
      ["doc-1", "Sports"],
      ["doc-2", null],
      ["doc-3", "Business"],
    ]);
    expect(text(view, "saved")).toBe("saved 4 of 4");
    expect(find(view, "text")?.textContent).toBe(kernel.session.items.get("doc-4")?.text);
  });

  it("records what was accepted apart from what was chosen", async () => {
    const kernel = start({ suggest: true });
    const view = await open(kernel);
    const suggested = kernel.session.items.get("doc-0")?.suggestion;
    await press(view, "Enter");
    const place = kernel.session.labels.findIndex(
      ({ name }) => name === kernel.session.items.get("doc-1")?.suggestion?.value,
    );
    await press(view, String(place + 1));
    const [first, second] = kernel.session.said.map(({ decide }) => decide);
    expect(first).toMatchObject({ origin: "accepted", value: suggested?.value });
    expect(first?.seen).toEqual({ ...suggested, probs: null });
    expect(first?.why?.rank).toBe(1);
    expect(second).toMatchObject({ origin: "human" });
  });

  it("does nothing on Enter without a suggestion, nor on a label that is not there, nor on a key held down", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "Enter", "9", "Shift+1");
    view.root.dispatchEvent(new KeyboardEvent("keydown", { key: "1", code: "Digit1", repeat: true, bubbles: true }));
    view.root.dispatchEvent(
      new KeyboardEvent("keydown", { key: "1", code: "Digit1", isComposing: true, bubbles: true }),
    );
    await settle();
    expect(kernel.session.said).toEqual([]);
  });

  it("undoes and does again over all items, also what an earlier page said", async () => {
    const kernel = start();
    let view = await open(kernel);
    await press(view, "1", "2");
    view.stop();
    view = await open(kernel);
    await press(view, "3", "Control+z", "Control+z", "Control+z");
    expect(card(view)).toBe("doc-0");
    expect(kernel.session.counts().labelled).toBe(0);
    expect(text(view, "saved")).toBe("saved 0 of 0");
    await press(view, "Control+Shift+z", "Control+y", "Control+Shift+z");
    expect(kernel.session.counts().labelled).toBe(3);
    expect(kernel.session.items.get("doc-1")?.answer).toBe("Sports");
    expect(card(view)).toBe("doc-3");
  });

  it("flags with a note that may hold letters which are keys elsewhere", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "f");
    const input = find(view, "flag-input") as HTMLInputElement;
    input.value = "1 fc? <b>";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await press(view, "1", "c", "z");
    expect(kernel.session.said).toEqual([]);
    input.form?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
    await settle();
    expect(kernel.session.items.get("doc-0")).toMatchObject({ status: "flagged", note: "1 fc? <b>" });
    expect(card(view)).toBe("doc-1");
    await press(view, "f", "Escape");
    expect(find(view, "flag-input")).toBeNull();
    expect(card(view)).toBe("doc-1");
  });

  it("finds one of many labels, and coins a new one", async () => {
    const many = start({ labels: Array.from({ length: 150 }, (_, i) => `Topic ${i}`) });
    const view = await open(many);
    await press(view, "/");
    const type = async (value: string) => {
      const input = find(view, "picker-input") as HTMLInputElement;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      await settle();
    };
    await type("ic 137");
    await press(view, "Enter");
    expect(said(many)).toEqual([["doc-0", "Topic 137"]]);
    await press(view, "/");
    await type("Topic 1");
    await press(view, "ArrowDown", "ArrowDown", "ArrowUp", "Enter");
    expect(said(many)[1]?.[1]).toBe("Topic 10");
    await press(view, "Shift+0");
    expect(said(many)[2]?.[1]).toBe("Topic 19");
  });

  it("makes a new label and uses it, in this order", async () => {
    const kernel = start({ labels: [], openLabels: true });
    const view = await open(kernel);
    await press(view, "/");
    const input = find(view, "picker-input") as HTMLInputElement;
    input.value = "Economy";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await settle();
    expect(text(view, "picker-create")).toContain("Economy");
    await press(view, "Enter");
    expect(said(kernel)).toEqual([["doc-0", "Economy"]]);
    await press(view, "1");
    expect(said(kernel)[1]).toEqual(["doc-1", "Economy"]);
  });

  it("fetches more before it runs out, and ends when all is answered", async () => {
    const kernel = start();
    const view = await open(kernel);
    for (let i = 0; i < 40; i += 1) {
      expect(view.root.dataset.state).toBe("ready");
      await press(view, "1");
      await settle(300);
    }
    expect(view.root.dataset.state).toBe("done");
    expect(find(view, "done")?.textContent).toContain("All 40 documents are answered");
    expect(new Set(said(kernel).map(([id]) => id)).size).toBe(40);
  });
});

describe("a kernel that does not answer", () => {
  it("is not waited for: labelling goes on, and everything arrives once afterwards", async () => {
    const kernel = start();
    const view = await open(kernel);
    kernel.busy = true;
    await press(view, "1", "2", "3", "4", "1");
    await settle(2_000);
    expect(card(view)).toBe("doc-5");
    expect(text(view, "alert")).toBe("kernel busy: 5 waiting, kept here");
    expect(text(view, "saved")).toBe("saved 0 of 5");
    await settle(58_000);
    kernel.busy = false;
    await settle(600);
    expect(said(kernel).map(([id]) => id)).toEqual(["doc-0", "doc-1", "doc-2", "doc-3", "doc-4"]);
    expect(text(view, "saved")).toBe("saved 5 of 5");
    expect(find(view, "alert")).toBeNull();
  });

  it("does not lose what was said when the page is reloaded meanwhile, nor ask it again", async () => {
    const kernel = start();
    const first = kernel.session.snapshot();
    const before = await open(kernel, kernel.model(first));
    await press(before, "1");
    kernel.busy = true;
    await press(before, "2", "3");
    reload(kernel);
    const view = await open(kernel, kernel.model(first));
    expect(card(view)).toBe("doc-3");
    expect(text(view, "saved")).toBe("saved 1 of 3");
    await press(view, "4");
    expect(view.root.dataset.state).toBe("loading");
    await settle(2_000);
    expect(card(view)).toBe("doc-4");
    kernel.busy = false;
    await settle(5_000);
    expect(said(kernel)).toEqual([
      ["doc-0", "World"],
      ["doc-1", "Sports"],
      ["doc-2", "Business"],
      ["doc-3", "Sci/Tech"],
    ]);
    expect(text(view, "saved")).toBe("saved 4 of 4");
    expect(card(view)).toBe("doc-4");
  });

  it("a tab that is new to a session seen before shows nothing that may be old", async () => {
    const kernel = start();
    const first = kernel.session.snapshot();
    const view = await open(kernel, kernel.model(first));
    await press(view, "1", "2");
    const tab = { local: stores.local, session: new Durable() };
    kernel.latency = 300;
    const other = await open(kernel, kernel.model(first), tab);
    expect(other.root.dataset.state).toBe("loading");
    expect(text(other, "saved")).toBe("saved 2 of 2");
    await settle(400);
    expect(card(other)).toBe("doc-2");
    kernel.busy = true;
    const third = await open(kernel, kernel.model(first), { local: stores.local, session: new Durable() });
    await settle(2_500);
    expect(card(third)).toBe("doc-2");
    kernel.busy = false;
  });

  it("is said to be disconnected, and a new widget of the session delivers what was kept", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "1");
    kernel.kill();
    await press(view, "2", "3");
    await settle(12_000);
    expect(text(view, "alert")).toBe(
      "disconnected from the kernel: 2 decisions kept in this browser; re-run the cell to go on",
    );
    expect(text(view, "saved")).toBe("saved 1 of 3");
    view.stop();
    kernel.revive();
    const next = await open(kernel);
    await settle(100);
    expect(text(next, "saved")).toBe("saved 3 of 3");
    expect(said(kernel)).toHaveLength(3);
  });

  it("gets again what was lost on the way, in order and once", async () => {
    const kernel = start();
    const view = await open(kernel);
    kernel.lose = 2;
    await press(view, "1", "2", "3");
    expect(said(kernel)).toEqual([["doc-2", "Business"]]);
    await settle(5_000);
    expect(
      said(kernel)
        .map(([id]) => id)
        .sort(),
    ).toEqual(["doc-0", "doc-1", "doc-2"]);
    expect(text(view, "saved")).toBe("saved 3 of 3");
  });

  it("that cannot write is said, and everything is written when it can", async () => {
    const kernel = start();
    const view = await open(kernel);
    kernel.storageError = "No space left on device";
    await press(view, "1", "2");
    expect(text(view, "alert")).toBe("not being saved: No space left on device");
    expect(text(view, "saved")).toBe("saved 0 of 2");
    kernel.storageError = null;
    kernel.pushStatus();
    await settle(30_000);
    expect(said(kernel).map(([id]) => id)).toEqual(["doc-0", "doc-1"]);
    expect(find(view, "alert")).toBeNull();
  });

  it("that refuses for good is believed: the answer comes back, with the reason", async () => {
    const kernel = start();
    const view = await open(kernel);
    kernel.session.labels = kernel.session.labels.filter(({ name }) => name !== "World");
    await press(view, "1");
    expect(text(view, "notice")).toContain('Not saved: "World" is not one of the labels.');
    expect(text(view, "saved")).toBe("saved 0 of 0");
    await press(view, "2");
    expect(card(view)).toBe("doc-0");
  });
});

it("a remembered card that the session no longer has gives way", async () => {
  const kernel = start();
  const view = await open(kernel);
  await press(view, "1");
  expect(card(view)).toBe("doc-1");
  view.stop();
  kernel.session.items.delete("doc-1");
  kernel.session.order.splice(1, 1);
  const next = await open(kernel);
  expect(card(next)).toBe("doc-2");
});

describe("two views of one session", () => {
  it("follow each other, and each can undo what the other said", async () => {
    const kernel = start();
    const model = kernel.model();
    const [a, b] = [await open(kernel, model), await open(kernel, model)];
    await press(a, "1");
    expect(card(b)).toBe("doc-1");
    await press(b, "2");
    expect(card(a)).toBe("doc-2");
    expect([text(a, "saved"), text(b, "saved")]).toEqual(["saved 2 of 2", "saved 2 of 2"]);
    await press(a, "Control+z");
    expect(kernel.session.items.get("doc-1")?.status).toBeNull();
    expect(card(a)).toBe("doc-1");
    expect(said(kernel)).toHaveLength(2);
  });

  it("in one page keep their decisions apart", async () => {
    const kernel = start();
    const [a, b] = [await open(kernel), await open(kernel)];
    kernel.busy = true;
    await press(a, "1");
    await press(b, "2");
    expect(stores.local.keys("alwidget:outbox:").filter((key) => !key.endsWith("owner"))).toHaveLength(2);
    kernel.busy = false;
    await settle(5_000);
    expect(stores.local.keys("alwidget:outbox:")).toEqual([]);
  });
});

describe("panels", () => {
  it("history finds, and opens an answer to change it", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "1", "2", "r");
    const rows = () => [...view.root.querySelectorAll<HTMLElement>('[data-testid="history-entry"]')];
    expect(rows()).toHaveLength(2);
    rows()[1]?.click();
    await settle();
    expect(card(view)).toBe("doc-0");
    await press(view, "3");
    expect(kernel.session.items.get("doc-0")?.answer).toBe("Business");
    expect(card(view)).toBe("doc-2");
  });

  it("model changes the strategy, and takes back what is refused", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "m");
    const select = find(view, "strategy") as HTMLSelectElement;
    select.value = "random";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await settle();
    expect(kernel.session.status.strategy).toBe("random");
    const size = find(view, "batch-size") as HTMLInputElement;
    size.value = "5000";
    size.dispatchEvent(new Event("input", { bubbles: true }));
    await settle();
    size.dispatchEvent(new Event("change", { bubbles: true }));
    await settle();
    expect(text(view, "notice")).toContain("at most 1000");
    expect((find(view, "batch-size") as HTMLInputElement).value).toBe("50");
  });

  it("keys can be changed, and stay changed", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "?");
    const button = find(view, "key-skip");
    button?.click();
    await settle();
    button?.dispatchEvent(new KeyboardEvent("keydown", { key: "x", code: "KeyX", bubbles: true, cancelable: true }));
    await settle();
    await press(view, "x");
    expect(kernel.session.items.get("doc-0")?.status).toBe("skipped");
    view.stop();
    const again = await open(kernel);
    await press(again, "x", " ");
    expect(kernel.session.counts().skipped).toBe(2);
  });
});

describe("being a good guest", () => {
  it("leaves nothing behind", async () => {
    const kernel = start();
    const model = kernel.model();
    const view = await open(kernel, model);
    const before = kernel.received.length;
    view.stop();
    expect(document.body.querySelector(".alwidget-root")).toBeNull();
    kernel.pushQueue();
    await settle(60_000);
    expect(kernel.received.length).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("says what is wrong when the kernel speaks another protocol", async () => {
    const kernel = start();
    const honest = kernel.session.snapshot.bind(kernel.session);
    vi.spyOn(kernel.session, "snapshot").mockImplementation((...args) => ({ ...honest(...args), protocol: 99 }));
    const view = await open(kernel);
    expect(view.root.dataset.state).toBe("error");
    expect(text(view, "failure")).toContain("version 99");
  });

  it("shows a fault of its own instead of nothing", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const kernel = start();
    kernel.session.items.set("doc-0", { ...kernel.session.items.get("doc-0"), text: null } as never);
    const view = await open(kernel);
    expect(view.root.dataset.state).toBe("error");
    expect(text(view, "failure")).toContain("The widget cannot go on");
    expect(console.error).toHaveBeenCalled();
  });

  it("sends decisions as the protocol has them, with every field", async () => {
    const kernel = start();
    const view = await open(kernel);
    await press(view, "1");
    const decide = kernel.received.find((message): message is Decide => message.kind === "decide");
    expect(Object.keys(decide ?? {}).sort()).toEqual(
      [
        "action",
        "at",
        "client",
        "item",
        "kind",
        "note",
        "origin",
        "seconds",
        "seen",
        "seq",
        "target",
        "value",
        "view",
        "why",
      ].sort(),
    );
  });
});
