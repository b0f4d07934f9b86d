"""Which documents a model is asked about again, by what it said of them before: subsampling for cheaper inference.

Functions return positions in ascending order, not by score: a subset is what a strategy then chooses from. Scores are
larger = ask first, as everywhere; one that is NaN or plus infinity stands for a document that was never scored, and is
always in.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_array, as_generator, as_size

__all__ = ["as_share", "as_temperature", "naive", "random_share", "ups", "ups_probabilities"]


def ups(
    scores: Any, gamma: float, temperature: float, rng: np.random.Generator | int, *, least: int = 0
) -> np.ndarray:
    """Return the documents to score anew, drawn by how uncertain they were (UPS, Tsvigun et al. 2022).

    Documents are ranked by their last score, ``r = rank / N`` with 0 for the most uncertain, and each is kept by
    itself with the probability ``exp(-max(0, r - gamma) / temperature)``. The paper's 0.1 and 0.01 keep 11 %.

    Parameters
    ----------
    scores
        The last score of each document, larger = ask first, shape (N,); NaN where there is none.
    gamma
        The share that is always kept, 0 … 1.
    temperature
        How slowly the probability falls beyond that share: 0 keeps no more (`naive`), infinity keeps everything.
    rng
        A `numpy.random.Generator` or a seed.
    least
        How many of the first ranks are kept in any case, so that a batch can be chosen from what is left.

    Returns
    -------
    numpy.ndarray
        Positions, ascending, int64, at least ``min(least, N)`` of them.

    Raises
    ------
    alwidget.errors.StrategyError
        `scores` is not 1-D, or `gamma`, `temperature` or `least` is out of range.

    Examples
    --------
    >>> ups([0.1, 0.9, 0.5, 0.3], 0.25, 0.0, rng=0).tolist()
    [1, 2]
    >>> ups([0.1, np.nan, 0.5, 0.3], 0.0, 0.0, rng=0).tolist()
    [1]
    """
    kept = ups_probabilities(scores, gamma, temperature, least=least)
    return np.flatnonzero(as_generator(rng).random(len(kept)) < kept)


def ups_probabilities(scores: Any, gamma: float, temperature: float, *, least: int = 0) -> np.ndarray:
    """Return the probability with which `ups` keeps each document.

    Parameters
    ----------
    scores, gamma, temperature, least
        As for `ups`. Equal scores are ranked in the order of their positions.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,); their sum is the expected number of documents that are kept.

    Raises
    ------
    alwidget.errors.StrategyError
        As for `ups`.

    Examples
    --------
    >>> ups_probabilities([5, 4, 3, 2, 1], 0.2, 0.2).round(3).tolist()
    [1.0, 1.0, 0.368, 0.135, 0.05]
    """
    filled, gamma, temperature = _filled(scores), as_share(gamma, "gamma"), as_temperature(temperature)
    least, n = as_size(least, "least"), len(filled)
    beyond = np.maximum(np.arange(n) / max(n, 1) - gamma, 0)
    with np.errstate(over="ignore", under="ignore"):
        by_rank = np.exp(-beyond / temperature) if temperature else np.zeros(n)
    by_rank[(beyond == 0) | (np.arange(n) < least)] = 1.0
    kept = np.empty(n)
    kept[np.argsort(-filled, kind="stable")] = by_rank
    kept[filled == np.inf] = 1.0
    return kept


def naive(scores: Any, gamma: float, *, least: int = 0) -> np.ndarray:
    """Return the most uncertain documents by their last scores, and no others.

    What `ups` is without temperature, and what it is better than: a document that was once found certain is never
    looked at again, however wrong that was.

    Parameters
    ----------
    scores
        The last score of each document, larger = ask first, shape (N,); NaN where there is none.
    gamma
        The share to keep: those with ``rank / N <= gamma``.
    least
        How many to keep in any case.

    Returns
    -------
    numpy.ndarray
        Positions, ascending, int64.

    Raises
    ------
    alwidget.errors.StrategyError
        `scores` is not 1-D, or `gamma` or `least` is out of range.

    Examples
    --------
    >>> naive([0.1, 0.9, 0.5, 0.3], 0.25).tolist()
    [1, 2]
    """
    return np.flatnonzero(ups_probabilities(scores, gamma, 0.0, least=least) == 1)


def random_share(n: int, gamma: float, rng: np.random.Generator | int, *, least: int = 0) -> np.ndarray:
    """Return a uniform draw of a share of `n` documents, without replacement.

    Parameters
    ----------
    n
        How many documents there are.
    gamma
        The share, 0 … 1; its size is rounded up.
    rng
        A `numpy.random.Generator` or a seed.
    least
        How many to draw in any case.

    Returns
    -------
    numpy.ndarray
        Positions, ascending, int64.

    Raises
    ------
    alwidget.errors.StrategyError
        `n` or `least` is no whole number of at least 0, or `gamma` is out of range.

    Examples
    --------
    >>> len(random_share(1001, 0.1, rng=0))
    101
    """
    n, gamma, rng, least = as_size(n, "n"), as_share(gamma, "gamma"), as_generator(rng), as_size(least, "least")
    m = min(max(math.ceil(round(gamma * n, 6)), least), n)
    drawn = np.arange(n) if m == n else np.sort(rng.choice(n, m, replace=False, shuffle=False))
    return drawn.astype(np.int64, copy=False)


def as_share(value: Any, name: str) -> float:
    """Return `value` as a number between 0 and 1.

    >>> as_share(1, "gamma")
    1.0
    """
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        message = f"{name} must be a share between 0 and 1, got {value!r}."
        raise StrategyError(message)
    return number


def as_temperature(value: Any) -> float:
    """Return `value` as a number of at least 0; infinity is allowed."""
    number = _number(value)
    if number is None or not number >= 0:
        message = f"temperature must be a number of at least 0, got {value!r}."
        raise StrategyError(message)
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    return float(value)


def _filled(scores: Any) -> np.ndarray:
    """Return scores as float64 (N,), plus infinity where there is none."""
    array = as_array(scores, "scores")
    if array.ndim != 1:
        message = f"scores must have one axis (documents), got shape {array.shape}."
        raise StrategyError(message)
    array = array.astype(np.float64)
    array[np.isnan(array)] = np.inf
    return array
