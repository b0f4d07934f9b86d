/** Tagging in a fake session: documents with entities, words to snap to, and a check of what a page says about spans. */
import { Offsets } from "../src/offsets";
import type { Item, LabelInfo } from "../src/protocol";
import type { Span } from "../src/spans/model";
import { findWords } from "../src/spans/words";
import type { FakeTask } from "./fake-tasks";

/** `[Label words]` stands for a span. */
const NOTES = [
  "Started [Drug amoxicillin] [Dose 500 mg] [Route by mouth] three times a day; on day two a [Reaction rash on both arms] and mild [Reaction nausea] 🤢 were noted, so [Drug cetirizine] was added at night.",
  "[Drug Warfarin] [Dose 5 mg] nightly, INR drawn at the clinic; told to keep [Drug warfarin] away from [Drug aspirin].",
  "No known allergies.",
  "IV fluids, [Drug ondansetron] [Dose 4 mg] as needed; [Reaction headache] after the first dose of [Drug ondansetron], none after the second.",
  "After [Drug metoprolol] [Dose 50 mg] [Route by mouth] the patient felt [Reaction dizzy] and short of breath; [Drug metoprolol] was halved.",
];

export const NOTE_LABELS = ["Drug", "Dose", "Route", "Reaction"];

/** A marked text as text and spans. */
export function parse(marked: string): { text: string; spans: Span[] } {
  let text = "";
  const spans: Span[] = [];
  for (const part of marked.split(/(\[[^\]]+\])/)) {
    const hit = /^\[(\S+) (.+)\]$/s.exec(part);
    if (hit === null) {
      text += part;
    } else {
      const [, label = "", inside = ""] = hit;
      const start = Array.from(text).length;
      spans.push({ start, end: start + Array.from(inside).length, label, text: inside });
      text += inside;
    }
  }
  return { text, spans };
}

export function notes(n: number): Partial<Item>[] {
  return Array.from({ length: n }, (_, index) => ({
    item: `doc-${index}`,
    text: parse(NOTES[index % NOTES.length] ?? "").text,
    source: index % 3 === 0 ? "clinic" : null,
    position: 4210 + index,
  }));
}

export function wordsOf(text: string): number[] {
  const words = findWords(new Offsets(text));
  return Array.from({ length: words.length }, (_, i) => words.get(i)).flatMap(({ start, end }) => [start, end]);
}

export const tagging: FakeTask = {
  wrong: (value, labels, item, overlap) => {
    if (!Array.isArray(value)) {
      return "An answer of spans is a list.";
    }
    const points = Array.from(item?.text ?? "");
    for (const [i, span] of (value as Span[]).entries()) {
      const fault = faultOf(span, value[i - 1], points, labels, overlap);
      if (fault !== null) {
        return `${fault}: ${JSON.stringify(span)}`;
      }
    }
    return null;
  },
  suggest: (index) => {
    const { spans } = parse(NOTES[index % NOTES.length] ?? "");
    const value = spans.map((span, i) => ({ ...span, confidence: [0.97, 0.83, 0.64, 0.91][(i + index) % 4] ?? 0 }));
    return { value, confidence: 0.7, probs: null, candidates: null };
  },
  answer: (index) => parse(NOTES[index % NOTES.length] ?? "").spans,
};

function faultOf(
  span: Span,
  before: Span | undefined,
  points: readonly string[],
  labels: readonly LabelInfo[],
  overlap: boolean,
): string | null {
  const { start, end, label, text, ...rest } = span;
  if (!(Number.isInteger(start) && start >= 0 && start < end && end <= points.length)) {
    return "out of range";
  }
  if (points.slice(start, end).join("") !== text) {
    return "the slice is another";
  }
  if (!labels.some(({ name }) => name === label) || Object.keys(rest).length > 0) {
    return "not a span";
  }
  if (before !== undefined && (before.start > start || (!overlap && before.end > start))) {
    return "out of order, or overlapping";
  }
  return null;
}
