"""Documents that stand for the rest: the ones nearest to the centres of clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional import device
from alwidget.strategies.functional.checks import as_embeddings, as_generator, as_size, steps
from alwidget.strategies.functional.kmeans import CELLS, Clustering, Vectors, cluster

__all__ = ["alps", "kmeans_medoids"]


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
    take their nearest document that is free. Where `embeddings` is a tensor on a CUDA device the iterations run there.

    Examples
    --------
    >>> groups = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1], [-1, 0], [-1, 0.1]])
    >>> sorted(int(i) // 2 for i in kmeans_medoids(groups, 3, 0))
    [0, 1, 2]
    """
    rows, tensor = as_embeddings(embeddings), device.held(embeddings)
    return _medoids(rows, as_size(size), as_generator(rng), normalize=normalize, tensor=tensor)


def alps(surprisal: Any, size: int, rng: np.random.Generator | int) -> np.ndarray:
    """Return documents that surprise a language model in different ways (ALPS, Yuan, Lin & Boyd-Graber 2020).

    Parameters
    ----------
    surprisal
        How improbable a masked language model finds some of the tokens of each document, by place: shape (N, length),
        not negative, 0 where nothing was looked at; a SciPy sparse array or a NumPy array.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64: as `kmeans_medoids` of the vectors at unit length.

    Raises
    ------
    alwidget.errors.StrategyError
        `surprisal` is empty, not 2-D, not finite or negative.

    Examples
    --------
    >>> groups = [[5, 0, 0], [9, 0, 0], [0, 1, 0], [0, 7, 0], [0, 0, 2], [0, 0, 3]]
    >>> sorted(int(i) // 2 for i in alps(groups, 3, 0))
    [0, 1, 2]
    """
    values = surprisal.data if _is_sparse(surprisal) else as_embeddings(surprisal, "surprisal")
    if not np.isfinite(values).all() or (values.size and values.min() < 0):
        kind = "NaN or infinity" if not np.isfinite(values).all() else "negative numbers"
        message = f"surprisal holds {kind}; it must be -log p of tokens, and 0 where none was looked at."
        raise StrategyError(message)
    rows = _Dense(surprisal) if _is_sparse(surprisal) else values
    if not all(rows.shape):
        message = f"surprisal is empty: shape {rows.shape}, where (documents, length) are due."
        raise StrategyError(message)
    return _medoids(rows, as_size(size), as_generator(rng), normalize=True)


class _Dense:
    """The rows of a sparse matrix as the k-means reads them: some at a time, dense, so that no N × length exists."""

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix.tocsr()
        self.shape = self._matrix.shape

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        some: np.ndarray = self._matrix[which].toarray()
        return some


def _is_sparse(matrix: Any) -> bool:
    return hasattr(matrix, "tocsr")


def _medoids(rows: Any, size: int, rng: np.random.Generator, *, normalize: bool, tensor: Any = None) -> np.ndarray:
    if size == 0:
        return np.empty(0, dtype=np.int64)
    if size >= len(rows):
        return rng.permutation(len(rows)).astype(np.int64, copy=False)
    found = cluster(rows, size, rng, unit=normalize, tensor=tensor)
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
