"""ALVIN: documents near the lines from what the model has not learned to what it has learned of the same class."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_array,
    as_choice,
    as_embeddings,
    as_generator,
    as_probs,
    as_size,
    same_length,
    steps,
)
from alwidget.strategies.functional.dynamics import as_correct, unlearned
from alwidget.strategies.functional.kmeans import Vectors
from alwidget.strategies.functional.scores import entropy, top

__all__ = ["SIDES", "Anchors", "alvin", "as_alpha", "draw_anchors", "near_anchors"]

SIDES = ("minority", "majority")
MOST = 50
"""Pairs that a class gives at most."""
CHOICE = 3
"""How many times more candidates than documents asked for entropy chooses among, at least."""
GROUPS = 64
"""Distances are put in this many groups (or 4 k) before any of them are put in order."""
CELLS = 1 << 20
"""Numbers that are worked on at a time."""


def alvin(
    probs: Any,
    embeddings: Any,
    labelled_embeddings: Any,
    labelled_y: Any,
    correctness: Any,
    size: int,
    rng: np.random.Generator | int,
    anchors: int = 15,
    alpha: float = 2.0,
    *,
    k: int = 10,
    lam_is_weight_of: str = "minority",
) -> np.ndarray:
    """Return uncertain documents between what was learned and what was not (ALVIN, Korakakis et al. 2024).

    Labelled documents that the model forgot during training, or never got right, are the minority; those that it kept
    are the majority. Random pairs of one class, one of each, span lines; the documents nearest to random points of
    those lines, the anchors, are the candidates, and of these the ones with the largest entropy are returned.

    Parameters
    ----------
    probs
        Class probabilities of the pool, shape (N, C).
    embeddings
        Vectors of the pool, shape (N, d), finite.
    labelled_embeddings, labelled_y
        Vectors (n, d) and classes (n,) of the labelled documents.
    correctness
        Whether the model was right at the end of each epoch, bool (E, n).
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    anchors
        Points on the line of each pair.
    alpha
        The points are drawn from Beta(α, α): large values stay near the middle, small ones near the ends.
    k
        Neighbours of each anchor; doubled until there are ``3 · size`` candidates, or the pool is used up.
    lam_is_weight_of
        Whether what is drawn is the weight of the ``"minority"``, as in the paper's formula, or of the
        ``"majority"``, as in its text. As Beta(α, α) is symmetric the two differ by chance alone.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, by falling entropy. Where no class has both a minority and a
        majority, those of the largest entropy in the whole pool.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities, vectors or answers, or do not fit together.

    Examples
    --------
    >>> pool, known = [[0.5, 0.1], [9.0, 9.0], [0.4, 0.0], [0.6, 0.0]], [[0.0, 0.0], [1.0, 0.0]]
    >>> probs = [[0.6, 0.4], [0.5, 0.5], [0.9, 0.1], [0.8, 0.2]]
    >>> alvin(probs, pool, known, [0, 0], [[False, True]], 1, rng=0, k=1).tolist()
    [0]
    """
    p, h = as_probs(probs), as_embeddings(embeddings)
    same_length(probs=p, embeddings=h)
    size = as_size(size)
    drawn = draw_anchors(
        h.shape[1],
        labelled_embeddings,
        labelled_y,
        correctness,
        as_generator(rng),
        anchors=anchors,
        alpha=alpha,
        lam_is_weight_of=lam_is_weight_of,
    )
    near = near_anchors(h, drawn, size, as_size(k, "k", least=1))
    picked: np.ndarray = near[top(entropy(p[near]), size)]
    return picked


class Anchors:
    """Points on lines between pairs of labelled documents.

    Attributes
    ----------
    minority, majority
        The ends of each line, float (m, d).
    weights
        The weight of the minority end in each point, float64 (m, K); the rest is the weight of the other.
    """

    def __init__(self, minority: np.ndarray, majority: np.ndarray, weights: np.ndarray) -> None:
        self.minority, self.majority, self.weights = minority, majority, weights

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.weights)

    def points(self) -> np.ndarray:
        """Return the points themselves, float64 (m, K, d)."""
        lam = self.weights[:, :, None]
        return np.asarray(lam * self.minority[:, None] + (1 - lam) * self.majority[:, None])


def draw_anchors(
    d: int,
    labelled_embeddings: Any,
    labelled_y: Any,
    correctness: Any,
    rng: np.random.Generator,
    *,
    anchors: int = 15,
    alpha: float = 2.0,
    lam_is_weight_of: str = "minority",
) -> Anchors:
    """Return the anchors of `alvin`; none where no class has both a minority and a majority.

    Of each class as many of the minority as of the majority are drawn, at most 50, and each of the minority is paired
    with a random one of the majority.
    """
    known, right = as_embeddings(labelled_embeddings, "labelled_embeddings"), as_correct(correctness, "correctness")
    y = as_array(labelled_y, "labelled_y")
    if known.shape[1] != d:
        message = f"embeddings have {d} dimensions, labelled_embeddings {known.shape[1]}."
        raise StrategyError(message)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        message = f"labelled_y must be one class a document, whole numbers (n,), got {y.dtype} of shape {y.shape}."
        raise StrategyError(message)
    same_length(labelled_embeddings=known, labelled_y=y, correctness=right.T)
    anchors, alpha = as_size(anchors, "anchors", least=1), as_alpha(alpha)
    side = as_choice(lam_is_weight_of, "lam_is_weight_of", SIDES)
    lost = unlearned(right)
    from_, to = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for c in np.unique(y):
        minority, majority = np.flatnonzero((y == c) & lost), np.flatnonzero((y == c) & ~lost)
        m = min(len(minority), len(majority), MOST)
        if m:
            from_.append(rng.choice(minority, m, replace=False))
            to.append(rng.choice(majority, m, replace=False)[rng.integers(m, size=m)])
    first, second = np.concatenate(from_), np.concatenate(to)
    lam = rng.beta(alpha, alpha, (len(first), anchors))
    return Anchors(known[first], known[second], lam if side == "minority" else 1 - lam)


def near_anchors(rows: np.ndarray, anchors: Anchors, size: int, k: int) -> np.ndarray:
    """Return the documents that are among the nearest of any anchor, ascending, int64.

    All of them where there are no anchors. Documents as near as the k-th nearest are in, however many there are.
    `k` is doubled until there are three times as many as `size`.
    """
    n = len(rows)
    if not len(anchors):
        return np.arange(n, dtype=np.int64)
    wanted = min(CHOICE * size, n)
    while k < n:
        near = _near(rows, anchors, k)
        if len(near) >= wanted:
            return near
        k *= 2
    return np.arange(n, dtype=np.int64)


def _near(rows: np.ndarray, anchors: Anchors, k: int) -> np.ndarray:
    """Return the union of the `k` < N nearest documents of all anchors.

    On a line the squared distance to an anchor is a mixture of those to its ends, less what is the same for all
    documents: two rows of distances serve all points of a line.
    """
    n, each = len(rows), anchors.weights.shape[1]
    vectors = Vectors.of(rows, unit=False)
    near = np.zeros(n, dtype=bool)
    for part in steps(len(anchors), 2 * n, 16 * CELLS):
        ends = [_distances(vectors, end[part]) for end in (anchors.minority, anchors.majority)]
        for one, other, lam in zip(*ends, anchors.weights[part].astype(np.float32), strict=True):
            for some in steps(each, n, CELLS):
                apart = lam[some, None] * (one - other)
                apart += other
                near[_smallest(apart, k)] = True
    return np.flatnonzero(near).astype(np.int64, copy=False)


def _smallest(values: np.ndarray, k: int) -> np.ndarray:
    """Return the columns in which any row has one of its `k` smallest values, or one as small as the last of them."""
    groups = max(GROUPS, 4 * k)
    each = values.shape[1] // groups
    if each < 2:  # noqa: PLR2004
        return np.flatnonzero((values <= np.partition(values, k - 1, axis=1)[:, k - 1 : k]).any(axis=0))
    # minima of groups are had at the speed of memory; the k-th smallest of them bounds the k-th smallest of all
    minima = values[:, : each * groups].reshape(len(values), each, groups).min(axis=1)
    bound = np.partition(minima, k - 1, axis=1)[:, k - 1]
    found = []
    for row, most in zip(values, bound, strict=True):
        few = np.flatnonzero(row <= most)
        found.append(few[row[few] <= np.partition(row[few], k - 1)[k - 1]])
    return np.concatenate(found)


def _distances(vectors: Vectors, ends: np.ndarray) -> np.ndarray:
    """Return squared distances from some points to all documents, less what is the same for all, float32 (m, N)."""
    held = Vectors(ends, vectors.scale, vectors.offset)
    points = held.at(slice(None))
    own = np.einsum("ij,ij->i", points, points)[:, None]
    points *= -2
    out = np.empty((len(points), len(vectors)), dtype=np.float32)
    for part in steps(len(vectors), vectors.rows.shape[1], CELLS):
        x = vectors.at(part)
        out[:, part] = points @ x.T
        out[:, part] += np.einsum("ij,ij->i", x, x)
    out += own
    return np.maximum(out, 0, out=out)


def as_alpha(value: Any) -> float:
    """Return `value` as the parameter of a symmetric Beta distribution."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        message = f"alpha is the parameter of Beta(alpha, alpha), a finite number above 0, got {value!r}."
        raise StrategyError(message)
    return float(value)
