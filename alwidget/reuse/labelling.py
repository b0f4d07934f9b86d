"""The pseudo-labeller: trained on what people said, measured on answers it has not seen, asked about the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine.suggest import suggestions
from alwidget.engine.training import TrainingSet
from alwidget.learners.base import Batch, Labelled, Learner, Stop

if TYPE_CHECKING:
    from alwidget.tasks import Task

__all__ = ["Said", "asked", "cross_validated", "folds_of", "labelled"]

AT_ONCE = 2048
SEVERAL = 2
"""Documents that a fold must leave to learn from."""

Tick = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said of a document, in the form of the task, and how sure it is, 0 … 1."""

    value: Any
    confidence: float


def labelled(
    task: Task,
    documents: Batch,
    values: Sequence[Any],
    *,
    weights: np.ndarray | None = None,
    smoothing: np.ndarray | None = None,
) -> Labelled:
    """Return training data from answers in the form of the task."""
    return Labelled(documents, task.encode(values), task.labels, weights, smoothing)


def asked(learner: Learner, task: Task, documents: Batch, *, stop: Stop, tick: Tick | None = None) -> list[Said]:
    """Return the learner's answer to every document, with how sure it is."""
    training = TrainingSet(np.empty(0, dtype=np.int64), None, task.labels, task.name)
    out: list[Said] = []
    for start in range(0, len(documents), AT_ONCE):
        part = documents.take(range(start, min(start + AT_ONCE, len(documents))))
        found = suggestions(learner, part, training, stop)
        out += [Said(_bare(one.value), float(one.confidence or 0.0)) for one in found if one is not None]
        if tick is not None:
            tick(len(out), len(documents))
    return out


def cross_validated(
    make: Callable[[], Learner],
    task: Task,
    documents: Batch,
    values: Sequence[Any],
    *,
    folds: int,
    seed: int,
    stop: Stop,
    tick: Tick | None = None,
) -> list[Said | None]:
    """Return an answer to every document by a learner that was not trained on it; None where none could be trained."""
    fold = folds_of(values, folds, np.random.default_rng(seed))
    out: list[Said | None] = [None] * len(values)
    for k in range(folds):
        inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        data = labelled(task, documents.take(inside), [values[int(i)] for i in inside])
        if len(outside) and len(inside) >= SEVERAL and TrainingSet(inside, data.y, data.classes, task.name).teaches:
            learner = make()
            learner.prepare(stop=stop)
            learner.fit(data, seed=seed, stop=stop)
            found = asked(learner, task, documents.take(outside), stop=stop)
            for i, each in zip(outside, found, strict=True):
                out[i] = each
        if tick is not None:
            tick(k + 1, folds)
    return out


def folds_of(values: Sequence[Any], folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of every document, int64 (n,): documents of one answer are dealt out evenly."""
    kinds = {repr(kind): n for n, kind in enumerate(sorted({_kind(value) for value in values}))}
    kind = np.array([kinds[repr(_kind(value))] for value in values])
    shuffled = rng.permutation(len(values))
    dealt = shuffled[np.argsort(kind[shuffled], kind="stable")]
    out = np.empty(len(values), dtype=np.int64)
    out[dealt] = np.arange(len(values)) % max(folds, 1)
    return out


def _bare(value: Any) -> Any:
    """Return an answer as people give it: spans without the confidence of each."""
    if not isinstance(value, list):
        return value
    return [{k: v for k, v in part.items() if k != "confidence"} if isinstance(part, dict) else part for part in value]


def _kind(value: Any) -> tuple[str, ...]:
    """Return what documents are dealt out by: the label, the labels, or which kinds of spans there are."""
    if isinstance(value, str):
        return (value,)
    return tuple(sorted({part["label"] if isinstance(part, dict) else str(part) for part in value}))
