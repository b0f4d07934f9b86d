import { beforeEach, describe, expect, it } from "vitest";
import { kernelState } from "../src/connection";
import { BUSY_AFTER_MS, DEAF_AFTER_MS, Delivery, LOST_AFTER_MS } from "../src/delivery";
import type { FromPage, Hello } from "../src/protocol";
import { decide } from "./make";

let sent: FromPage[];
let delivery: Delivery;
let seq: number;
let open: boolean;

beforeEach(() => {
  sent = [];
  seq = 0;
  open = true;
  delivery = new Delivery({
    send: (message) => {
      if (open) sent.push(message);
      return open;
    },
    hello: (waiting): Hello => {
      seq += 1;
      return { kind: "hello", view: "v", seq, protocol: 1, waiting };
    },
  });
});

const clients = () => sent.flatMap((message) => (message.kind === "decide" ? [message.client] : []));
const hellos = () => sent.filter((message) => message.kind === "hello").length;
const run = (from: number, to: number) => {
  for (let now = from; now <= to; now += 500) delivery.tick(now);
};
const submit = (
  client: string,
  item: string | null,
  now: number,
  action: "annotate" | "undo" | "label-add" = "annotate",
) => delivery.submit(decide(client, { item, action }), now);

describe("sending", () => {
  it("sends each decision once while the kernel answers", () => {
    delivery.greet(0);
    delivery.heard(10);
    delivery.greeted(1, 10);
    submit("1", "a", 100);
    submit("2", "b", 200);
    delivery.settle("1");
    delivery.settle("2");
    run(500, 30_000);
    expect(clients()).toEqual(["1", "2"]);
    expect(hellos()).toBe(1);
  });

  it("holds back what is about the same document, and an undo of the newest, until what came before is done", () => {
    submit("1", "a", 0);
    submit("2", "a", 1);
    submit("3", "b", 2);
    submit("4", null, 3, "undo");
    expect(clients()).toEqual(["1", "3"]);
    delivery.settle("1");
    expect(clients()).toEqual(["1", "3", "2"]);
    delivery.settle("2");
    delivery.settle("3");
    expect(clients()).toEqual(["1", "3", "2", "4"]);
  });

  it("sends a new label before its answers", () => {
    submit("label", null, 0, "label-add");
    submit("1", "a", 1);
    expect(clients()).toEqual(["label"]);
    delivery.settle("label");
    expect(clients()).toEqual(["label", "1"]);
  });
});

describe("a silent kernel", () => {
  it("gets a few hellos and the oldest decision, not copies of everything", () => {
    for (let i = 0; i < 30; i += 1) submit(String(i), `doc ${i}`, i);
    run(0, 60_000);
    expect(hellos()).toBeLessThan(8);
    expect(clients().filter((client) => client === "0").length).toBe(hellos() + 1);
    expect(clients().filter((client) => client !== "0")).toHaveLength(29);
  });

  it("gets everything again that it lost, and only that, when it answers", () => {
    submit("1", "a", 0);
    submit("2", "b", 1);
    run(0, 3_500);
    expect(hellos()).toBe(1);
    submit("3", "c", 3_600);
    sent = [];
    delivery.settle("1");
    delivery.greeted(seq, 4_000);
    expect(clients()).toEqual(["2"]);
  });

  it("gets what could not even be sent", () => {
    open = false;
    submit("1", "a", 0);
    open = true;
    delivery.greet(1_000);
    delivery.greeted(seq, 1_100);
    expect(clients()).toEqual(["1"]);
  });

  it("an answer to an older hello changes nothing", () => {
    submit("1", "a", 0);
    run(0, 9_000);
    sent = [];
    delivery.greeted(1, 9_100);
    expect(clients()).toEqual([]);
  });
});

describe("a kernel that cannot write", () => {
  it("is asked again later, ever more rarely, the oldest first", () => {
    for (const [client, id] of [
      ["1", "a"],
      ["2", "b"],
    ] as const) {
      submit(client, id, 0);
      delivery.postpone(client, 100);
    }
    sent = [];
    run(500, 3_500);
    expect(clients()).toEqual(["1"]);
    delivery.settle("1");
    run(4_000, 4_000);
    expect(clients()).toEqual(["1", "2"]);
    delivery.postpone("2", 4_000);
    const times: number[] = [];
    for (let now = 4_500; now < 60_000; now += 500) {
      sent = [];
      delivery.tick(now);
      if (clients().length > 0) {
        times.push(now);
        delivery.postpone("2", now);
      }
    }
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(gaps.length).toBeGreaterThan(1);
    expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
  });
});

describe("the link", () => {
  const kind = (now: number, kernel: "busy" | "idle" | "gone" | null = null) => delivery.link(now, kernel).kind;

  it("is live, then busy, then lost, and live again", () => {
    delivery.greet(0);
    expect(kind(100)).toBe("connecting");
    delivery.heard(200);
    delivery.greeted(1, 200);
    expect(kind(300)).toBe("live");
    submit("1", "a", 1_000);
    expect(kind(1_000 + BUSY_AFTER_MS)).toBe("live");
    expect(kind(1_001 + BUSY_AFTER_MS)).toBe("busy");
    expect(kind(1_001 + LOST_AFTER_MS)).toBe("lost");
    expect(kind(1_500 + LOST_AFTER_MS)).toBe("lost");
    expect(delivery.heard(20_000)).toBe(true);
    delivery.settle("1");
    expect(kind(20_001)).toBe("live");
    expect(delivery.heard(20_002)).toBe(false);
  });

  it("is not lost while the kernel talks, nor while the host says that it is busy", () => {
    submit("1", "a", 0);
    delivery.heard(15_000);
    expect(kind(16_000)).toBe("busy");
    expect(kind(100_000, "busy")).toBe("busy");
  });

  it("is lost sooner where the host says that the kernel is idle, and at once where it is gone", () => {
    submit("1", "a", 0);
    expect(kind(DEAF_AFTER_MS, "idle")).toBe("busy");
    expect(kind(DEAF_AFTER_MS + 1, "idle")).toBe("lost");
    delivery.settle("1");
    delivery.heard(5_000);
    expect(kind(5_000, "gone")).toBe("lost");
  });

  it("is looked after when somebody comes back", () => {
    delivery.heard(0);
    delivery.wake(10_000, 30_000);
    expect(hellos()).toBe(0);
    delivery.wake(31_000, 30_000);
    expect(hellos()).toBe(1);
    delivery.wake(32_000, 30_000);
    expect(hellos()).toBe(1);
    delivery.wake(36_000, 30_000);
    expect(hellos()).toBe(2);
  });
});

it("reads what the host says of its kernel, whatever the host is", () => {
  const kernel = (status: string, connectionStatus = "connected") => ({ kernel: { status, connectionStatus } });
  expect(kernelState(kernel("busy"))).toBe("busy");
  expect(kernelState(kernel("idle"))).toBe("idle");
  expect(kernelState(kernel("dead"))).toBe("gone");
  expect(kernelState(kernel("idle", "disconnected"))).toBe("gone");
  expect(kernelState(kernel("restarting"))).toBeNull();
  for (const other of [undefined, null, {}, { kernel: null }, 3]) {
    expect(kernelState(other)).toBeNull();
  }
  const hostile = {
    get kernel(): never {
      throw new Error("no");
    },
  };
  expect(kernelState(hostile)).toBeNull();
});
