"""What a tagger is least sure of: its words are scored, its documents are asked."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.strategies import functional
from alwidget.strategies.base import View
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.functional.tokens import AGGREGATES, log_confidence, pooled
from alwidget.strategies.ranking import Pointwise

__all__ = ["MNLP", "TokenEntropy"]


class MNLP(Pointwise):
    """Documents whose likeliest tags are the least likely, whatever their length.

    Parameters
    ----------
    skip_all_O
        Ask documents in which the model finds nothing last. It saves reading, and starves recall early on.

    Notes
    -----
    The probability of a word is that of its likeliest tag; of a CRF, by its marginals.
    """

    name = "mnlp"
    needs = frozenset({"token_probs"})
    tasks = ("tagging",)
    subsample: str | None = "random:10000"
    paper: ClassVar[str] = "Shen et al. 2017"

    def __init__(self, *, skip_all_O: bool = False) -> None:
        self.skip_all_O = bool(skip_all_O)

    def scores(self, view: View) -> np.ndarray:
        """Return the mean of -log of the likeliest tag's probability over the words; minus infinity without words."""
        tags = view.token_probs
        scores = pooled(-log_confidence(tags.flat), tags.offsets, "mean")
        if self.skip_all_O and len(tags.flat):
            found = pooled((tags.flat.argmax(axis=1) > 0).astype(np.float64), tags.offsets, "max")
            scores[found < 1] = -np.inf
        return scores

    def options(self) -> dict[str, Any]:
        """Return `skip_all_O`."""
        return {"skip_all_O": self.skip_all_O}


class TokenEntropy(Pointwise):
    """Documents whose words have tags of large entropy.

    Parameters
    ----------
    agg
        ``"mean"`` over words; ``"max"``, the least certain word; ``"sum"``, which prefers long documents; ``"top"``,
        the mean of the `k` least certain words.
    k
        For ``"top"``.
    """

    name = "token-entropy"
    needs = frozenset({"token_probs"})
    tasks = ("tagging",)
    subsample: str | None = "random:10000"
    paper: ClassVar[str] = "Settles & Craven 2008"

    def __init__(self, *, agg: str = "mean", k: int = 3) -> None:
        self.agg, self.k = as_choice(agg, "agg", AGGREGATES), as_size(k, "k", least=1)

    def scores(self, view: View) -> np.ndarray:
        """Return the entropy of the words' tags in nats, put together as `agg` says."""
        tags = view.token_probs
        return functional.token_entropy(tags.flat, tags.offsets, agg=self.agg, k=self.k)

    def options(self) -> dict[str, Any]:
        """Return `agg` and `k`."""
        return {"agg": self.agg, "k": self.k}
