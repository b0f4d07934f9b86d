"""What a word looks like: case, digits, punctuation, length, and the same of its neighbours.

Many encoders see text in lower case, and a capital is half of what there is to know about names.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["WIDTH", "word_shapes"]

SHORT, MEDIUM, LONG = 2, 3, 8
OWN = 16
WIDTH = 3 * OWN
"""Columns of `word_shapes`."""


def word_shapes(texts: Sequence[str], words: Sequence[np.ndarray]) -> np.ndarray:
    """Return what the words of some documents look like, zeros and ones, float32 (sum L, WIDTH).

    A third of the columns is about the word itself, a third about the one before it, a third about the one after it.

    >>> word_shapes(["Ada wrote"], [np.array([[0, 3], [4, 9]])])[0, :3].tolist()
    [1.0, 0.0, 1.0]
    """
    rows: dict[str, int] = {}
    looks: list[list[bool]] = []
    which: list[int] = []
    for text, bounds in zip(texts, words, strict=True):
        for start, end in bounds.tolist():
            word = text[start:end]
            row = rows.get(word)
            if row is None:
                row = rows[word] = len(looks)
                looks.append(_look(word))
            which.append(row)
    lengths = np.array([len(bounds) for bounds in words], dtype=np.int64)
    own = np.zeros((len(which), OWN), dtype=np.float32)
    if which:
        own[:, :-2] = np.array(looks, dtype=np.float32)[which]
    ends = np.cumsum(lengths)
    some = lengths > 0
    own[(ends - lengths)[some], -2] = 1  # the first word
    own[ends[some] - 1, -1] = 1  # the last
    before, after = np.zeros_like(own), np.zeros_like(own)
    before[1:], after[:-1] = own[:-1], own[1:]
    before[own[:, -2] > 0], after[own[:, -1] > 0] = 0, 0
    return np.concatenate([own, before, after], axis=1)


def _look(word: str) -> list[bool]:
    upper = word.isupper()
    return [
        word[0].isupper(),
        upper and len(word) > 1,
        word.istitle(),
        not upper and any(c.isupper() for c in word[1:]),
        word.islower(),
        word.isalpha() and not word.islower() and not any(c.isupper() for c in word),  # a script without case
        word.isdigit(),
        any(c.isdigit() for c in word),
        not any(c.isalnum() for c in word),
        "-" in word,
        "." in word[:-1],
        len(word) <= SHORT,
        len(word) == MEDIUM,
        len(word) >= LONG,
    ]
