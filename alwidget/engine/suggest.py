"""What the model would answer for the documents that are asked next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine.batches import lazy_batch
from alwidget.engine.queue import Queued, Suggested

if TYPE_CHECKING:
    from alwidget.engine.training import TrainingSet
    from alwidget.engine.view import RoundView
    from alwidget.learners.base import Batch, Generated, Learner, Span, Stop
    from alwidget.pool import Pool
    from alwidget.tasks import Task

__all__ = ["confident_labels", "given_suggestion", "span_values", "suggestions", "suits", "with_suggestions"]

DIGITS = 4
"""Of a probability on the page; more would only make the messages longer."""


def with_suggestions(
    pool: Pool,
    learner: Learner,
    entries: list[Queued],
    training: TrainingSet,
    stop: Stop,
    view: RoundView | None = None,
) -> list[Queued]:
    """Return the entries with what the model would answer.

    Written text takes long, and somebody waits for the round: here it is only what the strategy had the model write to
    choose by. The rest is written afterwards; see `alwidget.engine.drafting`.
    """
    if not entries:
        return entries
    indices = np.array([entry.index for entry in entries], dtype=np.int64)
    written: Generated | None = view.computed("generated") if view is not None else None
    if view is not None and written is not None:
        places = {int(index): at for at, index in enumerate(view.candidates)}
        at = [places[int(index)] for index in indices if int(index) in places]
        some = iter(_written(written.log_probs[at], [written.candidates[i] for i in at]))
        found = [next(some) if int(index) in places else None for index in indices]
    elif training.task == "generation":
        return entries
    else:
        found = suggestions(learner, lazy_batch(pool, indices, words=training.words), training, stop)
    return [entry.with_suggestion(suggested) for entry, suggested in zip(entries, found, strict=True)]


def suggestions(learner: Learner, documents: Batch, training: TrainingSet, stop: Stop) -> list[Suggested | None]:
    """Return the model's answer to each document with how sure it is, 0 … 1.

    - classification: the most probable label, and its probability;
    - several labels: those above the learner's thresholds; how sure it is of the least sure of all labels;
    - tagging: the spans; the least confident of them, or without one the mean probability that a word is in none;
    - written text: the best hypothesis; the mean probability of its tokens (geometric), with the other candidates;
      None from a model that reads and does not write.
    """
    made = {"multilabel": _several, "tagging": _spans, "generation": _texts}.get(training.task)
    return made(learner, documents, training, stop) if made is not None else _one(learner, documents, training, stop)


def given_suggestion(value: Any, task: str) -> Suggested:
    """Return an answer that the data brings as a suggestion; how sure its maker was is not known."""
    if task == "tagging":
        value = [{**span, "confidence": None} for span in value]
    return Suggested(value, None)


def suits(suggested: Suggested | None, task: Task) -> bool:
    """Return whether a suggestion is made of the labels that there are now; it may be older than a change of them."""
    if suggested is None:
        return True
    return task.knows(suggested.value) and len(suggested.probs or ()) <= max(len(task.labels), 1)


def confident_labels(probs: np.ndarray, learner: Learner, classes: tuple[str, ...]) -> list[list[str]]:
    """Return the labels of each document whose probability reaches the learner's threshold for it.

    Parameters
    ----------
    probs
        float64 (n, C), a probability for each label on its own.
    """
    known = getattr(learner, "thresholds", None)
    thresholds = 0.5 if known is None else np.asarray(known)
    return [[classes[c] for c in np.flatnonzero(row)] for row in probs >= thresholds]


def span_values(spans: list[Span], text: str, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return spans in the form of an answer, each with its text and how sure the model is."""
    values = [
        {
            "start": span.start,
            "end": span.end,
            "label": classes[span.label],
            "text": text[span.start : span.end],
            "confidence": _rounded(span.confidence),
        }
        for span in spans
    ]
    return sorted(values, key=lambda value: (value["start"], value["end"], value["label"]))


def _one(learner: Learner, documents: Batch, training: TrainingSet, stop: Stop) -> list[Suggested | None]:
    probs = learner.predict_proba(documents, stop=stop)
    best = probs.argmax(axis=1)
    return [
        Suggested(training.classes[b], float(p[b]), tuple(_rounded(x) for x in p))
        for p, b in zip(probs, best, strict=True)
    ]


def _several(learner: Learner, documents: Batch, training: TrainingSet, stop: Stop) -> list[Suggested | None]:
    probs = learner.predict_proba(documents, stop=stop)
    chosen = confident_labels(probs, learner, training.classes)
    return [
        Suggested(names, float(np.maximum(p, 1 - p).min()), tuple(_rounded(x) for x in p))
        for p, names in zip(probs, chosen, strict=True)
    ]


def _spans(learner: Any, documents: Batch, training: TrainingSet, stop: Stop) -> list[Suggested | None]:
    found = learner.tag(documents, stop=stop)
    values = [span_values(spans, documents.texts[i], training.classes) for i, spans in enumerate(found)]
    without = [i for i, spans in enumerate(values) if not spans]
    outside = dict(zip(without, _outside(learner, documents, without, stop), strict=True))
    return [
        Suggested(spans, min((float(s["confidence"]) for s in spans), default=outside.get(i, 0.0)))
        for i, spans in enumerate(values)
    ]


def _outside(learner: Any, documents: Batch, which: list[int], stop: Stop) -> list[float]:
    """Return the mean probability of the words of some documents to be in no span; one for a text without words."""
    if not which:
        return []
    probs = learner.token_probs(documents.take(which), stop=stop)
    rows = (probs.of(i)[:, 0] for i in range(len(which)))
    return [_rounded(row.mean()) if len(row) else 1.0 for row in rows]


def _texts(learner: Any, documents: Batch, training: TrainingSet, stop: Stop) -> list[Suggested | None]:
    del training
    if not callable(getattr(learner, "generate", None)):
        return [None] * len(documents)
    generated: Generated = learner.generate(documents, stop=stop)
    return _written(generated.log_probs, generated.candidates)


def _written(log_probs: np.ndarray, hypotheses: list[list[str]]) -> list[Suggested | None]:
    out: list[Suggested | None] = []
    for log_prob, candidates in zip(log_probs, hypotheses, strict=True):
        some = tuple(dict.fromkeys(text for text in candidates if text.strip()))
        sure = float(np.exp(min(float(log_prob), 0.0)))
        out.append(Suggested(some[0], sure, candidates=some) if some else None)
    return out


def _rounded(value: Any) -> float:
    return round(float(value), DIGITS)
