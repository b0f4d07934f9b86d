"""Some candidates of a round: what was computed of all, for them alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.learners.base import Generated, TokenProbs

__all__ = ["PER_CANDIDATE", "sliced"]

PER_CANDIDATE = frozenset(
    {"probs", "embeddings", "base_embeddings", "features", "sources", "lengths", "token_probs", "generated"}
)
"""What a view has for each of its candidates."""


def sliced(value: Any, at: np.ndarray) -> Any:
    """Return what belongs to the candidates at these positions, in this order, write-protected."""
    if isinstance(value, TokenProbs):
        lengths = np.diff(value.offsets)[at]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        rows = np.repeat(value.offsets[at] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return TokenProbs(_protected(value.flat[rows]), _protected(offsets), value.tags)
    if isinstance(value, Generated):
        texts, several = [value.texts[i] for i in at], [value.candidates[i] for i in at]
        return Generated(texts, value.log_probs[at], several)
    return None if value is None else _protected(value[at])


def _protected(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
