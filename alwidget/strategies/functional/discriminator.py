"""Discriminative active learning: documents that a small network tells apart from what is labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_embeddings, as_generator, as_size, steps
from alwidget.strategies.functional.searching import as_queries

__all__ = ["Discriminator", "as_ratio", "discriminative"]

HIDDEN = 256
EPOCHS = 200
ENOUGH = 0.98
"""Training ends when the mean of the accuracies on either side passes this, so that confidence stays graded."""
HELD_OUT, PATIENCE = 0.1, 3
"""It ends too when a tenth that is held out is told apart no better for so long: what the sides have in common would
only be learned by heart."""
BATCH = 256
RATE, DECAY_MEAN, DECAY_SQUARE, TINY = 1e-3, 0.9, 0.999, 1e-8
MOST = 1 << 24
"""So many numbers are learned from at most (64 MB); of larger sides, a random part."""
CELLS = 1 << 20
"""Numbers that are worked on at a time."""


def discriminative(
    embeddings: Any,
    labelled_embeddings: Any,
    size: int,
    rng: np.random.Generator | int,
    *,
    batches: int = 10,
    ratio: float = 10.0,
) -> np.ndarray:
    """Return documents most surely not labelled, as a classifier of the two sees it (Gissin & Shalev-Shwartz 2019).

    Parameters
    ----------
    embeddings
        Vectors of the pool, shape (N, d), finite.
    labelled_embeddings
        Vectors of the labelled documents, shape (n, d), or None. Without any, documents are drawn at random.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    batches
        In how many parts they are chosen, at most: after each, what was chosen counts as labelled and a fresh
        classifier is trained, so that one batch does not come from one corner.
    ratio
        How many documents of the pool the classifier sees for each that is labelled.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order chosen.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, `batches` is not at least 1 or `ratio` not positive.

    Notes
    -----
    The classifier has one hidden layer of 256 units and is trained by Adam on standardised vectors, both sides
    weighing the same, until its balanced accuracy in training passes 0.98, at most 200 times over the data. Beyond the
    paper, training also ends when a tenth that is held out is told apart no better: of two sides that have much in
    common it would otherwise learn single documents by heart, and ask those.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pool = np.concatenate([rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 20])
    >>> bool((discriminative(pool, rng.normal(size=(30, 2)), 5, 0) >= 50).all())
    True
    """
    from threadpoolctl import threadpool_limits

    x = as_embeddings(embeddings)
    known = as_queries(labelled_embeddings, x.shape[1], "labelled_embeddings")
    size, rng = min(as_size(size), len(x)), as_generator(rng)
    batches, ratio = as_size(batches, "batches", least=1), as_ratio(ratio)
    if not len(known) or not size:
        return rng.permutation(len(x))[:size].astype(np.int64, copy=False)
    picked = np.empty(0, dtype=np.int64)
    free = np.ones(len(x), dtype=bool)
    for part in np.array_split(np.arange(size), min(batches, size)):
        negative = np.concatenate([known[_some(np.arange(len(known)), len(known), x.shape[1], rng)], x[picked]])
        positive = x[_some(np.flatnonzero(free), round(ratio * len(negative)), x.shape[1], rng)]
        with threadpool_limits(limits=1, user_api="blas"):  # thousands of small products: two threads would wait
            network = Discriminator.trained(negative, positive, rng)
        scores = network.logits(x)
        scores[~free] = -np.inf
        chosen = np.argsort(-scores, kind="stable")[: len(part)]
        picked = np.concatenate([picked, chosen])
        free[chosen] = False
    return picked


def _some(positions: np.ndarray, most: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Return at most so many of some positions, drawn at random, ascending."""
    most = max(1, min(most, MOST // (2 * d)))
    return positions if len(positions) <= most else np.sort(rng.permutation(positions)[:most])


def as_ratio(value: Any, name: str = "ratio") -> float:
    """Return `value` as a positive number."""
    good = isinstance(value, int | float | np.number) and not isinstance(value, bool) and np.isfinite(value)
    if not good or value <= 0:
        message = f"{name} must be a positive number, got {value!r}."
        raise StrategyError(message)
    return float(value)


@dataclass(frozen=True, slots=True)
class Discriminator:
    """A network with one hidden layer that answers how surely a vector is on the second of two sides.

    Attributes
    ----------
    inner, inner_bias
        Weights (d, h) and bias (h,) of the hidden layer, for vectors that are not standardised.
    outer, outer_bias
        Weights (h,) and bias of the output.
    """

    inner: np.ndarray
    inner_bias: np.ndarray
    outer: np.ndarray
    outer_bias: float

    @classmethod
    def trained(cls, negative: np.ndarray, positive: np.ndarray, rng: np.random.Generator) -> Discriminator:
        """Return one that was trained to tell the rows of `positive` from those of `negative`.

        Parameters
        ----------
        negative, positive
            Finite vectors, (n, d) and (m, d), at least one each.
        rng
            Where its first weights and the order of the rows come from.
        """
        x, mean, deviation = _standardised(negative, positive)
        y = np.repeat(np.array([0, 1], dtype=np.float32), [len(negative), len(positive)])
        weight = np.where(y == 1, len(x) / (2 * len(positive)), len(x) / (2 * len(negative))).astype(np.float32)
        network, held = _Network(x.shape[1], rng), _held_out(len(negative), len(positive), rng)
        learned, best, since = np.setdiff1d(np.arange(len(x)), held), np.inf, 0
        for _ in range(EPOCHS):
            right, order = np.zeros(2), rng.permutation(learned)
            for part in steps(len(order), 1, BATCH):
                some = order[part]
                said = network.step(x[some], y[some], weight[some])
                right += np.bincount(y[some].astype(np.int64), weights=(said > 0) == (y[some] == 1), minlength=2)
            loss = network.loss(x[held], y[held], weight[held]) if len(held) else -np.inf
            best, since = (loss, 0) if loss < best else (best, since + bool(len(held)))
            if (right / np.bincount(y[learned].astype(np.int64), minlength=2)).mean() > ENOUGH or since >= PATIENCE:
                break
        inner, inner_bias, outer, outer_bias = (value.astype(np.float64) for value in network.values)
        inner /= deviation[:, None]
        return cls(inner, inner_bias - mean @ inner, outer[:, 0], float(outer_bias[0]))

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the log-odds that each row is on the second side, float64 (N,)."""
        kind: Any = np.float64 if x.dtype == np.float64 else np.float32
        inner, bias, outer = (np.asarray(value, dtype=kind) for value in (self.inner, self.inner_bias, self.outer))
        out = np.empty(len(x))
        for part in steps(len(x), max(inner.shape), CELLS):
            hidden: np.ndarray = x[part].astype(kind, copy=False) @ inner
            hidden += bias
            np.maximum(hidden, 0, out=hidden)
            out[part] = hidden @ outer + self.outer_bias
        return out


def _held_out(n: int, m: int, rng: np.random.Generator) -> np.ndarray:
    """Return which of n and then m rows are not learned from; none where a side has too few to spare any."""
    few = [int(share * HELD_OUT) for share in (n, m)]
    if not all(few):
        return np.empty(0, dtype=np.int64)
    return np.concatenate([rng.permutation(n)[: few[0]], n + rng.permutation(m)[: few[1]]])


def _standardised(negative: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all rows less their mean, divided by their deviation, float32; and those two, float64 (d,)."""
    n = len(negative) + len(positive)
    x = np.empty((n, negative.shape[1]), dtype=np.float32)
    largest = max(float(np.abs(side).max()) for side in (negative, positive)) or 1.0
    mean, square = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    sides = [(side, part) for side in (negative, positive) for part in steps(len(side), side.shape[1], CELLS)]
    for side, part in sides:
        mean += (side[part] / largest).sum(axis=0, dtype=np.float64)
    mean /= n
    for side, part in sides:
        square += np.square(side[part] / largest - mean).sum(axis=0)
    deviation = np.sqrt(square / n)
    deviation[deviation <= np.finfo(np.float32).eps * np.abs(mean)] = 1.0
    start = 0
    for side, part in sides:
        rows = side[part]
        x[start : start + len(rows)] = (rows / largest - mean) / deviation
        start += len(rows)
    return x, mean * largest, deviation * largest


class _Network:
    """The weights of one hidden layer in training, with the moments that Adam keeps of their gradients."""

    def __init__(self, d: int, rng: np.random.Generator) -> None:
        bound = np.sqrt(6 / d), np.sqrt(6 / (HIDDEN + 1))  # He; Glorot
        self.values = [
            rng.uniform(-bound[0], bound[0], (d, HIDDEN)).astype(np.float32),
            np.zeros(HIDDEN, dtype=np.float32),
            rng.uniform(-bound[1], bound[1], (HIDDEN, 1)).astype(np.float32),
            np.zeros(1, dtype=np.float32),
        ]
        self._means = [np.zeros_like(value) for value in self.values]
        self._squares = [np.zeros_like(value) for value in self.values]
        self._spare = [np.empty_like(value) for value in self.values]
        self._steps = 0

    def step(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Move the weights along the gradient of the weighted cross-entropy; return what was said before that."""
        inner, inner_bias, outer, outer_bias = self.values
        hidden = x @ inner
        hidden += inner_bias
        np.maximum(hidden, 0, out=hidden)
        said: np.ndarray = (hidden @ outer + outer_bias)[:, 0]
        wrong = (weight * (0.5 * (1 + np.tanh(said / 2)) - y) / len(x))[:, None]
        back = wrong @ outer.T
        back *= hidden > 0
        self._move([x.T @ back, back.sum(axis=0), hidden.T @ wrong, wrong.sum(axis=0)])
        return said

    def loss(self, x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
        """Return the weighted cross-entropy of what is said of some rows."""
        inner, inner_bias, outer, outer_bias = self.values
        said = (np.maximum(x @ inner + inner_bias, 0) @ outer + outer_bias)[:, 0]
        return float((weight * (np.logaddexp(0, said) - y * said)).mean())

    def _move(self, gradients: list[np.ndarray]) -> None:
        self._steps += 1
        unbiased = np.sqrt(1 - DECAY_SQUARE**self._steps)
        rate, tiny = RATE * unbiased / (1 - DECAY_MEAN**self._steps), TINY * unbiased
        kept = zip(self.values, self._means, self._squares, self._spare, gradients, strict=True)
        for value, mean, square, spare, gradient in kept:
            _adam(value, mean, square, spare, gradient, rate, tiny)


def _adam(
    value: np.ndarray,
    mean: np.ndarray,
    square: np.ndarray,
    spare: np.ndarray,
    gradient: np.ndarray,
    rate: float,
    tiny: float,
) -> None:
    """Move one array of weights and the moments of its gradient, all in place."""
    mean *= DECAY_MEAN
    np.multiply(gradient, 1 - DECAY_MEAN, out=spare)
    mean += spare
    square *= DECAY_SQUARE
    np.multiply(gradient, gradient, out=spare)
    spare *= 1 - DECAY_SQUARE
    square += spare
    np.sqrt(square, out=spare)
    spare += tiny
    np.divide(mean, spare, out=spare)
    spare *= rate
    value -= spare
