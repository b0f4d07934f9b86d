"""F1 of several labels a document, over all decisions (micro) and as a mean over the labels (macro)."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import ArgumentError

__all__ = ["exact_match", "macro_f1", "micro_f1"]


def micro_f1(gold: Any, predicted: Any) -> float:
    """Return the F1 of all labels of all documents together: rare labels count as little as they are rare.

    Parameters
    ----------
    gold, predicted
        Which labels each document has and was given, bool (n, C).

    Returns
    -------
    float
        0 where nothing was right, also where there was nothing to find and nothing was given, as scikit-learn has it.

    Examples
    --------
    >>> micro_f1([[1, 0], [1, 1]], [[1, 0], [0, 1]]).__round__(2)
    0.8
    """
    y, p = _checked(gold, predicted)
    return _f1(int((y & p).sum()), int(y.sum()) + int(p.sum()))


def macro_f1(gold: Any, predicted: Any) -> float:
    """Return the mean over the labels of their F1: a rare label counts as much as a frequent one.

    A label that nobody has and nobody was given counts 0, as in scikit-learn with ``zero_division=0``.

    >>> macro_f1([[1, 0], [1, 1]], [[1, 0], [0, 1]]).__round__(2)
    0.83
    """
    y, p = _checked(gold, predicted)
    if not y.shape[1]:
        return 0.0
    hits, given = (y & p).sum(axis=0), y.sum(axis=0) + p.sum(axis=0)
    return float(np.mean([_f1(int(h), int(g)) for h, g in zip(hits, given, strict=True)]))


def exact_match(gold: Any, predicted: Any) -> float:
    """Return the share of documents of which every label is right.

    >>> exact_match([[1, 0], [1, 1]], [[1, 0], [0, 1]])
    0.5
    """
    y, p = _checked(gold, predicted)
    return float((y == p).all(axis=1).mean()) if len(y) else 0.0


def _f1(hits: int, given: int) -> float:
    return 2 * hits / given if given else 0.0


def _checked(gold: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    y, p = np.asarray(gold, dtype=bool), np.asarray(predicted, dtype=bool)
    if y.shape != p.shape or y.ndim != 2:  # noqa: PLR2004
        message = f"Two tables of the same n documents and C labels are compared, got {y.shape} and {p.shape}."
        raise ArgumentError(message)
    return y, p
