"""Expected gradient length: documents whose answer, whatever it turns out to be, changes the last layer the most.

The gradient of the loss of a linear layer is an outer product, (p - y) ⊗ h, and its length is the product of two
lengths: no gradient is ever computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.strategies.functional.checks import as_choice, as_embeddings, as_offsets, as_probs, same_length, steps
from alwidget.strategies.functional.scores import by_chunks
from alwidget.strategies.functional.tokens import pooled

__all__ = ["WORD_AGGREGATES", "egl", "token_egl"]

WORD_AGGREGATES = ("mean", "max", "sum")
"""How the expected gradient lengths of words become one of a document."""


def egl(
    probs: Any, embeddings: Any, *, multilabel: bool = False, bias: bool = True, normalise: bool = False
) -> np.ndarray:
    """Return the expected length of the gradient of the last layer (EGL, Settles, Craven & Ray 2007).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C); rows sum to one.
    embeddings
        What the last layer reads, shape (N, d), finite.
    multilabel
        Whether `probs` are independent probabilities of several labels (sigmoids), whose rows need not sum to one:
        each label is then a question of its own, and the expected lengths of their gradients are summed.
    bias
        Whether the last layer has a bias, whose gradient counts too.
    normalise
        Scale the vectors to unit length first: without it documents of long vectors are preferred.

    Returns
    -------
    numpy.ndarray
        ``sum_y p_y ‖p - e_y‖ · ‖h‖``, float64, shape (N,), at least 0; larger = ask first. With `bias` the last
        factor is ``sqrt(‖h‖² + 1)``.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, or about different numbers of documents.

    Examples
    --------
    >>> egl([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]], [[1, 0], [1, 1]], bias=False).round(6).tolist()
    [0.591216, 1.140136]
    """
    h = as_embeddings(embeddings)
    wrong = by_chunks(probs, _binary_wrong if multilabel else _wrong, multilabel=multilabel)
    same_length(probs=wrong, embeddings=h)
    wrong *= _lengths(h, bias=bias, normalise=normalise)
    return wrong


def token_egl(
    token_probs: Any, offsets: Any, states: Any, *, agg: str = "mean", bias: bool = True, normalise: bool = False
) -> np.ndarray:
    """Return the expected gradient lengths of the words of each document, put together.

    Parameters
    ----------
    token_probs
        Tag probabilities of all words, shape (sum L, K); rows sum to one.
    offsets
        Where each document begins, int (N + 1,).
    states
        What the tagger's last layer reads of each word, shape (sum L, d), finite.
    agg
        ``"mean"`` over words, ``"max"`` or ``"sum"``.
    bias, normalise
        As for `egl`.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), larger = ask first; minus infinity without words.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, or about different numbers of words.

    Examples
    --------
    >>> words, states = [[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]], [[1, 0], [1, 1]]
    >>> token_egl(words, [0, 2, 2], states, bias=False).round(6).tolist()
    [0.865676, -inf]
    """
    agg = as_choice(agg, "agg", WORD_AGGREGATES)
    p = as_probs(token_probs, "token_probs")
    h = as_embeddings(states, "states")
    same_length(token_probs=p, states=h)
    offsets = as_offsets(offsets, len(p))
    each = by_chunks(p, _wrong, name="token_probs")
    each *= _lengths(h, bias=bias, normalise=normalise)
    return pooled(each, offsets, agg)


def _wrong(p: np.ndarray) -> np.ndarray:
    """Return sum_y p_y ‖p - e_y‖ of every column of `p`, shape (C, n)."""
    squared = np.square(p).sum(axis=0)
    total = np.zeros(p.shape[1])
    for one in p:
        # ‖p‖² less p_y² and plus (1 - p_y)²; rounding may leave a little less than nothing
        total += one * np.sqrt(np.maximum(squared - 2 * one + 1, 0))
    return total


def _binary_wrong(p: np.ndarray) -> np.ndarray:
    """Return sum over labels of the expected |p - y|, y drawn by p, for `p` of shape (C, n)."""
    score: np.ndarray = 2 * (p * (1 - p)).sum(axis=0)
    return score


def _lengths(h: np.ndarray, *, bias: bool, normalise: bool) -> np.ndarray:
    """Return the Euclidean length of every row, with a one appended where there is a bias."""
    out = np.empty(len(h))
    for rows in steps(*h.shape):
        part = h[rows].astype(np.float64)
        out[rows] = np.einsum("ij,ij->i", part, part)
    if normalise:
        out = (out > 0).astype(np.float64)
    out += bias
    return np.sqrt(out, out=out)
