"""What a query strategy is, what it sees, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

__all__ = ["Ranked", "Strategy", "View"]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The answer of a strategy, best first.

    Attributes
    ----------
    indices
        Positions into the view's candidates (0 … N-1), int64, unique, shape (k,).
    scores
        float64, shape (k,), larger = ask first; NaN where the strategy has no score for a single document.
    """

    indices: np.ndarray
    scores: np.ndarray


class View(Protocol):
    """What a strategy sees of a round: lazily computed, cached, read-only arrays. N candidates, n labelled, C, d.

    Only what a strategy touches is computed, so a strategy that uses only `embeddings` costs no forward pass of the
    head. `alwidget.strategies.ArrayView` is the same over arrays that you already have.
    """

    @property
    def size(self) -> int:
        """N, the number of candidates."""

    @property
    def candidates(self) -> np.ndarray:
        """Pool indices of the candidates, int64 (N,)."""

    @property
    def labelled(self) -> np.ndarray:
        """Pool indices of the labelled documents, int64 (n,)."""

    @property
    def labelled_y(self) -> np.ndarray:
        """Their classes, int64 (n,)."""

    @property
    def n_classes(self) -> int:
        """C, the number of labels of the task."""

    @property
    def round(self) -> int:
        """The number of this round, from 0."""

    @property
    def fitted(self) -> bool:
        """Whether there is a trained model, so that `probs` mean something."""

    @property
    def probs(self) -> np.ndarray:
        """Class probabilities of the candidates, float64 (N, C)."""

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, float64 (k, C).

        A strategy that has narrowed the candidates down costs a forward pass of those alone.
        """

    @property
    def labelled_probs(self) -> np.ndarray:
        """Class probabilities of the labelled documents, float64 (n, C)."""

    @property
    def embeddings(self) -> np.ndarray:
        """Vectors of the candidates, float32 (N, d)."""

    @property
    def labelled_embeddings(self) -> np.ndarray:
        """Vectors of the labelled documents, float32 (n, d)."""

    @property
    def dynamics(self) -> Any:
        """Training dynamics of the last fit (`alwidget.learners.Dynamics`) or None."""

    @property
    def sources(self) -> np.ndarray | None:
        """The source of every candidate, or None where the pool has no such column."""


class Strategy(ABC):
    """A query strategy: which documents to ask next.

    Subclasses set `name`, `needs` and `select`; ten lines are enough:

    >>> import numpy as np
    >>> class Longest(Strategy):
    ...     name = "least-sure-of-first-class"
    ...     needs = frozenset({"probs"})
    ...     def select(self, view, size, rng):
    ...         scores = 1 - view.probs[:, 0]
    ...         order = np.argsort(-scores, kind="stable")[:size]
    ...         return Ranked(order, scores[order])
    """

    name: ClassVar[str]
    """The name it is found by."""
    needs: frozenset[str] | set[str] = frozenset()
    """Names of `View` attributes that it reads, such as ``{"probs", "embeddings"}``; options may change them."""
    needs_labelled: bool = False
    """Whether it cannot work before anything is labelled."""
    works_cold: bool = False
    """Whether it is asked before there is a trained model, although it reads probabilities."""
    tasks: tuple[str, ...] = ("classification",)
    subsample: str | None = None
    """The pool subsampling it brings itself, such as ``"random:10000"``; used when the session says "auto"."""
    paper: ClassVar[str] = ""

    @abstractmethod
    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return ``min(size, N)`` candidates, best first."""

    @property
    def needs_model(self) -> bool:
        """Whether it reads probabilities, so that a round without a trained model falls back to cold start."""
        return bool({"probs", "labelled_probs", "mc_probs", "dynamics"} & set(self.needs))

    def at(self, view: View) -> Strategy:
        """Return the strategy that acts in this round; a `Schedule` answers one of its parts."""
        del view
        return self

    def options(self) -> dict[str, Any]:
        """Return the options that make this instance again through `alwidget.strategies.get`."""
        return {}

    def __repr__(self) -> str:
        """Return the call that makes this strategy."""
        options = "".join(f", {k}={v!r}" for k, v in self.options().items())
        return f'strategies.get("{self.name}"{options})'
