"""AcTune's choice: the documents of the highest scores from the regions that the model knows least."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_array,
    as_embeddings,
    as_generator,
    as_probs,
    as_scores,
    as_size,
    same_length,
    steps,
)
from alwidget.strategies.functional.kmeans import Vectors

__all__ = ["REGIONS", "actune", "as_beta", "by_regions", "region_scores", "weighted_clusters"]

REGIONS = 25
PER_REGION = 10
"""Documents that a region has on average, at least."""
TRAINING_BYTES = 96 << 20
TRAINING = 20_000
"""Vectors that centres are moved on: the means of hundreds of vectors are stable."""
ITERATIONS = 50
TOLERANCE = 1e-4
CELLS = 1 << 20
"""Numbers that are worked on at a time."""


def actune(
    scores: Any,
    probs: Any,
    embeddings: Any,
    size: int,
    rng: np.random.Generator | int,
    *,
    regions: int = REGIONS,
    beta: float = 0.5,
) -> np.ndarray:
    """Return the documents of the highest scores from the regions that the model knows least (AcTune, Yu et al. 2022).

    Documents are clustered by k-means, each with its score as its weight, into ``min(regions, N // 10)`` regions. The
    better half of them, by `region_scores`, gives ``size`` documents in equal parts, the highest scores first; what
    is missing, because a region has too few, comes from the other regions in turn.

    Parameters
    ----------
    scores
        What the wrapped strategy gives each document, larger = ask first, shape (N,), finite. Negative ones are
        shifted to zero where they serve as weights.
    probs
        Class probabilities, shape (N, C); the likeliest class is the pseudo-label.
    embeddings
        Vectors, shape (N, d), finite.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    regions
        How many, at most.
    beta
        The weight of disagreement among the pseudo-labels of a region.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64: one of each region in turn, the best region first. The paper's
        self-training on what the model is sure of is no part of the choice, and is left out.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no scores, probabilities or vectors, or about different numbers of documents.

    Examples
    --------
    >>> probs = [[0.9, 0.1]] * 20 + [[0.5, 0.5]] * 20
    >>> vectors = [[0.0, 1.0]] * 20 + [[1.0, 0.0]] * 20
    >>> actune([0.1] * 20 + [1.0] * 20, probs, vectors, 2, rng=0).tolist()
    [20, 21]
    """
    u, p, h = as_scores(scores), as_probs(probs), as_embeddings(embeddings)
    same_length(scores=u, probs=p, embeddings=h)
    if not np.isfinite(u).all():
        # a document without words has minus infinity from some scores; as a weight that is the least there is
        finite = u[np.isfinite(u)]
        u = np.clip(u, finite.min(), finite.max()) if len(finite) else np.zeros(len(u))
    size, rng, beta = as_size(size), as_generator(rng), as_beta(beta)
    k = max(1, min(as_size(regions, "regions", least=1), len(u) // PER_REGION))
    found = weighted_clusters(h, u - min(float(u.min()), 0.0), k, rng)
    return by_regions(u, region_scores(u, p.argmax(axis=1), found, beta), found, size)


def region_scores(scores: Any, labels: Any, regions: Any, beta: float = 0.5) -> np.ndarray:
    """Return how little the model knows of each region.

    Parameters
    ----------
    scores
        The score of each document, shape (N,), finite.
    labels
        Its pseudo-label, whole numbers (N,).
    regions
        The region of each document, whole numbers from 0 (N,).
    beta
        The weight of the second term.

    Returns
    -------
    numpy.ndarray
        The mean score of each region plus `beta` times the entropy of its pseudo-labels in nats, float64 (K,); minus
        infinity for a region without documents.

    Examples
    --------
    >>> region_scores([0.6, 0.6, 0.4, 0.6, 0.5, 0.5], [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1]).round(6).tolist()
    [0.6, 0.846574]
    """
    u, y, at = as_scores(scores), as_array(labels, "labels"), as_array(regions, "regions")
    same_length(scores=u, labels=y, regions=at)
    for name, array in (("labels", y), ("regions", at)):
        if array.ndim != 1 or array.dtype.kind not in "iu" or (len(array) and array.min() < 0):
            message = f"{name} must be one whole number of at least 0 a document, got shape {array.shape}."
            raise StrategyError(message)
    counts = np.bincount(at)
    kinds, y = np.unique(y, return_inverse=True)
    given = np.bincount(at * len(kinds) + y, minlength=len(counts) * len(kinds)).reshape(len(counts), -1)
    shares = given / np.maximum(counts, 1)[:, None]
    disorder = -(shares * np.log(shares, where=shares > 0, out=np.zeros_like(shares))).sum(axis=1)
    mean = np.bincount(at, weights=u) / np.maximum(counts, 1)
    return np.where(counts > 0, mean + as_beta(beta) * disorder, -np.inf)


def by_regions(scores: np.ndarray, ranking: np.ndarray, regions: np.ndarray, size: int) -> np.ndarray:
    """Return documents from the better half of the regions in turn, the highest scores of each first.

    Parameters
    ----------
    scores
        One a document, float64 (N,).
    ranking
        One a region, float64 (K,).
    regions
        The region of each document, whole numbers below K, (N,).
    size
        How many.
    """
    order = np.argsort(-scores, kind="stable")
    best = np.argsort(-ranking, kind="stable")
    members = [order[regions[order] == region] for region in best]
    members = [some for some in members if len(some)]
    half, size = -(-len(members) // 2), min(size, len(scores))
    quota = [size // half + (rank < size % half) for rank in range(half)]
    picked = _in_turn([some[:most] for some, most in zip(members, quota, strict=False)])
    if len(picked) < size:
        rest = members[half:] + [some[most:] for some, most in zip(members, quota, strict=False)]
        picked = np.concatenate([picked, _in_turn(rest)])
    return picked[:size].astype(np.int64, copy=False)


def _in_turn(lists: list[np.ndarray]) -> np.ndarray:
    """Return the first of every list, then the second of every list that has one, and so on."""
    turn = np.concatenate([np.arange(len(some)) for some in lists])
    return np.concatenate(lists)[np.argsort(turn, kind="stable")]


def weighted_clusters(rows: np.ndarray, weights: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the cluster of each vector by k-means in which every vector counts by its weight.

    Parameters
    ----------
    rows
        Finite vectors, shape (N, d).
    weights
        Not negative, shape (N,); where all are zero, all count the same.
    k
        How many clusters, at most.
    rng
        Where seeds come from.

    Returns
    -------
    numpy.ndarray
        Whole numbers below `k`, int64 (N,). A cluster may be without vectors, where there are fewer distinct ones.
    """
    if k == 1:
        return np.zeros(len(rows), dtype=np.int64)
    largest = float(weights.max())
    weights = weights / largest if largest > 0 else np.ones(len(rows))
    vectors = Vectors.of(rows, unit=False)
    most = max(min(TRAINING, TRAINING_BYTES // (4 * rows.shape[1])), 2 * k)
    some = np.sort(rng.permutation(len(rows))[:most])
    x, w = vectors.gathered(some), weights[some]
    if not w.any():
        w = np.ones(len(w))
    squared = np.einsum("ij,ij->i", x, x)
    centres = _moved(x, w, squared, _seeds(x, w, squared, k, rng))
    out = np.empty(len(rows), dtype=np.int64)
    for part in steps(len(rows), max(centres.shape), CELLS):
        out[part] = _to_centres(vectors.at(part), centres).argmin(axis=1)
    return out


def _seeds(x: np.ndarray, w: np.ndarray, squared: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return up to `k` rows drawn by weight times squared distance from those drawn before (k-means++)."""
    chosen: list[int] = []
    left = np.ones(len(x))
    while len(chosen) < k:
        summed = np.cumsum(w * left)
        if not summed[-1] > 0:
            break
        at = min(int(np.searchsorted(summed, rng.random() * summed[-1], side="right")), len(x) - 1)
        apart = squared - 2 * (x @ x[at]) + squared[at]
        apart[apart <= 4e-6 * (squared + squared[at])] = 0
        left = np.minimum(left, apart) if chosen else apart.astype(np.float64)
        chosen.append(at)
    return x[chosen]


def _moved(x: np.ndarray, w: np.ndarray, squared: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return centres after Lloyd's iterations on weighted vectors; one that attracts no weight stays where it is."""
    from scipy.sparse import csr_array

    before, k = np.inf, len(centres)
    for _ in range(ITERATIONS):
        apart = _to_centres(x, centres)
        at = apart.argmin(axis=1)
        inertia = float(w @ np.maximum(apart[np.arange(len(x)), at] + squared, 0))
        if before - inertia <= TOLERANCE * inertia:
            break
        before = inertia
        mass = np.bincount(at, weights=w, minlength=k)
        member = csr_array((w.astype(np.float32), at, np.arange(len(x) + 1)), shape=(len(x), k))
        sums = member.T @ x
        centres = np.where(mass[:, None] > 0, sums / np.where(mass > 0, mass, 1)[:, None], centres).astype(np.float32)
    return centres


def _to_centres(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return squared distances less the squared length of each row, float32 (n, k)."""
    out: np.ndarray = x @ (-2 * centres.T)
    out += np.einsum("ij,ij->i", centres, centres)
    return out


def as_beta(value: Any) -> float:
    """Return `value` as the weight of disagreement in a region."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        message = f"beta is a weight, a finite number of at least 0, got {value!r}."
        raise StrategyError(message)
    return float(value)
