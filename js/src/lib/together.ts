/** Which labels often go together, as far as this page has seen: counted over the answers in its history. */
import type { HistoryEntry } from "../protocol";
import { names } from "../state/answers";

/** Fewer answers than this say nothing about a habit. */
const ENOUGH = 5;
const OFTEN = 0.5;

/** The last answer of each document, as far back as the history goes. */
export function answersIn(history: readonly HistoryEntry[]): string[][] {
  const seen = new Set<string>();
  return history.flatMap((entry) => {
    if (entry.action !== "annotate" || entry.undone || seen.has(entry.item)) {
      return [];
    }
    seen.add(entry.item);
    return [names(entry.value)];
  });
}

/** For labels that are not checked: with which checked one they mostly came, in words. */
export function together(answers: readonly (readonly string[])[], checked: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const best = new Map<string, number>();
  for (const name of checked) {
    const having = answers.filter((answer) => answer.includes(name));
    if (having.length < ENOUGH) {
      continue;
    }
    for (const other of new Set(having.flat())) {
      const both = having.filter((answer) => answer.includes(other)).length;
      const share = both / having.length;
      if (!checked.includes(other) && share >= OFTEN && share > (best.get(other) ?? 0)) {
        best.set(other, share);
        found.set(other, `with ${name} in ${both} of the last ${having.length} answers that had it`);
      }
    }
  }
  return found;
}
