"""Subsets by what the model said of the documents before: UPS, and the naive form that it is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.functional.sampling import as_share, as_temperature, ups_probabilities
from alwidget.strategies.subsample.base import Subsampler, Subset

__all__ = ["UPS", "Naive"]


class UPS(Subsampler):
    """Documents that the model was unsure of before, few of the others, and now and then all.

    Uncertainty-based pool subsampling (Tsvigun et al. 2022): documents are ranked by the last score that the strategy
    gave them, ``r = rank / N``, and come in with probability ``exp(-max(0, r - gamma) / temperature)``; the others
    keep the score they have. A round then asks the model about a ninth of the pool.

    Parameters
    ----------
    gamma
        The share that always comes in.
    temperature
        How slowly the probability falls beyond it; 0 ends it there.
    full
        Rounds, from 0, that look at everything: early models change their minds about much.
    stale
        A score of so many rounds ago is no longer believed: its document comes in, whatever its rank. Scores are thus
        never older than this. None believes them for ever.

    Notes
    -----
    Documents without a score always come in, and take no place from those that have one. Of the others the first
    ranks, as many as a batch needs, come in with certainty, so that a batch is never short.

    Examples
    --------
    >>> ups = UPS(gamma=0.25, temperature=0.0)
    >>> last = {"scores": np.array([0.1, 0.9, 0.5, np.nan]), "ages": np.array([2, 2, 2, -1])}
    >>> ups.select(np.array([7, 8, 9, 10]), np.random.default_rng(0), **last, round=3).positions.tolist()
    [1, 3]
    >>> print(ups)
    ups:0.25,temperature=0.0
    """

    name = "ups"
    needs_scores: ClassVar[bool] = True

    def __init__(
        self,
        gamma: float = 0.1,
        temperature: float = 0.01,
        full: Iterable[int] | int | None = (0, 1, 4, 8),
        stale: int | None = 8,
    ) -> None:
        self.gamma, self.temperature = as_share(gamma, "gamma"), as_temperature(temperature)
        self.full = _rounds(full)
        self.stale = None if stale is None else as_size(stale, "stale", least=1)
        self.share = self.gamma

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
        """Return the positions that come in this round, each with the probability of that."""
        n = len(available)
        if scores is None or round in self.full:
            return Subset(np.arange(n, dtype=np.int64), np.ones(n))
        known, propensity = ~np.isnan(scores), np.ones(n)
        propensity[known] = ups_probabilities(scores[known], self.gamma, self.temperature, least=least)
        if self.stale is not None and ages is not None:
            # a round of the future is one of another past: the session was opened on an older log
            propensity[(round - ages >= self.stale) | (ages > round)] = 1.0
        positions = np.flatnonzero(rng.random(n) < propensity)
        return Subset(positions, propensity[positions])

    def options(self) -> dict[str, Any]:
        """Return `gamma`, `temperature`, `full` and `stale`."""
        return {"gamma": self.gamma, "temperature": self.temperature, "full": self.full, "stale": self.stale}

    def __str__(self) -> str:
        """Return the short form, with what differs from the defaults."""
        usual = UPS().options()
        changed = {name: value for name, value in self.options().items() if value != usual[name]}
        parts = [f"{self.gamma}"] if changed else []
        parts += [f"{name}={_written(value)}" for name, value in changed.items() if name != "gamma"]
        return self.name + (":" if parts else "") + ",".join(parts)


class Naive(Subsampler):
    """The documents that the model was least sure of before, and never the others.

    For comparison with `UPS`: what was once found certain is never looked at again.

    Parameters
    ----------
    share
        Which share of the documents that have a score; those without one always come in.
    """

    name = "naive"
    needs_scores: ClassVar[bool] = True

    def __init__(self, share: float = 0.1) -> None:
        self.share = as_share(share, "share")

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
        """Return the positions of the largest scores."""
        scores = np.full(len(available), np.nan) if scores is None else scores
        return UPS(self.share, 0.0, (), None).select(
            available, rng, least=least, scores=scores, ages=ages, round=round
        )

    def options(self) -> dict[str, Any]:
        """Return `share`."""
        return {"share": self.share}

    def __str__(self) -> str:
        """Return the short form."""
        return f"{self.name}:{self.share}"


def _rounds(full: Any) -> tuple[int, ...]:
    several = () if full is None else full if isinstance(full, Iterable) else (full,)
    if isinstance(full, str):
        message = f"full must be the numbers of rounds, such as (0, 1, 4, 8), got {full!r}."
        raise StrategyError(message)
    return tuple(sorted({as_size(number, "a round in full") for number in several}))


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(str(number) for number in value) or "none"
    return "none" if value is None else str(value)
