/** Random things for property tests, the same ones in every run. */
export type Random = () => number;

/** Numbers in [0, 1), by mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function below(next: Random, n: number): number {
  return Math.floor(next() * n);
}

const PIECES = [
  "a",
  "Bo",
  " ",
  "  ",
  "\n",
  "\r\n",
  "\t",
  "é",
  "e\u0301",
  "🙂",
  "👩\u200d👧",
  "𠮷",
  "東",
  "ש",
  "عر",
  "𝔘",
  "7",
  ".",
  "\ud83d",
];

/** Letters of all kinds; a lone surrogate stands where it makes no pair with its neighbour. */
export function randomText(next: Random, length: number): string {
  return Array.from({ length: below(next, length + 1) }, () => PIECES[below(next, PIECES.length)] ?? "").join("");
}
