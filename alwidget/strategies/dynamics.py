"""What training taught and what it did not: strategies that read how the model did in each epoch."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.alvin import SIDES, as_alpha, draw_anchors, near_anchors
from alwidget.strategies.functional.cartography import as_rate, as_threshold, borderline, learned
from alwidget.strategies.functional.checks import as_choice, as_embeddings, as_size
from alwidget.strategies.functional.dynamics import as_correct
from alwidget.strategies.functional.scores import entropy, top
from alwidget.strategies.ranking import by_score, nothing

__all__ = ["Alvin", "Cartography"]

UNRECORDED = "there are no training dynamics of what is labelled"


class Cartography(Strategy):
    """Documents between those that the model learned and those that it did not.

    A small network learns from the labelled documents which of them the model got right in more than a share of its
    epochs; documents of which it cannot tell are asked. Where all or none are such, those of the largest entropy are.

    Parameters
    ----------
    threshold
        A document counts as learned when the model was right in more than this share of the epochs.
    hidden, epochs, rate
        Units of the network, how often it sees every document, and its learning rate. The paper has 5e-5, at which
        it hardly leaves its first weights on some hundred documents.
    """

    name = "cartography"
    needs = frozenset({"dynamics", "embeddings", "labelled_embeddings", "probs"})
    needs_labelled = True
    tasks = ("classification",)
    scored = True
    paper: ClassVar[str] = "Zhang & Plank 2021"

    def __init__(self, *, threshold: float = 0.2, hidden: int = 300, epochs: int = 30, rate: float = 1e-3) -> None:
        self.threshold, self.rate = as_threshold(threshold), as_rate(rate)
        self.hidden, self.epochs = as_size(hidden, "hidden", least=1), as_size(epochs, "epochs", least=1)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the documents of which the network is least sure, by ``min(p, 1 - p)``."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        correct = _correct(view)
        if correct is None:
            return _by_entropy(self, view, size, UNRECORDED)
        kinds = learned(correct.mean(axis=0), self.threshold)
        if kinds.all() or not kinds.any():
            told = "all" if kinds.all() else "none"
            return _by_entropy(self, view, size, f"{told} of the {len(kinds):,} labelled documents were learned")
        scores = borderline(
            as_embeddings(view.embeddings),
            as_embeddings(view.labelled_embeddings, "labelled_embeddings"),
            kinds,
            rng,
            hidden=self.hidden,
            epochs=self.epochs,
            rate=self.rate,
        )
        best = top(scores, size)
        return Ranked(best, scores[best], scores)

    def options(self) -> dict[str, Any]:
        """Return `threshold`, `hidden`, `epochs` and `rate`."""
        return {"threshold": self.threshold, "hidden": self.hidden, "epochs": self.epochs, "rate": self.rate}


class Alvin(Strategy):
    """Uncertain documents on the way from what was not learned to what was, within a class.

    Parameters
    ----------
    anchors
        Points on the line between each pair of labelled documents, one forgotten or never learned, one learned.
    alpha
        They are drawn from Beta(α, α): large values stay near the middle.
    k
        Neighbours of each point; doubled until there are three candidates for each document asked.
    lam_is_weight_of
        Whether what is drawn weighs the ``"minority"``, as in the paper's formula, or the ``"majority"``, as in its
        text.
    """

    name = "alvin"
    needs = frozenset({"dynamics", "embeddings", "labelled_embeddings", "labelled_y", "probs"})
    needs_labelled = True
    tasks = ("classification",)
    scored = True
    paper: ClassVar[str] = "Korakakis, Vlachos & Weller 2024"

    def __init__(
        self, *, anchors: int = 15, alpha: float = 2.0, k: int = 10, lam_is_weight_of: str = "minority"
    ) -> None:
        self.anchors, self.k = as_size(anchors, "anchors", least=1), as_size(k, "k", least=1)
        self.alpha = as_alpha(alpha)
        self.lam_is_weight_of = as_choice(lam_is_weight_of, "lam_is_weight_of", SIDES)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the candidates of the largest entropy; the model is asked about documents near the lines alone."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        correct = _correct(view)
        if correct is None:
            return _by_entropy(self, view, size, UNRECORDED)
        rows = as_embeddings(view.embeddings)
        anchors = draw_anchors(
            rows.shape[1],
            view.labelled_embeddings,
            view.labelled_y,
            correct,
            rng,
            anchors=self.anchors,
            alpha=self.alpha,
            lam_is_weight_of=self.lam_is_weight_of,
        )
        if not len(anchors):
            return _by_entropy(self, view, size, "no class has documents that were learned and others that were not")
        near = near_anchors(rows, anchors, size, self.k)
        every = np.full(view.size, np.nan)
        every[near] = entropy(view.probs_at(near))
        best = near[top(every[near], size)]
        return Ranked(best, every[best], every)

    def options(self) -> dict[str, Any]:
        """Return `anchors`, `alpha`, `k` and `lam_is_weight_of`."""
        return {
            "anchors": self.anchors,
            "alpha": self.alpha,
            "k": self.k,
            "lam_is_weight_of": self.lam_is_weight_of,
        }


def _correct(view: View) -> np.ndarray | None:
    """Return whether the model was right in each epoch, bool (E, n), or None where nothing was recorded."""
    dynamics, n = view.dynamics, len(view.labelled)
    correct = np.asarray(dynamics.correct) if dynamics is not None else np.empty((0, n))
    if not correct.size or correct.shape[1:] != (n,):
        return None
    return as_correct(correct, "dynamics.correct")


def _by_entropy(strategy: Strategy, view: View, size: int, why: str) -> Ranked:
    return by_score(entropy(view.probs), size, f"{strategy.name} ranked by entropy: {why}")
