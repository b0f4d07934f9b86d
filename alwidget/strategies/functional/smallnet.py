"""A small network that tells two kinds of vectors apart, trained in about a second without a deep learning library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alwidget.strategies.functional.checks import steps

__all__ = ["SmallNet", "Standard", "train"]

CELLS = 1 << 20
"""Numbers that are worked on at a time."""
STEPS = 8
"""Steps of an epoch, at least: a few dozen documents in one batch would hardly move the weights."""
DECAY = 0.01
FIRST_MOMENT, SECOND_MOMENT, TINY = 0.9, 0.999, 1e-8


@dataclass(frozen=True, slots=True)
class Standard:
    """How vectors are brought to mean zero and variance one in each dimension.

    Attributes
    ----------
    mean, scale
        What is subtracted and what the rest is divided by, float64 (d,); by one where nothing varies.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, *matrices: np.ndarray) -> Standard:
        """Return the mean and spread of the rows of all matrices together, without a copy of them."""
        d, n = matrices[0].shape[1], sum(len(rows) for rows in matrices)
        mean, squares = np.zeros(d), np.zeros(d)
        for rows in matrices:
            for part in steps(len(rows), d, CELLS):
                mean += rows[part].sum(axis=0, dtype=np.float64)
        mean /= n
        for rows in matrices:
            for part in steps(len(rows), d, CELLS):
                apart = _less(rows[part], mean)
                squares += np.einsum("ij,ij->j", apart, apart)
        scale = np.sqrt(squares / n)
        # what varies by no more than single precision can hold does not vary
        return cls(mean, np.where(scale > 1e-7 * np.abs(mean), scale, 1))

    def at(self, rows: np.ndarray) -> np.ndarray:
        """Return rows standardised, float32 (n, d), as a fresh array."""
        out = _less(rows, self.mean).astype(np.float32, copy=False)
        out *= (1 / self.scale).astype(np.float32)
        return out


@dataclass(frozen=True, slots=True)
class SmallNet:
    """One layer of rectified units and a logit.

    Attributes
    ----------
    standard
        How what comes in is standardised.
    inner
        Weights and biases of the layer, float32 (d + 1, h); the last row are the biases.
    outer
        Weights and bias of the logit, float32 (h + 1,).
    """

    standard: Standard
    inner: np.ndarray
    outer: np.ndarray

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return the logit of the second kind for vectors (n, d), float64 (n,)."""
        out = np.empty(len(rows))
        for part in steps(len(rows), max(self.inner.shape), CELLS):
            units = np.maximum(self.standard.at(rows[part]) @ self.inner[:-1] + self.inner[-1], 0)
            out[part] = units.astype(np.float64) @ self.outer[:-1] + self.outer[-1]
        return out


def train(
    rows: np.ndarray,
    second: np.ndarray,
    standard: Standard,
    rng: np.random.Generator,
    *,
    hidden: int = 300,
    epochs: int = 30,
    rate: float = 1e-3,
    batch: int = 64,
) -> SmallNet:
    """Return a network that tells two kinds of vectors apart, by AdamW on the balanced cross-entropy.

    Parameters
    ----------
    rows
        Vectors, finite, shape (n, d).
    second
        Whether each is of the second kind, bool (n,); there are both kinds. Each kind counts as much as the other.
    standard
        How vectors are standardised.
    rng
        Where first weights and the order of documents come from.
    hidden
        Units of the layer.
    epochs
        How often every document is seen.
    rate
        The learning rate.
    batch
        Documents of a step; fewer where an epoch would have less than 8 steps.
    """
    x = standard.at(rows)
    n, d = x.shape
    each = np.where(second, n / (2 * second.sum()), n / (2 * (~second).sum())).astype(np.float32)
    target = second.astype(np.float32)
    weights = _Adam((d + 1) * hidden + hidden + 1, rate)
    inner = weights.values[: (d + 1) * hidden].reshape(d + 1, hidden)
    outer = weights.values[(d + 1) * hidden :]
    inner[:] = rng.uniform(-1, 1, inner.shape) / np.sqrt(d)
    outer[:] = rng.uniform(-1, 1, outer.shape) / np.sqrt(hidden)
    to_inner = weights.gradient[: inner.size].reshape(inner.shape)
    to_outer = weights.gradient[inner.size :]
    batch = max(min(batch, n // STEPS), 1)
    for _ in range(epochs):
        order = rng.permutation(n)
        for part in steps(n, 1, batch):
            at = order[part]
            units = np.maximum(x[at] @ inner[:-1] + inner[-1], 0)
            wrong = (_sigmoid(units @ outer[:-1] + outer[-1]) - target[at]) * each[at] / len(at)
            to_outer[:-1], to_outer[-1] = wrong @ units, wrong.sum()
            back = (wrong[:, None] * outer[:-1]) * (units > 0)
            np.matmul(x[at].T, back, out=to_inner[:-1])
            to_inner[-1] = back.sum(axis=0)
            weights.step()
    return SmallNet(standard, inner, outer)


class _Adam:
    """Weights as one vector, moved by their gradient as AdamW does (Loshchilov & Hutter 2019)."""

    def __init__(self, size: int, rate: float) -> None:
        self.values, self.gradient = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
        self._mean, self._square = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
        self._rate, self._steps = rate, 0
        self._room = np.empty(size, dtype=np.float32)

    def step(self) -> None:
        """Move the weights against the gradient."""
        self._steps += 1
        room = self._room
        self._mean += np.multiply(np.subtract(self.gradient, self._mean, out=room), 1 - FIRST_MOMENT, out=room)
        self._square *= SECOND_MOMENT
        self._square += np.multiply(np.square(self.gradient, out=room), 1 - SECOND_MOMENT, out=room)
        np.sqrt(self._square, out=room)
        room /= np.sqrt(1 - SECOND_MOMENT**self._steps)
        room += TINY
        np.divide(self._mean, room, out=room)
        room *= self._rate / (1 - FIRST_MOMENT**self._steps)
        self.values *= 1 - self._rate * DECAY
        self.values -= room


def _less(rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return rows less their mean, in single precision where they came in it or in less."""
    kind = np.result_type(rows.dtype, np.float32)
    out: np.ndarray = rows - mean.astype(kind)
    return out


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)) without overflow."""
    out: np.ndarray = 0.5 * (1 + np.tanh(0.5 * logits))
    return out
