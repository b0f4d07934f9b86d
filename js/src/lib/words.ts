/** Text in words, for counting and comparing: by the browser's rules for words, which also know scripts without spaces. */

const segmenter: Intl.Segmenter | null =
  typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;

/** The text cut into words and what is between them; together they are the text. */
export function pieces(text: string): string[] {
  if (segmenter === null) {
    return text.match(/\s+|[\p{L}\p{M}\p{N}_'’]+|[^\s\p{L}\p{M}\p{N}_'’]/gu) ?? [];
  }
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

export function countWords(text: string): number {
  if (segmenter === null) {
    return pieces(text).filter((piece) => /[\p{L}\p{N}]/u.test(piece)).length;
  }
  let words = 0;
  for (const { isWordLike } of segmenter.segment(text)) {
    words += isWordLike === true ? 1 : 0;
  }
  return words;
}

/** Unicode code points, as Python counts them. */
export function countCharacters(text: string): number {
  let units = 0;
  for (const _ of text) units += 1;
  return units;
}
