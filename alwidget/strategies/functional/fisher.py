"""The Fisher information of the last layer at documents, in as few coordinates as it has.

At a document it is (diag(p) - p pᵀ) ⊗ h hᵀ. The class factor has rank C - 1, and is the same for all documents in one
direction, in which nothing can be learned; so classes are written in C - 1 coordinates, and a document as a factor A
of C - 1 rows, V = A ⊗ h. Nothing of N × C · d is ever made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.strategies.functional.checks import steps

__all__ = ["Documents", "Information", "blocks", "forms"]

EXACT_ROWS, ROWS = 16, 8
ROW_BYTES = 160 << 20
"""With more than so many classes but one a document keeps the rows of its likeliest answers only, fewer of them where
there are very many candidates."""
CELLS = 1 << 20
"""Numbers that are worked on at a time."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Factors of the Fisher information of documents.

    Attributes
    ----------
    rows
        A, shape (N, R, C - 1), in the precision of `h`.
    h
        What the last layer reads, shape (N, d).
    """

    rows: np.ndarray
    h: np.ndarray

    @classmethod
    def of(cls, p: np.ndarray, h: np.ndarray, weight: float = 1.0) -> Documents:
        """Return the factors of documents by their probabilities; R is C - 1 where that is not too much to keep."""
        n, r = len(p), p.shape[1] - 1
        kept = r if r <= EXACT_ROWS else ROWS
        while kept > 1 and n * kept * (16 * kept + h.itemsize * r) > ROW_BYTES:
            kept -= 1
        rows = np.empty((n, kept, r), dtype=np.result_type(h.dtype, np.float32))
        for part in steps(n, p.shape[1] * (kept + 1)):
            rows[part] = math.sqrt(weight) * (_factor(p[part]) if kept == r else _likeliest(p[part], kept))
        return cls(rows, h)

    def __len__(self) -> int:
        """Return N."""
        return len(self.rows)

    def columns(self, at: np.ndarray) -> np.ndarray:
        """Return Vᵀ of some documents, float64 ((C - 1) · d, n · R)."""
        v = np.einsum("nac,nd->cdna", self.rows[at], self.h[at], dtype=np.float64)
        columns: np.ndarray = v.reshape(v.shape[0] * v.shape[1], -1)
        return columns


@dataclass(frozen=True, slots=True)
class Information:
    """What is known before anything is picked, and what the pool needs to be known.

    Attributes
    ----------
    inverse
        M⁻¹ of the labelled documents, float64 (D, D) with D = (C - 1) · d; None where nothing is labelled and M is
        `lam` times the identity.
    needed
        F, float64 (D, D).
    lam
        The diagonal of M without labelled documents.
    """

    inverse: np.ndarray | None
    needed: np.ndarray
    lam: float

    @classmethod
    def of(
        cls, pool: tuple[np.ndarray, np.ndarray], labelled: tuple[np.ndarray, np.ndarray], lam: float, weight: float
    ) -> Information:
        """Return it by probabilities and vectors of pool and labelled documents; `weight` is that of the latter."""
        needed = _fisher(*pool)
        if not len(labelled[0]):
            return cls(None, needed / len(pool[0]), lam)
        known = _fisher(*labelled)
        needed += known
        needed /= len(pool[0]) + len(labelled[0])
        known *= weight
        known[np.diag_indices_from(known)] += lam
        return cls(_inverse(known), needed, lam)

    def solve(self, columns: np.ndarray) -> np.ndarray:
        """Return M⁻¹ times some columns."""
        return columns / self.lam if self.inverse is None else self.inverse @ columns

    def both(self) -> np.ndarray:
        """Return M⁻¹ F M⁻¹."""
        return self.needed / self.lam**2 if self.inverse is None else self.inverse @ self.needed @ self.inverse


def _factor(p: np.ndarray) -> np.ndarray:
    """Return A with Aᵀ A = diag(p) - p pᵀ in C - 1 coordinates, float64 (n, C - 1, C - 1).

    The Cholesky factor of the covariance of one draw is known in closed form (Tanabe & Sagae 1992), also where some
    probabilities are zero.
    """
    p = _normalised(p)
    tails = np.cumsum(p[:, ::-1], axis=1)[:, ::-1]
    here, after = tails[:, :-1], tails[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.sqrt(p[:, :-1] * after / here)
        cross = np.sqrt(p[:, :-1] / (after * here))
    own, cross = np.where(here > 0, own, 0), np.where(after > 0, cross, 0)
    upper = -np.triu(cross[:, :, None] * p[:, None, :], 1)
    at = np.arange(upper.shape[1])
    upper[:, at, at] = own
    rows: np.ndarray = upper @ _coordinates(p.shape[1])
    return rows


def _likeliest(p: np.ndarray, kept: int) -> np.ndarray:
    """Return the rows √p_y (p - e_y) of the likeliest answers in C - 1 coordinates, float64 (n, kept, C - 1)."""
    p = _normalised(p)
    answers = np.sort(np.argpartition(-p, kept - 1, axis=1)[:, :kept], axis=1)
    share = np.sqrt(np.take_along_axis(p, answers, axis=1))
    basis = _coordinates(p.shape[1])
    out: np.ndarray = share[:, :, None] * ((p @ basis)[:, None] - basis[answers])
    return out


def _normalised(p: np.ndarray) -> np.ndarray:
    p = np.maximum(p.astype(np.float64), 0)
    out: np.ndarray = p / p.sum(axis=1, keepdims=True)
    return out


def _coordinates(classes: int) -> np.ndarray:
    """Return an orthonormal basis of what sums to zero, float64 (C, C - 1)."""
    from scipy.linalg import helmert

    return np.asarray(helmert(classes)).T


def _fisher(p: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the sum of the Fisher information of documents, float64 (D, D)."""
    r, d = p.shape[1] - 1, h.shape[1]
    basis = _coordinates(p.shape[1])
    out = np.zeros((r, d, r, d))
    for part in steps(len(p), max(r * d, r * r), CELLS):
        q, x = _normalised(p[part]), h[part]
        mean = q @ basis
        spread = np.einsum("ny,ya,yb->nab", q, basis, basis, optimize=True) - mean[:, :, None] * mean[:, None]
        spread = spread.astype(x.dtype, copy=False)
        for a in range(r):
            weighed = (spread[:, a, a:, None] * x[:, None]).reshape(len(x), -1)
            out[a, :, a:] += (x.T @ weighed).reshape(d, r - a, d)
    for a in range(r):
        for b in range(a):
            out[a, :, b] = out[b, :, a]
    return out.reshape(r * d, r * d)


def blocks(matrix: np.ndarray, d: int, dtype: Any) -> np.ndarray:
    """Return the blocks of a symmetric matrix, (r, d, r, d), in the precision of the vectors."""
    r = len(matrix) // d
    return matrix.reshape(r, d, r, d).astype(dtype, copy=False)


def forms(blocks: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return hᵀ B h for each block B of a symmetric matrix and each vector, float64 (n, r, r)."""
    r, d = blocks.shape[:2]
    out = np.empty((len(h), r, r))
    for a in range(r):
        turned = (h @ blocks[a, :, a:].reshape(d, -1)).reshape(len(h), r - a, d)
        out[:, a, a:] = np.einsum("nbd,nd->nb", turned, h)
        out[:, a:, a] = out[:, a, a:]
    return out


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a symmetric positive definite matrix, which is overwritten."""
    from scipy.linalg import get_lapack_funcs

    factorise, invert = get_lapack_funcs(("potrf", "potri"), (matrix,))
    factor, _ = factorise(matrix.T, lower=True, overwrite_a=True)
    found, _ = invert(factor, lower=True, overwrite_c=True)
    lower: np.ndarray = np.tril(found)
    lower += np.tril(found, -1).T
    return lower
