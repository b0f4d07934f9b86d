"""What the model is least sure of, and the draw that everything is measured against."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View
from alwidget.strategies.ranking import Pointwise, without_scores

__all__ = ["BreakingTies", "Entropy", "LeastConfidence", "Random"]


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
    paper: ClassVar[str] = "Lewis & Gale 1994; Culotta & McCallum 2005"

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the largest probability."""
        return functional.least_confidence(view.probs)


class BreakingTies(Pointwise):
    """Documents whose two likeliest classes are closest to each other."""

    name = "breaking-ties"
    needs = frozenset({"probs"})
    paper: ClassVar[str] = "Luo et al. 2004"

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the margin between the two largest probabilities."""
        return functional.breaking_ties(view.probs)


class Entropy(Pointwise):
    """Documents whose predicted classes have the largest entropy."""

    name = "entropy"
    needs = frozenset({"probs"})
    paper: ClassVar[str] = "Roy & McCallum 2001"

    def scores(self, view: View) -> np.ndarray:
        """Return the entropy of the predicted classes in nats."""
        return functional.entropy(view.probs)
