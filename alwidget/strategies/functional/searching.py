"""Exact nearest neighbours, by matrix products over chunks.

Single precision finds the few points that can be among the nearest, differences in double precision put those in
order. What single precision cannot tell apart is looked at again in double precision, so that the answer is the one
that the definition gives, ties by position included.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional import device
from alwidget.strategies.functional.checks import as_choice, as_embeddings, steps
from alwidget.strategies.functional.kmeans import unit_rows

__all__ = ["METRICS", "Neighbours", "Rows", "as_metric", "as_queries", "exactly", "in_order", "slack"]

METRICS = ("euclidean", "cosine")
QUERIES, POINTS = 2048, 4096
"""Queries and points of one matrix product."""
HELD = 64 << 20
"""Up to so many bytes points are prepared once; more are prepared again for each chunk of queries."""
SPARE = 24
"""Points beyond k that are kept for each query, because rounding may have put them behind."""
GROUPS = 64
"""Points are put in this many groups (or 4 k); the k-th smallest of their minima bounds the k-th smallest distance."""
COSINE_DIGITS = 14
"""Cosines are told apart to so many digits."""
CELLS = 1 << 16
"""Numbers that are worked on at a time where differences are taken: they stay in a core's cache."""
ROUNDING = {"float32": 1e-6, "float64": 4e-15}
"""How wrong a squared distance may be, as a share of the squared lengths that it is the difference of."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest points of some queries.

    Attributes
    ----------
    indices
        Positions of the points, nearest first, int64, shape (m, k).
    distances
        Distances to them, float64, shape (m, k): Euclidean, or one minus the cosine.
    recall
        The share of the true neighbours that was found, measured on a sample; 1.0 where the search was exact.
    """

    indices: np.ndarray
    distances: np.ndarray
    recall: float = 1.0


def as_metric(value: Any) -> str:
    """Return `value` if it is the name of a metric.

    >>> as_metric("cosine")
    'cosine'
    """
    return as_choice(value, "metric", METRICS)


def as_queries(values: Any, d: int, name: str = "queries") -> np.ndarray:
    """Return vectors of `d` dimensions, (m, d); none at all is (0, d)."""
    if values is None or (hasattr(values, "__len__") and len(values) == 0):
        return np.empty((0, d), dtype=np.float32)
    rows = as_embeddings(values, name)
    if rows.shape[1] != d:
        message = f"{name} have {rows.shape[1]} dimensions, but the vectors they are held against {d}."
        raise StrategyError(message)
    return rows


def exactly(queries: np.ndarray, points: np.ndarray, k: int, *, unit: bool, tensor: Any = None) -> Neighbours:
    """Return the neighbours of checked arrays, see `nearest`; `tensor` are the points where a device is to search."""
    indices = np.empty((len(queries), k), dtype=np.int64)
    distances = np.empty((len(queries), k))
    held = Rows.of(points, unit=unit)
    there = None if tensor is None else device.Points(tensor, held.scale, held.subtracted)
    for part in steps(len(queries), 1, QUERIES):
        some = Rows(queries[part], held.scale, held.offset)
        found, sure = _shortlist(some, held, k, np.float32) if there is None else _on_device(some, there, k)
        if not sure.all():
            again = Rows(some.rows[~sure], held.scale, held.offset)
            found[~sure] = _shortlist(again, held, k, np.float64)[0]
        indices[part], distances[part] = in_order(some, held, k, found)
    return Neighbours(indices, distances)


class Rows:
    """The rows of a matrix as they are compared: scaled so that no square overflows, less the mean of the points."""

    def __init__(self, rows: np.ndarray, scale: float | None, offset: np.ndarray) -> None:
        self.rows, self.scale, self.offset = rows, scale, offset
        self._short = offset.astype(np.float32)
        self._held: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, rows: np.ndarray, *, unit: bool) -> Rows:
        """Return points; `scale` is None where they are to have unit length, else a power of two: no digit is lost."""
        largest = 1.0 if unit else max(abs(float(rows.max())), abs(float(rows.min())))
        scale = None if unit else 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0
        raw = cls(rows, scale, np.zeros(rows.shape[1]))
        total = np.zeros(rows.shape[1])
        for part in steps(len(rows), rows.shape[1], CELLS):
            total += raw.at(part, np.float32).sum(axis=0, dtype=np.float64)
        found = cls(rows, scale, total / len(rows))
        if rows.size * 4 <= HELD:
            found._held = found._with_squares(slice(None), np.float32)
        return found

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, which: slice | np.ndarray, kind: type) -> np.ndarray:
        """Return some rows, centred, in single or double precision, as a fresh array."""
        if kind is np.float64:
            centred: np.ndarray = self.precisely(which) - self.offset
            return centred
        part = self.rows[which]
        if self.scale is None:
            out = unit_rows(part)
        elif self._single:
            out = part * np.float32(1 / self.scale)
        else:
            short: np.ndarray = (part / self.scale - self.offset).astype(np.float32)
            return short
        out -= self._short
        return out

    @property
    def _single(self) -> bool:
        """Whether single precision holds the rows and the inverse of their scale."""
        return self.rows.dtype == np.float32 and self.scale is not None and self.scale > 1e-30  # noqa: PLR2004

    @property
    def subtracted(self) -> np.ndarray:
        """What single precision subtracts, (d,)."""
        return self._short if self.scale is None or self._single else self.offset

    def precisely(self, which: slice | np.ndarray) -> np.ndarray:
        """Return some rows in double precision, not centred: their differences then lose nothing."""
        part = self.rows[which].astype(np.float64)
        part /= self.scale if self.scale is not None else self.lengths[which, None]
        return part

    @cached_property
    def lengths(self) -> np.ndarray:
        """The Euclidean length of every row, float64; one for rows of zeros."""
        out = np.empty(len(self.rows))
        for part in steps(*self.rows.shape):
            x = self.rows[part].astype(np.float64)
            largest = np.abs(x).max(axis=1)
            largest[largest == 0] = 1
            x /= largest[:, None]
            out[part] = np.sqrt(np.einsum("ij,ij->i", x, x)) * largest
        out[out == 0] = 1
        return out

    def with_squares(self, part: slice, kind: type) -> tuple[np.ndarray, np.ndarray]:
        """Return some rows and their squared lengths."""
        if self._held is not None and kind is np.float32:
            return self._held[0][part], self._held[1][part]
        return self._with_squares(part, kind)

    def _with_squares(self, part: slice, kind: type) -> tuple[np.ndarray, np.ndarray]:
        x = self.at(part, kind)
        return x, np.einsum("ij,ij->i", x, x)


def _shortlist(queries: Rows, points: Rows, k: int, kind: type) -> tuple[np.ndarray, np.ndarray]:
    """Return the points that can be among the k nearest, and whether there are no others.

    Returns
    -------
    found
        Positions, ascending where they count, int64 (m, k + SPARE); -1 where there are fewer.
    sure
        Whether all that rounding leaves possible are among them, bool (m,).
    """
    q = queries.at(slice(None), kind)
    q2 = np.einsum("ij,ij->i", q, q)
    q *= -2
    kept = np.full((len(q), k + SPARE), -1, dtype=np.int64)
    values: np.ndarray = np.full(kept.shape, np.inf, dtype=kind)
    sure = np.ones(len(q), dtype=bool)
    bound: np.ndarray = np.full(len(q), np.inf, dtype=kind)
    for part in steps(len(points), 1, POINTS):
        x, x2 = points.with_squares(part, kind)
        apart = q @ x.T
        apart += x2
        # squared distances less the squared length of the query, which is the same for all points
        np.minimum(bound, _bound(apart, k) + q2, out=bound)
        within = apart <= (bound + slack(q2, bound) - q2)[:, None]
        rows, columns = np.divmod(np.flatnonzero(within), apart.shape[1])
        if len(rows):
            squared = apart[rows, columns] + q2[rows]
            more, of = _padded(rows, columns + part.start, len(q)), _padded(rows, squared, len(q))
            sure &= _merge(kept, values, more, of, q2, k)
            np.minimum(bound, _kth(values, k), out=bound)
    return kept, sure


def _on_device(queries: Rows, points: device.Points, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what `_shortlist` does, in single precision, of points on a device."""
    q = queries.at(slice(None), np.float32)
    q2 = np.einsum("ij,ij->i", q, q)
    found, apart = points.nearest(q, k + SPARE + 1)
    squared = apart + q2[:, None]
    last = squared[:, k - 1]
    possible = squared <= (last + slack(q2, last))[:, None]
    kept = np.full((len(q), k + SPARE), -1, dtype=np.int64)
    width = min(kept.shape[1], found.shape[1])
    kept[:, :width] = np.where(possible, found, -1)[:, :width]
    return kept, ~possible[:, width:].any(axis=1)


def slack(squared: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Return how wrong squared distances near `bound` may be, of queries whose squared lengths are these."""
    near = np.where(np.isfinite(bound), np.maximum(bound, 0), 0)
    wrong: np.ndarray = ROUNDING[squared.dtype.name] * (3 * squared + 2 * near)
    return wrong


def _kth(values: np.ndarray, k: int) -> np.ndarray:
    """Return the k-th smallest of each row."""
    smallest: np.ndarray = np.partition(values, k - 1, axis=1)[:, k - 1]
    return smallest


def _bound(apart: np.ndarray, k: int) -> np.ndarray:
    """Return a number per row that at least k of its values do not exceed; infinite where there are fewer than k."""
    rows, columns = apart.shape
    groups = max(GROUPS, 4 * k)
    each = columns // groups
    if each >= 2:  # noqa: PLR2004
        # minima of groups are had at the speed of memory
        return _kth(apart[:, : each * groups].reshape(rows, each, groups).min(axis=1), k)
    return _kth(apart, k) if columns >= k else np.full(rows, np.inf, dtype=apart.dtype)


def _padded(rows: np.ndarray, values: np.ndarray, m: int) -> np.ndarray:
    """Return values as a matrix of m rows, filled up at the right with -1 or infinity; `rows` are ascending."""
    counts = np.bincount(rows, minlength=m)
    starts = np.cumsum(counts) - counts
    empty = np.inf if values.dtype.kind == "f" else -1
    out = np.full((m, int(counts.max())), empty, dtype=values.dtype)
    out[rows, np.arange(len(rows)) - starts[rows]] = values
    return out


def _merge(
    kept: np.ndarray, values: np.ndarray, more: np.ndarray, of: np.ndarray, q2: np.ndarray, k: int
) -> np.ndarray:
    """Put later points among those kept, in place; return where nothing that can still count was left out."""
    width = kept.shape[1]
    positions, squared = np.concatenate([kept, more], axis=1), np.concatenate([values, of], axis=1)
    last = _kth(squared, k)[:, None]
    wrong = slack(q2, last[:, 0])[:, None]
    # what cannot be told apart from the k-th counts as equal to it, so that positions decide
    key = np.where(squared < last - wrong, squared, np.where(squared <= last + wrong, last, np.inf))
    chosen = np.argsort(key, axis=1, kind="stable")[:, :width]
    chosen.sort(axis=1)
    possible = np.isfinite(np.take_along_axis(key, chosen, axis=1))
    kept[:] = np.where(possible, np.take_along_axis(positions, chosen, axis=1), -1)
    values[:] = np.where(possible, np.take_along_axis(squared, chosen, axis=1), np.inf)
    return np.asarray(np.isfinite(key).sum(axis=1) <= width)


def in_order(queries: Rows, points: Rows, k: int, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest of a shortlist by differences in double precision, equally near ones by position."""
    rows, columns = np.nonzero(found >= 0)
    squared = np.full(found.shape, np.inf)
    for part in steps(len(rows), points.rows.shape[1], CELLS):
        apart = points.precisely(found[rows[part], columns[part]])
        apart -= queries.precisely(rows[part])
        squared[rows[part], columns[part]] = np.einsum("ij,ij->i", apart, apart)
    if points.scale is None:
        squared = (squared / 2).round(COSINE_DIGITS)  # multiples of one vector have one direction
    order = np.lexsort((np.where(found >= 0, found, len(points)), squared), axis=1)[:, :k]
    nearest_first = np.take_along_axis(squared, order, axis=1)
    distances = nearest_first if points.scale is None else np.sqrt(nearest_first) * points.scale
    return np.take_along_axis(found, order, axis=1), distances
