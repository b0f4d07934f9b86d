"""Distance from the labelled classes, measured by how the labelled documents themselves spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_array, as_embeddings, same_length, steps
from alwidget.strategies.functional.searching import as_queries

__all__ = ["as_classes", "mahalanobis", "precision_factor"]

RIDGE = 1e-6
"""What is added to the diagonal of a covariance, as a share of its mean."""
CELLS = 1 << 20
"""Numbers that are worked on at a time."""


def mahalanobis(
    embeddings: Any,
    labelled_embeddings: Any,
    labelled_y: Any,
    *,
    margin: bool = False,
    shrink: bool | None = None,
    ridge: float = RIDGE,
) -> np.ndarray:
    """Return how far documents are from the nearest class, in the metric of the spread within classes.

    Parameters
    ----------
    embeddings
        Vectors of the pool, shape (N, d), finite.
    labelled_embeddings
        Vectors of the labelled documents, shape (n, d), n ≥ 1.
    labelled_y
        Their classes, whole numbers, shape (n,). Classes that nobody labelled do not count.
    margin
        Return the distance to the nearest class less that to the second nearest, which is 0 at most and nearest to
        it where a document lies between two. With one class only it is the distance all the same.
    shrink
        Whether the covariance is shrunk towards a sphere (Ledoit & Wolf 2004); None does so where n < 2 d, because
        fewer documents cannot tell a covariance.
    ridge
        What is added to the diagonal of a covariance that is not shrunk, as a share of its mean.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), larger = ask first: the documents unlike anything labelled. Where the labelled documents
        do not spread (each is alone in its class) distances are Euclidean.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, or nothing is labelled.

    Notes
    -----
    Costs O(n · d² + d³ + N · d² + N · C · d). Without shrinking and ridge, an invertible linear map of all vectors
    changes nothing.

    Examples
    --------
    >>> labelled = [[-1, 0], [1, 0], [0, -1], [0, 1]]
    >>> mahalanobis([[0, 0], [3, 0]], labelled, [0, 0, 0, 0], shrink=False).round(3).tolist()
    [0.0, 3.674]
    """
    x = as_embeddings(embeddings)
    known = as_queries(labelled_embeddings, x.shape[1], "labelled_embeddings")
    y = as_classes(labelled_y)
    if not same_length(labelled_embeddings=known, labelled_y=y):
        message = "Nothing is labelled, so there is no class to be far from."
        raise StrategyError(message)
    known = known.astype(np.float64)
    scale = 2.0 ** np.floor(np.log2(max(np.abs(known).max(), np.abs(x).max(), np.finfo(np.float64).tiny)))
    known /= scale
    origin = known.mean(axis=0)
    known -= origin
    _, member = np.unique(y, return_inverse=True)
    means = np.stack([known[member == c].mean(axis=0) for c in range(member.max() + 1)])
    factor, unit = precision_factor(known - means[member], shrink=shrink, ridge=ridge)
    distances = _distances(x, factor, means @ factor, origin, scale)
    if unit:
        distances *= scale
    if margin and len(means) > 1:
        nearest = np.partition(distances, 1, axis=1)
        return np.asarray(nearest[:, 0] - nearest[:, 1])
    return np.asarray(distances.min(axis=1))


def as_classes(values: Any, name: str = "labelled_y") -> np.ndarray:
    """Return classes as int64 (n,)."""
    array = as_array(values, name)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        message = f"{name} must be one whole number a document, its class, got shape {array.shape} of {array.dtype}."
        raise StrategyError(message)
    return array.astype(np.int64, copy=False)


def precision_factor(
    residuals: np.ndarray, *, shrink: bool | None = None, ridge: float = RIDGE
) -> tuple[np.ndarray, bool]:
    """Return W with ``W Wᵀ`` the inverse of the covariance of `residuals`, and whether that is the identity.

    Parameters
    ----------
    residuals
        Vectors less the mean of their class, float64 (n, d).
    shrink, ridge
        As for `mahalanobis`.

    Returns
    -------
    factor
        float64 (d, d): rows times it have the identity as covariance.
    unit
        Whether there is no covariance to speak of, so that `factor` is the identity.
    """
    n, d = residuals.shape
    scatter = residuals.T @ residuals
    mean = float(np.trace(scatter)) / d
    if n <= 1 or mean <= 0:
        return np.eye(d), True
    if n < 2 * d if shrink is None else shrink:
        share = _ledoit_wolf(residuals, scatter)
        scatter *= 1 - share
        scatter.flat[:: d + 1] += share * mean
    covariance = scatter / (n - 1)
    return _inverted(covariance, ridge * mean / (n - 1)), False


def _inverted(covariance: np.ndarray, ridge: float) -> np.ndarray:
    """Return the transpose of the inverse of the Cholesky factor, with as much of a ridge as it takes."""
    from scipy.linalg import solve_triangular

    d = len(covariance)
    least = np.finfo(np.float64).eps * d * float(np.trace(covariance)) / d
    while True:
        try:
            lower = np.linalg.cholesky(covariance + ridge * np.eye(d))
            inverse: np.ndarray = solve_triangular(lower, np.eye(d), lower=True).T
        except np.linalg.LinAlgError:
            ridge = max(10 * ridge, least)
        else:
            return inverse


def _ledoit_wolf(residuals: np.ndarray, scatter: np.ndarray) -> float:
    """Return the share of a sphere that makes the expected error of the covariance least (Ledoit & Wolf 2004)."""
    n, d = residuals.shape
    mean = float(np.trace(scatter)) / (n * d)
    squared = float(np.square(scatter).sum()) / n**2
    fourth = float(np.square(np.einsum("ij,ij->i", residuals, residuals)).sum()) / n
    from_sphere = (squared - d * mean**2) / d
    if from_sphere <= 0:
        return 1.0
    return float(np.clip((fourth - squared) / (n * d) / from_sphere, 0, 1))


def _distances(x: np.ndarray, factor: np.ndarray, means: np.ndarray, origin: np.ndarray, scale: float) -> np.ndarray:
    """Return the distance of each document to each class, float64 (N, C); single precision where vectors have it."""
    kind = np.float64 if x.dtype == np.float64 else np.float32
    factor = factor.astype(kind)
    out = np.empty((len(x), len(means)))
    for part in steps(len(x), x.shape[1], CELLS):
        white = ((x[part] / scale - origin).astype(kind) @ factor).astype(np.float64)
        apart = np.einsum("ij,ij->i", white, white)[:, None] + np.einsum("ij,ij->i", means, means)
        apart -= 2 * (white @ means.T)
        out[part] = np.sqrt(np.maximum(apart, 0))
    return out
