"""What the model is least sure of, and the draw that everything is measured against."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View
from alwidget.strategies.functional.checks import as_choice
from alwidget.strategies.functional.scores import AGGREGATES
from alwidget.strategies.ranking import Pointwise, without_scores

__all__ = ["BreakingTies", "Entropy", "LabelCardinality", "LeastConfidence", "Random"]


class Random(Strategy):
    """Documents drawn at random, each as likely as the next."""

    name = "random"
    tasks = ("classification", "multilabel", "tagging", "generation")

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return candidates in random order; with the same seed a larger `size` extends a smaller one."""
        return without_scores(functional.random(view.size, size, rng))


class LeastConfidence(Pointwise):
    """Documents whose likeliest class is the least likely."""

    name = "least-confidence"
    needs = frozenset({"probs"})
    tasks = ("classification", "multilabel")
    paper: ClassVar[str] = "Lewis & Gale 1994; Culotta & McCallum 2005"

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the largest probability; of several labels, of the least confident yes or no."""
        return functional.least_confidence(view.probs, multilabel=_several(view))


class BreakingTies(Pointwise):
    """Documents whose two likeliest classes are closest to each other."""

    name = "breaking-ties"
    needs = frozenset({"probs"})
    tasks = ("classification", "multilabel")
    paper: ClassVar[str] = "Luo et al. 2004"

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the margin between the two largest; of several labels, of the narrowest yes or no."""
        return functional.breaking_ties(view.probs, multilabel=_several(view))


class Entropy(Pointwise):
    """Documents whose predicted classes have the largest entropy.

    Parameters
    ----------
    agg
        How the entropies of several labels are put together: ``"sum"``, ``"mean"`` or ``"max"``.
    """

    name = "entropy"
    needs = frozenset({"probs"})
    tasks = ("classification", "multilabel")
    paper: ClassVar[str] = "Roy & McCallum 2001"

    def __init__(self, *, agg: str = "sum") -> None:
        self.agg = as_choice(agg, "agg", AGGREGATES)

    def scores(self, view: View) -> np.ndarray:
        """Return the entropy of the predicted classes in nats."""
        return functional.entropy(view.probs, multilabel=_several(view), agg=self.agg)

    def options(self) -> dict[str, Any]:
        """Return `agg`."""
        return {"agg": self.agg}


class LabelCardinality(Pointwise):
    """Documents that are given more labels, or fewer, than documents have on average."""

    name = "label-cardinality"
    needs = frozenset({"probs", "labelled_y"})
    needs_labelled = True
    tasks = ("multilabel",)
    paper: ClassVar[str] = "Li & Guo 2013"

    def scores(self, view: View) -> np.ndarray:
        """Return the distance between the number of labels above 0.5 and the mean number of labels given."""
        return functional.label_cardinality(view.probs, view.labelled_y)


def _several(view: View) -> bool:
    return bool(getattr(view, "multilabel", False))
