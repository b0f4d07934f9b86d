"""What a tagger is least sure of: its words are scored, its documents are asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.functional.gradients import KINDS, spread_rows, token_gradients
from alwidget.strategies.functional.tokens import AGGREGATES, log_confidence, pooled
from alwidget.strategies.ranking import Pointwise, nothing, without_scores

__all__ = ["MNLP", "Badge", "Bald", "TokenEntropy"]

FIRST = 64
"""Documents that are asked for before it is known how wide the vectors of words are."""
CHUNK_BYTES = 64 << 20
"""Vectors of words that are held at a time."""
GRADIENT_BYTES = 192 << 20
"""What the gradients of all candidates may take; more documents or tags get a coarser sketch."""
LEAST_SKETCH = 4


class MNLP(Pointwise):
    """Documents whose likeliest tags are the least likely, whatever their length.

    Parameters
    ----------
    skip_all_O
        Ask documents in which the model finds nothing last. It saves reading, and starves recall early on.

    Notes
    -----
    The probability of a word is that of its likeliest tag; of a CRF, by its marginals.
    """

    name = "mnlp"
    needs = frozenset({"token_probs"})
    tasks = ("tagging",)
    subsample: str | None = "random:10000"
    paper: ClassVar[str] = "Shen et al. 2017"

    def __init__(self, *, skip_all_O: bool = False) -> None:
        self.skip_all_O = bool(skip_all_O)

    def scores(self, view: View) -> np.ndarray:
        """Return the mean of -log of the likeliest tag's probability over the words; minus infinity without words."""
        tags = view.token_probs
        scores = pooled(-log_confidence(tags.flat), tags.offsets, "mean")
        if self.skip_all_O and len(tags.flat):
            found = pooled((tags.flat.argmax(axis=1) > 0).astype(np.float64), tags.offsets, "max")
            scores[found < 1] = -np.inf
        return scores

    def options(self) -> dict[str, Any]:
        """Return `skip_all_O`."""
        return {"skip_all_O": self.skip_all_O}


class TokenEntropy(Pointwise):
    """Documents whose words have tags of large entropy.

    Parameters
    ----------
    agg
        ``"mean"`` over words; ``"max"``, the least certain word; ``"sum"``, which prefers long documents; ``"top"``,
        the mean of the `k` least certain words.
    k
        For ``"top"``.
    """

    name = "token-entropy"
    needs = frozenset({"token_probs"})
    tasks = ("tagging",)
    subsample: str | None = "random:10000"
    paper: ClassVar[str] = "Settles & Craven 2008"

    def __init__(self, *, agg: str = "mean", k: int = 3) -> None:
        self.agg, self.k = as_choice(agg, "agg", AGGREGATES), as_size(k, "k", least=1)

    def scores(self, view: View) -> np.ndarray:
        """Return the entropy of the words' tags in nats, put together as `agg` says."""
        tags = view.token_probs
        return functional.token_entropy(tags.flat, tags.offsets, agg=self.agg, k=self.k)

    def options(self) -> dict[str, Any]:
        """Return `agg` and `k`."""
        return {"agg": self.agg, "k": self.k}


class Bald(Pointwise):
    """Documents about whose tags the model disagrees with itself when parts of it are dropped.

    Parameters
    ----------
    passes
        Passes with dropout on, at least two.
    agg, k
        As for `TokenEntropy`, of the mutual information of each word.
    """

    name = "bald"
    needs = frozenset({"token_passes"})
    tasks = ("tagging",)
    paper: ClassVar[str] = "Houlsby et al. 2011; Gal, Islam & Ghahramani 2017"

    def __init__(self, *, passes: int = 10, agg: str = "mean", k: int = 3) -> None:
        self.passes = as_size(passes, "passes", least=2)
        self.agg, self.k = as_choice(agg, "agg", AGGREGATES), as_size(k, "k", least=1)

    def scores(self, view: View) -> np.ndarray:
        """Return the mutual information of tags and weights; the passes are read one by one and only sums are kept."""

        def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for tags in view.token_passes(self.passes):
                yield tags.flat, tags.offsets

        return functional.token_bald(read(), agg=self.agg, k=self.k)

    def options(self) -> dict[str, Any]:
        """Return `passes`, `agg` and `k`."""
        return {"passes": self.passes, "agg": self.agg, "k": self.k}


class Badge(Strategy):
    """Documents from which the model would learn much, each something else.

    Parameters
    ----------
    e
        ``"sum"``: the gradient of the loss of the whole document; ``"mean"``: divided by its words.
    sketch
        Dimensions that the vectors of words are projected to. With very many candidates or tags fewer are used, so
        that the gradients of all of them take no more than 192 MB.
    """

    name = "badge"
    needs = frozenset({"token_probs", "token_states", "lengths"})
    tasks = ("tagging",)
    paper: ClassVar[str] = "Ash, Zhang, Krishnamurthy, Langford & Agarwal 2020"

    def __init__(self, *, e: str = "sum", sketch: int = 64) -> None:
        self.e, self.sketch = as_choice(e, "e", KINDS), as_size(sketch, "sketch", least=1)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the document of the longest gradient, then others drawn by their distance from those."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        return without_scores(spread_rows(self._gradients(view), size, rng))

    def options(self) -> dict[str, Any]:
        """Return `e` and `sketch`."""
        return {"e": self.e, "sketch": self.sketch}

    def _gradients(self, view: View) -> np.ndarray:
        """Return the sketched gradient of every candidate, float32 (N, ·), some documents at a time."""
        words = np.cumsum(np.maximum(view.lengths, 1))
        out = np.empty((0, 0), dtype=np.float32)
        sketch, start, end = self.sketch, 0, min(FIRST, view.size)
        while start < view.size:
            tags, states = view.token_states(np.arange(start, end))
            if not start:
                most = GRADIENT_BYTES // (4 * view.size * max(tags.flat.shape[1], 1))
                sketch = max(min(sketch, most), min(sketch, LEAST_SKETCH))
            if len(tags.flat):
                part = token_gradients(tags.flat, tags.offsets, states, e=self.e, sketch=sketch)
                if not out.size:
                    out = np.zeros((view.size, part.shape[1]), dtype=np.float32)
                out[start:end] = part
            rows = max(CHUNK_BYTES // (4 * max(states.shape[1], 1)), 1)
            start, reached = end, words[end - 1]
            end = min(max(int(np.searchsorted(words, reached + rows, side="right")), end + 1), view.size)
        return out if out.size else np.zeros((view.size, 1), dtype=np.float32)
