"""Where the words of a text are: the unit that spans are snapped to, tagged by and counted in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["character_spans", "word_spans"]

FLAG_LETTERS = re.compile("(?:[\U0001f1e6-\U0001f1ff]{2}){32,}")
"""Runs in which `regex` counts from the run's beginning for every cluster, which is best kept near."""

# The rules of UAX #29, by their numbers. `\b` of `regex` is not used: it breaks by older rules after an apostrophe,
# and not at all after a mark or a lone flag letter at the beginning of a text.
_TAIL = r"[\p{WB=Extend}\p{WB=Format}\p{WB=ZWJ}]*+"  # 4
_HEBREW = rf"\p{{WB=Hebrew_Letter}}{_TAIL}"
_QUOTE = rf"\p{{WB=Single_Quote}}{_TAIL}"
_LETTER_NEXT = r"(?=[\p{WB=ALetter}\p{WB=Hebrew_Letter}])"
_LETTER = (
    rf"(?:\p{{WB=ALetter}}{_TAIL}"
    rf"|{_HEBREW}(?!{_QUOTE}(?!{_LETTER_NEXT}))(?:\p{{WB=Double_Quote}}{_TAIL}(?=\p{{WB=Hebrew_Letter}}))?+)"  # 7b, 7c
)
_IN_WORD = rf"[\p{{WB=MidLetter}}\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{_TAIL}"
_IN_NUMBER = rf"[\p{{WB=MidNum}}\p{{WB=MidNumLet}}\p{{WB=Single_Quote}}]{_TAIL}"
_DIGIT = rf"\p{{WB=Numeric}}{_TAIL}"
_LETTERS = rf"(?:{_LETTER}(?:{_IN_WORD}{_LETTER_NEXT})?+|{_DIGIT}(?:{_IN_NUMBER}(?=\p{{WB=Numeric}}))?+)++"  # 5 to 12
_KATAKANA = rf"(?:\p{{WB=Katakana}}{_TAIL})++"  # 13
_JOINER = rf"(?:\p{{WB=ExtendNumLet}}{_TAIL})++"  # 13a, 13b
_RUN = rf"(?:{_KATAKANA}|{_LETTERS})"
_HEBREW_END = rf"{_HEBREW}{_QUOTE}"  # 7a
_WORD = rf"(?:{_RUN}?+{_JOINER})*+(?:{_KATAKANA}|(?:{_LETTERS})?+(?:{_HEBREW_END})?+)"
_FLAG = rf"\p{{WB=Regional_Indicator}}{_TAIL}\p{{WB=Regional_Indicator}}{_TAIL}"  # 15, 16
_BLANKS = rf"\p{{WB=WSegSpace}}++{_TAIL}"  # 3d
_SEGMENT = (
    rf"(?:\r\n|[\p{{WB=Newline}}\r\n]"  # 3, 3a, 3b
    rf"|(?:{_FLAG}|{_BLANKS}|(?=[\p{{WB=ALetter}}\p{{WB=Hebrew_Letter}}\p{{WB=Numeric}}\p{{WB=Katakana}}"
    rf"\p{{WB=ExtendNumLet}}]){_WORD}|(?s:.){_TAIL})(?:(?<=\u200d)\p{{Extended_Pictographic}}{_TAIL})*+)"  # 3c, 999
)


def word_spans(text: str) -> np.ndarray:
    """Return the words of a text: int32 (L, 2), where each begins and ends, in code points.

    Words are the segments between Unicode's default word boundaries (UAX #29) with white space dropped: ``3.14``,
    ``can't`` and a flag are one word, a full stop is a word of its own, and in scripts that write no spaces and have
    no default rule (Han, Hiragana, Thai) every character is one. Where a word boundary would cut a grapheme cluster
    (what a reader takes for one character: a letter with its marks, an emoji of several people) there is none. White
    space stays in a word only where it carries a combining mark. Every other character is in exactly one word.

    Examples
    --------
    >>> text = "Ada can't pay £3.14 👩🏽\u200d🚀"
    >>> [text[start:end] for start, end in word_spans(text)]
    ['Ada', "can't", 'pay', '£', '3.14', '👩🏽\u200d🚀']
    """
    import numpy as np

    found: list[tuple[int, int]] = []
    for start, end in _segments(text):
        if not (text[start].isspace() or text[end - 1].isspace()):
            found.append((start, end))
        elif not text[start:end].isspace():
            found.append(_trimmed(text, start, end))
    return np.fromiter(chain.from_iterable(found), dtype=np.int32, count=2 * len(found)).reshape(-1, 2)


def character_spans(text: str) -> np.ndarray:
    """Return what a reader takes for the characters of a text, white space dropped: int32 (L, 2), in code points.

    For scripts without spaces and for labels that begin within a word. A letter with its marks is one (a grapheme
    cluster), as is an emoji of several people.

    Examples
    --------
    >>> text = "né 👩🏽\u200d🚀"
    >>> [text[start:end] for start, end in character_spans(text)]
    ['n', 'é', '👩🏽\u200d🚀']
    """
    import numpy as np

    ends = [0, *_cluster_ends(text)]
    found = [(start, end) for start, end in pairwise(ends) if not text[start:end].isspace()]
    return np.fromiter(chain.from_iterable(found), dtype=np.int32, count=2 * len(found)).reshape(-1, 2)


def _segments(text: str) -> Iterator[tuple[int, int]]:
    """Yield what lies between the boundaries, white space included."""
    if text.isascii():
        yield from (match.span() for match in _segment().finditer(text))
        return
    clusters = set(_cluster_ends(text))
    start = 0
    for match in _segment().finditer(text):
        end = match.end()
        if end in clusters:
            yield start, end
            start = end


def _cluster_ends(text: str) -> Iterator[int]:
    import regex

    cuts = {0, len(text)}
    for run in FLAG_LETTERS.finditer(text):
        cuts.update(range(run.start(), run.end(), 64))
    for first, last in pairwise(sorted(cuts)):
        for match in regex.finditer(r"\X", text[first:last]):
            yield first + match.end()


@lru_cache(maxsize=1)
def _segment() -> Any:
    import regex

    return regex.compile(_SEGMENT, regex.VERSION1)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the segment without the grapheme clusters at its ends that are white space."""
    ends = [start, *(start + at for at in _cluster_ends(text[start:end]))]
    inked = [(a, b) for a, b in pairwise(ends) if not text[a:b].isspace()]
    return inked[0][0], inked[-1][1]
