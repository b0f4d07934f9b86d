"""Shares and how far they are to be trusted."""

from __future__ import annotations

import math
from typing import NamedTuple

from alwidget.errors import ArgumentError

__all__ = ["Estimate", "wilson"]

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A share, the ends of its interval, and of how many documents it was estimated (in effect, where weighted)."""

    value: float
    low: float
    high: float
    n: float

    def __str__(self) -> str:
        """Return it in per cent."""
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} … {100 * self.high:.1f})"


def wilson(hits: float, n: float, confidence: float = CONFIDENCE) -> Estimate:
    """Return a share with Wilson's interval (1927), which keeps its promise with few documents and near 0 and 1.

    Parameters
    ----------
    hits, n
        How many of how many; `n` may be an effective number, which need not be whole.
    confidence
        How often such an interval holds the truth.

    Raises
    ------
    alwidget.errors.ArgumentError
        There is nothing to count.

    Examples
    --------
    >>> [round(value, 4) for value in wilson(8, 10)]
    [0.8, 0.4902, 0.9433, 10]
    """
    if not n > 0 or not 0 <= hits <= n * (1 + 1e-12) or not 0 < confidence < 1:
        message = f"wilson needs some documents and a confidence between 0 and 1, got {hits} of {n}, {confidence}."
        raise ArgumentError(message)
    from scipy.special import ndtri

    z, p = float(ndtri(0.5 + confidence / 2)), min(hits / n, 1.0)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, min(max(middle - half, 0.0), p), max(min(middle + half, 1.0), p), n)
