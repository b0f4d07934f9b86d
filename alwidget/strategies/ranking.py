"""The two ways to answer: in the order of a score, or in an order of its own."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_scores, as_size
from alwidget.strategies.functional.scores import top

__all__ = ["Pointwise", "by_score", "nothing", "without_scores"]


def by_score(scores: Any, size: int, *notes: str) -> Ranked:
    """Return the `size` largest of `scores`, best first, equal ones in the order of their positions.

    >>> by_score([0.1, 0.9, 0.5], 2).indices.tolist()
    [1, 2]
    """
    order, every = top(scores, size), as_scores(scores)
    return Ranked(order, every[order], every, notes)


def without_scores(indices: np.ndarray, *notes: str) -> Ranked:
    """Return positions in the order in which they are to be asked, where no document has a score of its own."""
    return Ranked(np.asarray(indices, dtype=np.int64), np.full(len(indices), np.nan), notes=notes)


def nothing() -> Ranked:
    """Return the answer where there are no candidates."""
    return without_scores(np.empty(0, dtype=np.int64))


class Pointwise(Strategy):
    """A strategy that scores every document by itself; subclasses say how.

    >>> class Shortest(Pointwise):
    ...     name = "nearest-to-the-origin"
    ...     needs = frozenset({"embeddings"})
    ...     def scores(self, view):
    ...         return -np.linalg.norm(view.embeddings, axis=1)
    """

    scored = True

    @abstractmethod
    def scores(self, view: View) -> np.ndarray:
        """Return one number a candidate, shape (N,), larger = ask first."""

    def notes(self, view: View) -> tuple[str, ...]:
        """Return what `Ranked.notes` is to say of these scores."""
        del view
        return ()

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the candidates with the largest scores, best first."""
        del rng
        size = as_size(size)
        check_task(self, task_of(view))
        return by_score(self.scores(view), size, *self.notes(view)) if view.size else nothing()
