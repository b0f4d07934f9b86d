"""Which documents a round looks at: asking a model about all of a large pool takes longer than a person labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.base import Strategy

__all__ = ["AUTO", "Everything", "RandomSubsampler", "Subsampler", "Subset"]

AUTO = 10_000
"""The paper's |D_rand|; TYROGUE reports no difference between 5,000 and 20,000."""


@dataclass(frozen=True, slots=True)
class Subset:
    """The documents of a round.

    Attributes
    ----------
    positions
        Positions into what was available, ascending, int64, shape (m,).
    propensity
        The probability with which each of them came in, float64, shape (m,); NaN where nobody knows. Kept with every
        label, so that estimates can be corrected for how documents were chosen.
    """

    positions: np.ndarray
    propensity: np.ndarray


class Subsampler(ABC):
    """Chooses the candidates of a round from what is available.

    Subclasses set `name` and `select`; `needs_scores` and `share` when they go by what earlier rounds computed.

    >>> class EverySecond(Subsampler):
    ...     name = "every-second"
    ...     def select(self, available, rng, *, least=0, scores=None, ages=None, round=0):
    ...         positions = np.arange(round % 2, len(available), 2)
    ...         return Subset(positions, np.ones(len(positions)))
    """

    name: ClassVar[str]
    needs_scores: ClassVar[bool] = False
    """Whether it reads `scores` and `ages`; the engine then remembers them."""
    share: float = 1.0
    """With `needs_scores`: which share is drawn at random for a strategy that has no scores."""

    @abstractmethod
    def select(
        self,
        available: np.ndarray,
        rng: np.random.Generator,
        *,
        least: int = 0,
        scores: np.ndarray | None = None,
        ages: np.ndarray | None = None,
        round: int = 0,  # noqa: A002  the name that a view has for it
    ) -> Subset:
        """Return the candidates of a round.

        Parameters
        ----------
        available
            Pool indices of the documents that may be asked, int64, shape (N,).
        rng
            Where randomness comes from.
        least
            How many documents the round must have to choose from, as far as there are any.
        scores
            The last score of every available document, larger = ask first, NaN where it has none, shape (N,).
        ages
            The round in which each of these was computed, -1 for never, shape (N,).
        round
            The number of the round, from 0.
        """

    def around(self, strategy: Strategy) -> Strategy:
        """Return what acts in place of `strategy`; one that chooses candidates by more than `select` sees wraps it."""
        return strategy

    def options(self) -> dict[str, Any]:
        """Return the options that make this instance again."""
        return {}

    def __repr__(self) -> str:
        """Return what a person types for it."""
        return f'subsampler("{self}")'

    def __str__(self) -> str:
        """Return the short form, such as ``random:10000``."""
        return self.name


class Everything(Subsampler):
    """All documents, every round."""

    name = "none"

    def select(
        self,
        available: np.ndarray,
        rng: np.random.Generator,
        *,
        least: int = 0,
        scores: np.ndarray | None = None,
        ages: np.ndarray | None = None,
        round: int = 0,  # noqa: A002
    ) -> Subset:
        """Return all positions, with probability one."""
        del rng, least, scores, ages, round
        return Subset(np.arange(len(available), dtype=np.int64), np.ones(len(available)))


class RandomSubsampler(Subsampler):
    """A new uniform draw every round, as TYROGUE does.

    Parameters
    ----------
    size
        How many documents, or which share of them when it is below 1.
    """

    name = "random"

    def __init__(self, size: float = AUTO) -> None:
        if isinstance(size, bool) or not size > 0 or (size > 1 and size % 1):
            message = f'"random" takes a whole number of documents or a share below 1, got {size!r}.'
            raise StrategyError(message)
        self.size = int(size) if size >= 1 else size

    def select(
        self,
        available: np.ndarray,
        rng: np.random.Generator,
        *,
        least: int = 0,
        scores: np.ndarray | None = None,
        ages: np.ndarray | None = None,
        round: int = 0,  # noqa: A002
    ) -> Subset:
        """Return ``min(size, N)`` positions, each as likely as the next."""
        del scores, ages, round
        n = len(available)
        wanted = int(np.ceil(self.size * n)) if self.size < 1 else int(self.size)
        m = min(max(wanted, least), n)
        positions = np.arange(n) if m == n else np.sort(rng.choice(n, m, replace=False, shuffle=False))
        return Subset(positions.astype(np.int64, copy=False), np.full(m, m / n if n else 1.0))

    def options(self) -> dict[str, Any]:
        """Return `size`."""
        return {"size": self.size}

    def __str__(self) -> str:
        """Return the short form."""
        return f"random:{self.size}"
