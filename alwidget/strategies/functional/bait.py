"""BAIT: documents after whose answers the last layer is known best where the pool needs it.

What a document would add is told by two small blocks, V M⁻¹ Vᵀ and V M⁻¹ F M⁻¹ Vᵀ, and a pick changes those of all
candidates by products of few columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_embeddings, as_number, as_probs, as_size, same_length, steps
from alwidget.strategies.functional.fisher import Documents, Information, blocks, forms
from alwidget.strategies.functional.gradients import projection

__all__ = ["Search", "bait", "traces"]

EXACT = 4096
"""Up to this many classes times dimensions, vectors are taken as they are."""
COORDINATES = 2048
WIDTHS = (16, 256)
"""Beyond it they are projected, to so many dimensions that about `COORDINATES` are left, within these bounds."""
CELLS = 1 << 20
CANDIDATES = 4096
"""What is worked on at a time: numbers of a product, and candidates."""
SAME = 1e-6
"""Gains that differ by a smaller share are equal: single precision tells no more."""
JITTER = 1e-8


def bait(
    probs: Any,
    embeddings: Any,
    labelled_probs: Any,
    labelled_embeddings: Any,
    size: int,
    *,
    lam: float = 1.0,
    oversample: float = 2.0,
    reference_scaling: bool = False,
) -> np.ndarray:
    """Return documents whose answers leave least to know about the pool (BAIT, Ash et al. 2021).

    With F the mean Fisher information of the last layer over pool and labelled documents and M that of the labelled
    and picked ones, ``tr(M⁻¹ F)`` is what is not known of the pool. Documents are added so that it falls the most,
    more of them than asked, then those are taken out again without which it rises the least.

    Parameters
    ----------
    probs, embeddings
        Class probabilities, shape (N, C), and what the last layer reads, shape (N, d), finite.
    labelled_probs, labelled_embeddings
        The same of the labelled documents, shapes (n, C) and (n, d); None or empty where there are none.
    size
        How many to return.
    lam
        What M holds on its diagonal before anything is labelled, above 0.
    oversample
        How many times `size` are picked before some are taken out again, at least 1.
    reference_scaling
        Weigh as the authors' code does: labelled documents ``1 / (n + size)`` each, candidates ``size / (n + size)``.
        Otherwise every document counts 1.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order picked.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, do not fit together, or a number is out of its range.

    Notes
    -----
    Where C · d is above 4096, vectors are projected by a fixed matrix of orthogonal columns to 16 … 256 dimensions.
    With more than 17 classes, or very many candidates, a document counts with its likeliest answers only.

    Examples
    --------
    >>> p, vectors = [[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]], [[1.0], [3.0], [4.0]]
    >>> bait(p, vectors, None, None, 1, lam=2, oversample=1).tolist()
    [1]
    """
    size = as_size(size)
    lam, oversample = as_number(lam, "lam", above=0), as_number(oversample, "oversample", least=1)
    p, h = as_probs(probs), as_embeddings(embeddings)
    n = same_length(probs=p, embeddings=h)
    labelled = _labelled(labelled_probs, labelled_embeddings, p.shape[1], h.shape[1])
    size = min(size, n)
    classes = p.shape[1]
    if classes == 1 or not size:
        return np.arange(size, dtype=np.int64)
    if classes * h.shape[1] > EXACT:
        width = int(np.clip(COORDINATES // (classes - 1), *WIDTHS))
        h, labelled = _projected(h, width), (labelled[0], _projected(labelled[1], width))
    weights = (1 / (len(labelled[0]) + size), size / (len(labelled[0]) + size)) if reference_scaling else (1.0, 1.0)
    information = Information.of((p, h), labelled, lam, weights[0])
    pool = Documents.of(p, h, weights[1])
    picked = _forward(pool, information, min(math.ceil(oversample * size), n))
    return _pruned(Documents.of(p[picked], h[picked].astype(np.float64), weights[1]), information, picked, size)


class Search:
    """The blocks of all candidates while documents are added: V M⁻¹ Vᵀ and V M⁻¹ F M⁻¹ Vᵀ, each (R, R, N)."""

    def __init__(self, pool: Documents, information: Information) -> None:
        self.pool, self.information = pool, information
        self.rows = np.ascontiguousarray(pool.rows.transpose(1, 2, 0))
        rows = pool.rows.shape[1]
        self.seen, self.worth = np.empty((rows, rows, len(pool))), np.empty((rows, rows, len(pool)))
        self.added: list[np.ndarray] = []
        d = pool.h.shape[1]
        inner = None if information.inverse is None else blocks(information.inverse, d, pool.h.dtype)
        both = blocks(information.both(), d, pool.h.dtype)
        for part in steps(len(pool), both.shape[0] * d, CELLS):
            a, h = pool.rows[part].astype(np.float64), pool.h[part]
            turned = a.transpose(0, 2, 1)
            if inner is None:
                length = np.einsum("nd,nd->n", h, h, dtype=np.float64) / information.lam
                found = (a @ turned) * length[:, None, None]
            else:
                found = a @ forms(inner, h) @ turned
            self.seen[:, :, part] = found.transpose(1, 2, 0)
            self.worth[:, :, part] = (a @ forms(both, h) @ turned).transpose(1, 2, 0)

    def gains(self) -> np.ndarray:
        """Return by how much tr(M⁻¹ F) falls when each document is added, float64 (N,)."""
        out = np.empty(len(self.pool))
        for part in steps(len(out), 1, CANDIDATES):
            out[part] = traces(self.seen[:, :, part], self.worth[:, :, part], 1.0)
        return out

    def add(self, at: int) -> None:
        """Add a document to those that are known."""
        v = self.pool.columns(np.array([at]))
        inverse_v = self._solve(v)
        lower = np.linalg.cholesky(np.eye(v.shape[1]) + v.T @ inverse_v)
        q = np.linalg.solve(lower, inverse_v.T).T
        needed_q = self.information.needed @ q
        w = self._solve(needed_q) - 0.5 * q @ (q.T @ needed_q)
        self.added.append(q)
        (d, rows), h = (self.pool.h.shape[1], v.shape[1]), self.pool.h
        both = np.concatenate([q, w], axis=1).reshape(-1, d, 2 * rows)
        both = np.ascontiguousarray(both.transpose(0, 2, 1).reshape(-1, d), dtype=self.rows.dtype)
        for part in steps(len(self.pool), len(both), CELLS):
            products = np.ascontiguousarray((h[part] @ both.T).T).reshape(self.rows.shape[1], 2 * rows, -1)
            found = np.stack([np.einsum("cx,cjx->jx", one, products) for one in self.rows[:, :, part]])
            vq, vw = found[:, :rows], found[:, rows:]
            self.seen[:, :, part] -= np.einsum("ajx,bjx->abx", vq, vq)
            cross = np.einsum("ajx,bjx->abx", vq, vw)
            self.worth[:, :, part] -= cross + cross.transpose(1, 0, 2)

    def _solve(self, columns: np.ndarray) -> np.ndarray:
        out = self.information.solve(columns)
        for q in self.added:
            out -= q @ (q.T @ columns)
        return out


def traces(seen: np.ndarray, worth: np.ndarray, sign: float) -> np.ndarray:
    """Return tr[(I ± seen)⁻¹ worth] of blocks that lie side by side, shape (R, R, n), by elimination without pivots.

    >>> traces(np.full((1, 1, 2), 0.5), np.array([[[3.0, 6.0]]]), 1.0).tolist()
    [2.0, 4.0]
    """
    a, b = sign * seen, worth.copy()
    diagonal = np.arange(len(a))
    a[diagonal, diagonal] += 1 + JITTER * (sign < 0)
    out = np.zeros(a.shape[2])
    for j in range(len(a)):
        pivot = np.maximum(a[j, j], JITTER)
        out += b[j, j] / pivot
        below = slice(j + 1, None)
        share = a[below, j] / pivot
        a[below, below] -= share[:, None] * a[j, below]
        b[below, j:] -= share[:, None] * b[j, j:]
        b[below, below] -= share * b[below, j][:, None]
    return out


def _forward(pool: Documents, information: Information, size: int) -> np.ndarray:
    """Return documents in the order in which they lower tr(M⁻¹ F) the most, one after the other."""
    search, picked = Search(pool, information), np.empty(size, dtype=np.int64)
    free = np.ones(len(pool), dtype=bool)
    for i in range(size):
        gains = np.where(free, search.gains(), -np.inf)
        best = gains.max()
        picked[i] = int((gains >= best - SAME * abs(best)).argmax())
        free[picked[i]] = False
        if i + 1 < size:
            search.add(int(picked[i]))
    return picked


def _pruned(documents: Documents, information: Information, picked: np.ndarray, size: int) -> np.ndarray:
    """Return what is left of `picked` when those without which tr(M⁻¹ F) rises the least are taken out.

    All there is to know of the documents are the products of their columns, so nothing of D coordinates is touched
    after those are made.
    """
    if len(picked) == size:
        return picked
    count, rows = documents.rows.shape[:2]
    v = documents.columns(np.arange(count))
    inverse_v = information.solve(v)
    before, worth = v.T @ inverse_v, inverse_v.T @ (information.needed @ inverse_v)
    seen = np.linalg.solve(np.eye(len(before)) + before, before)
    shrunk = np.eye(len(before)) - seen
    worth = shrunk.T @ worth @ shrunk
    left = np.arange(count)
    while len(left) > size:
        own = [m.reshape(count, rows, count, rows)[left, :, left].transpose(1, 2, 0) for m in (seen, worth)]
        losses = traces(own[0], own[1], -1.0)
        least = losses.min()
        last = int(np.flatnonzero(losses <= least + SAME * abs(least))[-1])
        at = slice(left[last] * rows, (left[last] + 1) * rows)
        share = np.linalg.inv((1 + JITTER) * np.eye(rows) - seen[at, at])
        kept, gone = seen[:, at] @ share, worth[:, at].copy()
        worth += kept @ gone.T + gone @ kept.T + kept @ gone[at] @ kept.T
        seen += kept @ seen[at]
        left = np.delete(left, last)
    return picked[left]


def _projected(h: np.ndarray, width: int) -> np.ndarray:
    basis = projection(h.shape[1], width)
    return h if basis is None else h @ basis.astype(np.result_type(h.dtype, np.float32))


def _labelled(probs: Any, embeddings: Any, classes: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and vectors of the labelled documents, of which there may be none."""
    if all(one is None or not len(one) for one in (probs, embeddings)):
        return np.empty((0, classes)), np.empty((0, d))
    p, h = as_probs(probs, "labelled_probs"), as_embeddings(embeddings, "labelled_embeddings")
    same_length(labelled_probs=p, labelled_embeddings=h)
    if p.shape[1] != classes or h.shape[1] != d:
        message = f"Labelled documents must have the {classes} classes and {d} dimensions of the others, got "
        message += f"labelled_probs {p.shape}, labelled_embeddings {h.shape}."
        raise StrategyError(message)
    return p, h
