"""Which documents a round looks at: asking a model about all of a large pool takes longer than a person labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alwidget.errors import StrategyError, near_miss
from alwidget.strategies.base import Strategy

__all__ = ["Everything", "RandomSubsampler", "Subsampler", "Subset", "available_subsamplers", "subsampler"]

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
        The probability with which each of them came in, float64, shape (m,). Kept with every label, so that
        estimates can be corrected for how documents were chosen.
    """

    positions: np.ndarray
    propensity: np.ndarray


class Subsampler(ABC):
    """Chooses the candidates of a round from what is available.

    Subclasses set `name` and `select`, and `needs_scores` when they rank by what the last rounds computed.
    """

    name: ClassVar[str]
    needs_scores: ClassVar[bool] = False

    @abstractmethod
    def select(
        self,
        available: np.ndarray,
        rng: np.random.Generator,
        *,
        least: int = 0,
        scores: np.ndarray | None = None,
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
        round
            The number of the round, from 0.
        """

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
        round: int = 0,  # noqa: A002
    ) -> Subset:
        """Return all positions, with probability one."""
        del rng, least, scores, round
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
        round: int = 0,  # noqa: A002
    ) -> Subset:
        """Return ``min(size, N)`` positions, each as likely as the next."""
        del scores, round
        n = len(available)
        wanted = int(np.ceil(self.size * n)) if self.size < 1 else int(self.size)
        m = min(max(wanted, least), n)
        positions = np.arange(n) if m == n else np.sort(rng.choice(n, m, replace=False, shuffle=False))
        return Subset(positions.astype(np.int64, copy=False), np.full(m, m / n if n else 1.0))

    def __str__(self) -> str:
        """Return the short form."""
        return f"random:{self.size}"


_KINDS: dict[str, type[Subsampler]] = {RandomSubsampler.name: RandomSubsampler, Everything.name: Everything}


def available_subsamplers() -> dict[str, str]:
    """Return the names of the subsamplers and one line for each.

    >>> sorted(available_subsamplers())
    ['none', 'random']
    """
    return {name: (kind.__doc__ or "").splitlines()[0] for name, kind in _KINDS.items()}


def subsampler(spec: str | Subsampler | None, strategy: Strategy | None = None) -> Subsampler:
    """Return the subsampler that a person asked for.

    Parameters
    ----------
    spec
        ``"random:10000"``, ``"random:0.1"`` (a share), ``"random"``, None or ``"none"``, an instance, or ``"auto"``:
        what the strategy brings itself, else random 10,000.
    strategy
        The strategy of the session, for ``"auto"``.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no such subsampler, or its size cannot be read.

    Examples
    --------
    >>> subsampler("random:5000")
    subsampler("random:5000")
    """
    if isinstance(spec, Subsampler):
        return spec
    if spec == "auto":
        spec = (strategy.subsample if strategy is not None else None) or f"random:{AUTO}"
    if spec is None:
        return Everything()
    if not isinstance(spec, str):
        message = f'subsample is a text such as "random:10000", or None, got {spec!r}.'
        raise StrategyError(message)
    name, colon, size = spec.partition(":")
    if name not in _KINDS:
        names = ("auto", *_KINDS)
        shown = ", ".join(f'"{n}"' for n in names)
        message = f'There is no subsampler "{name}"; choose from {shown}.{near_miss(name, names)}'
        raise StrategyError(message)
    if not colon:
        return _KINDS[name]()
    if name != RandomSubsampler.name:
        message = f'subsample="{spec}" cannot be read: "{name}" takes no size.'
        raise StrategyError(message)
    try:
        return RandomSubsampler(float(size) if "." in size else int(size))
    except ValueError as error:
        message = f'subsample="{spec}" cannot be read; write a number ("random:10000") or a share ("random:0.1").'
        raise StrategyError(message) from error
