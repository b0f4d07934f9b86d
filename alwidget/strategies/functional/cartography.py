"""Cartography: documents between those that the model learned and those that it did not."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_array,
    as_embeddings,
    as_generator,
    as_scores,
    as_size,
    same_length,
)
from alwidget.strategies.functional.scores import top
from alwidget.strategies.functional.smallnet import Standard, train

__all__ = ["as_rate", "as_threshold", "borderline", "cartography", "doubt", "learned"]

ROUNDING = 1e-6
"""Shares that differ from the threshold by less are equal to it: 0.2 in single precision is more than 0.2."""


def cartography(
    embeddings: Any,
    labelled_embeddings: Any,
    correctness: Any,
    size: int,
    rng: np.random.Generator | int,
    threshold: float = 0.2,
    *,
    hidden: int = 300,
    epochs: int = 30,
    rate: float = 1e-3,
) -> np.ndarray:
    """Return documents between those that the model learned and those that it did not (Zhang & Plank 2021).

    A network with one layer of rectified units is trained to tell labelled documents that the model got right in more
    than `threshold` of its epochs from the others. What it can least tell of the pool is returned.

    Parameters
    ----------
    embeddings
        Vectors of the pool, shape (N, d), finite. Each dimension is standardised over both matrices.
    labelled_embeddings
        Vectors of the labelled documents by the same model, shape (n, d), finite.
    correctness
        The share of epochs in which the model was right, within [0, 1], shape (n,).
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    threshold
        A document counts as learned above this.
    hidden, epochs, rate
        Units of the network, how often it sees every document, and its learning rate. The paper has 5e-5, at which it
        hardly leaves its first weights on some hundred documents.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, the probability nearest to one half first.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors or shares, or do not fit together; or all documents are on one side of the threshold,
        so that there is nothing to tell apart.

    Examples
    --------
    >>> labelled = np.linspace(-1, 1, 20)[:, None]
    >>> cartography([[-2.0], [0.02], [2.0], [-0.8]], labelled, labelled[:, 0] > 0, 2, rng=0).tolist()
    [1, 3]
    """
    h, known = as_embeddings(embeddings), as_embeddings(labelled_embeddings, "labelled_embeddings")
    if h.shape[1] != known.shape[1]:
        message = f"embeddings have {h.shape[1]} dimensions, labelled_embeddings {known.shape[1]}."
        raise StrategyError(message)
    size, rng = as_size(size), as_generator(rng)
    kinds = learned(correctness, threshold)
    same_length(labelled_embeddings=known, correctness=kinds)
    if kinds.all() or not kinds.any():
        message = (
            f"correctness is {'above' if kinds.all() else 'not above'} {threshold} for all {len(kinds)} documents, so "
            "that there are no two kinds to tell apart; rank by entropy(probs) in its place."
        )
        raise StrategyError(message)
    scores = borderline(h, known, kinds, rng, hidden=as_size(hidden, "hidden", 1), epochs=epochs, rate=rate)
    return top(scores, size)


def borderline(
    rows: np.ndarray,
    labelled: np.ndarray,
    kinds: np.ndarray,
    rng: np.random.Generator,
    *,
    hidden: int,
    epochs: int,
    rate: float,
) -> np.ndarray:
    """Return how little a network trained on two kinds of vectors can tell the kind of others.

    Returns
    -------
    numpy.ndarray
        ``min(p, 1 - p)`` of the probability of either kind, float64 (N,), larger = ask first.
    """
    epochs, rate = as_size(epochs, "epochs", least=1), as_rate(rate)
    net = train(labelled, kinds, Standard.of(rows, labelled), rng, hidden=hidden, epochs=epochs, rate=rate)
    return doubt(net.logits(rows))


def doubt(logits: np.ndarray) -> np.ndarray:
    """Return ``min(p, 1 - p)``; one minus a probability near one would lose the digits that its logit has.

    >>> doubt(np.array([0.0, 50.0, -60.0])).tolist()
    [0.5, 1.9287498479639178e-22, 8.75651076269652e-27]
    """
    smaller = np.exp(-np.abs(logits))
    return np.asarray(smaller / (1 + smaller))


def learned(correctness: Any, threshold: float) -> np.ndarray:
    """Return whether each document was right in more than `threshold` of the epochs, bool (n,).

    >>> learned([0, 0.2, 0.3, 1], 0.2).tolist()
    [False, False, True, True]
    """
    share, threshold = as_scores(as_array(correctness, "correctness"), "correctness"), as_threshold(threshold)
    if len(share) and (share.min() < 0 or share.max() > 1 + ROUNDING):
        message = f"correctness is a share of epochs within [0, 1], got {share.min():.4g} … {share.max():.4g}."
        raise StrategyError(message)
    return np.asarray(share > threshold + ROUNDING)


def as_threshold(value: Any) -> float:
    """Return `value` as a share of epochs in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        message = f"threshold is a share of epochs of at least 0 and below 1, got {value!r}."
        raise StrategyError(message)
    return float(value)


def as_rate(value: Any) -> float:
    """Return `value` as a learning rate."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        message = f"rate is a learning rate above 0 and at most 1, got {value!r}."
        raise StrategyError(message)
    return float(value)
