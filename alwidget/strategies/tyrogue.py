"""TYROGUE: cluster a random subset, keep one document a cluster, ask those that the model is least sure of."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.functional.hybrid import as_ratio, most_uncertain_representatives
from alwidget.strategies.functional.scores import entropy
from alwidget.strategies.functional.tokens import token_entropy
from alwidget.strategies.ranking import nothing

__all__ = ["Tyrogue"]


class Tyrogue(Strategy):
    """The most uncertain among representatives of a random subset: the same cost for any pool.

    Parameters
    ----------
    r
        How many times more clusters than documents asked for: 1 is pure diversity, None pure entropy.
    cold_start_entropy
        Rank by entropy also before there is a trained model, as the paper does. The entropy of an untrained head is
        noise, so without this such a round acts as ``r=1``.

    Notes
    -----
    The entropy of a document is that of its class, the sum of those of its labels, or the mean of those of its words.
    """

    name = "tyrogue"
    tasks = ("classification", "multilabel", "tagging")
    subsample: str | None = "random:10000"
    paper: ClassVar[str] = "Maekawa, Zhang, Kim, Rahman & Hruschka 2022"

    def __init__(self, *, r: float | None = 3, cold_start_entropy: bool = False) -> None:
        self.r = as_ratio(r)
        self.cold_start_entropy = bool(cold_start_entropy)
        self.works_cold = self.cold_start_entropy
        self.needs = {1: frozenset({"embeddings"}), None: frozenset({"probs"})}.get(
            self.r, frozenset({"probs", "embeddings"})
        )
        self.scored = self.r != 1

    def at(self, view: View) -> Strategy:
        """Return what acts in this round: without a trained model the same with ``r=1``; for tags, what reads tags."""
        if self.r == 1:
            return self
        if not view.fitted and not self.cold_start_entropy:
            return Tyrogue(r=1)
        if task_of(view) != "tagging":
            return self
        tagging = copy.copy(self)
        tagging.needs = frozenset({"token_probs"} if self.r is None else {"embeddings", "token_probs", "token_states"})
        return tagging

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the picks by falling entropy; with ``r=1`` those of the largest clusters first."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        r = self.r if view.fitted or self.cold_start_entropy else 1
        asked: list[tuple[np.ndarray | None, np.ndarray]] = []

        def uncertainty(positions: np.ndarray | None) -> np.ndarray:
            asked.append((positions, _uncertainty(view, positions)))
            return asked[-1][1]

        picked, scores = most_uncertain_representatives(
            view.size, size, rng, r, embeddings=lambda: view.embeddings, uncertainty=uncertainty
        )
        every = np.full(view.size, np.nan)
        for positions, found in asked:
            every[slice(None) if positions is None else positions] = found
        return Ranked(picked, scores, every if asked else None)

    def options(self) -> dict[str, Any]:
        """Return `r` and `cold_start_entropy`."""
        return {"r": self.r, "cold_start_entropy": self.cold_start_entropy}


def _uncertainty(view: View, positions: np.ndarray | None) -> np.ndarray:
    """Return the entropies of some candidates, or of all with None, computing those alone."""
    if task_of(view) == "tagging":
        tags = view.token_probs if positions is None else view.token_states(positions)[0]
        return token_entropy(tags.flat, tags.offsets)
    probs = view.probs if positions is None else view.probs_at(positions)
    return entropy(probs, multilabel=bool(getattr(view, "multilabel", False)))
