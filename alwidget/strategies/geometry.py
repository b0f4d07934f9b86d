"""Strategies that look at where documents lie among those that are labelled."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.functional.contrast import AGGREGATES
from alwidget.strategies.functional.searching import as_metric
from alwidget.strategies.ranking import Pointwise, nothing, without_scores

__all__ = ["Contrastive", "Coreset", "Mahalanobis"]


class Coreset(Strategy):
    """Documents far from all that is labelled and from each other, so that none is left alone.

    Parameters
    ----------
    metric
        ``"euclidean"``, or ``"cosine"``: the angle between vectors counts and not their length.
    """

    name = "coreset"
    needs = frozenset({"embeddings", "labelled_embeddings"})
    tasks = ("classification", "multilabel", "tagging", "generation")
    paper: ClassVar[str] = "Sener & Savarese 2018"

    def __init__(self, *, metric: str = "euclidean") -> None:
        self.metric = as_metric(metric)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the candidates in the order in which they are picked."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        known = view.labelled_embeddings if len(view.labelled) else None
        return without_scores(functional.coreset(view.embeddings, known, size, rng, metric=self.metric))

    def options(self) -> dict[str, Any]:
        """Return `metric`."""
        return {"metric": self.metric}


class Mahalanobis(Pointwise):
    """Documents unlike anything labelled, measured by how labelled documents of one class spread.

    Parameters
    ----------
    margin
        Ask where a document lies between two classes, not where it is far from all.
    """

    name = "mahalanobis"
    needs = frozenset({"embeddings", "labelled_embeddings", "labelled_y"})
    needs_labelled = True
    tasks = ("classification",)
    paper: ClassVar[str] = "Lee et al. 2018"

    def __init__(self, *, margin: bool = False) -> None:
        self.margin = bool(margin)

    def scores(self, view: View) -> np.ndarray:
        """Return the distance to the nearest class; with `margin` less the distance to the second nearest."""
        known = view.embeddings, view.labelled_embeddings, view.labelled_y
        return functional.mahalanobis(*known, margin=self.margin)

    def notes(self, view: View) -> tuple[str, ...]:
        """Say where there is no second class for a margin."""
        if not self.margin or len(np.unique(view.labelled_y)) > 1:
            return ()
        return ("mahalanobis ranked by distance alone: one class only is labelled, so there is no margin",)

    def options(self) -> dict[str, Any]:
        """Return `margin`."""
        return {"margin": self.margin}


class Contrastive(Pointwise):
    """Documents that the model sees otherwise than the labelled documents nearest to them.

    Parameters
    ----------
    k
        How many labelled neighbours a document is held against.
    agg
        How they are put together: ``"mean"``, ``"max"`` or ``"median"``.
    """

    name = "contrastive"
    needs = frozenset({"probs", "embeddings", "labelled_probs", "labelled_embeddings"})
    needs_labelled = True
    tasks = ("classification",)
    paper: ClassVar[str] = "Margatina, Vernikos, Barrault & Aletras 2021"

    def __init__(self, *, k: int = 10, agg: str = "mean") -> None:
        self.k, self.agg = as_size(k, "k", least=1), as_choice(agg, "agg", AGGREGATES)

    def scores(self, view: View) -> np.ndarray:
        """Return the mean divergence of its neighbours' predictions from a document's own, in nats."""
        known = view.labelled_probs, view.labelled_embeddings
        return functional.contrastive(view.probs, view.embeddings, *known, self.k, agg=self.agg)

    def options(self) -> dict[str, Any]:
        """Return `k` and `agg`."""
        return {"k": self.k, "agg": self.agg}
