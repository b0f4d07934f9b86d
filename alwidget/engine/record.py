"""A round as it is written down, and how well the model had foreseen the answers that came in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.log.rounds import RoundRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alwidget.engine.round import Plan, RoundResult
    from alwidget.engine.training import TrainingSet
    from alwidget.pool import Pool

__all__ = ["agreed", "agreement", "record_of"]

FORESEEN = 300
"""Documents of which a record says what the model expects; more are hardly answered before the next round."""
MEASURED = ("classification", "multilabel", "tagging")


def agreement(history: Sequence[RoundRecord], pool: Pool, training: TrainingSet) -> tuple[float | None, int]:
    """Return how well the model of the newest round had foreseen the answers given since, and how many of them.

    A label counts one or nothing; of several labels, their share that both have among those that either has; of spans,
    F1 of start, end and label. Written text is not measured. This is the accuracy of a model on documents that it has
    not learned from, which the strategy chose because they are hard: lower than on documents drawn at random, and
    noisy with few answers. Somebody who sees the suggestion may agree with it too easily. Everything comes from what
    is written down, so a session that was closed and opened again measures the same.
    """
    if not history or training.task not in MEASURED:
        return None, 0
    foreseen = history[-1].foreseen
    found = [
        agreed(foreseen[doc], training.y[at], training)
        for at, doc in enumerate(pool[int(index)].id for index in training.indices)
        if doc in foreseen
    ]
    return (float(np.mean(found)), len(found)) if found else (None, 0)


def record_of(result: RoundResult, plan: Plan, pool: Pool, model: str) -> RoundRecord:
    """Return a finished round as it is written down."""
    report = result.report
    suggested = [
        (entry.index, entry.suggestion) for entry in result.entries[:FORESEEN] if entry.suggestion is not None
    ]
    foreseen = {pool[index].id: suggestion.value for index, suggestion in suggested}
    return RoundRecord(
        round=result.number,
        asked=plan.strategy.name,
        acting=result.strategy,
        fallback=result.fallback,
        subsample=result.subsample,
        candidates=result.candidates,
        labels=len(plan.training),
        batch=result.batch,
        model=model if report is not None else None,
        epochs=int(report.epochs) if report is not None else 0,
        loss=_finite(report.loss) if report is not None else None,
        agreement=result.agreement,
        compared=result.compared,
        seconds={name: round(float(seconds), 4) for name, seconds in result.seconds.items()},
        notes=result.notes,
        foreseen=foreseen if plan.training.task in MEASURED else {},
    )


def agreed(expected: Any, answer: Any, training: TrainingSet) -> float:
    """Return how far what the model expected is what was answered, 0 … 1; see `agreement`.

    Parameters
    ----------
    expected
        In the form of the task.
    answer
        As `TrainingSet.y` holds it.
    """
    if training.task == "classification":
        return float(expected == training.classes[int(answer)])
    if training.task == "multilabel":
        given = {training.classes[c] for c in np.flatnonzero(answer)}
        either = given | set(expected)
        return len(given & set(expected)) / len(either) if either else 1.0
    spans = {(int(start), int(end), training.classes[int(c)]) for start, end, c in answer}
    wanted = {(span["start"], span["end"], span["label"]) for span in expected}
    return 2 * len(spans & wanted) / (len(spans) + len(wanted)) if spans or wanted else 1.0


def _finite(loss: float | None) -> float | None:
    return None if loss is None or not math.isfinite(loss) else float(loss)
