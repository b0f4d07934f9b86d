"""BADGE: documents from which the model would learn much, each something else."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.functional.gradients import KINDS, spread_rows, token_gradients
from alwidget.strategies.ranking import nothing, without_scores
from alwidget.strategies.words import states_in_parts

__all__ = ["Badge"]

GRADIENT_BYTES = 192 << 20
"""What the gradients of all candidates may take; more documents or tags get a coarser sketch."""
LEAST_SKETCH = 4


class Badge(Strategy):
    """Documents from which the model would learn much, each something else.

    Parameters
    ----------
    e
        For tags. ``"sum"``: the gradient of the loss of the whole document; ``"mean"``: divided by its words.
    sketch
        For tags: dimensions that the vectors of words are projected to. With very many candidates or tags fewer are
        used, so that the gradients of all of them take no more than 192 MB.

    Notes
    -----
    The gradient is that of the last layer, as if the model's own answer were right. Of classes and of several labels
    it is never made: lengths and distances of outer products come from their factors.
    """

    name = "badge"
    needs = frozenset({"probs", "features"})
    tasks = ("classification", "multilabel", "tagging")
    paper: ClassVar[str] = "Ash, Zhang, Krishnamurthy, Langford & Agarwal 2020"

    def __init__(self, *, e: str = "sum", sketch: int = 64) -> None:
        self.e, self.sketch = as_choice(e, "e", KINDS), as_size(sketch, "sketch", least=1)

    def at(self, view: View) -> Strategy:
        """Return the same; for tags, what reads the vectors of words."""
        if task_of(view) != "tagging":
            return self
        tagging = copy.copy(self)
        tagging.needs = frozenset({"token_probs", "token_states", "lengths"})
        return tagging

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the document of the longest gradient, then others drawn by their distance from those."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        if task_of(view) == "tagging":
            return without_scores(spread_rows(self._gradients(view), size, rng))
        several = bool(getattr(view, "multilabel", False))
        return without_scores(functional.badge(view.probs, view.features, size, rng, multilabel=several))

    def options(self) -> dict[str, Any]:
        """Return `e` and `sketch`."""
        return {"e": self.e, "sketch": self.sketch}

    def _gradients(self, view: View) -> np.ndarray:
        """Return the sketched gradient of every candidate, float32 (N, ·), some documents at a time."""
        out, sketch = np.empty((0, 0), dtype=np.float32), self.sketch
        for part, tags, states in states_in_parts(view):
            if not part.start:
                most = GRADIENT_BYTES // (4 * view.size * max(tags.flat.shape[1], 1))
                sketch = max(min(sketch, most), min(sketch, LEAST_SKETCH))
            if len(tags.flat):
                found = token_gradients(tags.flat, tags.offsets, states, e=self.e, sketch=sketch)
                if not out.size:
                    out = np.zeros((view.size, found.shape[1]), dtype=np.float32)
                out[part] = found
        return out if out.size else np.zeros((view.size, 1), dtype=np.float32)
