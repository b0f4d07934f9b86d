"""Documents that are unlike each other and like the rest of the pool."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.ranking import nothing, without_scores

__all__ = ["BertKM"]


class BertKM(Strategy):
    """One document from the middle of each cluster of the pool; needs no labels and no model."""

    name = "bert-km"
    needs = frozenset({"embeddings"})
    tasks = ("classification", "multilabel", "tagging", "generation")
    paper: ClassVar[str] = "Yuan, Lin & Boyd-Graber 2020"

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the documents nearest to the centres of `size` clusters, those of the largest clusters first."""
        size = as_size(size)
        if not view.size or not size:
            return nothing()
        return without_scores(functional.kmeans_medoids(view.embeddings, size, rng))
