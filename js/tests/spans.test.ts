import { describe, expect, it, test } from "vitest";
import { Offsets } from "../src/offsets";
import { cut, distribute, type Node, tree } from "../src/spans/blocks";
import * as marks from "../src/spans/marking";
import type { Span, Spans } from "../src/spans/model";
import * as model from "../src/spans/model";
import { occurrences } from "../src/spans/occurrences";
import { findWords, Words } from "../src/spans/words";
import { canTurn } from "../src/state/drafts";
import { reduce } from "../src/state/reducer";
import { rulesOf } from "../src/tasks";
import { started } from "./make";
import { below, type Random, random, randomText } from "./random";

const LABELS = ["PER", "LOC", "ORG"];

function offsetsFor(next: Random): Offsets {
  return new Offsets(`${randomText(next, 60)}end`);
}

function randomSpan(next: Random, offsets: Offsets): Span {
  const start = below(next, offsets.length);
  const end = start + 1 + below(next, Math.min(8, offsets.length - start));
  return model.span(offsets, start, end, LABELS[below(next, LABELS.length)] ?? "");
}

function suggested(span: Span, confidence = 0.8): Span {
  return { ...span, confidence };
}

/** What must hold of every list of spans, whatever was done to it. */
function check(spans: Spans, offsets: Offsets, overlap: boolean): void {
  const places = spans.map(({ start, end, label }) => `${start} ${end} ${label}`);
  expect(new Set(places).size, "no span is there twice").toBe(places.length);
  for (const [i, span] of spans.entries()) {
    expect(span.start).toBeLessThan(span.end);
    expect(span.text).toBe(Array.from(offsets.text).slice(span.start, span.end).join(""));
    const before = spans[i - 1];
    if (before !== undefined) {
      const order = before.start - span.start || before.end - span.end || (before.label < span.label ? -1 : 1);
      expect(order, "spans are in order").toBeLessThan(0);
      if (!overlap) expect(before.end, "spans do not overlap").toBeLessThanOrEqual(span.start);
    }
  }
}

function act(next: Random, spans: Spans, offsets: Offsets, overlap: boolean): Spans {
  const one = spans[below(next, spans.length)];
  switch (below(next, one === undefined ? 2 : 8)) {
    case 0:
    case 1:
      return model.add(spans, randomSpan(next, offsets), overlap).spans ?? spans;
    case 2:
      return one === undefined ? spans : model.remove(spans, one);
    case 3:
      return one === undefined ? spans : (model.relabel(spans, one, LABELS[below(next, 3)] ?? "").spans ?? spans);
    case 4:
      return one === undefined ? spans : model.accept(spans, one);
    case 5: {
      const label = one?.label ?? "PER";
      const room = model.free(spans, label, overlap);
      const places = occurrences(offsets, findWords(offsets), one ?? { start: 0, end: 1 }, 9, room);
      const more = places.map(({ start, end }) => model.span(offsets, start, end, label));
      const result = model.addAll(spans, more, overlap);
      expect(
        more.every((span) => result.some((other) => model.sameSpan(other, span))),
        "free places are free",
      ).toBe(true);
      return result;
    }
    case 6:
      return one === undefined ? spans : (model.resize(spans, one, randomSpan(next, offsets), overlap).spans ?? spans);
    default:
      return next() < 0.2 ? model.acceptAll(spans) : spans;
  }
}

describe("the model of spans", () => {
  test.each([true, false])("keeps its promises through random edits, overlap %s", (overlap) => {
    const next = random(overlap ? 1 : 2);
    for (let round = 0; round < 150; round += 1) {
      const offsets = offsetsFor(next);
      let spans: Spans = model.NONE;
      for (let i = 0; i < 4; i += 1) {
        spans = model.add(spans, suggested(randomSpan(next, offsets)), overlap).spans ?? spans;
      }
      for (let step = 0; step < 25; step += 1) {
        const before = [...spans];
        const after = act(next, spans, offsets, overlap);
        expect(spans, "a change makes a new list").toEqual(before);
        check(after, offsets, overlap);
        expect(model.read(after, offsets), "what is written is read, and stays the same list").toBe(after);
        spans = after;
      }
      expect(JSON.stringify(model.clean(spans))).not.toContain("confidence");
    }
  });

  const offsets = new Offsets("Ada met Bo in Ulm, and Ada left.");
  const per = model.span(offsets, 0, 3, "PER");

  it("refuses an overlap in words, and lets suggestions give way", () => {
    const wide = model.span(offsets, 0, 10, "ORG");
    expect(model.add([per], wide, false).refused).toContain("“Ada” is PER");
    expect(model.add([suggested(per)], wide, false).spans).toEqual([wide]);
    expect(model.add([per], wide, true).spans).toEqual([per, wide]);
  });

  it("gives the very same place its new label where spans may not overlap, and a second one where they may", () => {
    const loc = { ...per, label: "LOC" };
    expect(model.add([per], loc, false).spans).toEqual([loc]);
    expect(model.add([per], loc, true).spans).toEqual([loc, per]);
  });

  it("makes a suggestion the person's own by labelling, relabelling and accepting it", () => {
    const [one] = model.add([suggested(per)], per, false).spans ?? [];
    expect(one).toEqual(per);
    const held = suggested(per);
    expect(model.relabel([held], held, "LOC").spans).toEqual([{ ...per, label: "LOC" }]);
    expect(model.relabel([held], held, "PER").spans).toEqual([per]);
  });

  it("reads what others wrote: without slices, out of order, out of range", () => {
    const junk = [
      { start: 8, end: 10, label: "PER" },
      { start: 0, end: 3, label: "PER", text: "another" },
      { start: 3, end: 3, label: "PER" },
      { start: 5, end: 99, label: "PER" },
      { start: -1, end: 2, label: "PER" },
      { start: 0, end: 1.5, label: "PER" },
      { start: 0, end: 1, label: 7 },
      null,
    ];
    expect(model.read(junk, offsets)).toEqual([per, model.span(offsets, 8, 10, "PER")]);
    expect(model.read("PER", offsets)).toEqual([]);
    expect(model.read(null, offsets)).toEqual([]);
  });

  it("steps through spans and round the ends", () => {
    const [a, b] = [per, model.span(offsets, 14, 17, "LOC")];
    expect(model.step([a, b], null, 1)).toBe(a);
    expect(model.step([a, b], null, -1)).toBe(b);
    expect(model.step([a, b], a, 1)).toBe(b);
    expect(model.step([a, b], b, 1)).toBe(a);
    expect(model.step([a, b], 5, 1)).toBe(b);
    expect(model.step([a, b], 5, -1)).toBe(a);
    expect(model.step([], null, 1)).toBeNull();
  });

  it("says spans in words, few of many", () => {
    const { describe: say, brief, clean, blank } = rulesOf("tagging");
    expect(say([per, model.span(offsets, 14, 17, "LOC")])).toBe("2 spans: PER Ada, LOC Ulm");
    expect(say(Array.from({ length: 9 }, () => per))).toBe("9 spans: PER Ada, PER Ada, PER Ada, PER Ada, 5 more");
    expect([say([]), brief([per]), clean([suggested(per)]), blank]).toEqual(["no spans", "1 span", [per], []]);
  });
});

describe("occurrences", () => {
  const at = (text: string, start: number, end: number) => {
    const offsets = new Offsets(text);
    return occurrences(offsets, findWords(offsets), { start, end }).map((hit) => hit.start);
  };

  it("finds words as words, and parts of words wherever they are", () => {
    expect(at("art in a party of art, Art", 0, 3)).toEqual([18]);
    expect(at("carts in a party", 1, 4)).toEqual([12]);
    expect(at("🙂 Bo 🙂 Bo", 2, 4)).toEqual([7]);
    expect(at("aaaa", 0, 2)).toEqual([2]);
    expect(at("a  b  c", 1, 3)).toEqual([]);
  });
});

describe("words", () => {
  const words = new Words([0, 3, 4, 7, 7, 8, 10, 14]);

  it("are found at and before a place", () => {
    expect([0, 2, 3, 5, 7, 8, 9, 12, 20].map((point) => words.near(point))).toEqual([0, 0, 0, 1, 2, 2, 2, 3, 3]);
    expect(new Words([]).near(0)).toBe(-1);
    expect(new Words([3, 5]).near(0)).toBe(0);
  });

  it("tell what a range touches and cuts", () => {
    expect(words.touched({ start: 2, end: 5 })).toEqual({ first: 0, last: 1 });
    expect(words.touched({ start: 3, end: 4 })).toBeNull();
    expect(words.touched({ start: 8, end: 10 })).toBeNull();
    expect(words.cuts({ start: 0, end: 8 })).toBe(false);
    expect(words.cuts({ start: 1, end: 8 })).toBe(true);
    expect(words.cuts({ start: 0, end: 6 })).toBe(true);
    expect(words.widened({ start: 1, end: 5 })).toEqual({ start: 0, end: 7 });
    expect(words.widened({ start: 3, end: 12 })).toEqual({ start: 3, end: 14 });
    expect(words.narrowed({ start: 1, end: 12 })).toEqual({ start: 4, end: 8 });
    expect(words.narrowed({ start: 1, end: 3 })).toBeNull();
  });
});

describe("what is drawn", () => {
  const textOf = (nodes: readonly Node[], offsets: Offsets): string =>
    nodes
      .map((node) => (node.kind === "text" ? offsets.slice(node.start, node.end) : textOf(node.children, offsets)))
      .join("");

  function* parts(nodes: readonly Node[]): Generator<Extract<Node, { kind: "span" }>> {
    for (const node of nodes) {
      if (node.kind === "span") {
        yield node;
        yield* parts(node.children);
      }
    }
  }

  it("is the text, and every span once from its beginning to its end, however they lie", () => {
    const next = random(11);
    for (let round = 0; round < 300; round += 1) {
      const offsets = offsetsFor(next);
      let spans: Spans = model.NONE;
      for (let i = 0; i < 7; i += 1) spans = model.add(spans, randomSpan(next, offsets), true).spans ?? spans;
      const nodes = tree(spans, 0, offsets.length);
      expect(textOf(nodes, offsets)).toBe(offsets.text);
      for (const span of spans) {
        const own = [...parts(nodes)].filter((part) => part.span === span);
        expect(own.map((part) => textOf([part], offsets)).join("")).toBe(span.text);
        expect(own.map(({ first }) => first)).toEqual(own.map((_, i) => i === 0));
        expect(own.map(({ last }) => last)).toEqual(own.map((_, i) => i === own.length - 1));
      }
    }
  });

  it("comes in blocks that together are the text and cut no character", () => {
    for (const text of [
      "",
      "short",
      "word ".repeat(5_000),
      `${"line of words\r\n".repeat(2_000)}`,
      "🙂".repeat(9_000),
      "e\u0301".repeat(8_001),
      "東".repeat(20_000),
    ]) {
      const offsets = new Offsets(text);
      const blocks = cut(offsets);
      expect(blocks.map(({ from, to }) => text.slice(from, to)).join("")).toBe(text);
      for (const [i, block] of blocks.entries()) {
        expect(block.to - block.from).toBeLessThanOrEqual(6_002);
        expect(offsets.splits(block.from)).toBe(false);
        expect(text.slice(block.from, block.from + 1)).not.toBe("\u0301");
        expect([block.start, block.end]).toEqual([offsets.toPoint(block.from), offsets.toPoint(block.to)]);
        expect(i === 0 || block.from === blocks[i - 1]?.to).toBe(true);
      }
    }
  });

  it("is drawn again only where a span changed", () => {
    const offsets = new Offsets("word ".repeat(8_000));
    const blocks = cut(offsets);
    const all = Array.from({ length: 200 }, (_, i) => model.span(offsets, i * 150, i * 150 + 4, "PER"));
    const before = distribute(blocks, all, []);
    const after = distribute(
      blocks,
      model.add(all, model.span(offsets, 20_005, 20_009, "LOC"), true).spans ?? [],
      before,
    );
    expect(after.filter((list, i) => list !== before[i]).length).toBe(1);
    const across = [model.span(offsets, 0, offsets.length, "ORG")];
    expect(distribute(blocks, across, []).every((list) => list[0] === across[0])).toBe(true);
  });
});

describe("what is chosen", () => {
  const offsets = new Offsets("Ada met Bo in Ulm");
  const words = findWords(offsets);

  it("grows from the cursor with Shift, or while held, in both directions", () => {
    let marking = marks.onWord(marks.fresh(0), 2);
    marking = marks.moved(marking, 3, true);
    expect(marks.chosen(marking, words)).toEqual({ start: 8, end: 13 });
    marking = marks.moved(marking, 1, true);
    expect(marks.chosen(marking, words)).toEqual({ start: 4, end: 10 });
    marking = marks.moved(marking, 0, false);
    expect(marks.chosen(marking, words)).toEqual({ start: 0, end: 3 });
    marking = marks.moved({ ...marking, cursor: { anchor: 0, head: 0, holding: true } }, 1, false);
    expect(marks.chosen(marking, words)).toEqual({ start: 0, end: 7 });
  });

  it("is left a step at a time", () => {
    let marking: marks.Marking | null = { ...marks.onWord(marks.fresh(0, "PER"), 1), everywhere: true };
    const seen = [];
    while (marking !== null) {
      seen.push([marking.everywhere, marking.cursor !== null, marking.active]);
      marking = marks.left(marking);
    }
    expect(seen).toEqual([
      [true, true, "PER"],
      [false, true, "PER"],
      [false, false, "PER"],
      [false, false, null],
    ]);
  });

  it("knows which way a line runs", () => {
    expect(marks.runsLeft("abc \u05d0", 0)).toBe(false);
    expect(marks.runsLeft("\u05d0\u05d1 abc", 4)).toBe(true);
    expect(marks.runsLeft("abc\n(1) \u0639\u0631 abc", 12)).toBe(true);
    expect(marks.runsLeft("\u0639\nabc", 3)).toBe(false);
    expect(marks.runsLeft("123", 1)).toBe(false);
  });
});

it("edits are taken back one by one, then the answer", () => {
  const offsets = new Offsets("text of a");
  const [one, other] = [model.span(offsets, 0, 4, "A"), model.span(offsets, 5, 7, "B")];
  const begun = started(["a", "b"], { task: "tagging" });
  let state = reduce(begun, { type: "edit", item: "a", from: null, value: [one] });
  state = reduce(state, { type: "edit", item: "a", from: null, value: [one, other] });
  expect(state.drafts.get("a")?.now).toEqual([one, other]);
  state = reduce(state, { type: "turn-edit", item: "a", way: "back" });
  expect(state.drafts.get("a")?.now).toEqual([one]);
  state = reduce(state, { type: "turn-edit", item: "a", way: "forth" });
  expect(state.drafts.get("a")?.now).toEqual([one, other]);
  state = reduce(reduce(state, { type: "turn-edit", item: "a", way: "back" }), {
    type: "turn-edit",
    item: "a",
    way: "back",
  });
  expect([state.drafts.get("a")?.now, canTurn(state, "a", "back")]).toEqual([null, false]);
});
