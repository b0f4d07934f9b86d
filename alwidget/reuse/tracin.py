"""TracIn: how much a training document moved the model, and which documents moved it for which.

The gradient of the last layer is an outer product of what the model got wrong, g = p - y, and what the layer read,
h with a one for the bias. Inner products of outer products are products of inner products, so nothing of size C·f is
ever made for a document, and no backward pass is run (Pruthi, Liu, Kale & Sundararajan 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError

__all__ = ["Influence", "influence", "self_influence", "word_self_influence"]

CHUNK_BYTES = 64 << 20


class Influence:
    """Self-influence summed over checkpoints as they pass, so that no checkpoint has to be kept.

    Parameters
    ----------
    n
        Documents.

    Examples
    --------
    >>> watched = Influence(2)
    >>> watched.add(slice(0, 2), [[0.7, 0.3], [0.4, 0.6]], [0, 0], [[1.0, 2.0], [0.0, 1.0]], rate=1.0)
    >>> watched.scores.round(2).tolist()
    [1.08, 1.44]
    """

    def __init__(self, n: int) -> None:
        self.scores = np.zeros(n)
        """The self-influence of every document so far, float64 (n,); large = the model had to memorise it."""

    def add(
        self,
        rows: slice | np.ndarray,
        probs: Any,
        targets: Any,
        features: Any,
        *,
        rate: float = 1.0,
        bias: bool = True,
    ) -> None:
        """Add one checkpoint for some documents; the arguments are those of `self_influence` without their K."""
        p, y, h = np.asarray(probs), np.asarray(targets), np.asarray(features)
        self.scores[rows] += self_influence(p[None], y, h[None], [rate], bias=bias)

    def add_words(
        self,
        rows: Sequence[int] | np.ndarray,
        probs: Any,
        targets: Any,
        states: Any,
        offsets: Any,
        *,
        rate: float = 1.0,
        bias: bool = True,
    ) -> None:
        """Add one checkpoint for some documents whose words are tagged; see `word_self_influence`."""
        self.scores[rows] += rate * word_self_influence(probs, targets, states, offsets, bias=bias)


def self_influence(probs: Any, targets: Any, features: Any, rates: Any, *, bias: bool = True) -> np.ndarray:
    """Return the self-influence of documents through the last layer (TracIn-CP, Pruthi et al. 2020).

    Parameters
    ----------
    probs
        Probabilities at K checkpoints, shape (K, n, C): of classes, or independent ones of several labels; the
        gradient of their losses has the same form.
    targets
        What was trained on: classes int (n,), or a share of each class or label, (n, C).
    features
        What the last layer read at each checkpoint, shape (K, n, f), or (n, f) where it was always the same.
    rates
        The learning rate at each checkpoint, shape (K,).
    bias
        Whether the layer has a bias.

    Returns
    -------
    numpy.ndarray
        ``Σ rate · ‖p - y‖² · (‖h‖² + 1)``, float64 (n,). Large where the model had to memorise a document, which is
        what it does with a wrong label.

    Raises
    ------
    alwidget.errors.ArgumentError
        The arrays do not fit together, or are not finite.

    Examples
    --------
    >>> self_influence([[[0.7, 0.3]]], [0], [[[1.0, 2.0]]], [1.0]).round(2).tolist()
    [1.08]
    """
    p, g, h, eta = _read(probs, targets, features, rates)
    seen = np.stack([_squared(each) for each in h]) + bias
    if len(seen) != len(p):
        seen = np.broadcast_to(seen, (len(p), len(p[0])))
    wrong = np.square(g).sum(axis=2)
    out: np.ndarray = eta @ (wrong * seen)
    return out


def influence(
    probs: Any,
    targets: Any,
    features: Any,
    other_probs: Any,
    other_targets: Any,
    other_features: Any,
    rates: Any,
    *,
    bias: bool = True,
) -> np.ndarray:
    """Return how much each document moved the model for each of some others, float64 (n, m), m kept small.

    Positive: learning the one lowers the loss of the other. The arguments are those of `self_influence`, twice.

    >>> one, other = ([[[0.7, 0.3]]], [0], [[[1.0, 2.0]]]), ([[[0.4, 0.6]]], [0], [[[0.0, 1.0]]])
    >>> float(influence(*one, *other, [1.0]).round(2)[0, 0])
    1.08
    """
    _, g, h, eta = _read(probs, targets, features, rates)
    _, other_g, other_h, _ = _read(other_probs, other_targets, other_features, rates)
    out = np.zeros((g.shape[1], other_g.shape[1]))
    for k, rate in enumerate(eta):
        seen, other_seen = h[min(k, len(h) - 1)], other_h[min(k, len(other_h) - 1)]
        step = max(CHUNK_BYTES // (8 * max(len(other_seen), 1)), 1)
        for start in range(0, len(out), step):
            rows = slice(start, start + step)
            out[rows] += rate * (g[k, rows] @ other_g[k].T) * (seen[rows] @ other_seen.T + bias)
    return out


def word_self_influence(probs: Any, targets: Any, states: Any, offsets: Any, *, bias: bool = True) -> np.ndarray:
    """Return the self-influence of documents whose words are tagged, at one checkpoint, by the word.

    The gradient of a document is the sum of those of its words, ``Σ g ⊗ [h; 1]``; its squared length is divided by
    the number of words, so that long documents are not suspicious for being long.

    Parameters
    ----------
    probs
        Tag probabilities of all words, one document after the other, shape (sum L, K).
    targets
        Tags int (sum L,); -1 for a word that was not trained on.
    states
        What the last layer read, shape (sum L, f).
    offsets
        Where each document begins, shape (N + 1,).

    Returns
    -------
    numpy.ndarray
        float64 (N,); 0 for a document without words.
    """
    p, y, h = np.asarray(probs, dtype=np.float64), np.asarray(targets), np.asarray(states)
    at = np.asarray(offsets)
    if not len(p) == len(y) == len(h) == int(at[-1]):
        message = (
            f"{int(at[-1])} words need as many probabilities, tags and vectors; got {len(p)}, {len(y)}, {len(h)}."
        )
        raise ArgumentError(message)
    g = p.copy()
    trained = np.flatnonzero(y >= 0)
    g[trained, y[trained]] -= 1
    g[y < 0] = 0
    out = np.zeros(len(at) - 1)
    for document, (start, end) in enumerate(pairwise(at)):
        if end == start:
            continue
        rows = slice(int(start), int(end))
        # of C·f and L² numbers the fewer are made
        if g.shape[1] * h.shape[1] < (end - start) ** 2:
            whole = g[rows].T @ h[rows]
            squared = np.square(whole).sum() + bias * np.square(g[rows].sum(axis=0)).sum()
        else:
            squared = ((g[rows] @ g[rows].T) * (h[rows] @ h[rows].T + bias)).sum()
        out[document] = squared / (end - start)
    return out


def _read(
    probs: Any, targets: Any, features: Any, rates: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities (K, n, C), what was wrong with them, features (K or 1, n, f) and rates (K,), checked."""
    p, y, h = np.asarray(probs, dtype=np.float64), np.asarray(targets), np.asarray(features)
    eta = np.asarray(rates, dtype=np.float64)
    h = h[None] if h.ndim == 2 else h  # noqa: PLR2004  the same at all checkpoints
    if p.ndim != 3 or h.ndim != 3 or eta.shape != (len(p),) or len(h) not in {1, len(p)} or h.shape[1] != p.shape[1]:  # noqa: PLR2004
        message = (
            "Influence needs probabilities (K, n, C), features (K, n, f) or (n, f), and rates (K,); "
            f"got {p.shape}, {h.shape} and {eta.shape}."
        )
        raise ArgumentError(message)
    if not (np.isfinite(p).all() and np.isfinite(h).all() and np.isfinite(eta).all()):
        message = "Influence needs finite probabilities, features and rates."
        raise ArgumentError(message)
    if y.shape == p.shape[1:2] and y.dtype.kind in "iu":
        if len(y) and (y.min() < 0 or y.max() >= p.shape[2]):
            message = f"Targets must be classes from 0 to {p.shape[2] - 1}, got {y.min()} to {y.max()}."
            raise ArgumentError(message)
        g = p.copy()
        g[:, np.arange(len(y)), y] -= 1
    elif y.shape == p.shape[1:]:
        g = p - y
    else:
        message = f"Targets must be classes ({p.shape[1]},) or shares {p.shape[1:]}, got {y.shape} of {y.dtype}."
        raise ArgumentError(message)
    return p, g, h, eta


def _squared(rows: np.ndarray) -> np.ndarray:
    """Return the squared lengths of rows, float64, some at a time."""
    out = np.empty(len(rows))
    step = max(CHUNK_BYTES // (8 * max(rows.shape[1], 1)), 1)
    for start in range(0, len(rows), step):
        out[start : start + step] = np.square(rows[start : start + step], dtype=np.float64).sum(axis=1)
    return out
