"""Scores of single documents from class probabilities, and how documents are put in order by a score.

Everywhere larger means: ask first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    WIDE,
    as_array,
    as_choice,
    as_generator,
    as_matrix,
    as_scores,
    as_sigmoids,
    as_size,
    checked_chunks,
    steps,
)

__all__ = [
    "AGGREGATES",
    "breaking_ties",
    "by_chunks",
    "entropy",
    "label_cardinality",
    "least_confidence",
    "random",
    "top",
]

AGGREGATES = ("sum", "mean", "max")
"""How the binary entropies of several labels become one number."""


def least_confidence(probs: Any, *, multilabel: bool = False) -> np.ndarray:
    """Return one minus the probability of the likeliest class (Lewis & Gale 1994; Culotta & McCallum 2005).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one.
    multilabel
        Whether these are independent probabilities of several labels (sigmoids), whose rows need not sum to one:
        the least confident of the yes-or-no answers then counts, ``1 - min_c max(p_c, 1 - p_c)``.

    Returns
    -------
    numpy.ndarray
        Scores in [0, 1 - 1/C], float64, shape (N,); larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        `probs` is empty, not 2-D, not finite, or has rows that do not sum to one.

    Examples
    --------
    >>> least_confidence([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]]).round(6).tolist()
    [0.5, 0.1]
    """
    if multilabel:
        return by_chunks(probs, _binary_confidence, multilabel=True)
    return by_chunks(probs, lambda p: 1 - p.max(axis=0), wide=lambda p: 1 - p.max(axis=1))


def breaking_ties(probs: Any, *, multilabel: bool = False) -> np.ndarray:
    """Return one minus the margin between the two likeliest classes (Luo et al. 2004).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one.
    multilabel
        Whether these are independent probabilities of several labels (sigmoids), whose rows need not sum to one:
        the narrowest of the yes-or-no answers then counts, ``1 - min_c |2 p_c - 1|``.

    Returns
    -------
    numpy.ndarray
        Scores in [0, 1], float64, shape (N,); larger = ask first. All zero where there is one class only.

    Raises
    ------
    alwidget.errors.StrategyError
        `probs` is empty, not 2-D, not finite, or has rows that do not sum to one.

    Examples
    --------
    >>> breaking_ties([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2]]).round(6).tolist()
    [0.8, 1.0]
    """
    if multilabel:
        return by_chunks(probs, _binary_margin, multilabel=True)
    return by_chunks(probs, _one_minus_margin, wide=_one_minus_margin_of_many)


def entropy(probs: Any, *, multilabel: bool = False, agg: str = "sum", name: str = "probs") -> np.ndarray:
    """Return the entropy of the predicted classes in nats (Roy & McCallum 2001).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one. Zeros count as ``0 · log 0 = 0``.
    multilabel
        Whether these are independent probabilities of several labels (sigmoids), whose rows need not sum to one.
    agg
        For several labels: ``"sum"``, ``"mean"`` or ``"max"`` of the entropies of the yes-or-no answers.
    name
        What errors call `probs`.

    Returns
    -------
    numpy.ndarray
        Scores in [0, log C], float64, shape (N,); larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        `probs` is empty, not 2-D, not finite, or has rows that do not sum to one.

    Examples
    --------
    >>> entropy([[0.5, 0.5], [1.0, 0.0]]).round(6).tolist()
    [0.693147, 0.0]
    """
    agg = as_choice(agg, "agg", AGGREGATES)
    if multilabel:
        return by_chunks(probs, lambda p: _binary_entropy(p, agg), multilabel=True, name=name)
    return by_chunks(probs, lambda p: -_plogp(p).sum(axis=0), wide=lambda p: -np.einsum("ij->i", _plogp(p)), name=name)


def label_cardinality(probs: Any, labelled_y: Any) -> np.ndarray:
    """Return how far the number of labels that the model gives is from what people give on average.

    The label-cardinality inconsistency of Li & Guo 2013: a document that is given four labels where documents have
    one and a half, or none at all, is one that the model has not understood.

    Parameters
    ----------
    probs
        Independent probabilities of several labels, shape (N, C), within [0, 1]. Above 0.5 counts as given.
    labelled_y
        What people answered, bool, shape (n, C), n ≥ 1.

    Returns
    -------
    numpy.ndarray
        ``| #{c: p_c > 0.5} - mean number of labels |``, float64, shape (N,); larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        `probs` is no matrix of probabilities, or `labelled_y` is empty or about other labels.

    Examples
    --------
    >>> label_cardinality([[0.9, 0.8], [0.2, 0.1]], [[True, False], [True, True]]).tolist()
    [0.5, 1.5]
    """
    given, array = as_array(labelled_y, "labelled_y"), as_sigmoids(probs)
    if given.ndim != 2 or not len(given) or given.shape[1] != array.shape[1]:  # noqa: PLR2004
        message = f"labelled_y must be bool (n, {array.shape[1]}) with n ≥ 1, as probs has it, got {given.shape}."
        raise StrategyError(message)
    mean = float((given != 0).sum(axis=1).mean())
    return np.asarray(np.abs((array > 0.5).sum(axis=1) - mean))  # noqa: PLR2004


def top(scores: Any, size: int) -> np.ndarray:
    """Return the positions of the `size` largest scores, best first; equal scores keep the order of their positions.

    Parameters
    ----------
    scores
        One number a document, shape (N,); infinities are allowed, NaN is not.
    size
        How many to return.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` positions, int64.

    Raises
    ------
    alwidget.errors.StrategyError
        `scores` is not 1-D or holds NaN, or `size` is not a whole number of at least 0.

    Examples
    --------
    >>> top([0.1, 0.7, 0.7, 0.2], 3).tolist()
    [1, 2, 3]
    """
    scores, size = as_scores(scores), as_size(size)
    size = min(size, len(scores))
    if size == 0:
        return np.empty(0, dtype=np.int64)
    falling = -scores
    # everything as good as the last one that fits, in order of position: sorting these alone, stably, is the same as
    # sorting all, in linear time
    last = np.partition(falling, size - 1)[size - 1]
    within = np.flatnonzero(falling <= last)
    order = np.argsort(falling[within], kind="stable")[:size]
    return within[order].astype(np.int64, copy=False)


def random(n: int, size: int, rng: np.random.Generator | int) -> np.ndarray:
    """Return positions drawn uniformly without replacement; with the same seed a larger `size` extends a smaller one.

    Parameters
    ----------
    n
        How many documents there are.
    size
        How many to draw.
    rng
        A `numpy.random.Generator` or a seed.

    Returns
    -------
    numpy.ndarray
        ``min(size, n)`` positions, int64.

    Raises
    ------
    alwidget.errors.StrategyError
        `n` or `size` is not a whole number of at least 0, or `rng` is neither a Generator nor a seed.

    Examples
    --------
    >>> random(10, 3, 0).tolist() == random(10, 5, 0)[:3].tolist()
    True
    """
    n, size, rng = as_size(n, "n"), as_size(size), as_generator(rng)
    return rng.permutation(n)[:size].astype(np.int64, copy=False)


def by_chunks(
    probs: Any,
    score: Callable[[np.ndarray], np.ndarray],
    *,
    wide: Callable[[np.ndarray], np.ndarray] | None = None,
    multilabel: bool = False,
    name: str = "probs",
) -> np.ndarray:
    """Check `probs` and score it some rows at a time, each chunk laid out class by class, in float64.

    `score` may overwrite the chunk that it is given, shape (C, n). Where there are many classes `wide` scores chunks
    as they lie, (n, C), which it must not write to: turning them takes longer than a score. Scores are clipped at
    zero: rows may sum to a little more than one.
    """
    chunks: Iterable[tuple[slice, np.ndarray]]
    if multilabel:
        array = as_sigmoids(probs, name)
        chunks = ((rows, np.array(array[rows].T, dtype=np.float64, order="C")) for rows in steps(*array.shape))
        chunks = ((rows, np.clip(part, 0, 1, out=part)) for rows, part in chunks)
    else:
        array = as_matrix(probs, name, "documents", "classes")
        turned = wide is None or array.shape[1] < WIDE
        score = score if wide is None or turned else wide
        chunks = checked_chunks(array, name, turned=turned)
    out = np.empty(len(array))
    for rows, part in chunks:
        out[rows] = score(part)
    return np.maximum(out, 0, out=out)


def _one_minus_margin(p: np.ndarray) -> np.ndarray:
    """Return 1 - (p1 - p2) of every column of `p`, shape (C, n)."""
    if len(p) == 1:
        return np.zeros(p.shape[1])
    first, second = np.maximum(p[0], p[1]), np.minimum(p[0], p[1])
    for row in p[2:]:
        np.maximum(second, np.minimum(first, row), out=second)
        np.maximum(first, row, out=first)
    score: np.ndarray = 1 - (first - second)
    return score


def _one_minus_margin_of_many(p: np.ndarray) -> np.ndarray:
    """Return 1 - (p1 - p2) of every row of `p`, shape (n, C), C > 1."""
    row, at = np.arange(len(p)), p.argmax(axis=1)
    others = p.copy()
    others[row, at] = -1
    score: np.ndarray = 1 - (p[row, at] - others.max(axis=1))
    return score


def _plogp(p: np.ndarray) -> np.ndarray:
    """Return p log p of every cell, 0 where p is: the logarithm of the least number above it is finite."""
    logs: np.ndarray = np.maximum(p, np.finfo(np.float64).tiny)
    np.log(logs, out=logs)
    logs *= p
    return logs


def _binary_confidence(p: np.ndarray) -> np.ndarray:
    """Return 1 - min over labels of max(p, 1 - p)."""
    score: np.ndarray = 1 - np.maximum(p, 1 - p).min(axis=0)
    return score


def _binary_margin(p: np.ndarray) -> np.ndarray:
    """Return 1 - min over labels of |2p - 1|."""
    score: np.ndarray = 1 - np.abs(2 * p - 1).min(axis=0)
    return score


def _binary_entropy(p: np.ndarray, agg: str) -> np.ndarray:
    """Return the sum, mean or maximum over labels of the entropy of (p, 1 - p)."""
    each = -_plogp(p) - _plogp(1 - p)
    return np.asarray(getattr(np, agg)(each, axis=0))
