"""Documents that come as words: where the words are in the text, and which values belong to them.

One rule for what does not fit: **the document is kept, what was said of its words is left out, and it is reported**.
Nothing is guessed: words are found in the text one behind the other with only white space between them, or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["flat", "joined", "located", "read_tokens", "without_blanks"]


def read_tokens(cell: Any) -> list[str] | None:
    """Return the words of a cell: a list of texts, or one written as JSON; None where it is neither.

    >>> read_tokens(["Ada", "met"]), read_tokens('["Ada"]'), read_tokens("Ada met")
    (['Ada', 'met'], ['Ada'], None)
    """
    if isinstance(cell, str):
        try:
            cell = json.loads(cell) if cell.lstrip().startswith("[") else None
        except (ValueError, RecursionError):
            return None
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    if isinstance(cell, list | tuple) and all(isinstance(token, str) for token in cell):
        return [str.__str__(token) for token in cell]
    return None


def joined(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the words as one text with a space between them, and where each begins and ends.

    >>> joined(["Ada", "met"])
    ('Ada met', [(0, 3), (4, 7)])
    """
    places, at = [], 0
    for token in tokens:
        places.append((at, at + len(token)))
        at += len(token) + 1
    return " ".join(tokens), places


def located(tokens: Sequence[str], text: str) -> list[tuple[int, int]] | str:
    """Return where each word begins and ends in the text, or in words why they are not found there.

    >>> located(["Ada", "."], "Ada."), located(["Eva"], "Ada.")
    ([(0, 3), (3, 4)], 'the word "Eva" is not in the text behind character 0')
    """
    places, at = [], 0
    for token in tokens:
        if token.isspace() or not token:
            places.append((at, at))
            continue
        while at < len(text) and text[at].isspace() and not text.startswith(token, at):
            at += 1
        if not text.startswith(token, at):
            return f'the word "{token[:40]}" is not in the text behind character {at}'
        places.append((at, at + len(token)))
        at += len(token)
    if text[at:].strip():
        return f"the words end at character {at}, and the text does not"
    return places


def flat(places: Sequence[tuple[int, int]], tokens: Sequence[str]) -> list[int]:
    """Return the places of the words that are not blank, one number after the other."""
    return [
        edge for place, token in zip(places, tokens, strict=True) if token and not token.isspace() for edge in place
    ]


def without_blanks(values: Sequence[Any], tokens: Sequence[str]) -> list[Any]:
    """Return the values of the words that are not blank."""
    return [value for value, token in zip(values, tokens, strict=True) if token and not token.isspace()]
