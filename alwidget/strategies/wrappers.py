"""Strategies around a strategy: AcTune spreads its scores over regions, SEALS lets it see only what is near."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies import functional
from alwidget.strategies.base import Ranked, Strategy, View, check_task, task_of
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.functional.regions import REGIONS, as_beta
from alwidget.strategies.functional.seals import Nearby
from alwidget.strategies.ranking import Pointwise, nothing
from alwidget.strategies.registry import get
from alwidget.strategies.schedule import Schedule
from alwidget.strategies.settings import from_settings, to_settings

__all__ = ["AcTune", "Seals"]


class _Wrapper(Strategy):
    """What is common to strategies around a strategy: they are for its tasks, and need what it needs."""

    reads: ClassVar[frozenset[str]] = frozenset()
    """What the wrapper itself reads of a view."""
    tasks: tuple[str, ...] = ("classification", "multilabel")

    def __init__(self, base: Any) -> None:
        self.base = from_settings(base) if isinstance(base, Mapping) else get(base)
        self.needs = self.reads | frozenset(self.base.needs)
        self.needs_labelled = self.base.needs_labelled
        self.works_cold = self.base.works_cold
        self.tasks = self.base.tasks
        self.subsample = self.base.subsample
        self.scored = self.base.scored

    def at(self, view: View) -> Self:
        """Return this wrapper around what acts in this round."""
        acting = self.base.at(view)
        if acting is self.base:
            return self
        here = copy.copy(self)
        here.base = acting
        here.needs = self.reads | frozenset(acting.needs)
        here.works_cold, here.scored = acting.works_cold, acting.scored
        return here

    def _base_written(self) -> Any:
        """Return the wrapped strategy as an option: its name, its settings, or itself where it has neither."""
        try:
            settings = to_settings(self.base)
        except StrategyError:
            return self.base
        return settings if settings.get("options") or "schedule" in settings else settings["strategy"]


class AcTune(_Wrapper):
    """Documents of the highest scores from the regions that the model knows least.

    The self-training of the paper, on what the model is sure of, is part of training and not of the choice; it is
    left out.

    Parameters
    ----------
    base
        The strategy whose scores count: a name, an instance, or its settings. It must score single documents.
    regions
        Clusters of the candidates, at most; there are ten candidates for each, at least.
    beta
        The weight of disagreement among the predictions in a region.
    """

    name = "actune"
    reads: ClassVar[frozenset[str]] = frozenset({"probs", "embeddings"})
    tasks = ("classification",)
    paper: ClassVar[str] = "Yu, Kong, Zhang, Zhang & Zhang 2022"

    def __init__(self, base: Any = "entropy", *, regions: int = REGIONS, beta: float = 0.5) -> None:
        super().__init__(base)
        _check_scores(self.base)
        if "classification" not in self.base.tasks:
            message = f'"actune" is for classification, but "{self.base.name}" is for {" and ".join(self.base.tasks)}.'
            raise StrategyError(message)
        self.tasks = ("classification",)
        self.regions, self.beta = as_size(regions, "regions", least=1), as_beta(beta)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return one document of each region in turn, the best region first."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        base: Any = self.base.at(view)
        scores = np.asarray(base.scores(view), dtype=np.float64)
        picked = functional.actune(
            scores, view.probs, view.embeddings, size, rng, regions=self.regions, beta=self.beta
        )
        notes = base.notes(view) if isinstance(base, Pointwise) else ()
        return Ranked(picked, np.full(len(picked), np.nan), scores, notes)

    def options(self) -> dict[str, Any]:
        """Return `base`, `regions` and `beta`."""
        return {"base": self._base_written(), "regions": self.regions, "beta": self.beta}


class Seals(_Wrapper):
    """What another strategy asks, among the neighbours of labelled documents alone.

    Neighbours are found in vectors that no training changes, once for each labelled document, so that the wrapped
    strategy has the same work in a pool of any size.

    Parameters
    ----------
    base
        The strategy that chooses: a name, an instance, or its settings.
    k
        Neighbours of each labelled document. With as many as there are candidates the strategy sees them all.
    """

    name = "seals"
    reads: ClassVar[frozenset[str]] = frozenset({"base_embeddings", "labelled_base_embeddings"})
    paper: ClassVar[str] = "Coleman et al. 2022"

    def __init__(self, base: Any = "entropy", *, k: int = 100) -> None:
        super().__init__(base)
        self.needs_labelled = True
        self.k = as_size(k, "k", least=1)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the wrapped strategy chooses; random documents join where there are too few neighbours."""
        size = as_size(size)
        check_task(self, task_of(view))
        if not view.size or not size:
            return nothing()
        base = self.base.at(view)
        near, notes = self._near(view), tuple[str, ...]()
        if len(near) < min(size, view.size):
            others = np.setdiff1d(np.arange(view.size), near)
            drawn = rng.choice(others, min(size, view.size) - len(near), replace=False)
            notes = (_too_few(view, len(near), len(drawn)),)
            near = np.sort(np.concatenate([near, drawn]))
        if len(near) == view.size:
            all_of_it = base.select(view, size, rng)
            return replace(all_of_it, notes=(*notes, *all_of_it.notes))
        some = base.select(view.take(near), size, rng)
        every = None
        if some.every is not None:
            every = np.full(view.size, np.nan)
            every[near] = some.every
        return Ranked(near[some.indices], some.scores, every, (*notes, *some.notes))

    def options(self) -> dict[str, Any]:
        """Return `base` and `k`."""
        return {"base": self._base_written(), "k": self.k}

    def _near(self, view: View) -> np.ndarray:
        """Return the positions of the neighbours, ascending, int64; all where every candidate is one."""
        known = view.labelled_base_embeddings
        if self.k >= view.size:
            return np.arange(view.size, dtype=np.int64)
        if not len(view.labelled):
            return np.empty(0, dtype=np.int64)
        memory = view.kept(f"seals:{self.k}", lambda: Nearby(self.k))
        return memory.update(view.candidates, view.base_embeddings, view.labelled, known)


def _too_few(view: View, near: int, drawn: int) -> str:
    """Return the line that says why documents were drawn at random."""
    why = f"only {near:,} candidates are near labelled ones" if len(view.labelled) else "nothing is labelled"
    return f"seals drew {drawn:,} candidates at random: {why}"


def _check_scores(base: Strategy) -> None:
    """Raise where a strategy has no score for a single document."""
    for one in [part for part, _ in base.parts] if isinstance(base, Schedule) else [base]:
        if one is not base and isinstance(one, Schedule):
            _check_scores(one)
        elif not callable(getattr(one, "scores", None)):
            message = (
                f'"actune" needs a strategy that scores every document by itself, and "{one.name}" does not: it '
                'chooses a set. Take one such as "entropy", "breaking-ties" or "bald"; a class of your own needs a '
                "method scores(view), as alwidget.strategies.Pointwise has it."
            )
            raise StrategyError(message)
