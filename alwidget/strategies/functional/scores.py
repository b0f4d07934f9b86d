"""Scores of single documents from class probabilities, and how documents are put in order by a score.

Everywhere larger means: ask first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from alwidget.strategies.functional.checks import as_generator, as_probs, as_scores, as_size, steps

__all__ = ["breaking_ties", "entropy", "least_confidence", "random", "top"]


def least_confidence(probs: Any) -> np.ndarray:
    """Return one minus the probability of the likeliest class (Lewis & Gale 1994; Culotta & McCallum 2005).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one.

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
    return _by_chunks(probs, lambda p: 1 - p.max(axis=0))


def breaking_ties(probs: Any) -> np.ndarray:
    """Return one minus the margin between the two likeliest classes (Luo et al. 2004).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one.

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
    return _by_chunks(probs, _one_minus_margin)


def entropy(probs: Any) -> np.ndarray:
    """Return the entropy of the predicted classes in nats (Roy & McCallum 2001).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one. Zeros count as ``0 · log 0 = 0``.

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
    return _by_chunks(probs, _entropy)


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


def _by_chunks(probs: Any, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Check `probs` and score it some rows at a time, each chunk laid out class by class, in float64.

    Reductions over a short last axis are slow in NumPy; over the first they run at the speed of memory.
    """
    array = as_probs(probs)
    out = np.empty(len(array))
    for rows in steps(*array.shape):
        out[rows] = score(np.array(array[rows].T, dtype=np.float64, order="C"))
    return np.maximum(out, 0, out=out)  # rows may sum to a little more than one


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


def _entropy(p: np.ndarray) -> np.ndarray:
    """Return the entropy of every column of `p`, shape (C, n); `p` is overwritten."""
    logs = np.log(p, where=p > 0, out=np.zeros_like(p))
    p *= logs
    score: np.ndarray = -p.sum(axis=0)
    return score
