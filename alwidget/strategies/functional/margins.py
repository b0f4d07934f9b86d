"""Cluster-Margin: documents of small margin from as many clusters as there are, the small clusters first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_array,
    as_choice,
    as_embeddings,
    as_generator,
    as_scores,
    as_size,
    same_length,
    steps,
)
from alwidget.strategies.functional.kmeans import unit_rows
from alwidget.strategies.functional.scores import breaking_ties, top

__all__ = ["PER_PICK", "WITHIN", "Dendrogram", "cluster_margin", "in_turn"]

WITHIN = ("random", "margin")
PER_PICK = 10
"""Documents of small margin that are looked at for each that is asked, and clusters for each."""
LEAST_PER_PICK = 1.25
"""The same where the pool is too small for that."""
CELLS = 1 << 20
"""Numbers that are worked on at a time."""
SAME = 1e-6
"""Vectors whose cosine distance is below this are one."""


def cluster_margin(
    probs: Any, clusters: Any, size: int, rng: np.random.Generator | int, *, within: str = "random"
) -> np.ndarray:
    """Return documents of small margin from as many clusters as there are (Cluster-Margin, Citovsky et al. 2021).

    Of the ``10 · size`` documents with the smallest margin between their two likeliest classes (``1.25 · size`` in a
    pool that has not so many), one is taken from each cluster in turn: those of which fewest are among them first.

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C).
    clusters
        The cluster of each document, whole numbers (N,), such as of `scipy.cluster.hierarchy.fcluster`.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    within
        What is taken of a cluster: a ``"random"`` document, or the one of the smallest ``"margin"``.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order taken.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or clusters, or about different numbers of documents.

    Examples
    --------
    >>> probs = [[0.5, 0.5], [0.6, 0.4], [0.6, 0.4], [1.0, 0.0]]
    >>> int(cluster_margin(probs, [7, 7, 7, 3], 3, rng=0)[0])
    3
    """
    scores, ids = breaking_ties(probs), as_array(clusters, "clusters")
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        message = f"clusters must be one whole number a document, got {ids.dtype} of shape {ids.shape}."
        raise StrategyError(message)
    same_length(probs=scores, clusters=ids)
    return in_turn(scores, lambda at: ids[at], as_size(size), as_generator(rng), within=within)


def in_turn(
    scores: np.ndarray,
    cluster_of: Callable[[np.ndarray], np.ndarray],
    size: int,
    rng: np.random.Generator,
    *,
    within: str = "random",
) -> np.ndarray:
    """Return the picks of `cluster_margin`, asking for the clusters of no more documents than the step looks at.

    Parameters
    ----------
    scores
        One a document, larger = ask first, shape (N,).
    cluster_of
        Called for the clusters of the documents at some positions.
    size, rng, within
        As for `cluster_margin`.
    """
    scores, within = as_scores(scores), as_choice(within, "within", WITHIN)
    n = len(scores)
    if not size or not n:
        return np.empty(0, dtype=np.int64)
    wide = PER_PICK * size if PER_PICK * size <= n else int(np.ceil(LEAST_PER_PICK * size))
    looked_at = top(scores, min(max(wide, size), n))
    ids = np.unique(cluster_of(looked_at), return_inverse=True)[1].ravel()
    same_length(clusters=ids, documents=looked_at)
    counts = np.bincount(ids)
    # the rank of each document within its cluster is the turn in which it is taken
    preference = rng.permutation(len(ids)) if within == "random" else np.arange(len(ids))
    turn = _ranks_within(ids, preference)
    # of equally small clusters the one with the smallest margin comes first
    best = np.full(len(counts), len(ids))
    np.minimum.at(best, ids, np.arange(len(ids)))
    order = np.lexsort((best[ids], counts[ids], turn))
    return looked_at[order[: min(size, n)]]


def _ranks_within(ids: np.ndarray, preference: np.ndarray) -> np.ndarray:
    """Return the place of each document among those of its cluster, from 0, in the order of `preference`."""
    order = np.lexsort((preference, ids))
    counts = np.bincount(ids)
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[order] = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ranks


@dataclass(frozen=True, slots=True)
class Dendrogram:
    """Which of some vectors belong together, at every distance: average linkage of cosine distances.

    Attributes
    ----------
    vectors
        The vectors at unit length, float32 (n, d).
    merges
        As `scipy.cluster.hierarchy.linkage` returns them, float64 (n - 1, 4).
    """

    vectors: np.ndarray
    merges: np.ndarray

    @classmethod
    def of(cls, embeddings: Any) -> Dendrogram:
        """Return the dendrogram of vectors (n, d), in O(n²) time and memory: 5,000 take 200 MB and a second or two."""
        from scipy.cluster.hierarchy import linkage

        vectors = unit_rows(as_embeddings(embeddings))
        if len(vectors) == 1:
            return cls(vectors, np.empty((0, 4)))
        return cls(vectors, linkage(_cosine_distances(vectors), method="average"))

    def cut(self, least: int) -> np.ndarray:
        """Return the clusters at the largest distance at which there are at least `least`, int64 (n,), from 0.

        Vectors in the same direction are always in one cluster, so that there may be fewer.
        """
        n = len(self.vectors)
        merged = max(n - least, int(np.searchsorted(self.merges[:, 2], SAME, side="right")), 0)
        parent = np.arange(n + merged)
        for number, (one, other) in enumerate(self.merges[:merged, :2].astype(np.int64), start=n):
            parent[one] = parent[other] = number
        # a merge has a larger number than what it merges: from the last one down, every parent that is read is final
        for number in range(n + merged - 1, -1, -1):
            parent[number] = parent[parent[number]]
        return np.asarray(np.unique(parent[:n], return_inverse=True)[1].ravel())

    def assign(self, clusters: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
        """Return the cluster whose centre is nearest to each of other vectors (m, d), int64 (m,)."""
        centres = np.zeros((int(clusters.max()) + 1, self.vectors.shape[1]), dtype=np.float32)
        np.add.at(centres, clusters, self.vectors)
        centres = np.ascontiguousarray(unit_rows(centres).T)
        out = np.empty(len(embeddings), dtype=np.int64)
        for part in steps(len(embeddings), max(centres.shape), CELLS):
            out[part] = (unit_rows(embeddings[part]) @ centres).argmax(axis=1)
        return out


def _cosine_distances(vectors: np.ndarray) -> np.ndarray:
    """Return one minus the cosine of all pairs in the order of `scipy.spatial.distance.pdist`, float64."""
    n = len(vectors)
    out = np.empty(n * (n - 1) // 2)
    at = 0
    for part in steps(n, n, CELLS):
        alike = vectors[part] @ vectors.T
        for row, i in enumerate(range(part.start, part.stop)):
            apart = alike[row, i + 1 :]
            out[at : at + len(apart)] = 1 - apart
            at += len(apart)
    return np.maximum(out, 0, out=out)
