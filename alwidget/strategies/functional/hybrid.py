"""Selections that weigh what the model does not know against what the pool is like."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_embeddings,
    as_generator,
    as_probs,
    as_sigmoids,
    as_size,
    same_length,
)
from alwidget.strategies.functional.clustering import kmeans_medoids
from alwidget.strategies.functional.scores import entropy, top

__all__ = ["as_ratio", "most_uncertain_representatives", "tyrogue"]


def tyrogue(
    probs: Any,
    embeddings: Any,
    size: int,
    rng: np.random.Generator | int,
    r: float | None = 3,
    *,
    multilabel: bool = False,
) -> np.ndarray:
    """Return the most uncertain among representative documents (TYROGUE, Maekawa et al. 2022).

    The documents are clustered into ``r · size`` groups, the document nearest to each centre is kept, and of those
    the `size` with the largest entropy are returned. In the paper the documents are a random subset of 10,000: that
    makes the step independent of the size of the pool.

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); may be None with ``r=1``, which does not read them.
    embeddings
        Vectors, shape (N, d), finite; may be None with ``r=None``, which does not read them.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    r
        How many times more clusters than documents asked for: 1 is pure diversity (`kmeans_medoids`), None or
        infinity pure entropy.
    multilabel
        Whether `probs` are independent probabilities of several labels; their entropies are then summed.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64: by falling entropy; with ``r=1`` those of the largest clusters
        first.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, are about different numbers of documents, or `r` is no whole
        number of at least 1.

    Examples
    --------
    >>> vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    >>> tyrogue([[0.5, 0.5], [0.6, 0.4], [1, 0], [0.9, 0.1]], vectors, 2, rng=0, r=None).tolist()
    [0, 1]
    """
    size, rng, r = as_size(size), as_generator(rng), as_ratio(r)
    given: dict[str, np.ndarray] = {}
    if probs is not None or r != 1:
        given["probs"] = as_sigmoids(probs) if multilabel else as_probs(probs)
    if embeddings is not None or r is not None:
        given["embeddings"] = as_embeddings(embeddings)
    n = same_length(**given)
    picked, _ = most_uncertain_representatives(
        n,
        size,
        rng,
        r,
        embeddings=lambda: given["embeddings"],
        uncertainty=lambda at: entropy(given["probs"] if at is None else given["probs"][at], multilabel=multilabel),
    )
    return picked


def most_uncertain_representatives(
    n: int,
    size: int,
    rng: np.random.Generator,
    r: int | None,
    *,
    embeddings: Callable[[], Any],
    uncertainty: Callable[[np.ndarray | None], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Return the picks of `tyrogue` and their scores, asking for no more arrays than the step needs.

    Parameters
    ----------
    n, size, rng, r
        The number of documents, and the checked arguments of `tyrogue`.
    embeddings
        Called for the vectors of all documents.
    uncertainty
        Called for the entropies of the documents at some positions, or of all of them with None. With a large model
        this is what costs: it is asked about ``r · size`` documents only.

    Returns
    -------
    tuple of numpy.ndarray
        Positions, int64, and entropies, float64, both of shape (min(size, n),); the entropies are NaN with ``r=1``.
    """
    if r == 1:
        picked = kmeans_medoids(embeddings(), size, rng)
        return picked, np.full(len(picked), np.nan)
    if r is None or r * size >= n:
        representatives, scores = np.arange(n, dtype=np.int64), uncertainty(None)
    else:
        # in the order of their positions, so that equal entropies are ranked by position as everywhere
        representatives = np.sort(kmeans_medoids(embeddings(), r * size, rng))
        scores = uncertainty(representatives)
    same_length(documents=representatives, scores=scores)
    best = top(scores, size)
    return representatives[best], scores[best]


def as_ratio(value: Any) -> int | None:
    """Return TYROGUE's `r` as a whole number of at least 1; None stands for infinity."""
    if value is None or (isinstance(value, float) and math.isinf(value) and value > 0):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return as_size(value, "r", least=1)
    except StrategyError as error:
        message = f"{error} Write r=3 as in the paper, r=1 for pure diversity, r=None for pure entropy."
        raise StrategyError(message) from None
