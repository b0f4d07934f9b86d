"""Contrastive active learning: documents that the model sees otherwise than their labelled neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_choice, as_embeddings, as_probs, as_size, same_length, steps
from alwidget.strategies.functional.kmeans import unit_rows
from alwidget.strategies.functional.searching import as_queries, exactly

__all__ = ["contrastive"]

AGGREGATES = ("mean", "max", "median")
LEAST = 1e-12
"""What a probability is at least, so that its logarithm is finite."""
CELLS = 1 << 18
"""Numbers that are worked on at a time."""
ROUNDING = 3e-8
"""How wrong a product of two vectors of unit length may be for each of their dimensions, in single precision."""


def contrastive(
    probs: Any,
    embeddings: Any,
    labelled_probs: Any,
    labelled_embeddings: Any,
    k: int = 10,
    *,
    agg: str = "mean",
) -> np.ndarray:
    """Return how unlike its labelled neighbours' predictions a document's prediction is (CAL, Margatina et al. 2021).

    Parameters
    ----------
    probs, embeddings
        Class probabilities (N, C) and vectors (N, d) of the pool.
    labelled_probs, labelled_embeddings
        Those of the labelled documents, (n, C) and (n, d), n ≥ 1: what the model predicts of them, not their labels.
        Neighbours are looked for among them only.
    k
        How many neighbours; with fewer labelled documents, all of them.
    agg
        How the neighbours are put together: ``"mean"``, ``"max"`` or ``"median"``.

    Returns
    -------
    numpy.ndarray
        The divergence KL(neighbour ‖ document) in nats, float64, shape (N,); larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, do not fit together, or nothing is labelled.

    Notes
    -----
    Vectors are compared at unit length. Costs O(N · n · d + N · k · C).

    Examples
    --------
    >>> contrastive([[0.5, 0.5]], [[1, 0]], [[0.9, 0.1], [0.8, 0.2]], [[1, 0], [0, 1]]).round(6).tolist()
    [0.280404]
    """
    from scipy.special import xlogy

    p, x = as_probs(probs), as_embeddings(embeddings)
    same_length(probs=p, embeddings=x)
    known, k, agg = as_queries(labelled_embeddings, x.shape[1], "labelled_embeddings"), as_size(k, "k", 1), _agg(agg)
    if not len(known):
        message = "Nothing is labelled, so that no document has a labelled neighbour."
        raise StrategyError(message)
    q = as_probs(labelled_probs, "labelled_probs")
    same_length(labelled_probs=q, labelled_embeddings=known)
    if q.shape[1] != p.shape[1]:
        message = f"probs are of {p.shape[1]} classes, labelled_probs of {q.shape[1]}."
        raise StrategyError(message)
    near = _nearest(x, known, min(k, len(known)))
    q = q.astype(np.float64)
    certain = xlogy(q, q).sum(axis=1)
    out = np.empty(len(p))
    for part in steps(len(p), near.shape[1] * p.shape[1], CELLS):
        log_p = np.log(np.maximum(p[part], LEAST, dtype=np.float64))
        apart = certain[near[part]] - np.einsum("nkc,nc->nk", q[near[part]], log_p)
        out[part] = np.maximum(_put_together(apart, agg), 0)
    return out


def _nearest(x: np.ndarray, known: np.ndarray, k: int) -> np.ndarray:
    """Return the k nearest by angle of each row, in no order that matters: ascending, int64 (N, k).

    Who is nearer than the next is told in single precision, and precisely only where that could be wrong.
    """
    if k == len(known):
        return np.broadcast_to(np.arange(k), (len(x), k))
    out = np.empty((len(x), k), dtype=np.int64)
    targets = unit_rows(known).T
    for part in steps(len(x), max(x.shape[1], len(known)), 8 * CELLS):  # large enough for several cores
        apart = -(unit_rows(x[part]) @ targets)
        order = np.argpartition(apart, (k - 1, k), axis=1)[:, : k + 1]
        last, next_ = np.take_along_axis(apart, order[:, k - 1 :], axis=1).T
        unsure = ~(next_ - last > ROUNDING * (x.shape[1] + 16))
        found = order[:, :k]
        if unsure.any():
            found[unsure] = exactly(x[part][unsure], known, k, unit=True).indices
        out[part] = np.sort(found, axis=1)
    return out


def _agg(agg: Any) -> str:
    return as_choice(agg, "agg", AGGREGATES)


def _put_together(values: np.ndarray, agg: str) -> np.ndarray:
    if agg == "median":
        return np.asarray(np.median(values, axis=1))
    return np.asarray(values.max(axis=1) if agg == "max" else values.mean(axis=1))
