"""Which documents to have a text written for: by what a model wrote, or by vectors alone."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_choice, as_size
from alwidget.strategies.functional.density import as_weight
from alwidget.strategies.functional.texts import SPREADS, TOKENISERS
from alwidget.strategies.ranking import Pointwise, nothing, without_scores

__all__ = ["ENSP", "IDDS", "NSP", "BleuVar"]


class NSP(Pointwise):
    """Documents whose text the model itself finds improbable."""

    name = "nsp"
    needs = frozenset({"generated"})
    tasks = ("generation",)
    subsample: str | None = "random:1000"
    paper: ClassVar[str] = "Ueffing & Ney 2007"

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the length-normalised probability of the best text."""
        return _one_each(functional.nsp(view.generated.log_probs), view)


class ENSP(Pointwise):
    """Documents whose texts the model finds improbable on average when parts of it are dropped.

    Parameters
    ----------
    passes
        Passes with dropout on.
    agg
        ``"mean"``, or ``"var"``: the variance of the probabilities (ENSV).
    """

    name = "ensp"
    needs = frozenset({"generate_passes"})
    tasks = ("generation",)
    subsample: str | None = "random:200"
    paper: ClassVar[str] = "Wang et al. 2019"

    def __init__(self, *, passes: int = 10, agg: str = "mean") -> None:
        self.agg = as_choice(agg, "agg", SPREADS)
        self.passes = as_size(passes, "passes", least=2 if self.agg == "var" else 1)

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the mean probability over the passes, or the variance of the probabilities."""
        found = [np.asarray(one.log_probs, dtype=np.float64) for one in view.generate_passes(self.passes)]
        return _one_each(functional.ensp(np.stack(found), agg=self.agg), view)

    def options(self) -> dict[str, Any]:
        """Return `passes` and `agg`."""
        return {"passes": self.passes, "agg": self.agg}


class BleuVar(Pointwise):
    """Documents for which the model writes something else each time that parts of it are dropped.

    Parameters
    ----------
    passes
        Passes with dropout on, at least two.
    tokenize
        How words are told apart: ``"13a"``, ``"intl"``, ``"zh"``, ``"char"`` (languages without spaces), ``"none"``.
    """

    name = "bleuvar"
    needs = frozenset({"generate_passes"})
    tasks = ("generation",)
    subsample: str | None = "random:200"
    paper: ClassVar[str] = "Xiao, Gomez & Gal 2020"

    def __init__(self, *, passes: int = 10, tokenize: str = "13a") -> None:
        self.passes = as_size(passes, "passes", least=2)
        self.tokenize = as_choice(tokenize, "tokenize", TOKENISERS)

    def scores(self, view: View) -> np.ndarray:
        """Return the mean squared difference, by BLEU, between the texts of the passes."""
        found = [one.texts for one in view.generate_passes(self.passes)]
        texts = [list(some) for some in zip(*found, strict=True)]
        return _one_each(functional.bleuvar(texts, tokenize=self.tokenize), view)

    def options(self) -> dict[str, Any]:
        """Return `passes` and `tokenize`."""
        return {"passes": self.passes, "tokenize": self.tokenize}


class IDDS(Strategy):
    """Documents that are like the rest of the pool and unlike what is labelled; needs no generator.

    Parameters
    ----------
    lam
        Weight of likeness to the pool, from 0 to 1; the rest is that of unlikeness to what is labelled.
    """

    name = "idds"
    needs = frozenset({"embeddings", "labelled_embeddings"})
    tasks = ("classification", "multilabel", "tagging", "generation")
    paper: ClassVar[str] = "Tsvigun et al. 2022"

    def __init__(self, *, lam: float = 0.67) -> None:
        self.lam = as_weight(lam)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return the picks in their order: each counts as labelled before the next is made."""
        del rng
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        labelled = view.labelled_embeddings if len(view.labelled) else None
        return without_scores(functional.idds(view.embeddings, labelled, size, self.lam))

    def options(self) -> dict[str, Any]:
        """Return `lam`."""
        return {"lam": self.lam}


def _one_each(scores: np.ndarray, view: View) -> np.ndarray:
    if len(scores) != view.size:
        message = f"The model wrote {len(scores)} texts for {view.size} documents."
        raise StrategyError(message)
    return scores
