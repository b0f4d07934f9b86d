"""What answers would change in the last layer of the model: how much, and of how much use to the whole pool."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_number, as_size
from alwidget.strategies.ranking import Pointwise, nothing, without_scores
from alwidget.strategies.words import states_in_parts

__all__ = ["EGL", "Bait"]


class EGL(Pointwise):
    """Documents whose answer, whatever it is, would change the last layer the most.

    Parameters
    ----------
    normalise
        Scale vectors to unit length first: without it documents of long vectors are preferred.

    Notes
    -----
    Of several labels the expected changes are summed; of tags the mean over the words is taken.
    """

    name = "egl"
    needs = frozenset({"probs", "features"})
    tasks = ("classification", "multilabel", "tagging")
    paper: ClassVar[str] = "Settles, Craven & Ray 2007"

    def __init__(self, *, normalise: bool = False) -> None:
        self.normalise = bool(normalise)

    def at(self, view: View) -> Strategy:
        """Return the same; for tags, what reads the vectors of words."""
        if task_of(view) != "tagging":
            return self
        tagging = copy.copy(self)
        tagging.needs = frozenset({"token_probs", "token_states", "lengths"})
        return tagging

    def scores(self, view: View) -> np.ndarray:
        """Return the expected length of the gradient of the last layer with its bias."""
        if task_of(view) != "tagging":
            several = bool(getattr(view, "multilabel", False))
            return functional.egl(view.probs, view.features, multilabel=several, normalise=self.normalise)
        out = np.full(view.size, -np.inf)
        for part, tags, states in states_in_parts(view):
            if len(tags.flat):
                out[part] = functional.token_egl(tags.flat, tags.offsets, states, normalise=self.normalise)
        return out

    def options(self) -> dict[str, Any]:
        """Return `normalise`."""
        return {"normalise": self.normalise}


class Bait(Strategy):
    """Documents whose answers leave least to know about the rest of the pool.

    Parameters
    ----------
    lam
        How much is taken for known before anything is labelled, above 0.
    oversample
        How many times as many documents are picked as asked, before those are taken out that matter least.
    reference_scaling
        Weigh labelled documents and candidates as the authors' code does.
    """

    name = "bait"
    needs = frozenset({"probs", "features", "labelled_probs", "labelled_features"})
    paper: ClassVar[str] = "Ash, Goel, Krishnamurthy & Kakade 2021"
    tasks: tuple[str, ...] = ("classification",)

    def __init__(self, *, lam: float = 1.0, oversample: float = 2.0, reference_scaling: bool = False) -> None:
        self.lam = as_number(lam, "lam", above=0)
        self.oversample = as_number(oversample, "oversample", least=1)
        self.reference_scaling = bool(reference_scaling)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return documents in the order picked; nothing is drawn."""
        del rng
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        probs, features = (view.labelled_probs, view.labelled_features) if len(view.labelled) else (None, None)
        return without_scores(functional.bait(view.probs, view.features, probs, features, size, **self.options()))

    def options(self) -> dict[str, Any]:
        """Return `lam`, `oversample` and `reference_scaling`."""
        return {"lam": self.lam, "oversample": self.oversample, "reference_scaling": self.reference_scaling}
