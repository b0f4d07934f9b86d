"""An oracle in the person's place: it answers from gold labels what a session asks, and measures what is learned.

`simulate` is the only loop, whatever the task. It asks, answers, trains, and measures on documents that the session
has never seen; which strategy chooses is the session's affair, so a comparison is the same loop run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.learners.base import Batch, Learner
from alwidget.pool import content_hash
from alwidget.records import Item

if TYPE_CHECKING:
    from alwidget.session import Session

__all__ = [
    "MEASURES",
    "Curve",
    "HeldOut",
    "Measure",
    "Point",
    "measured",
    "nearest_answers",
    "simulate",
    "unit_vectors",
    "writes",
]

UNKNOWN: dict[str, Any] = {"classification": "", "multilabel": [], "tagging": [], "generation": ""}
"""What stands for the prediction of a model that has nothing to predict from yet."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The documents to measure on: texts, their gold answers, and second texts where the pool has pairs."""

    texts: Sequence[str]
    answers: Sequence[Any]
    pairs: Sequence[str] | None = None

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Measure:
    """How good predictions are: the name of the score that counts, of another beside it, and both as a function.

    `of` takes the gold answers, the predictions and the label names, and returns two numbers between 0 and 1.
    """

    name: str
    beside: str
    of: Callable[[Sequence[Any], Sequence[Any], Sequence[str]], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Point:
    """How good the model is after a round: the number of labels, both scores of the measure, and what was asked."""

    round: int
    labelled: int
    score: float
    beside: float
    asked: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """The learning curve of a strategy."""

    strategy: str
    points: tuple[Point, ...]

    @property
    def area(self) -> float:
        """The mean score over the curve: the area under it, divided by its width."""
        return sum(point.score for point in self.points) / len(self.points)

    def labels_to(self, score: float) -> int | None:
        """Return how many labels it took to get there for the first time, or None if it never did."""
        return next((point.labelled for point in self.points if point.score >= score), None)


def simulate(
    session: Session,
    gold: Mapping[str, Any],
    test: HeldOut,
    *,
    rounds: int,
    batch_size: int,
    predict: Callable[[HeldOut], Sequence[Any]] | None = None,
    on_answer: Callable[[], None] = lambda: None,
    initial: Sequence[str] = (),
) -> Iterator[Point]:
    """Label what the session asks for, round by round, and yield how good its model is after each.

    Parameters
    ----------
    session
        An open session; its strategy chooses also the first batch, before any model exists.
    gold
        The answer to every document by id: the oracle. None: the oracle skips it.
    test
        What to measure on.
    rounds, batch_size
        How many rounds, and how many documents each; ends early when no documents are left.
    predict
        Answers the test documents; by default the session's model does.
    on_answer
        Called after each answer.
    initial
        Documents that are answered before the strategy is first asked; what is learned of them is round 0.
    """

    def learned(number: int, items: Sequence[Item]) -> Point:
        for item in items:
            if gold[item.id] is None:
                session.skip(item.id)
            else:
                session.record(item.id, gold[item.id])
            on_answer()
        session.train(wait=True)
        score, beside = measured(session, test, predict)
        return Point(number, session.status.labelled, score, beside, tuple(items))

    if initial:
        documents = [session.pool[session.pool.index_of(doc)] for doc in initial]
        yield learned(0, [Item(each.id, each.text, each.text_pair, each.source) for each in documents])
    else:
        session.train(wait=True)
    for number in range(1, rounds + 1):
        items = session.next(batch_size)
        if not items:
            return
        yield learned(number, items)


def measured(
    session: Session, test: HeldOut, predict: Callable[[HeldOut], Sequence[Any]] | None = None
) -> tuple[float, float]:
    """Return how good the model of a session is now: both scores of its task's measure.

    A session that has nothing to predict from yet is measured too: it gives no answer to anything.

    Parameters
    ----------
    predict
        Answers the test documents; by default the session's model does.
    """
    predicted = _asked(session, test) if predict is None else predict(test)
    return MEASURES[session.task.name].of(test.answers, predicted, session.labels)


def writes(learner: Learner) -> bool:
    """Return whether a learner that was prepared can write texts itself."""
    return callable(getattr(learner, "generate", None))


def nearest_answers(session: Session, learner: Learner, test: HeldOut) -> list[str]:
    """Return, for each test document, the text that was written for the labelled document nearest to it.

    What can be measured of written answers where no model writes: how well the labelled documents stand for the
    others. Nearest by the cosine of the learner's vectors; of equally near ones the first in the pool.
    """
    answered = [row for row in session.annotations if row.value is not None]
    known, wanted = (unit_vectors(learner, texts) for texts in ([row.text for row in answered], test.texts))
    best = (wanted @ known.T).argmax(axis=1)
    return [str(answered[i].value) for i in best]


def unit_vectors(learner: Learner, texts: Sequence[str]) -> np.ndarray:
    """Return the vectors that a learner has for texts, scaled to length one, float64 (n, d)."""
    vectors = learner.embed(Batch(list(texts), [content_hash(text) for text in texts])).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(lengths, 1e-12)
    return unit


def _asked(session: Session, test: HeldOut) -> Sequence[Any]:
    if not _teach([row.value for row in session.annotations if row.value is not None], session.task.name):
        return [UNKNOWN[session.task.name]] * len(test)
    return session.predict(test.texts) if test.pairs is None else session.predict(test.texts, test.pairs)


def _teach(answers: Sequence[Any], task: str) -> bool:
    """Whether there is anything to predict from: a session that knows nothing yet would rather say so than guess."""
    if task == "multilabel":
        return any(0 < sum(label in labels for labels in answers) < len(answers) for label in set().union(*answers))
    return any(answers)


# How each task is measured -------------------------------------------------------------------------------------------


def _classes(truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> tuple[float, float]:
    from sklearn.metrics import accuracy_score, f1_score

    del labels
    macro = f1_score(truth, predicted, average="macro", zero_division=0)
    return float(accuracy_score(truth, predicted)), float(macro)


def _label_sets(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], labels: Sequence[str]
) -> tuple[float, float]:
    from alwidget.metrics import macro_f1, micro_f1

    want, got = (np.array([[label in row for label in labels] for row in rows]) for rows in (truth, predicted))
    return micro_f1(want, got), macro_f1(want, got)


def _entities(truth: Sequence[Any], predicted: Sequence[Any], labels: Sequence[str]) -> tuple[float, float]:
    from alwidget.metrics import entity_scores

    del labels
    scores = entity_scores(truth, predicted)
    return scores.micro.f1, scores.macro.f1


def _texts(truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> tuple[float, float]:
    from alwidget.metrics import rouge

    del labels
    scores = rouge(predicted, truth)
    return scores.rougeL, scores.rouge1


MEASURES = {
    "classification": Measure("accuracy", "macro F1", _classes),
    "multilabel": Measure("micro F1", "macro F1", _label_sets),
    "tagging": Measure("entity F1", "macro F1", _entities),
    "generation": Measure("ROUGE-L", "ROUGE-1", _texts),
}
