/** What decisions do to an item's answer, as arithmetic without side effects. */
import type { Counts, Decide, Item, LabelInfo } from "../protocol";
import type { Answer, Delta, ItemStatus } from "./types";

export const UNANSWERED: Answer = { answer: null, status: null, note: null };

export function answerOf(item: Item | undefined): Answer {
  return item === undefined ? UNANSWERED : { answer: item.answer ?? null, status: item.status, note: item.note };
}

export function withAnswer(item: Item, answer: Answer): Item {
  return { ...item, answer: answer.answer, status: answer.status, note: answer.note };
}

/** The answer after a decision. Undo and redo restore an answer that the caller knows, so they are not here. */
export function outcome(before: Answer, decide: Pick<Decide, "action" | "value" | "note">): Answer {
  switch (decide.action) {
    case "annotate":
      return { answer: decide.value, status: "labelled", note: before.note };
    case "skip":
      return { answer: null, status: "skipped", note: before.note };
    case "flag":
      return { ...before, status: before.answer === null ? "flagged" : "labelled", note: decide.note ?? before.note };
    case "note":
      return { ...before, note: decide.note };
    case "clear":
      return { answer: null, status: null, note: before.note };
    default:
      return before;
  }
}

const STATUS_FIELD = { labelled: "labelled", skipped: "skipped", flagged: "flagged" } as const;

export function delta(before: ItemStatus, after: ItemStatus): Delta {
  const change: Delta = { labelled: 0, skipped: 0, flagged: 0, remaining: 0 };
  if (before === after) {
    return change;
  }
  if (before !== null) change[STATUS_FIELD[before]] -= 1;
  if (after !== null) change[STATUS_FIELD[after]] += 1;
  change.remaining = (after === null ? 1 : 0) - (before === null ? 1 : 0);
  return change;
}

export function addDelta(counts: Counts, change: Delta): Counts {
  return {
    ...counts,
    labelled: Math.max(0, counts.labelled + change.labelled),
    skipped: Math.max(0, counts.skipped + change.skipped),
    flagged: Math.max(0, counts.flagged + change.flagged),
    remaining: Math.max(0, counts.remaining + change.remaining),
  };
}

/** Label counts after one item's answer changed; the same list when nothing did. */
export function moveLabel(labels: readonly LabelInfo[], before: unknown, after: unknown): readonly LabelInfo[] {
  const lost = names(before);
  const won = names(after);
  const by = (name: string) => (won.includes(name) ? 1 : 0) - (lost.includes(name) ? 1 : 0);
  if (!labels.some((label) => by(label.name) !== 0)) {
    return labels;
  }
  return labels.map((label) => {
    const change = by(label.name);
    return change === 0 ? label : { ...label, count: Math.max(0, label.count + change) };
  });
}

/** The label names in an answer of any task, each once. */
export function names(value: unknown): string[] {
  if (typeof value === "string") {
    return [value];
  }
  if (Array.isArray(value)) {
    const all = value.map((part: unknown) =>
      typeof part === "object" && part !== null && "label" in part ? part.label : part,
    );
    return [...new Set(all.filter((label) => typeof label === "string"))];
  }
  return [];
}
