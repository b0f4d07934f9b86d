import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { Offsets } from "../src/offsets";
import { findWords } from "../src/spans/words";
import { random, randomText } from "./random";

interface Case {
  name: string;
  text: string;
  points: number;
  units: number;
  spans: { start: number; end: number; from: number; to: number; text: string }[];
  words: number[];
}

/** Also read by `tests/unit/test_offsets.py`: what Python says of the same texts. */
const CASES = JSON.parse(
  readFileSync(new URL("../../tests/fixtures/offsets.json", import.meta.url), "utf8"),
) as Case[];

describe("offsets", () => {
  test.each(CASES.map((one) => [one.name, one] as const))(
    "are Python's in: %s",
    (_, { text, points, units, spans }) => {
      const offsets = new Offsets(text);
      expect([offsets.length, text.length]).toEqual([points, units]);
      for (const { start, end, from, to, text: slice } of spans) {
        expect([offsets.toUnit(start), offsets.toUnit(end)]).toEqual([from, to]);
        expect([offsets.toPoint(from), offsets.toPoint(to)]).toEqual([start, end]);
        expect(offsets.slice(start, end)).toBe(slice);
      }
    },
  );

  it("goes there and back in random texts, as counting one by one does", () => {
    const next = random(7);
    for (let round = 0; round < 300; round += 1) {
      const text = randomText(next, 40);
      const offsets = new Offsets(text);
      const letters = Array.from(text);
      expect(offsets.length).toBe(letters.length);
      let unit = 0;
      for (let point = 0; point <= letters.length; point += 1) {
        expect(offsets.toUnit(point)).toBe(unit);
        expect(offsets.toPoint(unit)).toBe(point);
        const { length } = letters[point] ?? "";
        if (length === 2) {
          expect(offsets.toPoint(unit + 1), "the middle of a pair").toBe(point);
          expect(offsets.splits(unit + 1)).toBe(true);
        }
        expect(offsets.splits(unit)).toBe(false);
        unit += length;
      }
    }
  });
});

test.each(CASES.map((one) => [one.name, one] as const))(
  "words found here are the kernel's in: %s",
  (_, { text, words }) => {
    const found = findWords(new Offsets(text));
    const flat = Array.from({ length: found.length }, (_unused, i) => found.get(i)).flatMap(({ start, end }) => [
      start,
      end,
    ]);
    expect(flat).toEqual(words);
  },
);
