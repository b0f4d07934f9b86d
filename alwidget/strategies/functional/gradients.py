"""BADGE: documents whose gradients are long and point to different sides.

The gradient of the last layer is an outer product of what the model got wrong, g = p - one-hot(argmax p), and what it
saw, h. Distances between outer products need no outer product; only where a document has many words, so that its
gradient is a sum of them, is the sum itself kept, with h sketched to a few dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from alwidget.strategies.functional import device
from alwidget.strategies.functional.checks import (
    as_choice,
    as_embeddings,
    as_generator,
    as_offsets,
    as_probs,
    as_sigmoids,
    as_size,
    same_length,
    steps,
)

__all__ = ["KINDS", "badge", "projection", "spread", "token_badge", "token_gradients"]

KINDS = ("sum", "mean")
SAME = 4e-6
"""Gradients closer than this, as a share of their squared lengths, are the same up to single precision."""
PENDING = 16
"""Seeds whose distances are computed together."""
REFUSALS = 32
"""Draws that may be refused before they are computed anyway."""

Inner = Callable[[slice | np.ndarray, np.ndarray], np.ndarray]


def badge(
    probs: Any,
    embeddings: Any,
    size: int,
    rng: np.random.Generator | int,
    *,
    multilabel: bool = False,
    bias: bool = False,
) -> np.ndarray:
    """Return documents whose gradients are long and unlike each other (BADGE, Ash et al. 2020).

    Parameters
    ----------
    probs
        Class probabilities, shape (N, C).
    embeddings
        What the last layer sees, shape (N, d), finite.
    size
        How many to return.
    rng
        A `numpy.random.Generator` or a seed.
    multilabel
        Whether `probs` are independent probabilities of several labels; g is then ``p - [p > 0.5]``.
    bias
        Whether the last layer has a bias whose gradient counts too.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order drawn: the longest gradient, then each with
        probability proportional to the squared distance from those drawn (k-means++).

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, or about different numbers of documents.

    Notes
    -----
    Costs O(b · N · (C + d)). Where `embeddings` is a tensor on a CUDA device the products are computed there.

    Examples
    --------
    >>> probs, vectors = [[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05]], [[1, 0], [1, 1], [0, 2]]
    >>> int(badge(probs, vectors, 2, rng=0)[0])
    1
    """
    p = as_sigmoids(probs) if multilabel else as_probs(probs)
    h, size, rng = as_embeddings(embeddings), as_size(size), as_generator(rng)
    same_length(probs=p, embeddings=h)
    g = p - (p > 0.5) if multilabel else _residual(p)  # noqa: PLR2004
    tensor = device.held(embeddings)
    if tensor is not None:
        products = device.OuterProducts(g, tensor, bias=bias)
        return spread(np.square(g).sum(axis=1) * products.lengths(), products, size, rng)
    seen = np.empty(len(h))
    for rows in steps(*h.shape):
        seen[rows] = np.square(h[rows], dtype=np.float64).sum(axis=1) + bias
    squared = np.square(g).sum(axis=1) * seen
    return spread(squared, lambda part, at: (g[part] @ g[at].T) * (h[part] @ h[at].T + bias), size, rng)


def token_badge(
    token_probs: Any,
    offsets: Any,
    states: Any,
    size: int,
    rng: np.random.Generator | int,
    *,
    e: str = "sum",
    sketch: int = 64,
) -> np.ndarray:
    """Return documents whose gradients under a tagger are long and unlike each other (BADGE for tags).

    Parameters
    ----------
    token_probs
        Tag probabilities of all words, shape (sum L, K).
    offsets
        Where each document begins, int (N + 1,).
    states
        What the tagger's last layer sees of each word, shape (sum L, d), finite.
    size, rng
        As for `badge`.
    e
        ``"sum"``: the gradient of the loss of the document, ``sum_t g_t ⊗ h_t``; ``"mean"``: divided by its words.
    sketch
        Dimensions that h is projected to, by `projection`.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64, in the order drawn.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no probabilities or vectors, or about different numbers of words.

    Examples
    --------
    >>> words = [[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]
    >>> token_badge(words, [0, 1, 3], [[1, 0], [0, 1], [1, 1]], 1, 0).tolist()
    [1]
    """
    size, rng, sketch = as_size(size), as_generator(rng), as_size(sketch, "sketch", least=1)
    gradients = token_gradients(token_probs, offsets, states, e=e, sketch=sketch)
    return spread_rows(gradients, size, rng)


def token_gradients(token_probs: Any, offsets: Any, states: Any, *, e: str = "sum", sketch: int = 64) -> np.ndarray:
    """Return the gradient of each document, float32 (N, K · m) with m = min(sketch, d); see `token_badge`.

    >>> token_gradients([[0.9, 0.1]], [0, 1], [[1.0, 2.0]]).round(6).tolist()
    [[-0.10000000149011612, -0.20000000298023224, 0.10000000149011612, 0.20000000298023224]]
    """
    e = as_choice(e, "e", KINDS)
    p, h = as_probs(token_probs, "token_probs"), as_embeddings(states, "states")
    same_length(token_probs=p, states=h)
    offsets = as_offsets(offsets, len(p))
    g = _residual(p).astype(np.float32)
    basis = projection(h.shape[1], sketch)
    seen = h.astype(np.float32, copy=False) if basis is None else h.astype(np.float32, copy=False) @ basis
    out = np.zeros((len(offsets) - 1, g.shape[1], seen.shape[1]), dtype=np.float32)
    for i, (start, end) in enumerate(pairwise(offsets.tolist())):
        np.matmul(g[start:end].T, seen[start:end], out=out[i])
    if e == "mean":
        out /= np.maximum(np.diff(offsets), 1)[:, None, None]
    return out.reshape(len(out), -1)


def projection(d: int, sketch: int) -> np.ndarray | None:
    """Return the fixed projection of d dimensions to `sketch`, float32 (d, sketch); None where nothing is to be done.

    Its columns are orthogonal, drawn once and for all, and as long as it takes for squared distances to stay what
    they are on average.
    """
    if d <= sketch:
        return None
    drawn = np.random.default_rng(20200511).standard_normal((d, sketch))
    basis, upper = np.linalg.qr(drawn)
    basis *= np.sign(np.diag(upper))  # the factorisation leaves the signs open
    scaled: np.ndarray = (basis * np.sqrt(d / sketch)).astype(np.float32)
    return scaled


def spread_rows(rows: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return `spread` over the rows of a matrix."""
    squared = np.empty(len(rows))
    for part in steps(*rows.shape):
        squared[part] = np.square(rows[part], dtype=np.float64).sum(axis=1)
    return spread(squared, lambda part, at: rows[part] @ rows[at].T, size, rng)


def spread(squared: np.ndarray, inner: Inner, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return positions drawn as k-means++ seeds, the longest vector first.

    Distances to a new seed are not taken of all vectors at once but of several seeds together, which is one matrix
    product. Meanwhile positions are drawn by what the distances were before, and kept with the probability by which
    their own have shrunk since: that is the same draw.

    Parameters
    ----------
    squared
        The squared length of each vector, float64 (N,).
    inner
        Called with some positions (a slice or an array) and others, returns the inner products of their vectors.
    size
        How many to return.
    rng
        Where randomness comes from.

    Returns
    -------
    numpy.ndarray
        ``min(size, N)`` unique positions, int64. Where only vectors that are drawn already are left, the rest is
        drawn uniformly.
    """
    n = len(squared)
    size = min(size, n)
    if not size or squared.max() <= 0:
        return rng.permutation(n)[:size].astype(np.int64, copy=False)
    seeds = _Seeds(squared, inner)
    picked = [int(squared.argmax())]
    seeds.pending.append(picked[0])
    while len(picked) < size:
        drawn = seeds.draw(rng)
        if drawn is None:
            free = np.ones(n, dtype=bool)
            free[picked] = False
            picked.extend(rng.permutation(np.flatnonzero(free))[: size - len(picked)].tolist())
            break
        picked.append(drawn)
    return np.array(picked, dtype=np.int64)


class _Seeds:
    """Squared distances to the nearest seed, up to date but for the pending seeds."""

    def __init__(self, squared: np.ndarray, inner: Inner) -> None:
        self.squared, self.inner = squared, inner
        self.left = np.full(len(squared), np.inf)
        self.summed = np.empty(0)
        self.pending: list[int] = []

    def draw(self, rng: np.random.Generator) -> int | None:
        """Return a position drawn by its squared distance, or None where no distance is left."""
        if not len(self.summed) or len(self.pending) >= PENDING:
            self.settle()
        while self.summed[-1] > 0:
            for _ in range(REFUSALS):
                at = int(np.searchsorted(self.summed, rng.random() * self.summed[-1], side="right"))
                at = at if at < len(self.left) else int(np.flatnonzero(self.left)[-1])
                if not self.pending or rng.random() * self.left[at] < self.apart(np.array([at]))[0]:
                    self.pending.append(at)
                    return at
            self.settle()
        return None

    def settle(self) -> None:
        """Take the pending seeds into account everywhere."""
        for part in steps(len(self.left), len(self.pending)):
            np.minimum(self.left[part], self.apart(part), out=self.left[part])
        self.left[self.pending] = 0
        self.pending.clear()
        self.summed = np.cumsum(self.left)

    def apart(self, part: slice | np.ndarray) -> np.ndarray:
        """Return the squared distance of some vectors to the nearest pending seed."""
        at = np.array(self.pending)
        both = self.squared[part, None] + self.squared[at]
        apart = both - 2.0 * self.inner(part, at)
        apart[apart <= SAME * both] = 0
        nearest: np.ndarray = apart.min(axis=1)
        return nearest


def _residual(p: np.ndarray) -> np.ndarray:
    """Return p - one-hot(argmax p), float64."""
    g = p.astype(np.float64)
    g[np.arange(len(p)), p.argmax(axis=1)] -= 1
    return g
