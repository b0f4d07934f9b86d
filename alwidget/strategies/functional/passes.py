"""Scores from several passes of a model with dropout on: what they are unsure of together, and where they disagree.

Passes are read one after the other and only sums are kept, so that they may be computed while they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_choice, as_matrix, as_probs, as_sigmoids
from alwidget.strategies.functional.scores import AGGREGATES, entropy

__all__ = ["bald", "mc_entropy", "mutual_information"]


def mc_entropy(mc_probs: Any, *, multilabel: bool = False, agg: str = "sum") -> np.ndarray:
    """Return the entropy of the mean of stochastic passes (max entropy of Gal, Islam & Ghahramani 2017).

    Parameters
    ----------
    mc_probs
        Class probabilities of T ≥ 1 passes with dropout on, shape (T, N, C), or an iterable of T arrays (N, C), of
        which only the sum is kept.
    multilabel
        Whether these are independent probabilities of several labels (sigmoids), whose rows need not sum to one.
    agg
        For several labels: ``"sum"``, ``"mean"`` or ``"max"`` of the entropies of the yes-or-no answers.

    Returns
    -------
    numpy.ndarray
        ``H(mean_t p^t)`` in nats, float64, shape (N,); larger = ask first. Probabilities are averaged, not their
        logarithms, nor logits.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no pass, or they hold no probabilities of the same documents.

    Examples
    --------
    >>> mc_entropy([[[0.9, 0.1], [0.9, 0.1]], [[0.1, 0.9], [0.9, 0.1]]]).round(6).tolist()
    [0.693147, 0.325083]
    """
    agg = as_choice(agg, "agg", AGGREGATES)
    mean, _ = _sums(_checked(mc_probs, multilabel=multilabel), "mc_probs", least=1)
    return entropy(mean, multilabel=multilabel, agg=agg, name="mc_probs")


def bald(mc_probs: Any, *, multilabel: bool = False) -> np.ndarray:
    """Return how much stochastic passes disagree about each document (BALD, Houlsby et al. 2011; Gal et al. 2017).

    Parameters
    ----------
    mc_probs
        Class probabilities of T ≥ 2 passes with dropout on, shape (T, N, C), or an iterable of T arrays (N, C), of
        which only sums are kept.
    multilabel
        Whether these are independent probabilities of several labels (sigmoids), whose rows need not sum to one:
        the disagreement about the yes-or-no answers is then summed.

    Returns
    -------
    numpy.ndarray
        ``H(mean_t p^t) - mean_t H(p^t)``, the mutual information of label and weights in nats, float64, shape (N,),
        at least 0; larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        There are fewer than two passes, or they hold no probabilities of the same documents.

    Examples
    --------
    >>> bald([[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]]).round(6).tolist()
    [0.368064, 0.0]
    """
    # whatever scores a pass looks at its numbers, so that its shape is all that is left to check
    passes = (as_matrix(one, "mc_probs", "documents", "classes") for one in mc_probs)
    return mutual_information(passes, "mc_probs", multilabel=multilabel)


def mutual_information(passes: Iterable[np.ndarray], name: str, *, multilabel: bool = False) -> np.ndarray:
    """Return H(mean p) - mean H(p) of every row, at least 0, keeping sums only; there may be no rows.

    >>> mutual_information(iter([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]), "passes").round(6).tolist()
    [0.693147]
    """

    def score(one: np.ndarray) -> np.ndarray:
        return entropy(one, multilabel=multilabel, name=name) if len(one) else np.empty(0)

    mean, uncertain = _sums(passes, name, score, least=2)
    shared: np.ndarray = np.maximum(score(mean) - uncertain, 0)
    return shared


def _checked(mc_probs: Any, *, multilabel: bool) -> Iterable[np.ndarray]:
    check = as_sigmoids if multilabel else as_probs
    return (check(one, "mc_probs") for one in mc_probs)


def _sums(
    passes: Iterable[np.ndarray], name: str, score: Callable[[np.ndarray], np.ndarray] | None = None, *, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the passes, float64 (N, C), and the mean of what `score` says of each, float64 (N,)."""
    count, total, scored = 0, np.empty(0), np.empty(0)
    for one in passes:
        if not count:
            total, scored = np.zeros(one.shape), np.zeros(len(one))
        elif one.shape != total.shape:
            message = f"All passes of {name} must have the same shape; the first has {total.shape}, one {one.shape}."
            raise StrategyError(message)
        if score is not None:
            scored += score(one)
        total += one
        count += 1
    if count < least:
        what = "at least two passes to tell how they disagree" if least > 1 else "at least one pass"
        message = f"{name} must hold {what}, got {count}."
        raise StrategyError(message)
    total /= count
    scored /= count
    return total, scored
