"""Documents that stand for the rest: the ones nearest to the centres of clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.strategies.functional.checks import as_embeddings, as_generator, as_size, steps
from alwidget.strategies.functional.kmeans import CELLS, Clustering, Vectors, cluster

__all__ = ["kmeans_medoids"]


def kmeans_medoids(
    embeddings: Any, size: int, rng: np.random.Generator | int, *, normalize: bool = True
) -> np.ndarray:
    """Return the documents nearest to the centres of `size` clusters (BERT-KM, Yuan, Lin & Boyd-Graber 2020).

    Parameters
    ----------
    embeddings
        Vectors, shape (N, d), finite.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    normalize
        Scale every vector to unit length first, as the paper does; vectors of zeros stay zero.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64; those of the largest clusters first, so that a person who stops
        early has seen what most of the pool is like. Where there are fewer distinct vectors than `size`, each has
        its document and the rest is drawn at random. With ``size >= N`` all documents, in random order.

    Raises
    ------
    alwidget.errors.StrategyError
        `embeddings` is empty, not 2-D or not finite; `size` is not a whole number of at least 0.

    Notes
    -----
    A document nearest to several centres is taken by the centre that it is closest to; the others, by distance,
    take their nearest document that is free.

    Examples
    --------
    >>> groups = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [-1, 0], [-1, 0.1]])
    >>> sorted(int(i) // 2 for i in kmeans_medoids(groups, 3, 0))
    [0, 1, 2]
    """
    rows, size, rng = as_embeddings(embeddings), as_size(size), as_generator(rng)
    if size == 0:
        return np.empty(0, dtype=np.int64)
    if size >= len(rows):
        return rng.permutation(len(rows)).astype(np.int64, copy=False)
    found = cluster(rows, size, rng, unit=normalize)
    picked = _one_each(found)
    picked = picked[np.argsort(-found.counts, kind="stable")]
    missing = size - len(picked)
    if missing:
        free = np.ones(len(rows), dtype=bool)
        free[picked] = False
        picked = np.concatenate([picked, rng.choice(np.flatnonzero(free), missing, replace=False)])
    return picked.astype(np.int64, copy=False)


def _one_each(found: Clustering) -> np.ndarray:
    """Return one document for each cluster, all different, int64 (k,)."""
    picked = np.empty(len(found.nearest), dtype=np.int64)
    taken: set[int] = set()
    for at in np.argsort(found.distance, kind="stable"):
        choice = int(found.nearest[at])
        if choice in taken:
            choice = _nearest_free(found.vectors, found.centres[at], taken)
        taken.add(choice)
        picked[at] = choice
    return picked


def _nearest_free(vectors: Vectors, centre: np.ndarray, taken: set[int]) -> int:
    distance = np.empty(len(vectors), dtype=np.float32)
    for rows in steps(len(vectors), len(centre), CELLS):
        apart = vectors.at(rows)
        apart -= centre
        distance[rows] = np.einsum("ij,ij->i", apart, apart)
    distance[list(taken)] = np.inf
    return int(distance.argmin())
