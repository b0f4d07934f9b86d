"""Self-influence of pseudo-labelled documents, read from a successor while it trains on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Labelled, Learner, Progress, Stop
from alwidget.learners.tagging.targets import words_of
from alwidget.reuse.tracin import Influence
from alwidget.tasks.tags import encode_spans

if TYPE_CHECKING:
    from alwidget.tasks import Task

__all__ = ["check_watched", "traced"]

AT_ONCE = 1024


def check_watched(learner: Learner, *, whole: bool = False) -> None:
    """Raise `ModelError` where a learner cannot be looked at while it trains, or not in all of its parameters."""
    if not getattr(learner, "looks", 0):
        message = f"{learner.description} cannot be looked at while it trains; use clean=False, or another successor."
        raise ModelError(message)
    if whole and not hasattr(learner, "sample_losses"):
        message = f"{learner.description} has no gradients of all parameters; use those of its last layer."
        raise ModelError(message)


def traced(
    learner: Learner,
    task: Task,
    data: Labelled,
    which: np.ndarray,
    *,
    seed: int,
    stop: Stop,
    progress: Progress | None = None,
    whole: bool = False,
) -> np.ndarray:
    """Train a learner and return how much of it went into memorising some of the documents.

    Parameters
    ----------
    learner
        Is looked at a few times while it trains (`alwidget.learners.base.SupportsWatching`).
    data
        What it is trained on.
    which
        The documents whose self-influence is wanted, int64 (k,).
    whole
        Whether gradients are those of all parameters, by a backward pass, and not of the last layer alone; for a
        learner with `alwidget.learners.sampled.SupportsGradients`.

    Returns
    -------
    numpy.ndarray
        float64 (k,), larger = more had to be memorised.

    Raises
    ------
    alwidget.errors.ModelError
        The learner cannot be looked at while it trains, or has no gradients of all parameters.
    """
    check_watched(learner, whole=whole)
    fit: Any = learner.fit
    influence = Influence(len(which))
    wanted = [data.y[i] for i in which] if task.name == "tagging" else np.asarray(data.y)[which]

    def look(now: Learner, rate: float) -> None:
        for start in range(0, len(which), AT_ONCE):
            rows = slice(start, min(start + AT_ONCE, len(which)))
            documents = data.documents.take(which[rows])
            if whole:
                influence.scores[rows] += rate * _whole(now, documents, wanted[rows], stop)
            elif task.name == "tagging":
                _look_at_words(now, documents, wanted[rows], influence, rows, rate, stop)
            else:
                probs = now.predict_proba(documents, stop=stop)
                influence.add(rows, probs, wanted[rows], _features(now, documents, stop), rate=rate)

    fit(data, seed=seed, stop=stop, progress=progress, watch=look)
    return influence.scores


def _look_at_words(
    now: Any, documents: Batch, spans: Any, influence: Influence, rows: slice, rate: float, stop: Stop
) -> None:
    probs, states = now.token_states(documents, stop=stop)
    words = words_of(documents)
    read = np.diff(probs.offsets)
    tags = [encode_spans(each, bounds)[:n] for each, bounds, n in zip(spans, words, read, strict=True)]
    flat = np.concatenate(tags) if tags else np.empty(0, dtype=np.int64)
    at = np.arange(rows.start, rows.stop)
    influence.add_words(at, probs.flat, flat, states, probs.offsets, rate=rate)


def _whole(now: Any, documents: Batch, y: Any, stop: Stop) -> np.ndarray:
    from alwidget.reuse.gradients import gradient_norms

    found = now.sample_losses(documents, y, stop=stop)
    return gradient_norms(found.module, found.losses, found.lengths, stop=stop)


def _features(now: Any, documents: Batch, stop: Stop) -> np.ndarray:
    read = getattr(now, "features", None)
    found: np.ndarray = now.embed(documents, stop=stop) if read is None else read(documents, stop=stop)
    return found
