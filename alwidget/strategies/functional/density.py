"""Documents that are like the pool and unlike what is labelled: chosen without any model's opinion."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_embeddings, as_size, steps
from alwidget.strategies.functional.kmeans import unit_rows

__all__ = ["as_weight", "idds", "idds_scores"]

NOISE = {"float32": 1e-6, "float64": 1e-10}
"""Scores closer than this are equal up to rounding; of those the first in the pool's order is taken."""
RANGE = (1e-15, 1e15)
"""Lengths of vectors whose products single precision holds."""


def idds(embeddings: Any, labelled_embeddings: Any, size: int, lam: float = 0.67) -> np.ndarray:
    """Return documents that are like the pool and unlike what is labelled (IDDS, Tsvigun et al. 2022).

    Each pick counts as labelled before the next is made. Nothing but vectors is needed, so that the order in which
    documents are asked can be known before the first answer.

    Parameters
    ----------
    embeddings
        Vectors of the pool U, shape (N, d), finite; they are compared at unit length. Of exact duplicates one stands
        for all and counts once; the others are asked last.
    labelled_embeddings
        Vectors of the labelled documents L, shape (n, d), or None.
    size
        How many to return.
    lam
        λ in [0, 1]: the weight of likeness to the pool; ``1 - λ`` that of unlikeness to what is labelled.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order picked; a larger `size` extends a smaller one.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, or `lam` is not within [0, 1].

    Notes
    -----
    Costs O(N · d) a pick: the sums of similarities are moved along, no N × N matrix exists.

    Examples
    --------
    >>> idds([[1, 0], [0, 1], [1, 1]], [[1, 0]], 2).tolist()
    [1, 0]
    """
    pool = _Pool(embeddings, labelled_embeddings, as_weight(lam))
    size = min(as_size(size), pool.n)
    picked = np.empty(size, dtype=np.int64)
    first = min(size, pool.open)
    for i in range(first):
        scores = pool.scores()
        scores[pool.closed] = -np.inf
        picked[i] = pool.take(int((scores >= scores.max() - pool.noise).argmax()))
    picked[first:] = np.flatnonzero(pool.repeated)[: size - first]
    return picked


def idds_scores(embeddings: Any, labelled_embeddings: Any, lam: float = 0.67) -> np.ndarray:
    """Return by what `idds` makes its first pick.

    Parameters
    ----------
    embeddings, labelled_embeddings, lam
        As for `idds`.

    Returns
    -------
    numpy.ndarray
        ``λ · mean_U sim - (1 - λ) · mean_L sim`` with sim the cosine, float64, shape (N,); larger = ask first.
        Exact duplicates have the score of the one that stands for them.

    Examples
    --------
    >>> idds_scores([[1, 0], [0, 1], [0.5**0.5, 0.5**0.5]], [[1, 0]]).round(6).tolist()
    [0.051254, 0.381254, 0.305829]
    """
    pool = _Pool(embeddings, labelled_embeddings, as_weight(lam))
    return pool.scores()


class _Pool:
    """The documents that are open, and how like each is to the open and to the labelled ones, summed."""

    def __init__(self, embeddings: Any, labelled_embeddings: Any, lam: float) -> None:
        rows = as_embeddings(embeddings)
        labelled = _labelled(labelled_embeddings, rows.shape[1])
        self.n, self.lam = len(rows), lam
        self.repeated = _repeated(rows)
        self.closed = self.repeated.copy()
        self.open = self.n - int(self.repeated.sum())
        self._rows, over = _scaled(rows)
        self.noise = NOISE[self._rows.dtype.name]
        self._over = over
        to_open = np.zeros(rows.shape[1])
        for part in steps(*rows.shape):
            to_open += (over[part] * ~self.repeated[part]).astype(self._rows.dtype) @ self._rows[part]
        self._likeness = self._sums(to_open)
        known = unit_rows(labelled[~_repeated(labelled)])
        self._known = len(known)
        self._nearness = self._sums(known.sum(axis=0, dtype=np.float64))

    def scores(self) -> np.ndarray:
        """Return the score of every document, float64 (N,)."""
        like = self.lam * self._likeness / max(self.open, 1)
        return np.asarray(like - (1 - self.lam) * self._nearness / max(self._known, 1))

    def take(self, at: int) -> int:
        """Count a document as labelled, and return it."""
        like = (self._rows @ self._rows[at]) * (self._over * self._over[at])
        self._likeness -= like
        self._nearness += like
        self.open, self._known = self.open - 1, self._known + 1
        self.closed[at] = True
        return at

    def _sums(self, total: np.ndarray) -> np.ndarray:
        """Return the inner product of every document, at unit length, with a sum of others, float64 (N,)."""
        products = self._rows @ total.astype(self._rows.dtype)
        return np.asarray(products * self._over)


def as_weight(lam: Any) -> float:
    """Return IDDS' λ as a number from 0 to 1."""
    if isinstance(lam, bool) or not isinstance(lam, int | float | np.number) or not 0 <= float(lam) <= 1:
        message = f"lam must be a number from 0 to 1, got {lam!r}."
        raise StrategyError(message)
    return float(lam)


def _labelled(values: Any, d: int) -> np.ndarray:
    if values is None or (hasattr(values, "__len__") and len(values) == 0):
        return np.empty((0, d))
    labelled = as_embeddings(values, "labelled_embeddings")
    if labelled.shape[1] != d:
        message = f"embeddings have {d} dimensions, labelled_embeddings {labelled.shape[1]}."
        raise StrategyError(message)
    return labelled


def _scaled(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows, copied only where products of them would not be exact, and what makes their length one."""
    lengths = _lengths(rows)
    some = lengths[lengths > 0]
    if rows.dtype not in (np.float32, np.float64) or (some.size and (some.min() < RANGE[0] or some.max() > RANGE[1])):
        rows = unit_rows(rows)
        lengths = _lengths(rows)
    return rows, np.divide(1, lengths, where=lengths > 0, out=np.zeros(len(lengths)))


def _lengths(rows: np.ndarray) -> np.ndarray:
    out = np.empty(len(rows))
    with np.errstate(over="ignore"):
        for part in steps(*rows.shape):
            out[part] = np.sqrt(np.square(rows[part], dtype=np.float64).sum(axis=1))
    return out


def _repeated(rows: np.ndarray) -> np.ndarray:
    """Return which rows equal an earlier one, bool (N,).

    Rows are told apart by a 64-bit sum over their bits: exact, unlike a product of floats, and in one pass.
    """
    keys = np.empty(len(rows), dtype=np.uint64)
    factors = np.random.default_rng(0).integers(1, 2**63, rows.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for part in steps(*rows.shape):
        bits = (rows[part].astype(np.float64) + 0.0).view(np.uint64)  # + 0.0: minus zero is zero
        bits ^= bits >> np.uint64(29)  # the low bits of a number that was single precision are all zero
        keys[part] = (bits * factors).sum(axis=1, dtype=np.uint64)
    again = np.ones(len(rows), dtype=bool)
    again[np.unique(keys, return_index=True)[1]] = False
    return again
