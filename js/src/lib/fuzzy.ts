/** Type-ahead for label names: a few typed letters find the label, the best first. */

export interface Match {
  index: number;
  score: number;
  /** Positions (UTF-16) of the matched characters in the name, for the underline. */
  at: readonly number[];
}

const BOUNDARY = /[\s/_\-.:,()[\]>]/;

/**
 * Score one name against a query, or null when its letters do not all occur in order.
 * Whole prefixes beat word starts, word starts beat runs, runs beat scattered letters; shorter names win ties.
 */
export function match(query: string, name: string): { score: number; at: number[] } | null {
  const needle = fold(query).replace(/\s+/g, "");
  const hay = fold(name);
  if (needle === "") {
    return { score: 0, at: [] };
  }
  const direct = hay.indexOf(fold(query).trim());
  if (direct >= 0) {
    const at = Array.from({ length: query.trim().length }, (_, i) => direct + i);
    const start = direct === 0 || BOUNDARY.test(hay[direct - 1] ?? "");
    return { score: (direct === 0 ? 400 : start ? 300 : 200) - hay.length * 0.1, at };
  }
  const at = scattered(needle, hay);
  if (at === null) {
    return null;
  }
  let score = 100 - hay.length * 0.1;
  for (const [i, position] of at.entries()) {
    const before = at[i - 1];
    if (before !== undefined) {
      score -= position === before + 1 ? 0 : Math.min(8, position - before - 1);
    }
    score += position === 0 || BOUNDARY.test(hay[position - 1] ?? "") ? 6 : 0;
  }
  return { score, at };
}

/** All names that match, best first; `rank` orders what an empty query shows and breaks ties (lower is earlier). */
export function search(query: string, names: readonly string[], rank: (index: number) => number): Match[] {
  const found: Match[] = [];
  for (const [index, name] of names.entries()) {
    const hit = match(query, name);
    if (hit !== null) {
      found.push({ index, ...hit });
    }
  }
  return found.sort((a, b) => b.score - a.score || rank(a.index) - rank(b.index) || a.index - b.index);
}

/** Lower case without accents, with as many UTF-16 units as before, so that positions stay those of the name. */
function fold(text: string): string {
  let out = "";
  for (const unit of text.split("")) {
    const plain = unit.normalize("NFD").charAt(0).toLowerCase();
    out += plain.length === 1 ? plain : unit;
  }
  return out;
}

/** Positions of the needle's letters in order, preferring the starts of words; null when one is missing. */
function scattered(needle: string, hay: string): number[] | null {
  const at: number[] = [];
  let from = 0;
  for (const letter of needle) {
    let position = hay.indexOf(letter, from);
    if (position < 0) {
      return null;
    }
    for (let next = position; next >= 0 && next !== from; next = hay.indexOf(letter, next + 1)) {
      if (BOUNDARY.test(hay[next - 1] ?? "") && restFits(needle, at.length + 1, hay, next + 1)) {
        position = next;
        break;
      }
    }
    at.push(position);
    from = position + 1;
  }
  return at;
}

function restFits(needle: string, start: number, hay: string, from: number): boolean {
  let position = from;
  for (const letter of needle.slice(start)) {
    position = hay.indexOf(letter, position);
    if (position < 0) {
      return false;
    }
    position += 1;
  }
  return true;
}
