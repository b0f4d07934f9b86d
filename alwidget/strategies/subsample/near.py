"""SEALS as a subset: what the strategy sees are the neighbours of what is labelled."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.strategies.base import Strategy
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.registry import get
from alwidget.strategies.subsample.base import Subsampler, Subset

__all__ = ["SealsSubsampler"]


class SealsSubsampler(Subsampler):
    """Documents near those that are labelled, in vectors that no training changes.

    The strategy of the session acts inside the strategy ``"seals"`` (Coleman et al. 2022), which is the same thing by
    the name of a strategy.

    Parameters
    ----------
    k
        Neighbours of each labelled document.

    Notes
    -----
    No probability is claimed for a document: neighbours are no draw, and what is far from all that is labelled could
    not come in.
    """

    name = "seals"

    def __init__(self, k: int = 100) -> None:
        self.k = as_size(k, "k", least=1)

    def around(self, strategy: Strategy) -> Strategy:
        """Return the strategy inside ``"seals"``; one that is that already stays as it is."""
        return strategy if strategy.name == self.name else get(self.name, base=strategy, k=self.k)

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
        """Return all positions: which of them are near is seen from their vectors, later."""
        del rng, least, scores, ages, round
        return Subset(np.arange(len(available), dtype=np.int64), np.full(len(available), np.nan))

    def options(self) -> dict[str, Any]:
        """Return `k`."""
        return {"k": self.k}

    def __str__(self) -> str:
        """Return the short form."""
        return f"{self.name}:{self.k}"
