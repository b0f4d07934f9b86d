"""Learning curves: the law that they follow, and where it leads, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError

__all__ = ["Forecast", "PowerLaw", "fit_power_law", "forecast"]

EXPONENTS = np.linspace(0.1, 2.0, 39)
FEWEST_POINTS = 3


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """A curve ``ceiling - scale * n ** -exponent``, which rises and levels off.

    Attributes
    ----------
    ceiling, scale, exponent
        Arrays (B,), one curve each.
    """

    ceiling: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray

    def at(self, n: float) -> np.ndarray:
        """Return the height of every curve at `n` labels, float64 (B,)."""
        height: np.ndarray = self.ceiling - self.scale * float(n) ** -self.exponent
        np.clip(height, 0.0, 1.0, out=height)
        return height


@dataclass(frozen=True, slots=True)
class Forecast:
    """What more labels would bring.

    Attributes
    ----------
    labels
        How many labels there would be.
    score, low, high
        What the curve reaches there, with its 95 % interval.
    gain, gain_low, gain_high
        How much that is above what it is at now.
    law
        The curve through the points that were measured.
    """

    labels: float
    score: float
    low: float
    high: float
    gain: float
    gain_low: float
    gain_high: float
    law: PowerLaw


def fit_power_law(sizes: Any, scores: Any) -> PowerLaw:
    """Return the power law nearest to each row of scores, by least squares.

    Parameters
    ----------
    sizes
        Numbers of labels, ascending, (P,), at least three.
    scores
        Scores within 0 … 1, (P,) or (B, P).

    Returns
    -------
    PowerLaw
        The exponent is the best of 39 between 0.1 and 2; the ceiling is 1 at most and the curve never falls.

    Raises
    ------
    alwidget.errors.ArgumentError
        There are fewer than three different sizes, or as many scores as sizes are missing.

    Examples
    --------
    >>> law = fit_power_law([10, 40, 160], [0.9 - 10**-0.5, 0.9 - 40**-0.5, 0.9 - 160**-0.5])
    >>> round(float(law.at(1000)[0]), 4)
    0.8684
    """
    n, y = np.asarray(sizes, dtype=float), np.atleast_2d(np.asarray(scores, dtype=float))
    if n.ndim != 1 or len(np.unique(n)) < FEWEST_POINTS or n.min() <= 0 or y.shape[1:] != n.shape:
        message = f"A curve needs three different numbers of labels and a score for each, got {n.shape}, {y.shape}."
        raise ArgumentError(message)
    best = np.full(len(y), np.inf)
    ceiling, scale, exponent = (np.zeros(len(y)) for _ in range(3))
    for b in EXPONENTS:
        x = n**-b
        spread = x - x.mean()
        a = np.maximum(-(y @ spread) / (spread @ spread), 0.0)
        c = y.mean(axis=1) + a * x.mean()
        over = c > 1
        a = np.where(over, np.maximum((1 - y) @ x / (x @ x), 0.0), a)
        c = np.minimum(c, 1.0)
        error = ((c[:, None] - a[:, None] * x - y) ** 2).sum(axis=1)
        better = error < best - 1e-15
        best = np.where(better, error, best)
        ceiling, scale = np.where(better, c, ceiling), np.where(better, a, scale)
        exponent = np.where(better, b, exponent)
    return PowerLaw(ceiling, scale, exponent)


def forecast(sizes: Any, right: Any, now: float, then: float, *, seed: int = 0, draws: int = 400) -> Forecast:
    """Return where a learning curve leads.

    Parameters
    ----------
    sizes
        Numbers of labels, ascending, (P,).
    right
        Whether a model of so many labels was right about each of some documents that it had not learnt, bool (P, n).
    now, then
        The present number of labels and the one to look ahead to.
    seed, draws
        Of the bootstrap over documents, from which the interval comes: the points of a curve are measured on the same
        documents and move together.

    Examples
    --------
    >>> right = np.arange(100) < np.array([[60], [75], [85]])
    >>> found = forecast([20, 60, 180], right, 180, 240)
    >>> found.gain_low <= found.gain <= found.gain_high
    True
    """
    hits = np.asarray(right, dtype=np.float32)
    if hits.ndim != 2 or not hits.size:  # noqa: PLR2004
        message = f"right must be (sizes, documents), got {hits.shape}."
        raise ArgumentError(message)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(hits.shape[1], np.full(hits.shape[1], 1 / hits.shape[1]), size=draws) / hits.shape[1]
    law = fit_power_law(sizes, hits.mean(axis=1))
    drawn = fit_power_law(sizes, weights @ hits.T)
    score, ahead = float(law.at(then)[0]), drawn.at(then)
    gain, gains = float((law.at(then) - law.at(now))[0]), ahead - drawn.at(now)
    low, high = (float(q) for q in np.quantile(ahead, [0.025, 0.975]))
    gain_low, gain_high = (float(q) for q in np.quantile(gains, [0.025, 0.975]))
    ends = (min(low, score), max(high, score), gain, min(gain_low, gain), max(gain_high, gain))
    return Forecast(float(then), score, *ends, law)
