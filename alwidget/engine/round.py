"""One round, the same for the background thread, the headless step and the benchmark.

fit → candidates → view → strategy → queue entries. Nothing here knows of threads, people or disks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine.audit import mixed
from alwidget.engine.batches import lazy_batch
from alwidget.engine.candidates import draw_candidates
from alwidget.engine.needs import missing
from alwidget.engine.openset import OpenSet
from alwidget.engine.queue import Queued
from alwidget.engine.reasons import reason_of
from alwidget.engine.record import agreement
from alwidget.engine.scores import ScoreMemory
from alwidget.engine.suggest import with_suggestions
from alwidget.engine.training import TrainingSet
from alwidget.engine.view import RoundView
from alwidget.errors import StrategyError
from alwidget.learners.base import Labelled, Learner, Progress, Report, Stop
from alwidget.log.events import Why
from alwidget.log.rounds import RoundRecord
from alwidget.strategies import Subsampler, get, subsampler
from alwidget.strategies.base import Ranked, Strategy

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["Plan", "RoundResult", "draw_at_random", "fit", "run_round"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a round needs to know, fixed when it begins."""

    number: int
    """Counts from 1; 0 is what was drawn at random before the first round."""
    strategy: Strategy
    subsample: str | Subsampler | None
    size: int
    """How many documents to ask, or with `tokens` how many at least."""
    seed: int
    training: TrainingSet
    within: np.ndarray | None = None
    """Choose among these pool indices only: those whose vectors are there already. None: the whole pool."""
    tokens: int | None = None
    """How many words to ask; documents are taken until they have so many together."""
    history: tuple[RoundRecord, ...] = ()
    """The rounds that are finished, oldest first, those of earlier runs too."""
    audit: float = 0.0
    """The share of questions that are drawn at random to measure; see `alwidget.engine.audit`."""


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round came to: the queue, what was fitted, and where the time went in seconds."""

    number: int
    entries: list[Queued]
    strategy: str
    candidates: int
    report: Report | None
    fitted: bool
    batch: int = 0
    """How many of the entries are the batch that was asked for; the others are there so that nobody waits."""
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    fallback: str | None = None
    """Why random chose in place of the strategy whose turn it was; None where it did not."""
    subsample: str | None = None
    """What drew the candidates."""
    agreement: float | None = None
    """How well the model of the round before had foreseen the answers that came in since, 0 … 1."""
    compared: int = 0
    """How many of those answers it had foreseen."""


def fit(pool: Pool, learner: Learner, plan: Plan, stop: Stop, progress: Progress | None) -> Report | None:
    """Train on all labels; None while they teach nothing (see `TrainingSet.teaches`)."""
    training = plan.training
    if not training.teaches:
        return None
    documents = lazy_batch(pool, training.indices, words=training.words)
    labelled = Labelled(documents, training.y, training.classes)
    report = learner.fit(labelled, seed=plan.seed, stop=stop, progress=progress)
    if report.dynamics is None:
        return report
    return replace(report, dynamics=report.dynamics.along(documents.keys))


def run_round(
    pool: Pool,
    learner: Learner,
    available: OpenSet,
    plan: Plan,
    *,
    stop: Stop,
    progress: Progress | None = None,
    phase: Callable[[str], None] = lambda _: None,
    memo: dict[tuple[str, str], Any] | None = None,
    scores: ScoreMemory | None = None,
) -> RoundResult:
    """Run one round and return what to ask next, best first.

    `memo` is what strategies keep from round to round, see `RoundView.kept`; `scores` are those of the rounds before,
    for a plan that subsamples by them.

    Raises
    ------
    alwidget.errors.Cancelled
        `stop` was set; the learner keeps the state of its last finished fit.
    alwidget.errors.StrategyError
        The strategy failed or broke its contract.
    """
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    phase("training")
    agreed, compared = agreement(plan.history, pool, plan.training)
    report = fit(pool, learner, plan, stop, progress)
    seconds["training"] = time.perf_counter() - started
    phase("scoring")
    fitted = report is not None
    strategy, lack = _acting(plan, report, pool=pool, learner=learner)
    rng = np.random.default_rng([plan.seed, plan.number])
    memory = scores if scores is not None else ScoreMemory(len(pool), pool.fingerprint)
    candidates = draw_candidates(available, plan, strategy, learner, memory, rng)
    view = RoundView(
        pool,
        candidates.indices,
        plan.training,
        learner,
        fitted=fitted,
        number=plan.number - 1,
        dynamics=report.dynamics if report else None,
        seed=int(np.random.SeedSequence([plan.seed, plan.number]).generate_state(1)[0]),
        pool_seed=plan.seed,
        memo=memo,
        history=plan.history,
        stop=stop,
        progress=progress,
    )
    started = time.perf_counter()
    ranked, batch = _ranked(strategy, view, plan, rng)
    seconds["inference"] = view.seconds
    seconds["selection"] = time.perf_counter() - started - view.seconds
    entries = _entries(pool, view, ranked, strategy, plan, candidates.propensity, learner)
    if plan.audit and strategy.name != "random":
        model = learner.description if fitted else None
        entries = mixed(entries, available, plan.audit, seed=plan.seed, number=plan.number, model=model)
    if fitted:
        entries = with_suggestions(pool, learner, entries, plan.training, stop, view)
    stop.check()
    if candidates.memory is not None and len(ranked.indices):
        candidates.memory.keep(view.candidates, ranked.every, plan.number - 1)
    said = (*(() if lack is None else (f"{lack}; this round drew at random",)), *candidates.notes, *ranked.notes)
    drawn_by = subsampler(plan.subsample, strategy)
    return RoundResult(
        plan.number,
        entries,
        strategy.name,
        view.size,
        report,
        fitted,
        batch,
        said,
        seconds,
        fallback=lack,
        subsample=str(drawn_by),
        agreement=agreed,
        compared=compared,
    )


def draw_at_random(available: OpenSet, size: int, rng: np.random.Generator, number: int) -> list[Queued]:
    """Return open documents drawn at random, in random order: what is asked before any model exists."""
    open_now = len(available)
    drawn = rng.permutation(available.draw(size, rng))
    share = len(drawn) / open_now if open_now else None
    return [
        Queued(int(i), Why("random", number, rank, len(drawn), None, share, None, "drawn at random"))
        for rank, i in enumerate(drawn, start=1)
    ]


def _acting(plan: Plan, report: Report | None, *, pool: Pool, learner: Learner) -> tuple[Strategy, str | None]:
    """Return the strategy of this round, or random in its place when it lacks what it needs, and what it lacks."""
    probe = RoundView(
        pool,
        np.empty(0, dtype=np.int64),
        plan.training,
        learner,
        fitted=report is not None,
        number=plan.number - 1,
        history=plan.history,
    )
    strategy = plan.strategy.at(probe)
    strategy = subsampler(plan.subsample, strategy).around(strategy)
    if strategy.needs_labelled and not len(plan.training):
        return get("random"), f"{strategy.name} needs labels"
    if strategy.needs_model and report is None and not strategy.works_cold:
        return get("random"), f"{strategy.name} needs a trained model"
    if (lack := missing(strategy, learner, report)) is not None:
        return get("random"), lack
    return strategy, None


def _ranked(strategy: Strategy, view: RoundView, plan: Plan, rng: np.random.Generator) -> tuple[Ranked, int]:
    """Return what the strategy asks, and how much of it is the batch.

    A number of words is asked as so many documents, in the strategy's order, as reach it: the one that crosses the
    line is in. How many that will be is not known before; a strategy that chose too few is asked again for more.
    """
    if plan.tokens is None:
        ranked = _checked(strategy, view, min(plan.size, view.size), rng)
        return ranked, len(ranked.indices)
    mean = max(float(view.lengths.mean()), 1.0) if view.size else 1.0
    size = max(int(np.ceil(plan.tokens / mean)), plan.size, 1)
    state = rng.bit_generator.state
    while True:
        rng.bit_generator.state = state
        ranked = _checked(strategy, view, min(size, view.size), rng)
        reached = np.cumsum(view.lengths[ranked.indices])
        batch = int(np.searchsorted(reached, plan.tokens)) + 1
        if batch <= len(reached) or size >= view.size:
            batch = min(batch, len(reached))
            kept = max(batch, min(plan.size, len(reached)))
            return replace(ranked, indices=ranked.indices[:kept], scores=ranked.scores[:kept]), batch
        size = int(np.ceil(1.5 * size))


def _checked(strategy: Strategy, view: RoundView, size: int, rng: np.random.Generator) -> Ranked:
    """Ask the strategy and hold its answer against the contract: unique positions, in range, as many as asked."""
    if size == 0:
        return Ranked(np.empty(0, dtype=np.int64), np.empty(0))
    ranked = strategy.select(view, size, rng)
    if not isinstance(ranked, Ranked):
        ranked = Ranked(np.asarray(ranked), np.full(len(ranked), np.nan))
    indices = np.asarray(ranked.indices)
    scores = np.asarray(ranked.scores, dtype=np.float64)
    every = None if ranked.every is None else np.asarray(ranked.every, dtype=np.float64)
    wrong = None
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        wrong = f"positions of type {indices.dtype}, shape {indices.shape}, where int64 (k,) is due"
    elif len(indices) != size:
        wrong = f"{len(indices)} positions where {size} were asked"
    elif len(np.unique(indices)) != len(indices):
        wrong = "the same document twice"
    elif indices.min() < 0 or indices.max() >= view.size:
        wrong = f"position {int(indices.max())} of {view.size} candidates"
    elif scores.shape != indices.shape:
        wrong = f"{scores.shape} scores for {indices.shape} positions"
    elif every is not None and every.shape != (view.size,):
        wrong = f"scores of shape {every.shape} for {view.size} candidates"
    if wrong:
        message = f'The strategy "{strategy.name}" answered {wrong}.'
        raise StrategyError(message)
    return Ranked(indices.astype(np.int64), scores, every, _lines(ranked.notes))


def _lines(notes: object) -> tuple[str, ...]:
    """Return what a strategy said as lines; one that forgot the comma of a tuple said one."""
    return (notes,) if isinstance(notes, str) else tuple(str(note) for note in notes)  # type: ignore[attr-defined]


def _entries(
    pool: Pool,
    view: RoundView,
    ranked: Ranked,
    strategy: Strategy,
    plan: Plan,
    inclusion: np.ndarray,
    learner: Learner,
) -> list[Queued]:
    drawn = strategy.name == "random"
    chosen = len(ranked.indices) / max(view.size, 1) if drawn else 1.0
    # with a number of words, a document's length has a say in whether it is asked, and no honest number is known
    known = not (drawn and plan.tokens is not None)
    labels, of, out = plan.training.classes, len(ranked.indices), []
    for rank, (at, score) in enumerate(zip(ranked.indices, ranked.scores, strict=True), start=1):
        line = reason_of(view, int(at), pool, labels, strategy=strategy, score=float(score))
        why = Why(
            strategy.name,
            plan.number,
            rank,
            of,
            round(float(score), 6) if np.isfinite(score) else None,
            float(inclusion[at]) * chosen if known and np.isfinite(inclusion[at]) else None,
            learner.description if view.fitted else None,
            line,
        )
        out.append(Queued(int(view.candidates[at]), why))
    return out
