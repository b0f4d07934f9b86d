"""Texts to counted words: words and pairs of words, and characters where a script does not separate words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

__all__ = ["analyse"]

# Han, kana, hangul keep no spaces between words or inflect inside them; Thai, Lao, Khmer and Burmese have none.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003134f"
)
_RUN = re.compile(f"([{_UNSPACED}]+)")
_WORD = re.compile(rf"[^\W{_UNSPACED}](?:[^\W{_UNSPACED}]|['’](?=\w))*|[!?]")
LONGEST = 200_000
"""Characters of a text that are looked at."""


def analyse(text: str) -> Iterator[str]:
    """Yield the terms of a text, with repetitions.

    >>> list(analyse("Not a good film"))
    ['not', 'a', 'good', 'film', 'not a', 'a good', 'good film']
    >>> list(analyse("好电影"))
    ['好', '电', '影', '好电', '电影', '好电影']
    """
    text = text[:LONGEST].lower()
    words = _WORD.findall(text)
    yield from words
    yield from map(" ".join, pairwise(words))
    for run in _RUN.findall(text):
        for size in (1, 2, 3):
            yield from (run[i : i + size] for i in range(len(run) - size + 1))
