"""Almost Stochastic Order: how far the scores of one strategy are from being better than another's at every quantile.

del Barrio, Cuesta-Albertos & Matrán 2018, *An optimal transportation approach for assessing almost stochastic order*;
for comparing models Dror, Shlomov & Reichart 2019, *Deep dominance*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alwidget.arguments import whole_number
from alwidget.bench.statistics import as_draws, as_numbers, as_share

__all__ = ["Dominance", "almost_stochastic_order", "bonferroni", "violation"]

DRAWS = 1000
STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Dominance:
    """How far `a` is from dominating `b`.

    Attributes
    ----------
    violation
        ε: the share of the squared distance between the two distributions where `a` is below `b`; 0: `a` is better at
        every quantile, 1: worse at every one, 0.5: neither.
    upper
        ε_min: what ε is at most, with confidence `confidence`. Below 0.5 `a` is called almost stochastically better
        (below 0.2 by those who want to be surer).
    confidence
        After the correction for several comparisons.
    n, m
        How many scores there are of either.
    """

    violation: float
    upper: float
    confidence: float
    n: int
    m: int


def bonferroni(confidence: float, comparisons: int) -> float:
    """Return the confidence of each of several comparisons, so that all hold together with `confidence`.

    ``1 - (1 - c) / m``: with 15 comparisons and 0.95, each needs 0.9967. (A public package raises it to
    c + (1 - c) / m, 0.9533, which corrects hardly anything.)

    Examples
    --------
    >>> round(bonferroni(0.95, 15), 4), bonferroni(0.95, 1)
    (0.9967, 0.95)
    """
    level = as_share(confidence, "confidence")
    count = whole_number(comparisons, "comparisons", least=1)
    return level if count == 1 else 1 - (1 - level) / count


def violation(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Return ε of `a` over `b`: the integral of (F⁻¹ − G⁻¹)² where F⁻¹ < G⁻¹, divided by that over all of it.

    Exact: quantile functions of samples are steps, so the integral is a sum over the merged steps. Two equal samples
    give 0.5.

    Parameters
    ----------
    a, b
        Scores, larger is better, shapes (n,) and (m,).

    Examples
    --------
    >>> violation([1, 2, 3], [0, 1, 2]), violation([0, 4], [1, 2]), violation([0, 3], [1, 2])
    (0.0, 0.2, 0.5)
    """
    x, y = as_numbers(a, "a"), as_numbers(b, "b")
    return float(_violations(x[None], y[None], *_steps(len(x), len(y)))[0])


def almost_stochastic_order(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    *,
    confidence: float = 0.95,
    comparisons: int = 1,
    draws: int = DRAWS,
    rng: np.random.Generator | int = 0,
) -> Dominance:
    """Return how far `a` is from being better than `b` at every quantile.

    ``ε_min = ε − √((n + m) / nm) · σ · Φ⁻¹(α)``, where σ is the standard deviation of √(nm / (n + m)) · (ε* − ε) over
    resamples of both, clipped to 0 … 1.

    Parameters
    ----------
    a, b
        One score a seed, larger is better: an area or a final score, never the rounds of one curve.
    confidence
        1 − α before the correction.
    comparisons
        How many such comparisons are read together; see `bonferroni`.
    draws
        How many resamples σ is measured on.
    rng
        Where randomness comes from.

    Raises
    ------
    alwidget.errors.ArgumentError
        A sample is empty or not finite, or an option is out of range.

    Examples
    --------
    >>> found = almost_stochastic_order([0.8, 0.82, 0.81], [0.7, 0.72, 0.71])
    >>> found.violation, found.upper
    (0.0, 0.0)
    """
    from scipy import stats

    x, y = as_numbers(a, "a"), as_numbers(b, "b")
    level, draws = bonferroni(confidence, comparisons), as_draws(draws)
    n, m = len(x), len(y)
    steps, generator = _steps(n, m), np.random.default_rng(rng)
    found = float(_violations(x[None], y[None], *steps)[0])
    resampled, rows = np.empty(draws), max(STEP // (n + m), 1)
    for start in range(0, draws, rows):
        count = min(rows, draws - start)
        drawn_a = x[generator.integers(0, n, (count, n))]
        drawn_b = y[generator.integers(0, m, (count, m))]
        resampled[start : start + count] = _violations(drawn_a, drawn_b, *steps)
    # the root of nm / (n + m) in σ and its inverse before it cancel
    upper = found - resampled.std() * stats.norm.ppf(1 - level)
    return Dominance(found, float(np.clip(upper, 0, 1)), level, n, m)


def _steps(n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the merged steps of two quantile functions: which of the n and of the m sorted scores, and how wide.

    The breakpoints i/n and j/m are whole numbers of nm-ths, so that none is missed by rounding.
    """
    edges = np.union1d(np.arange(n + 1, dtype=np.int64) * m, np.arange(m + 1, dtype=np.int64) * n)
    starts = edges[:-1]
    return starts // m, starts // n, np.diff(edges) / (n * m)


def _violations(a: np.ndarray, b: np.ndarray, of_a: np.ndarray, of_b: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return ε of each row of samples, shapes (r, n) and (r, m), float64 (r,)."""
    gaps = np.sort(a, axis=1)[:, of_a] - np.sort(b, axis=1)[:, of_b]
    largest = np.abs(gaps).max(axis=1, keepdims=True)
    gaps = np.divide(gaps, largest, out=np.zeros_like(gaps), where=largest > 0)
    areas = gaps**2 * widths
    below, whole = np.where(gaps < 0, areas, 0).sum(axis=1), areas.sum(axis=1)
    share: np.ndarray = np.divide(below, whole, out=np.full(len(whole), 0.5), where=whole > 0)
    return share
