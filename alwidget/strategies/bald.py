"""What passes of a model with dropout on are unsure of together, and what they disagree about."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional import scores, tokens
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.ranking import Pointwise, nothing, without_scores

__all__ = ["Bald", "BatchBald", "MCEntropy"]


class MCEntropy(Pointwise):
    """Documents of which passes with dropout, taken together, are the least sure.

    Parameters
    ----------
    passes
        Passes with dropout on; their probabilities are averaged.
    agg
        How the entropies of several labels are put together: ``"sum"``, ``"mean"`` or ``"max"``.
    """

    name = "mc-entropy"
    needs = frozenset({"mc_probs"})
    tasks = ("classification", "multilabel")
    paper: ClassVar[str] = "Gal, Islam & Ghahramani 2017"

    def __init__(self, *, passes: int = 10, agg: str = "sum") -> None:
        self.passes, self.agg = as_size(passes, "passes", least=1), as_choice(agg, "agg", scores.AGGREGATES)

    def scores(self, view: View) -> np.ndarray:
        """Return the entropy of the mean of the passes in nats; they are read one by one."""
        return functional.mc_entropy(view.mc_probs(self.passes), multilabel=_several(view), agg=self.agg)

    def options(self) -> dict[str, Any]:
        """Return `passes` and `agg`."""
        return {"passes": self.passes, "agg": self.agg}


class Bald(Pointwise):
    """Documents about which the model disagrees with itself when parts of it are dropped.

    Parameters
    ----------
    passes
        Passes with dropout on, at least two.
    agg, k
        For tags, as for `alwidget.strategies.tagging.TokenEntropy`, of the mutual information of each word.
    """

    name = "bald"
    needs = frozenset({"mc_probs"})
    tasks = ("classification", "multilabel", "tagging")
    paper: ClassVar[str] = "Houlsby et al. 2011; Gal, Islam & Ghahramani 2017"

    def __init__(self, *, passes: int = 10, agg: str = "mean", k: int = 3) -> None:
        self.passes = as_size(passes, "passes", least=2)
        self.agg, self.k = as_choice(agg, "agg", tokens.AGGREGATES), as_size(k, "k", least=1)

    def at(self, view: View) -> Strategy:
        """Return the same; for tags, what reads passes over words."""
        if task_of(view) != "tagging":
            return self
        tagging = copy.copy(self)
        tagging.needs = frozenset({"token_passes"})
        return tagging

    def scores(self, view: View) -> np.ndarray:
        """Return the mutual information of answer and weights; passes are read one by one and only sums are kept."""
        if task_of(view) != "tagging":
            return functional.bald(view.mc_probs(self.passes), multilabel=_several(view))

        def read() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for tags in view.token_passes(self.passes):
                yield tags.flat, tags.offsets

        return functional.token_bald(read(), agg=self.agg, k=self.k)

    def options(self) -> dict[str, Any]:
        """Return `passes`, `agg` and `k`."""
        return {"passes": self.passes, "agg": self.agg, "k": self.k}


class BatchBald(Strategy):
    """Documents whose answers together tell most about where the model disagrees with itself.

    Parameters
    ----------
    passes
        Passes with dropout on, each with the same units dropped for all documents. K of them can tell log K nats in
        all; once a batch has told that, the rest of it follows by `Bald`.
    samples
        Up to so many sequences of answers are listed; from then on so many are drawn.
    """

    name = "batchbald"
    needs = frozenset({"mc_probs"})
    paper: ClassVar[str] = "Kirsch, van Amersfoort & Gal 2019"
    tasks: tuple[str, ...] = ("classification",)

    def __init__(self, *, passes: int = 20, samples: int = 10_000) -> None:
        self.passes, self.samples = as_size(passes, "passes", least=1), as_size(samples, "samples", least=1)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return documents in the order picked, each adding most to what those before it tell."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        passes = list(view.mc_probs(self.passes, consistent=True))
        notes = ("batchbald ranked by entropy: one pass cannot disagree",) if len(passes) == 1 else ()
        return without_scores(functional.batchbald(passes, size, rng, samples=self.samples), *notes)

    def options(self) -> dict[str, Any]:
        """Return `passes` and `samples`."""
        return {"passes": self.passes, "samples": self.samples}


def _several(view: View) -> bool:
    return bool(getattr(view, "multilabel", False))
