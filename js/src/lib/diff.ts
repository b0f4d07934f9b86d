/** What was changed between two texts, word by word. */
import { pieces } from "./words";

export interface Change {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Cells of the table of common words; beyond it the middle of the texts is shown as replaced. */
const MOST = 4_000_000;

export function changes(before: string, after: string): Change[] {
  const [a, b] = [pieces(before), pieces(after)];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const middle = compared(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const whole = [...same(a.slice(0, head)), ...middle, ...same(a.slice(a.length - tail))];
  return joined(whole);
}

function same(parts: readonly string[]): Change[] {
  return parts.map((text) => ({ kind: "same", text }));
}

/** By a longest common subsequence; of equal ones the removed words come first. */
function compared(a: readonly string[], b: readonly string[]): Change[] {
  const [n, m] = [a.length, b.length];
  const removed = (from: number): Change[] => a.slice(from).map((text) => ({ kind: "removed", text }));
  const added = (from: number): Change[] => b.slice(from).map((text) => ({ kind: "added", text }));
  if (n * m > MOST) {
    return [...removed(0), ...added(0)];
  }
  const width = m + 1;
  const length = new Uint16Array((n + 1) * width);
  const at = (i: number, j: number): number => length[i * width + j] ?? 0;
  for (let i = n - 1; i >= 0; i -= 1) {
    for (let j = m - 1; j >= 0; j -= 1) {
      length[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const out: Change[] = [];
  let [i, j] = [0, 0];
  while (i < n && j < m) {
    if (a[i] === b[j]) {
      out.push({ kind: "same", text: a[i] ?? "" });
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      out.push({ kind: "removed", text: a[i] ?? "" });
      i += 1;
    } else {
      out.push({ kind: "added", text: b[j] ?? "" });
      j += 1;
    }
  }
  return [...out, ...removed(i), ...added(j)];
}

/**
 * Neighbours of one kind as one; of a run of changes all that is removed before all that is added, and a lone space
 * between two changes goes with them, so that a replaced phrase reads as one.
 */
function joined(parts: readonly Change[]): Change[] {
  const out: Change[] = [];
  let [gone, come] = ["", ""];
  const flush = (): void => {
    if (gone !== "") out.push({ kind: "removed", text: gone });
    if (come !== "") out.push({ kind: "added", text: come });
    [gone, come] = ["", ""];
  };
  for (const [i, { kind, text }] of parts.entries()) {
    const next = parts[i + 1];
    if (kind === "removed") gone += text;
    else if (kind === "added") come += text;
    else if (gone !== "" && come !== "" && /^\s+$/.test(text) && next !== undefined && next.kind !== "same") {
      gone += text;
      come += text;
    } else {
      flush();
      const last = out.at(-1);
      if (last?.kind === "same") last.text += text;
      else out.push({ kind, text });
    }
  }
  flush();
  return out;
}
