"""Reading the vectors of words some documents at a time: all of them would not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alwidget.strategies.base import Tags, View

__all__ = ["states_in_parts"]

FIRST = 64
"""Documents that are asked for before it is known how wide the vectors of words are."""
CHUNK_BYTES = 64 << 20
"""Vectors of words that are held at a time."""


def states_in_parts(view: View) -> Iterator[tuple[slice, Tags, np.ndarray]]:
    """Yield some candidates after the other, with tag probabilities and vectors of their words."""
    words = np.cumsum(np.maximum(view.lengths, 1))
    start, end = 0, min(FIRST, view.size)
    while start < view.size:
        tags, states = view.token_states(np.arange(start, end))
        yield slice(start, end), tags, states
        rows = max(CHUNK_BYTES // (4 * max(states.shape[1], 1)), 1)
        start, reached = end, words[end - 1]
        end = min(max(int(np.searchsorted(words, reached + rows, side="right")), end + 1), view.size)
