"""Training dynamics: what the epochs of a fit say of each labelled document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_array

__all__ = ["DataMap", "as_correct", "data_map", "unlearned"]


@dataclass(frozen=True, slots=True)
class DataMap:
    """Where each labelled document lies on the map of its training.

    Attributes
    ----------
    confidence
        Mean probability of the gold label over the epochs, float64 (n,).
    variability
        Its population standard deviation, float64 (n,).
    correctness
        The share of epochs in which the model was right, float64 (n,).
    """

    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray


def data_map(gold: Any, correct: Any) -> DataMap:
    """Return the data map of a training run (Swayamdipta et al. 2020).

    Parameters
    ----------
    gold
        Probability of the gold label at the end of each epoch, dropout off, shape (E, n), within [0, 1].
    correct
        Whether the likeliest label was the gold one, bool (E, n).

    Returns
    -------
    DataMap
        Confidence, variability and correctness of each document.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are not 2-D, of different shapes or without epochs, or `gold` holds no probabilities.

    Examples
    --------
    >>> found = data_map([[0.2], [0.6], [0.9]], [[False], [True], [True]])
    >>> [round(float(value[0]), 6) for value in (found.confidence, found.variability, found.correctness)]
    [0.566667, 0.286744, 0.666667]
    """
    right = as_correct(correct, "correct")
    p = as_array(gold, "gold").astype(np.float64)
    if p.shape != right.shape:
        message = f"gold and correct must be about the same epochs and documents, got {p.shape} and {right.shape}."
        raise StrategyError(message)
    if not bool(((p >= 0) & (p <= 1 + 1e-3)).all()):  # float16 may be a little above; false for NaN
        message = "gold must be probabilities of the gold labels within [0, 1]; log-probabilities need np.exp."
        raise StrategyError(message)
    return DataMap(p.mean(axis=0), p.std(axis=0), right.mean(axis=0))


def unlearned(correct: Any) -> np.ndarray:
    """Return which documents a model never learned, or learned and forgot (Toneva et al. 2019).

    Parameters
    ----------
    correct
        Whether the model was right at the end of each epoch, bool (E, n).

    Returns
    -------
    numpy.ndarray
        bool (n,): whether a right answer was ever followed by a wrong one, or none was right.

    Raises
    ------
    alwidget.errors.StrategyError
        `correct` is not 2-D, has no epochs, or holds anything but yes and no.

    Examples
    --------
    >>> unlearned(np.array([[0, 0, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0]]).T).tolist()
    [True, True, False, False, True]
    """
    right = as_correct(correct, "correct")
    forgotten = (right[:-1] & ~right[1:]).any(axis=0)
    return np.asarray(forgotten | ~right.any(axis=0))


def as_correct(values: Any, name: str) -> np.ndarray:
    """Return `values` as bool (E, n), of at least one epoch."""
    array = as_array(values, name)
    if array.ndim != 2 or not len(array):  # noqa: PLR2004
        message = f"{name} must have two axes (epochs, labelled documents) and at least one epoch, got {array.shape}."
        raise StrategyError(message)
    if array.dtype.kind != "b" and not bool(((array == 0) | (array == 1)).all()):
        message = f"{name} must say of each epoch and document whether the model was right: bool, or 0 and 1."
        raise StrategyError(message)
    return array.astype(bool, copy=False)
