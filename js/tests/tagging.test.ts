// @vitest-environment happy-dom
/** The tagging card by keyboard: which span keys speak of, and where they go. */
import { describe, expect, it } from "vitest";
import type { View } from "../src/view";
import { wordsOf } from "./fake-spans";
import { find, open, press, start } from "./page";

const TEXT = "Ada met Bo in Ulm, and Ada left.";
const LABELS = ["PER", "LOC", "ORG"];

async function tagging(...suggested: [start: number, end: number][]): Promise<View> {
  const value = suggested.map(([start, end]) => ({
    start,
    end,
    label: "PER",
    text: TEXT.slice(start, end),
    confidence: 0.8,
  }));
  const suggestion = suggested.length === 0 ? null : { value, confidence: 0.8, probs: null, candidates: null };
  const document = { text: TEXT, words: wordsOf(TEXT), suggestion };
  const kernel = start({ task: "tagging", suggest: false, labels: LABELS, documents: [document, document] });
  const view = await open(kernel);
  view.root.focus();
  return view;
}

function chips(view: View): string[] {
  return [...(find(view, "span-list")?.querySelectorAll("button") ?? [])].map((chip) => chip.textContent ?? "");
}

function chosen(view: View): string | null {
  return find(view, "span-list")?.querySelector("[aria-current]")?.textContent ?? null;
}

describe("the chosen span", () => {
  it("stays chosen when its label is taken back, and given again", async () => {
    const view = await tagging();
    await press(view, "t", "1", "2", "3");
    expect(chosen(view)).toBe("ORG Ada");
    await press(view, "Control+z");
    expect(chosen(view)).toBe("LOC Ada");
    await press(view, "Control+z");
    expect(chosen(view)).toBe("PER Ada");
    await press(view, "Control+Shift+z");
    expect(chosen(view)).toBe("LOC Ada");
    await press(view, "3");
    expect(chips(view)).toEqual(["ORG Ada"]);
  });

  it("is chosen again when its deletion is taken back, and is gone when it is deleted again", async () => {
    const view = await tagging();
    await press(view, "t", "1", "Delete");
    expect([chips(view), chosen(view)]).toEqual([[], null]);
    await press(view, "Control+z");
    expect(chosen(view)).toBe("PER Ada");
    await press(view, "Control+Shift+z");
    expect(chosen(view)).toBeNull();
    await press(view, "Control+z", "2");
    expect(chips(view)).toEqual(["LOC Ada"]);
  });

  it("stays chosen when its ends are taken back", async () => {
    const view = await tagging([9, 10]);
    await press(view, "]", "w");
    expect(chosen(view)).toContain("PER Bo");
    await press(view, "Control+z");
    expect(chosen(view)).toContain("PER o");
  });

  it("is none after the cursor moved on", async () => {
    const view = await tagging();
    await press(view, "t", "1", "Delete", "ArrowRight", "Control+z");
    expect([chips(view), chosen(view)]).toEqual([["PER Ada"], null]);
  });

  it("is not another when what was added is taken back", async () => {
    const view = await tagging();
    await press(view, "t", "1", "ArrowRight", "ArrowRight", "2", "Control+z");
    expect([chips(view), chosen(view)]).toEqual([["PER Ada"], null]);
  });

  it.each(["2", "Delete", "Control+z"])("keeps the keyboard in the widget when its chip goes by %s", async (key) => {
    const view = await tagging();
    await press(view, "t", "1");
    find(view, "span-list")?.querySelector("button")?.focus();
    await press(view, key);
    expect(view.root.contains(document.activeElement)).toBe(true);
    await press(view, "Escape", "t", "3");
    expect(chips(view)).toContain("ORG Ada");
  });
});
