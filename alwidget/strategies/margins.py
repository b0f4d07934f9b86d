"""Cluster-Margin: small margins, from as many clusters of the pool as there are."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.functional.margins import PER_PICK, WITHIN, Dendrogram, in_turn
from alwidget.strategies.ranking import nothing

__all__ = ["ClusterMargin"]


class ClusterMargin(Strategy):
    """Documents of small margin from as many clusters as there are, those of small clusters first.

    A sample of the pool is clustered once a session, by average linkage of cosine distances; in each round it is cut
    into ten times as many clusters as documents are asked, and what is looked at goes to the nearest centre.

    Parameters
    ----------
    within
        What is taken of a cluster: a ``"random"`` document, or the one of the smallest ``"margin"``.
    reference
        How many documents are clustered. Time and memory grow with the square.
    """

    name = "cluster-margin"
    needs = frozenset({"probs", "base_embeddings", "reference_embeddings"})
    tasks = ("classification",)
    scored = True
    paper: ClassVar[str] = "Citovsky et al. 2021"

    def __init__(self, *, within: str = "random", reference: int = 5000) -> None:
        self.within = as_choice(within, "within", WITHIN)
        self.reference = as_size(reference, "reference", least=2)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return a document of each cluster in turn."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        scores = functional.breaking_ties(view.probs)
        tree = view.kept(
            f"cluster-margin:{self.reference}", lambda: Dendrogram.of(view.reference_embeddings(self.reference))
        )
        clusters = tree.cut(PER_PICK * size)
        picked = in_turn(
            scores, lambda at: tree.assign(clusters, view.take(at).base_embeddings), size, rng, within=self.within
        )
        return Ranked(picked, np.full(len(picked), np.nan), scores)

    def options(self) -> dict[str, Any]:
        """Return `within` and `reference`."""
        return {"within": self.within, "reference": self.reference}
