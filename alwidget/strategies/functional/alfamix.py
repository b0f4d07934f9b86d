"""ALFA-Mix: documents whose predicted class changes when a little of a labelled class is mixed into them."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_embeddings,
    as_generator,
    as_probs,
    as_size,
    same_length,
    steps,
)
from alwidget.strategies.functional.clustering import kmeans_medoids
from alwidget.strategies.functional.novelty import as_classes
from alwidget.strategies.functional.searching import as_queries

__all__ = ["alfa_mix", "least_mixing"]

STEP = 1 / 32
"""By this the share that is mixed in grows, from one step to 1, each divided by the root of the dimensions."""
CELLS = 1 << 20
"""Numbers that are worked on at a time."""


def alfa_mix(
    probs: Any,
    features: Any,
    labelled_features: Any,
    labelled_y: Any,
    weights: Any,
    bias: Any,
    size: int,
    rng: np.random.Generator | int,
) -> np.ndarray:
    """Return documents whose class changes under little mixing, each of another kind (Parvaneh et al. 2022).

    Parameters
    ----------
    probs
        Class probabilities of the pool, shape (N, C).
    features
        What the last layer of the model reads of the pool, shape (N, f), finite.
    labelled_features
        What it reads of the labelled documents, shape (n, f), n ≥ 1.
    labelled_y
        Their classes, whole numbers from 0 to C - 1, shape (n,).
    weights, bias
        That layer, (C, f) and (C,): ``features @ weights.T + bias`` are the logits.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64. As little is mixed in as makes more than `size` documents change
        their class; of those, the ones nearest to the centres of `size` clusters. Where even the most changes no
        more than that, all that change, the easiest first, and then others at random.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, do not fit together, or nothing is labelled.

    Notes
    -----
    Logits are linear in what is mixed in, so that the least mixing that changes a class has a closed form: no step is
    tried, and all costs O(N · C · f) and the clustering.

    Examples
    --------
    >>> weights, bias = [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]
    >>> z = np.array([[5.0, 0.0], [1.1, 1.0], [0.0, 6.0]])
    >>> logits = np.exp(z)
    >>> alfa_mix(logits / logits.sum(axis=1, keepdims=True), z, z[[0, 2]], [0, 1], weights, bias, 1, 0).tolist()
    [1]
    """
    return mixed(probs, features, labelled_features, labelled_y, weights, bias, size, rng)[0]


def mixed(
    probs: Any,
    features: Any,
    labelled_features: Any,
    labelled_y: Any,
    weights: Any,
    bias: Any,
    size: int,
    rng: np.random.Generator | int,
) -> tuple[np.ndarray, int]:
    """Return the same, and how many of them were drawn at random, the last ones."""
    z = as_embeddings(features, "features")
    size, rng = min(as_size(size), len(z)), as_generator(rng)
    least = least_mixing(probs, z, labelled_features, labelled_y, weights, bias)
    shares = np.arange(1, round(1 / STEP) + 1) * STEP / np.sqrt(z.shape[1])
    enough = [share for share in shares if np.count_nonzero(least < share) > size]
    if enough:
        candidates = np.flatnonzero(least < enough[0])
        chosen: np.ndarray = candidates[kmeans_medoids(z[candidates], size, rng)]
        return chosen, 0
    changed = np.argsort(least, kind="stable")[: np.count_nonzero(least < shares[-1])][:size]
    others = np.ones(len(z), dtype=bool)
    others[changed] = False
    filled = rng.permutation(np.flatnonzero(others))[: size - len(changed)]
    return np.concatenate([changed, filled]).astype(np.int64, copy=False), len(filled)


def least_mixing(
    probs: Any, features: Any, labelled_features: Any, labelled_y: Any, weights: Any, bias: Any
) -> np.ndarray:
    """Return how much must be mixed into each document for its predicted class to change.

    The anchor of a class is the mean of its labelled documents, or of all where it has none. Of the mixtures with an
    anchor at most ε away in every direction, the one along the gradient of the loss is
    ``z + ε · |anchor - z| · g / |g|``; its logits are linear in ε.

    Parameters
    ----------
    probs, features, labelled_features, labelled_y, weights, bias
        As for `alfa_mix`.

    Returns
    -------
    numpy.ndarray
        ε, float64, shape (N,): any more changes the class under mixing with some anchor; infinite where nothing does,
        as where the model has no doubt at all.
    """
    p, z = as_probs(probs), as_embeddings(features, "features")
    known, y = as_queries(labelled_features, z.shape[1], "labelled_features"), as_classes(labelled_y)
    same_length(probs=p, features=z)
    w, b = _head(weights, bias, p.shape[1], z.shape[1])
    if not same_length(labelled_features=known, labelled_y=y):
        message = "Nothing is labelled, so that there is nothing to mix in."
        raise StrategyError(message)
    if y.min() < 0 or y.max() >= p.shape[1]:
        message = f"labelled_y must be classes from 0 to {p.shape[1] - 1}, got {int(y.min())} … {int(y.max())}."
        raise StrategyError(message)
    known = known.astype(np.float64)
    anchors = np.stack([known[y == c].mean(axis=0) if (y == c).any() else known.mean(axis=0) for c in range(len(w))])
    origin, between = known.mean(axis=0), w @ w.T
    anchors -= origin
    kind = np.float64 if z.dtype == np.float64 else np.float32
    out = np.empty(len(z))
    for part in steps(len(z), max(z.shape[1], len(w)), CELLS):
        centred = (z[part] - origin).astype(kind)
        logits = (centred @ w.T.astype(kind)).astype(np.float64) + (w @ origin + b)
        apart = np.square(centred, dtype=np.float64).sum(axis=1)[:, None] + np.square(anchors).sum(axis=1)
        apart -= 2 * (centred @ anchors.T.astype(kind))
        reach = np.sqrt(np.maximum(apart.max(axis=1), 0))
        out[part] = _crossing(logits, p[part], between, reach)
    return out


def _head(weights: Any, bias: Any, classes: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    w, b = as_embeddings(weights, "weights").astype(np.float64), np.asarray(bias, dtype=np.float64)
    if w.shape != (classes, d) or b.shape != (classes,) or not np.isfinite(b).all():
        message = (
            f"The last layer must have weights ({classes}, {d}) and a finite bias ({classes},) for these probs and "
            f"features, got {w.shape} and {b.shape}."
        )
        raise StrategyError(message)
    return w, b


def _crossing(logits: np.ndarray, p: np.ndarray, between: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return the ε beyond which another logit passes the largest, when logits move as the gradient moves them.

    Parameters
    ----------
    logits, p
        Logits and probabilities, (n, C).
    between
        Inner products of the rows of the last layer, (C, C).
    reach
        How far the farthest anchor is from each document, (n,).
    """
    rows, best = np.arange(len(p)), logits.argmax(axis=1)
    wrong = p.astype(np.float64)
    wrong[rows, best] -= 1
    moved = wrong @ between  # what a step along the gradient, W'(p - 1), adds to the logits
    length = np.sqrt(np.maximum(np.einsum("ij,ij->i", moved, wrong), 0))
    gap = logits[rows, best][:, None] - logits
    closing = moved - moved[rows, best][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(closing > 0, gap / closing, np.inf).min(axis=1) * length / reach
    return np.where((length > 0) & (reach > 0) & ~np.isnan(needed), needed, np.inf)
