// @vitest-environment happy-dom
/** Several labels and written text: what a person does, and what the kernel has afterwards. */
import { describe, expect, it, test } from "vitest";
import { toggled } from "../src/cards/multilabel";
import { type Change, changes } from "../src/lib/diff";
import { answersIn, together } from "../src/lib/together";
import { countCharacters, countWords, pieces } from "../src/lib/words";
import { reduce } from "../src/state/reducer";
import { accepts, rulesOf } from "../src/tasks";
import type { View } from "../src/view";
import { documents } from "./fake-session";
import { entry, started } from "./make";
import { card, find, open, press, reload, said, settle, start, text } from "./page";
import { below, random } from "./random";

const LABELS = ["A", "B", "C", "D"];
const several = (more = {}) => start({ task: "multilabel", labels: LABELS, ...more });
const writing = (more = {}) => start({ task: "generation", suggest: true, ...more });
const boxes = (view: View) =>
  [...view.root.querySelectorAll<HTMLElement>('[data-testid="label"]')]
    .filter((label) => label.getAttribute("aria-checked") === "true")
    .map((label) => label.querySelector(".alwidget-label-name")?.textContent);
const origins = (kernel: ReturnType<typeof start>) => kernel.session.said.map(({ decide }) => decide.origin);
const click = async (view: View, id: string) => {
  find(view, id)?.click();
  await settle();
};

describe("several labels", () => {
  it("are checked and unchecked by their keys, and submitted in their order", async () => {
    const kernel = several();
    const view = await open(kernel);
    await press(view, "3", "1", "2", "2");
    expect(boxes(view)).toEqual(["A", "C"]);
    expect(said(kernel)).toEqual([]);
    await press(view, "Enter");
    expect(said(kernel)).toEqual([["doc-0", ["A", "C"]]]);
    expect(origins(kernel)).toEqual(["human"]);
    expect(kernel.session.labels.map(({ count }) => count)).toEqual([1, 0, 1, 0]);
  });

  it("of the model are checked beforehand; the answer says whether they were kept", async () => {
    const documents = Array.from({ length: 9 }, () => ({
      text: "t",
      suggestion: { value: ["A", "C"], confidence: 0.8, probs: [0.9, 0.1, 0.8, 0.2], candidates: null },
    }));
    const kernel = several({ documents });
    const view = await open(kernel);
    expect(boxes(view)).toEqual(["A", "C"]);
    expect(view.root.querySelectorAll(".alwidget-labels .is-suggested")).toHaveLength(2);
    expect(text(view, "submit")).toContain("Accept A, C");
    await press(view, "Enter");
    await press(view, "2");
    expect(text(view, "submit")).toContain("Submit 3 labels");
    await press(view, "Enter");
    await press(view, "1", "1");
    expect(view.root.querySelectorAll(".alwidget-labels .is-suggested"), "A is the person's now").toHaveLength(1);
    await press(view, "Enter");
    await press(view, "n");
    expect(said(kernel).map(([, value]) => value)).toEqual([["A", "C"], ["A", "B", "C"], ["A", "C"], []]);
    expect(origins(kernel)).toEqual(["accepted", "edited", "accepted", "human"]);
  });

  it("none of them is an answer, and nothing checked is not", async () => {
    const kernel = several();
    const view = await open(kernel);
    await press(view, "Enter");
    expect(text(view, "why")).toBe("Nothing is checked: check labels, or answer “none of these”.");
    await press(view, "1");
    expect(text(view, "why")).not.toContain("Nothing is checked");
    await press(view, "1", "Enter");
    expect(text(view, "why")).toContain("Nothing is checked");
    expect(said(kernel)).toEqual([]);
    await press(view, "n");
    expect(said(kernel)).toEqual([["doc-0", []]]);
    await press(view, "r");
    expect(text(view, "history-entry")).toContain("none of these");
    await press(view, "ArrowLeft");
    expect(text(view, "why")).toContain("You said none of these");
    expect(find(view, "none")?.getAttribute("aria-pressed")).toBe("true");
  });

  it("none of them may be what the model suggests, and Enter accepts it", async () => {
    const suggestion = { value: [], confidence: 0.9, probs: [0.1, 0, 0, 0], candidates: null };
    const kernel = several({ documents: [{ suggestion }, { suggestion }, {}] });
    const view = await open(kernel);
    expect(text(view, "submit")).toContain("Accept none of these");
    await press(view, "Enter");
    await press(view, "1", "1", "Enter");
    expect(said(kernel).map(([, value]) => value)).toEqual([[], []]);
    expect(origins(kernel)).toEqual(["accepted", "accepted"]);
  });

  it("can all be unchecked, and every step taken back: each check, then each answer", async () => {
    const kernel = several();
    const view = await open(kernel);
    await press(view, "1", "2", "Enter", "3", "4", "x");
    expect(boxes(view)).toEqual([]);
    await press(view, "Control+z");
    expect(boxes(view)).toEqual(["C", "D"]);
    await press(view, "Control+z", "Control+z");
    expect(boxes(view)).toEqual([]);
    expect(card(view)).toBe("doc-1");
    await press(view, "Control+Shift+z");
    expect(boxes(view)).toEqual(["C"]);
    await press(view, "Control+z", "Control+z");
    expect(card(view)).toBe("doc-0");
    expect(boxes(view), "what was taken back stays checked").toEqual(["A", "B"]);
    expect(kernel.session.items.get("doc-0")?.status).toBeNull();
    await press(view, "2", "Enter");
    expect(kernel.session.items.get("doc-0")?.answer).toEqual(["A"]);
  });

  it("that were checked outlive a reload, with their steps", async () => {
    const kernel = several();
    const view = await open(kernel);
    await press(view, "1", "3");
    await settle(400);
    reload(kernel);
    const again = await open(kernel);
    expect(boxes(again)).toEqual(["A", "C"]);
    await press(again, "Control+z");
    expect(boxes(again)).toEqual(["A"]);
  });

  it("of an answer given before can be changed", async () => {
    const kernel = several();
    const view = await open(kernel);
    await press(view, "1", "Enter", "ArrowLeft");
    expect(boxes(view)).toEqual(["A"]);
    await press(view, "2", "Enter");
    expect(kernel.session.items.get("doc-0")?.answer).toEqual(["A", "B"]);
    expect(card(view)).toBe("doc-1");
  });

  it("are found by typing, one after the other, and a new one is made and checked", async () => {
    const kernel = several({ labels: Array.from({ length: 30 }, (_, i) => `Topic ${i}`), openLabels: true });
    const view = await open(kernel);
    const type = async (value: string) => {
      const input = find(view, "picker-input") as HTMLInputElement;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      await settle();
      await press(view, "Enter");
    };
    await press(view, "/");
    await type("Topic 27");
    await type("Topic 3");
    await type("Weather");
    expect((find(view, "picker-input") as HTMLInputElement).value).toBe("");
    await press(view, "Control+Enter");
    expect(said(kernel)).toEqual([["doc-0", ["Topic 3", "Topic 27", "Weather"]]]);
    expect(find(view, "picker-input")).toBeNull();
    await press(view, "Shift+2", "Enter");
    expect(said(kernel)[1]).toEqual(["doc-1", ["Topic 11"]]);
  });

  it("decided in another view leave no half-done draft behind", async () => {
    const kernel = several();
    const [a, b] = [await open(kernel), await open(kernel)];
    await press(a, "1");
    await press(b, "2", "Enter");
    expect(card(a)).toBe("doc-1");
    await press(a, "ArrowLeft");
    expect(boxes(a)).toEqual(["B"]);
  });

  it("keep the order of the labels whatever is checked", () => {
    const next = random(7);
    let [now, model] = [new Set<string>(), new Set<string>()];
    for (let i = 0; i < 500; i += 1) {
      const name = LABELS[below(next, LABELS.length)] ?? "";
      if (!model.delete(name)) model = new Set(model).add(name);
      const list = toggled(now, name, LABELS);
      expect(list).toEqual(LABELS.filter((label) => model.has(label)));
      now = new Set(list);
    }
  });
});

describe("labels that go together", () => {
  const answers = [...Array.from({ length: 4 }, () => ["A", "B"]), ["A", "C"], ["C"]];

  it("are told with their counts, and only where there are enough of them", () => {
    expect(together(answers, ["A"])).toEqual(new Map([["B", "with A in 4 of the last 5 answers that had it"]]));
    expect(together(answers, ["A", "B"])).toEqual(new Map());
    expect(together(answers, ["C"])).toEqual(new Map());
    expect(together(answers.slice(1), ["A"])).toEqual(new Map());
  });

  it("are counted over the last answer of each document, without what was taken back", () => {
    const history = [
      entry("3", "a", { value: ["A"] }),
      entry("2", "b", { value: ["B"], undone: true }),
      entry("1", "a", { value: ["C"] }),
      entry("0", "c", { action: "skip", value: null }),
    ];
    expect(answersIn(history)).toEqual([["A"]]);
  });

  it("are marked only for who has asked for it, in this browser from then on", async () => {
    const kernel = several();
    const view = await open(kernel);
    for (let i = 0; i < 6; i += 1) await press(view, "1", "4", "Enter");
    await press(view, "1");
    expect(view.root.querySelectorAll(".is-hinted")).toHaveLength(0);
    await click(view, "together");
    expect(view.root.querySelector(".is-hinted")?.textContent).toContain("(with A in 6 of the last 6 answers");
    view.stop();
    const again = await open(kernel);
    expect(find(again, "together")?.getAttribute("aria-checked")).toBe("true");
  });
});

describe("written text", () => {
  const field = (view: View) => find(view, "editor") as HTMLTextAreaElement;
  const enter = async (view: View, value: string, inputType = "insertText") => {
    field(view).value = value;
    field(view).dispatchEvent(new InputEvent("input", { bubbles: true, inputType }));
    await settle();
  };

  it("begins as the model's draft, which is accepted as it is or edited", async () => {
    const kernel = writing();
    const view = await open(kernel);
    const draft = kernel.session.items.get("doc-0")?.suggestion?.value;
    expect(field(view).value).toBe(draft);
    expect(text(view, "whose")).toBe("draft by the model");
    await press(view, "Control+Enter");
    await press(view, "e");
    await enter(view, "My own words");
    expect(text(view, "whose")).toBe("edited by you");
    expect(text(view, "counts")).toContain("12 characters · 3 words · ");
    await press(view, "1", "f", " ", "Enter");
    await press(view, "Control+Enter");
    expect(said(kernel)).toEqual([
      ["doc-0", draft],
      ["doc-1", "My own words"],
    ]);
    expect(origins(kernel)).toEqual(["accepted", "edited"]);
    expect(document.activeElement, "and goes on in the next field").toBe(field(view));
  });

  it("of the data is said to be the data's", async () => {
    const suggestion = { value: "Given words", confidence: null, probs: null, candidates: null };
    const why = { strategy: "idds", round: 1, rank: 1, of: 2, score: null, propensity: 1, text: "" };
    const kernel = writing({ documents: [{ suggestion, why }, { why }] });
    const view = await open(kernel);
    expect(field(view).value).toBe("Given words");
    expect(text(view, "whose")).toBe("text from the data");
    expect(text(view, "why")).toContain("suggested by the data");
    await press(view, "Control+Enter");
    expect(said(kernel)).toEqual([["doc-0", "Given words"]]);
    expect(origins(kernel)).toEqual(["accepted"]);
    expect(text(view, "why")).not.toContain("suggested by the data");
  });

  it("without a model is a person's", async () => {
    const kernel = writing({ suggest: false });
    const view = await open(kernel);
    await press(view, "Enter");
    await enter(view, "Words");
    await press(view, "Control+Enter");
    expect(origins(kernel)).toEqual(["human"]);
  });

  test.each(["", "  \n"])("%j is refused in words", async (nothing) => {
    const kernel = writing({ suggest: false });
    const view = await open(kernel);
    await press(view, "e");
    await enter(view, nothing);
    await press(view, "Control+Enter");
    expect(text(view, "why")).toBe("There is no text yet: write one, or skip the document.");
    expect(said(kernel)).toEqual([]);
    await enter(view, "Words");
    expect(text(view, "why")).not.toContain("no text yet");
  });

  it("is taken from the candidates by digits outside of the field, and that is accepting", async () => {
    const kernel = writing();
    const view = await open(kernel);
    const candidates = kernel.session.items.get("doc-0")?.suggestion?.candidates ?? [];
    await press(view, "2");
    expect(field(view).value).toBe(candidates[1]);
    await press(view, "3", "9", "Control+z");
    expect(field(view).value).toBe(candidates[1]);
    await press(view, "Control+Enter");
    expect(said(kernel)).toEqual([["doc-0", candidates[1]]]);
    expect(origins(kernel)).toEqual(["accepted"]);
  });

  it("is taken back a visit to the field at a time, then an answer at a time", async () => {
    const kernel = writing();
    const view = await open(kernel);
    const [first, second] = [0, 1].map((i) => kernel.session.items.get(`doc-${i}`)?.suggestion?.value);
    await press(view, "Control+Enter");
    await press(view, "e");
    await enter(view, "One");
    await enter(view, "One two");
    await press(view, "Escape", "Control+z");
    expect(field(view).value).toBe(second);
    await press(view, "Control+z");
    expect(card(view)).toBe("doc-0");
    expect(field(view).value).toBe(first);
    await press(view, "Control+Shift+z");
    expect(card(view)).toBe("doc-1");
    await press(view, "Control+Shift+z");
    expect(field(view).value).toBe("One two");
  });

  it("leaves undo to the field while that has something, and is the widget's again when it has not", async () => {
    const kernel = writing();
    const view = await open(kernel);
    const second = kernel.session.items.get("doc-1")?.suggestion?.value as string;
    await press(view, "e", "Control+Enter");
    await enter(view, "All deleted");
    await enter(view, "");
    await press(view, "Control+z");
    expect(card(view), "the field has the deleted words").toBe("doc-1");
    await enter(view, "All deleted", "historyUndo");
    await enter(view, second, "historyUndo");
    await press(view, "Control+z");
    expect(card(view)).toBe("doc-0");
    expect(document.activeElement).toBe(field(view));
  });

  it("outlives a reload", async () => {
    const kernel = writing();
    const view = await open(kernel);
    await press(view, "e");
    await enter(view, "Half a sen");
    await settle(400);
    reload(kernel);
    const again = await open(kernel);
    expect(field(again).value).toBe("Half a sen");
  });

  it("with other line ends is untouched until it is touched", async () => {
    const value = "one\r\ntwo";
    const suggestion = { value, confidence: 1, probs: null, candidates: null };
    const kernel = writing({ documents: [{ suggestion }, { suggestion }] });
    const view = await open(kernel);
    expect(field(view).value).toBe("one\ntwo");
    await press(view, "Control+Enter");
    await press(view, "e");
    await enter(view, "one\ntwo!");
    await press(view, "Control+Enter");
    expect(said(kernel).map(([, said]) => said)).toEqual([value, "one\ntwo!"]);
  });

  it("of an answer is changed where it stands", async () => {
    const kernel = writing();
    const view = await open(kernel);
    await press(view, "Control+Enter", "ArrowLeft");
    expect(text(view, "why")).toContain("You wrote this, as suggested.");
    await press(view, "e");
    await enter(view, "Better");
    await press(view, "Control+Enter");
    expect(kernel.session.items.get("doc-0")?.answer).toBe("Better");
  });

  it("is compared with the candidate that it began as", async () => {
    const kernel = writing();
    const view = await open(kernel);
    const third = kernel.session.items.get("doc-0")?.suggestion?.candidates?.[2] ?? "";
    await press(view, "d");
    expect(text(view, "changes")).toBe("As the model wrote it.");
    await press(view, "3", "e");
    await enter(view, `${third} More.`);
    expect(find(view, "changes")?.querySelector("del")).toBeNull();
    expect(find(view, "changes")?.querySelector("ins")?.textContent).toBe(" More.");
    await press(view, "Escape", "d");
    expect(find(view, "changes")).toBeNull();
  });
});

it("lists in the overlay only the keys that the task has", async () => {
  const rows = async (task: string) => {
    const view = await open(start({ task, documents: documents(3) }));
    await press(view, "?");
    const all = [...view.root.querySelectorAll(".alwidget-keytable th")].map((row) => row.textContent);
    view.stop();
    return all;
  };
  expect(await rows("classification")).not.toContain("none of these");
  expect(await rows("multilabel")).toEqual(expect.arrayContaining(["labels 1 to 10", "none of these", "uncheck all"]));
  const written = await rows("generation");
  expect(written).toEqual(expect.arrayContaining(["take a candidate", "go into the text", "compare with the draft"]));
  expect(written).not.toContain("labels 1 to 10");
  expect(written).not.toContain("find a label");
});

describe("typing as a step", () => {
  const typed = (state: ReturnType<typeof started>, value: string, visit: string) =>
    reduce(state, { type: "typed", item: "a", from: "", value, visit });

  it("grows within a visit, and each visit is one", () => {
    let state = typed(typed(started(["a"]), "x", "1"), "xy", "1");
    expect(state.drafts.get("a")).toMatchObject({ now: "xy", past: [""] });
    state = typed(state, "xyz", "2");
    expect(state.drafts.get("a")).toMatchObject({ now: "xyz", past: ["", "xy"] });
    expect(reduce(state, { type: "untyped", item: "a", visit: "1" })).toBe(state);
    state = reduce(state, { type: "untyped", item: "a", visit: "2" });
    expect(state.drafts.get("a")).toMatchObject({ now: "xy", past: [""] });
  });

  it("that was undone in the field leaves nothing", () => {
    const state = reduce(typed(started(["a"]), "x", "1"), { type: "untyped", item: "a", visit: "1" });
    expect(state.drafts.size).toBe(0);
  });
});

describe("changes", () => {
  const kinds = (parts: readonly Change[]) => parts.map(({ kind, text: part }) => [kind, part]);

  test.each([
    ["a b c", "a b c", [["same", "a b c"]]],
    ["", "new", [["added", "new"]]],
    ["old", "", [["removed", "old"]]],
    [
      "the red big car stops",
      "the small cart stops",
      [
        ["same", "the "],
        ["removed", "red big car"],
        ["added", "small cart"],
        ["same", " stops"],
      ],
    ],
    [
      "昨日東京",
      "昨日京都",
      [
        ["same", "昨日"],
        ["removed", "東京"],
        ["added", "京都"],
      ],
    ],
  ])("from %j to %j", (before, after, expected) => expect(kinds(changes(before, after))).toEqual(expected));

  it("are both texts, whatever the texts are", () => {
    const next = random(11);
    const make = () => Array.from({ length: below(next, 14) }, () => "ab c\n.é👩‍👩‍👧"[below(next, 9)] ?? " ").join("");
    for (let i = 0; i < 400; i += 1) {
      const [before, after] = [make(), make()];
      const parts = changes(before, after);
      const without = (kind: string) => parts.flatMap((part) => (part.kind === kind ? [] : [part.text])).join("");
      expect(without("added")).toBe(before);
      expect(without("removed")).toBe(after);
    }
  });

  it("of very long texts do not take a table of them", () => {
    const [before, after] = ["a ".repeat(5_000), "b ".repeat(5_000)];
    expect(changes(before, after).map(({ kind }) => kind)).toContain("removed");
  });
});

describe("words", () => {
  test.each([
    ["", 0, 0],
    ["Don't stop, now.", 3, 16],
    ["👩‍👩‍👧 e\u0301", 1, 8],
    ["今日は良い天気", 4, 7],
    ["فاز الفريق", 2, 10],
  ])("of %j", (given, words, characters) => {
    expect(pieces(given).join("")).toBe(given);
    expect(countCharacters(given)).toBe(characters);
    expect(Math.abs(countWords(given) - words), "dictionaries differ by version").toBeLessThanOrEqual(1);
  });
});

describe("accepting", () => {
  it("is taking what the model said, in its order, or one of its candidates", () => {
    const several = { value: ["A"], confidence: 1, probs: null, candidates: null };
    expect(accepts(rulesOf("multilabel"), ["A"], several)).toBe(true);
    expect(accepts(rulesOf("multilabel"), [], several)).toBe(false);
    const written = { value: "x", confidence: 1, probs: null, candidates: ["x", "y"] };
    expect(accepts(rulesOf("generation"), "y", written)).toBe(true);
    expect(accepts(rulesOf("generation"), "z", written)).toBe(false);
  });

  it("needs something to accept", () => {
    expect(rulesOf("multilabel").refuse([], null)).not.toBeNull();
    expect(rulesOf("multilabel").refuse([], { value: [], confidence: 1, probs: null, candidates: null })).toBeNull();
    expect(rulesOf("generation").refuse("x", null)).toBeNull();
  });
});
