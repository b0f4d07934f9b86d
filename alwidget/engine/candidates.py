"""Which documents a round chooses among, and how likely each of them was to be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine.openset import OpenSet
from alwidget.engine.scores import ScoreMemory, whose
from alwidget.strategies import Pointwise, Subsampler, Subset, subsampler
from alwidget.strategies.functional import random_share

if TYPE_CHECKING:
    from alwidget.engine.round import Plan
    from alwidget.learners.base import Learner
    from alwidget.strategies.base import Strategy

__all__ = ["Candidates", "draw_candidates"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The documents of a round.

    Attributes
    ----------
    indices
        Pool indices, ascending, int64 (N,).
    propensity
        The probability with which each of them came in, float64 (N,); NaN where nobody knows.
    notes
        What a person should know about the draw.
    memory
        Where the scores of this round are to be kept; None where nobody will ask for them.
    """

    indices: np.ndarray
    propensity: np.ndarray
    notes: tuple[str, ...] = ()
    memory: ScoreMemory | None = None


def draw_candidates(
    available: OpenSet,
    plan: Plan,
    strategy: Strategy,
    learner: Learner,
    memory: ScoreMemory,
    rng: np.random.Generator,
) -> Candidates:
    """Draw the documents that `strategy` chooses among in this round."""
    open_now = len(available)
    readable = available.all()
    if plan.within is not None and strategy.needs:
        readable = np.sort(available.keep(plan.within))
    share = len(readable) / open_now if open_now else 1.0
    chosen, notes = subsampler(plan.subsample, strategy), tuple[str, ...]()
    kept = memory if chosen.needs_scores and strategy.needs else None
    if kept is not None:
        kept.open(whose(strategy, learner))
        subset, notes = _by_scores(chosen, readable, plan, strategy, kept, rng)
    elif chosen.needs_scores:  # a strategy that looks at nothing costs nothing
        subset = Subset(np.arange(len(readable)), np.ones(len(readable)))
    else:
        subset = chosen.select(readable, rng, least=plan.size, round=plan.number - 1)
    return Candidates(readable[subset.positions], subset.propensity * share, notes, kept)


def _by_scores(
    chosen: Subsampler,
    readable: np.ndarray,
    plan: Plan,
    strategy: Strategy,
    memory: ScoreMemory,
    rng: np.random.Generator,
) -> tuple[Subset, tuple[str, ...]]:
    """Return the subset by the last scores, or of the same share at random for a strategy that has no scores.

    Where a draw is part of the strategy, as TYROGUE's is, it draws from what came in.
    """
    notes: tuple[str, ...] = ()
    # a document has a word at least
    least = max(plan.size, plan.tokens or 0)
    if strategy.scored if memory.scored is None else memory.scored:
        scores, ages = memory.of(readable)
        subset = chosen.select(readable, rng, least=least, scores=scores, ages=ages, round=plan.number - 1)
    else:
        at = random_share(len(readable), chosen.share, rng, least=least)
        subset = Subset(at, np.full(len(at), len(at) / max(len(readable), 1)))
        if len(at) < len(readable):
            of = f"a random {100 * chosen.share:g} % of the documents"
            notes = (f"{strategy.name} has no score for a single document, so it chose from {of}",)
    if strategy.subsample is None or isinstance(strategy, Pointwise):
        return subset, notes
    own = subsampler(strategy.subsample).select(readable[subset.positions], rng, least=least, round=plan.number - 1)
    propensity = subset.propensity[own.positions] * own.propensity
    return Subset(subset.positions[own.positions], propensity), notes
