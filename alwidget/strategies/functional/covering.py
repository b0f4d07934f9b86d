"""Coreset: documents such that no document of the pool is far from the nearest one that is labelled or chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.strategies.functional import device
from alwidget.strategies.functional.checks import as_embeddings, as_generator, as_size, steps
from alwidget.strategies.functional.searching import Rows, as_metric, as_queries, slack

__all__ = ["coreset"]

LOOKED_AT = 256
"""Documents whose distances are brought up to date at a time; more and more where these do not settle a pick."""
CELLS = 1 << 22
"""Distances, or numbers of vectors, that are worked on at a time."""
DIGITS = 1e2
"""Single precision serves as long as the distance sought is so many times as large as its rounding."""


def coreset(
    embeddings: Any,
    labelled_embeddings: Any,
    size: int,
    rng: np.random.Generator | int = 0,
    *,
    metric: str = "euclidean",
) -> np.ndarray:
    """Return documents that are far from all that is labelled and from each other (Sener & Savarese 2018).

    Each pick is the document farthest from the nearest one that is labelled or picked (greedy k-center), so that the
    largest distance that is left is at most twice the smallest one possible.

    Parameters
    ----------
    embeddings
        Vectors of the pool, shape (N, d), finite.
    labelled_embeddings
        Vectors of the labelled documents, shape (n, d), or None. Where there are none, the first pick is the document
        nearest to the mean of the pool.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed; needed only where all documents left equal chosen ones.
    metric
        ``"euclidean"``, or ``"cosine"``: the angle between vectors counts and not their length.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order picked; a larger `size` extends a smaller one. Of
        equally far documents the first in the pool's order is picked.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, or there is no such metric.

    Notes
    -----
    Distances to chosen documents only shrink, so that a distance from before is a bound: a pick looks again only at
    the documents whose bound is the largest. O(N · n · d) for the labelled documents, then mostly far less than
    O(N · d) a pick. Where `embeddings` is a tensor on a CUDA device distances are computed there, and a copy of the
    vectors in single precision is held meanwhile.

    Examples
    --------
    >>> coreset([[1.0], [2.0], [6.0], [10.0]], [[0.0]], 2).tolist()
    [3, 2]
    """
    x = as_embeddings(embeddings)
    known = as_queries(labelled_embeddings, x.shape[1], "labelled_embeddings")
    size, rng = min(as_size(size), len(x)), as_generator(rng)
    unit = as_metric(metric) == "cosine"
    pool = Rows.of(x, unit=unit)
    picked: list[int] = []
    tensor, labelled = device.held(embeddings), Rows(known, pool.scale, pool.offset)
    if tensor is None:
        picked = _Cover(pool, labelled, picked, np.float32).extended(size)
    else:
        picked = _CoverOnDevice(pool, labelled, tensor).extended(size)
    if len(picked) < size:
        picked = _Cover(pool, labelled, picked, np.float64).extended(size)
    free = np.ones(len(x), dtype=bool)
    free[picked] = False
    missing = size - len(picked)
    rest = rng.permutation(np.flatnonzero(free))[:missing] if missing else np.empty(0, dtype=np.int64)
    return np.concatenate([np.array(picked, dtype=np.int64), rest])


class _Cover:
    """How far each document of a pool is, at most, from the nearest chosen one; squared, in one precision."""

    def __init__(self, pool: Rows, known: Rows, picked: list[int], kind: type) -> None:
        self._pool, self._kind, self._picked = pool, kind, list(picked)
        self._lengths: np.ndarray = np.empty(len(pool), dtype=kind)
        self.bound: np.ndarray = np.full(len(pool), np.inf, dtype=kind)
        self._seen = np.zeros(len(pool), dtype=np.int64)
        self._known = known
        self._begin()
        self.bound[self._picked] = -np.inf

    def _begin(self) -> None:
        """Hold all documents against those that are labelled."""
        pool, known, kind = self._pool, self._known, self._kind
        for rows in steps(len(pool), pool.rows.shape[1], CELLS):
            x = pool.at(rows, kind)
            self._lengths[rows] = np.einsum("ij,ij->i", x, x)
            for part in steps(len(known), max(x.shape), CELLS):
                self.bound[rows] = np.minimum(self.bound[rows], _apart(x, self._lengths[rows], known.at(part, kind)))

    def extended(self, size: int) -> list[int]:
        """Return what is picked, with more until there are `size` or distances are lost in rounding."""
        while len(self._picked) < size:
            if not len(self._known) and not self._picked:
                at = self._central()
            else:
                at = self._farthest()
                if self.bound[at] <= self._least(at):
                    break
            self._picked.append(at)
            self.bound[at] = -np.inf
        return self._picked

    def _central(self) -> int:
        """Return the document nearest to the mean, which is the origin."""
        near = self._lengths.min()
        return int((self._lengths <= near + slack(self._lengths.max(keepdims=True), near)[0]).argmax())

    def _least(self, at: int) -> float:
        """Return what a squared distance must exceed to be one."""
        rounding = float(slack(self._lengths[at], self.bound[at]))
        return rounding * DIGITS if self._kind is np.float32 else rounding

    def _farthest(self) -> int:
        """Return the document farthest from all chosen ones, the first of those that rounding cannot tell apart."""
        looked_at = LOOKED_AT
        while True:
            n = len(self.bound)
            if looked_at >= n:
                top, others = np.arange(n), -np.inf
            else:
                order = np.argpartition(self.bound, n - looked_at - 1)
                top, others = order[n - looked_at :], float(self.bound[order[n - looked_at - 1]])
            self._refresh(top[self._seen[top] < len(self._picked)])
            best = top[self.bound[top].argmax()]
            least = self.bound[best] - slack(self._lengths[best], self.bound[best])
            if others < least:
                return self._first(np.sort(top[self.bound[top] >= least]))
            looked_at *= 2

    def _first(self, tied: np.ndarray) -> int:
        """Return the farthest of documents that rounding cannot tell apart, by double precision if they are few."""
        if not 1 < len(tied) <= LOOKED_AT or self._kind is np.float64:
            return int(tied[0])
        x = self._pool.at(tied, np.float64)
        lengths = np.einsum("ij,ij->i", x, x)
        apart = np.full(len(x), np.inf)
        for held, which in ((self._known, np.arange(len(self._known))), (self._pool, np.array(self._picked))):
            for part in steps(len(which), max(x.shape), CELLS):
                apart = np.minimum(apart, _apart(x, lengths, held.at(which[part], np.float64)))
        best = apart.argmax()
        return int(tied[(apart >= apart[best] - slack(lengths[best], apart[best])).argmax()])

    def _refresh(self, at: np.ndarray) -> None:
        """Hold documents against what was picked since they were looked at last."""
        for part in steps(len(at), self._pool.rows.shape[1], CELLS):
            some = at[part]
            since = np.array(self._picked[int(self._seen[some].min()) :])
            x = self._pool.at(some, self._kind)
            for chosen in steps(len(since), max(x.shape), CELLS):
                apart = _apart(x, self._lengths[some], self._pool.at(since[chosen], self._kind))
                self.bound[some] = np.minimum(self.bound[some], apart)
            self._seen[some] = len(self._picked)


class _CoverOnDevice(_Cover):
    """The same in single precision, with all distances up to date after each pick."""

    def __init__(self, pool: Rows, known: Rows, tensor: Any) -> None:
        self._cover = device.Cover(tensor, pool.scale, pool.subtracted)
        super().__init__(pool, known, [], np.float32)

    def _begin(self) -> None:
        for part in steps(len(self._known), self._known.rows.shape[1], CELLS):
            self._cover.hold(self._known.at(part, np.float32))
        self._lengths, self.bound = self._cover.lengths, self._cover.nearest

    def _farthest(self) -> int:
        if self._picked:
            self._cover.hold_rows(self._picked[-1:])
            self.bound = self._cover.nearest
            self.bound[self._picked] = -np.inf
        best = self.bound.argmax()
        least = self.bound[best] - slack(self._lengths[best], self.bound[best])
        return self._first(np.flatnonzero(self.bound >= least))


def _apart(x: np.ndarray, lengths: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the squared distance of each row to the nearest of some points."""
    found: np.ndarray = points @ x.T
    found *= -2
    found += np.einsum("ij,ij->i", points, points)[:, None]
    nearest: np.ndarray = found.min(axis=0)
    nearest += lengths
    np.maximum(nearest, 0, out=nearest)
    return nearest
