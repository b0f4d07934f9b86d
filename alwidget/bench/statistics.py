"""What can be said of scores over a few seeds: intervals, areas, costs, paired differences.

Pure functions on numbers. A seed gives one number, such as the area under its curve: the points of one curve are one
trajectory, and no test here may take them for independent. Of two strategies whose distributions overlap,
`alwidget.bench.dominance` says more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError

__all__ = [
    "Cost",
    "Difference",
    "Interval",
    "Record",
    "as_draws",
    "as_numbers",
    "as_share",
    "aulc",
    "labels_to",
    "labels_to_all",
    "mean_interval",
    "paired_difference",
    "win_tie_loss",
]

DRAWS = 10_000
"""Resamples of a bootstrap interval."""
STEP = 1 << 20
"""Numbers drawn at a time, so that no temporary grows with the resamples."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and how far off it may be: ``mean ± half``, over `n` numbers. With one number `half` is NaN."""

    mean: float
    half: float
    n: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half


@dataclass(frozen=True, slots=True)
class Cost:
    """How many labels it took to reach a score, over seeds of which some may never have reached it.

    Attributes
    ----------
    each
        The labels of every seed; None where it never got there (it is censored).
    reached, n
        How many seeds got there, and how many there are.
    mean_reached
        The mean over those that got there; NaN where none did. Flattering: the worst seeds are left out.
    restricted_mean
        The mean over all, with the budget in place of what is not known: the least that it can be.
    """

    each: tuple[float | None, ...]
    reached: int
    n: int
    mean_reached: float
    restricted_mean: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of paired differences, with the ends of its bootstrap interval, over `n` pairs."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Record:
    """In how many pairs the first is better, equal, worse."""

    wins: int
    ties: int
    losses: int


def mean_interval(values: Sequence[float] | np.ndarray, confidence: float = 0.95) -> Interval:
    """Return the mean with its t-interval: ``mean ± t · s / √n``, with s over n − 1.

    Parameters
    ----------
    values
        One number a seed, shape (n,).
    confidence
        How often such an interval holds the true mean, between 0 and 1.

    Raises
    ------
    alwidget.errors.ArgumentError
        There are no numbers, one is not finite, or `confidence` is not between 0 and 1.

    Examples
    --------
    >>> found = mean_interval([90, 91, 92, 93, 94])
    >>> found.mean, round(found.half, 4)
    (92.0, 1.9632)
    """
    from scipy import stats

    x, level = as_numbers(values, "values"), as_share(confidence, "confidence")
    if len(x) == 1:
        return Interval(float(x[0]), float("nan"), 1)
    error = x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean()), float(stats.t.ppf((1 + level) / 2, len(x) - 1) * error), len(x))


def aulc(labels: Sequence[float] | np.ndarray, scores: Sequence[float] | np.ndarray) -> float:
    """Return the area under a learning curve by the trapezoid rule, divided by the range of labels: a mean height.

    Not the plain mean over rounds, which is another number as soon as the steps are unequal or the ends count less.

    Parameters
    ----------
    labels
        Labels at every measured point, not descending, shape (n,).
    scores
        The score at each, shape (n,).

    Raises
    ------
    alwidget.errors.ArgumentError
        The two do not go together, labels descend, or a number is not finite.

    Examples
    --------
    >>> round(aulc([100, 200, 400], [0.6, 0.7, 0.8]), 6)
    0.716667
    """
    x, y = _curve(labels, scores)
    width = x[-1] - x[0]
    return float(np.trapezoid(y, x) / width) if width > 0 else float(y.mean())


def labels_to(
    labels: Sequence[float] | np.ndarray, scores: Sequence[float] | np.ndarray, target: float
) -> float | None:
    """Return how many labels it took to get to `target` for the first time, or None if the curve never did.

    On the points that were measured: nothing is interpolated between them.

    Examples
    --------
    >>> labels_to([50, 100, 150], [0.6, 0.8, 0.7], 0.7), labels_to([50, 100], [0.6, 0.8], 0.9)
    (100.0, None)
    """
    x, y = _curve(labels, scores)
    there = np.flatnonzero(y >= target)
    return float(x[there[0]]) if len(there) else None


def labels_to_all(
    curves: Sequence[tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    target: float,
    budget: float | None = None,
) -> Cost:
    """Return what a score cost over several seeds, and say of how many it is known.

    Parameters
    ----------
    curves
        Labels and scores of each seed.
    target
        The score to reach, such as 0.95 times the mean score with all labels.
    budget
        What stands for the cost of a seed that did not get there; by default the labels at the end of its own curve.

    Raises
    ------
    alwidget.errors.ArgumentError
        There are no curves, or one of them is none.

    Examples
    --------
    >>> found = labels_to_all([([50, 100], [0.7, 0.9]), ([50, 100], [0.6, 0.7])], 0.85)
    >>> found.reached, found.n, found.mean_reached, found.restricted_mean
    (1, 2, 100.0, 100.0)
    """
    if not curves:
        message = "labels_to_all: there are no curves. Give labels and scores of at least one seed."
        raise ArgumentError(message)
    each = tuple(labels_to(x, y, target) for x, y in curves)
    ends = [float(np.asarray(x, dtype=np.float64)[-1]) if budget is None else float(budget) for x, _ in curves]
    known = [cost for cost in each if cost is not None]
    restricted = [end if cost is None else cost for cost, end in zip(each, ends, strict=True)]
    mean = float(np.mean(known)) if known else float("nan")
    return Cost(each, len(known), len(each), mean, float(np.mean(restricted)))


def paired_difference(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    *,
    confidence: float = 0.95,
    draws: int = DRAWS,
    rng: np.random.Generator | int = 0,
) -> Difference:
    """Return the mean of ``a - b`` with its percentile bootstrap interval, resampling pairs.

    With five seeds such an interval is somewhat too narrow, as any bootstrap of five numbers is: read it beside the
    wins and losses.

    Parameters
    ----------
    a, b
        One number a seed, the same seeds in the same order, shape (n,).
    confidence
        How much of the resampled means the interval holds.
    draws
        How many resamples.
    rng
        Where randomness comes from.

    Raises
    ------
    alwidget.errors.ArgumentError
        The two are not equally long, are empty, or hold a number that is not finite.

    Examples
    --------
    >>> found = paired_difference([0.8, 0.9, 0.85], [0.7, 0.7, 0.75])
    >>> round(found.mean, 4), bool(found.low > 0)
    (0.1333, True)
    """
    deltas, level = _paired(a, b), as_share(confidence, "confidence")
    draws = as_draws(draws)
    generator = np.random.default_rng(rng)
    n, means = len(deltas), np.empty(draws)
    step = max(STEP // n, 1)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        means[start : start + rows] = deltas[generator.integers(0, n, (rows, n))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    if n == 1:
        low = high = np.nan
    return Difference(float(deltas.mean()), float(low), float(high), n)


def win_tie_loss(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, *, tie: float = 0.0) -> Record:
    """Return in how many pairs `a` is better than `b`, as good (within `tie`), and worse.

    Examples
    --------
    >>> win_tie_loss([0.8, 0.7, 0.6], [0.7, 0.7, 0.7])
    Record(wins=1, ties=1, losses=1)
    """
    deltas = _paired(a, b)
    if not tie >= 0:
        message = f"win_tie_loss: tie={tie!r} must be 0 or more."
        raise ArgumentError(message)
    wins, losses = int((deltas > tie).sum()), int((deltas < -tie).sum())
    return Record(wins, len(deltas) - wins - losses, losses)


# What a caller gave --------------------------------------------------------------------------------------------------


def as_numbers(values: Any, what: str) -> np.ndarray:
    """Return finite numbers in a row, float64, or say what is wrong with them."""
    try:
        x = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{what}: these are no numbers: {values!r}."
        raise ArgumentError(message) from error
    if x.ndim != 1 or not len(x):
        message = f"{what} must be one number a seed, in a row; got the shape {x.shape}."
        raise ArgumentError(message)
    if not np.isfinite(x).all():
        at = int(np.flatnonzero(~np.isfinite(x))[0])
        message = f"{what}[{at}] is {x[at]}; leave failed runs out, on both sides of a pair."
        raise ArgumentError(message)
    return x


def _paired(a: Any, b: Any) -> np.ndarray:
    x, y = as_numbers(a, "a"), as_numbers(b, "b")
    if len(x) != len(y):
        message = f"a has {len(x)} numbers and b has {len(y)}: pairs are of the same seeds, in the same order."
        raise ArgumentError(message)
    deltas: np.ndarray = x - y
    return deltas


def _curve(labels: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    x, y = as_numbers(labels, "labels"), as_numbers(scores, "scores")
    if len(x) != len(y):
        message = f"A curve has a score at every number of labels; got {len(x)} and {len(y)}."
        raise ArgumentError(message)
    if (np.diff(x) < 0).any():
        message = "labels descend; give the points of one curve in the order in which they were measured."
        raise ArgumentError(message)
    return x, y


def as_share(value: Any, what: str) -> float:
    """Return a number between 0 and 1, or say what is wrong with it."""
    if isinstance(value, int | float | np.floating) and 0 < value < 1:
        return float(value)
    message = f"{what}={value!r} must lie between 0 and 1, such as 0.95."
    raise ArgumentError(message)


def as_draws(value: Any) -> int:
    """Return how often to draw, or say what is wrong with it."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1:
        return int(value)
    message = f"draws={value!r} must be a whole number, 1 or more."
    raise ArgumentError(message)
