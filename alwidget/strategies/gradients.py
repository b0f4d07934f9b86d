"""What answers would change in the last layer of the model: how much, and of how much use to the whole pool."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Strategy, View, task_of
from alwidget.strategies.ranking import Pointwise
from alwidget.strategies.words import states_in_parts

__all__ = ["EGL"]


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
