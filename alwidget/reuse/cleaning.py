"""How many pseudo-labels are wrong, with an interval, and which of them to drop.

The share that is dropped is the labeller's error (Tsvigun et al. 2022). A public implementation reads it from a
handful of held-out documents; here every label that people gave is held out once, and the interval is told with it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError

__all__ = ["ErrorRate", "bootstrapped", "drop", "error_rate"]

Z = 1.959963984540054
FEW = 30
"""Below this an interval is wider than anything that could be concluded from it."""
UNKNOWN = 0.1
"""What is dropped where nobody can say how good the labeller is, as in the paper."""
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """The labeller's error on documents that it was not trained on.

    Attributes
    ----------
    share
        The estimate, 0 to 1.
    low, high
        Its 95 % interval.
    n
        Documents it was measured on.
    method
        How the interval was made.
    """

    share: float
    low: float
    high: float
    n: int
    method: str

    @property
    def trusted(self) -> bool:
        """Whether there were enough documents to go by."""
        return self.n >= FEW

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "trusted": self.trusted}


def error_rate(correct: Any, weights: Any = None) -> ErrorRate:
    """Return the share of wrong answers with Wilson's interval.

    Parameters
    ----------
    correct
        Whether each document that was held out got the right answer, bool (n,).
    weights
        How much each document stands for, (n,): one over the probability with which it was asked, where that is
        known. The interval then counts as many documents as are worth as much, ``(Σw)² / Σw²``.

    Examples
    --------
    >>> rate = error_rate([True] * 45 + [False] * 5)
    >>> round(rate.share, 2), round(rate.low, 3), round(rate.high, 3)
    (0.1, 0.043, 0.214)
    """
    right = np.asarray(correct, dtype=bool)
    each = np.ones(len(right)) if weights is None else np.asarray(weights, dtype=np.float64)
    if each.shape != right.shape or not np.isfinite(each).all() or (each < 0).any():
        message = f"{len(right)} answers need as many finite weights of at least 0, got {each.shape}."
        raise ArgumentError(message)
    if not len(right) or not each.any():
        return ErrorRate(UNKNOWN, 0.0, 1.0, 0, "unknown")
    share = float(each @ ~right / each.sum())
    n = float(each.sum() ** 2 / np.square(each).sum())
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * np.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return ErrorRate(share, max(float(middle - half), 0.0), min(float(middle + half), 1.0), len(right), "Wilson")


def bootstrapped(true_positive: Any, predicted: Any, given: Any, rng: np.random.Generator) -> ErrorRate:
    """Return one minus the micro F1 of spans or labels, with an interval from resampled documents.

    Parameters
    ----------
    true_positive, predicted, given
        How many spans or labels each held-out document has that are right, predicted, and given by people, int (n,).
    rng
        Where the resampling comes from.
    """
    counts = np.stack([np.asarray(each, dtype=np.float64) for each in (true_positive, predicted, given)])
    n = counts.shape[1]
    if not n:
        return ErrorRate(UNKNOWN, 0.0, 1.0, 0, "unknown")
    drawn = np.stack([counts[:, rng.integers(0, n, n)].sum(axis=1) for _ in range(RESAMPLES)], axis=1)
    low, high = np.quantile(_one_minus_f1(drawn), [0.025, 0.975])
    share = float(_one_minus_f1(counts.sum(axis=1, keepdims=True))[0])
    return ErrorRate(share, float(low), float(high), n, "bootstrap over documents")


def drop(influence: Any, error: ErrorRate, *, dropped_before: int = 0) -> np.ndarray:
    """Return which pseudo-labels to drop: those that the model had most to memorise, as many as are likely wrong.

    Parameters
    ----------
    influence
        The self-influence of every pseudo-labelled document, float (n,).
    error
        The labeller's error. Where it was measured on fewer than 30 documents, a tenth is dropped.
    dropped_before
        How many were left out for low confidence already; they count.

    Returns
    -------
    numpy.ndarray
        bool (n,), true = drop. Of equal influence the later ones go.

    Examples
    --------
    >>> drop([0.1, 5.0, 0.2, 0.3], ErrorRate(0.25, 0.1, 0.4, 100, "Wilson")).tolist()
    [False, True, False, False]
    """
    scores = np.asarray(influence, dtype=np.float64)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        message = f"Influence must be finite numbers, one a document; got shape {scores.shape}."
        raise ArgumentError(message)
    share = error.share if error.trusted else UNKNOWN
    wanted = round(share * (len(scores) + dropped_before)) - dropped_before
    out = np.zeros(len(scores), dtype=bool)
    if wanted > 0:
        out[np.lexsort((-np.arange(len(scores)), -scores))[:wanted]] = True
    return out


def _one_minus_f1(counts: np.ndarray) -> np.ndarray:
    both = counts[1] + counts[2]
    out: np.ndarray = 1 - np.divide(2 * counts[0], both, out=np.ones_like(both), where=both > 0)
    return out
