"""Strategies that ask what a small classifier, or the model's last layer, makes of where documents lie."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.alfamix import mixed
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.functional.discriminator import as_ratio
from alwidget.strategies.ranking import nothing, without_scores

__all__ = ["AlfaMix", "Discriminative"]


class Discriminative(Strategy):
    """Documents that a small network tells most surely apart from what is labelled.

    Parameters
    ----------
    batches
        In how many parts they are chosen at most; what was chosen counts as labelled for the next.
    ratio
        How many documents of the pool the network sees for each that is labelled.
    """

    name = "discriminative"
    needs = frozenset({"embeddings", "labelled_embeddings"})
    needs_labelled = True
    tasks = ("classification", "multilabel", "tagging", "generation")
    paper: ClassVar[str] = "Gissin & Shalev-Shwartz 2019"

    def __init__(self, *, batches: int = 10, ratio: float = 10.0) -> None:
        self.batches, self.ratio = as_size(batches, "batches", least=1), as_ratio(ratio)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the candidates in the order in which they are chosen."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        notes = () if len(view.labelled) else ("discriminative drew at random: nothing is labelled",)
        given = view.embeddings, view.labelled_embeddings, size, rng
        picked = functional.discriminative(*given, batches=self.batches, ratio=self.ratio)
        return without_scores(picked, *notes)

    def options(self) -> dict[str, Any]:
        """Return `batches` and `ratio`."""
        return {"batches": self.batches, "ratio": self.ratio}


class AlfaMix(Strategy):
    """Documents whose class changes when a little of a labelled class is mixed into them."""

    name = "alfa-mix"
    needs = frozenset({"probs", "features", "labelled_features", "labelled_y", "head"})
    needs_labelled = True
    tasks = ("classification",)
    paper: ClassVar[str] = "Parvaneh et al. 2022"

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return one of each kind of those that change."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        known = view.labelled_features, view.labelled_y
        picked, drawn = mixed(view.probs, view.features, *known, *view.head, size, rng)
        said = f"alfa-mix drew {drawn:,} documents at random: no mixing changes the class of more"
        return without_scores(picked, *((said,) if drawn and size < view.size else ()))
