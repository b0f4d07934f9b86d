"""Documents that are unlike each other and like the rest of the pool."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.ranking import nothing, without_scores

__all__ = ["Alps", "BertKM", "FtBertKM"]


class BertKM(Strategy):
    """One document from the middle of each cluster of the pool; needs no labels and no model."""

    name = "bert-km"
    needs = frozenset({"base_embeddings"})
    tasks = ("classification", "multilabel", "tagging", "generation")
    paper: ClassVar[str] = "Yuan, Lin & Boyd-Graber 2020"

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the documents nearest to the centres of `size` clusters, those of the largest clusters first."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        return without_scores(functional.kmeans_medoids(view.base_embeddings, size, rng))


class FtBertKM(Strategy):
    """One document from the middle of each cluster of the pool, as the encoder sees it after training."""

    name = "ft-bert-km"
    needs = frozenset({"embeddings"})
    tasks = ("classification", "multilabel", "tagging", "generation")
    paper: ClassVar[str] = "Yuan, Lin & Boyd-Graber 2020"

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the documents nearest to the centres of `size` clusters, those of the largest clusters first."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        return without_scores(functional.kmeans_medoids(view.embeddings, size, rng))


class Alps(Strategy):
    """One document of each kind that surprises a language model; needs no labels and no training.

    Parameters
    ----------
    length
        Tokens of a document that are looked at; the places of the vectors that are clustered.
    """

    name = "alps"
    needs = frozenset({"surprisal"})
    tasks = ("classification", "multilabel", "tagging")
    paper: ClassVar[str] = "Yuan, Lin & Boyd-Graber 2020"

    def __init__(self, *, length: int = 128) -> None:
        self.length = as_size(length, "length", least=8)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the documents nearest to the centres of `size` clusters of surprisal, the largest clusters first."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        return without_scores(functional.alps(view.surprisal(self.length), size, rng))

    def options(self) -> dict[str, Any]:
        """Return `length`."""
        return {"length": self.length}
