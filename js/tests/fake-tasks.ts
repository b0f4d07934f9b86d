/** What a fake session has to know of each task: what it takes, what its model suggests, what was answered before. */
import type { Item, LabelInfo, Suggestion } from "../src/protocol";
import { tagging } from "./fake-spans";

export interface FakeTask {
  /** A sentence on what is wrong with an answer, or null. */
  wrong: (value: unknown, labels: readonly LabelInfo[], item: Item | undefined, overlap: boolean) => string | null;
  suggest: (index: number, labels: readonly LabelInfo[], item: Partial<Item>) => Suggestion;
  /** An answer that an earlier page gave. */
  answer: (index: number, labels: readonly LabelInfo[], item: Item | undefined) => unknown;
}

const unknownLabel = (value: unknown, labels: readonly LabelInfo[]): string | null =>
  labels.some(({ name }) => name === value) ? null : `"${String(value)}" is not one of the labels.`;

const classification: FakeTask = {
  wrong: unknownLabel,
  suggest: (index, labels) => {
    const weights = labels.map((_, i) => 1 / (1 + ((i * 7 + index * 3) % labels.length) * 2));
    const sum = weights.reduce((a, b) => a + b, 0);
    const probs = weights.map((weight) => weight / sum);
    const best = probs.indexOf(Math.max(...probs));
    return { value: labels[best]?.name ?? "", confidence: probs[best] ?? 0, probs, candidates: null };
  },
  answer: (index, labels) => labels[(index * index + 1) % labels.length]?.name ?? null,
};

/** Independent probabilities; every seventh document has none of the labels. */
const multilabel: FakeTask = {
  wrong: (value, labels) => {
    if (!Array.isArray(value)) {
      return "An answer of several labels is a list.";
    }
    const places = value.map((name) => labels.findIndex((label) => label.name === name));
    const ordered = places.every((place, i) => place > (places[i - 1] ?? -1));
    return ordered ? null : `${JSON.stringify(value)} is not a list of labels in their order.`;
  },
  suggest: (index, labels) => {
    const probs = labels.map((_, i) =>
      index % 7 === 6 ? 0.08 : ([0.91, 0.07, 0.64, 0.22, 0.03, 0.48][(i * 5 + index) % 6] ?? 0),
    );
    const value = labels.filter((_, i) => (probs[i] ?? 0) > 0.5).map(({ name }) => name);
    return { value, confidence: Math.min(...probs.map((p) => Math.max(p, 1 - p))), probs, candidates: null };
  },
  answer: (index, labels) =>
    labels.filter((_, i) => (i + index) % 3 === 0 || (i === 1 && index % 3 === 0)).map(({ name }) => name),
};

/** Drafts that take words from the document's beginning, one shorter than the other. */
const generation: FakeTask = {
  wrong: (value) => (typeof value === "string" && value.trim() !== "" ? null : "An answer is a text."),
  suggest: (index, _, { text = "" }) => {
    const words = text.replace(/[,;].*$/su, "").split(" ");
    const candidates = [9 - (index % 3), 6, 3].map((n) => `${words.slice(0, n).join(" ")}.`);
    return { value: candidates[0] ?? "", confidence: 0.62, probs: null, candidates };
  },
  answer: (_index, _labels, item) => (item?.text ?? "").split(" ").slice(0, 7).join(" "),
};

const TASKS: Readonly<Record<string, FakeTask>> = { classification, multilabel, generation, tagging };

export function fakeTask(name: string): FakeTask {
  return TASKS[name] ?? classification;
}
