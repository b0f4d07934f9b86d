"""What the model would answer to texts that a caller brings, task by task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine import TrainingSet, lazy_batch
from alwidget.engine.suggest import suggestions
from alwidget.errors import ArgumentError, SessionError
from alwidget.learners.base import Batch, Labelled, Learner, Stop
from alwidget.pool import content_hash

if TYPE_CHECKING:
    from alwidget.engine import Engine
    from alwidget.pool import Pool

__all__ = ["Predicting"]

METHODS = {"tagging": "tag", "generation": "generate"}
WRITERS = {"generation": ', model="finetune:facebook/bart-base"'}
NOTHING: dict[str, Any] = {"classification": None, "generation": ""}


class Predicting:
    """Asks the learner of a session, between its rounds; trains it first when there is no model yet."""

    def __init__(self, pool: Pool, engine: Engine, training_set: Callable[[], TrainingSet]) -> None:
        self._pool, self._engine, self._training_set = pool, engine, training_set
        self._trained = False

    def answers(self, texts: Sequence[str], text_pair: Sequence[str] | None) -> list[Any]:
        """Return the answer to each text, in the form of the task."""
        return self._engine.run(lambda learner: self._answers(learner, texts, text_pair))

    def probabilities(self, texts: Sequence[str], text_pair: Sequence[str] | None) -> np.ndarray:
        """Return the probability of each label, float64 (n, C).

        Raises
        ------
        alwidget.errors.SessionError
            The task has no probabilities of labels.
        """
        return self._engine.run(lambda learner: self._probabilities(learner, texts, text_pair))

    def _answers(self, learner: Learner, texts: Sequence[str], text_pair: Sequence[str] | None) -> list[Any]:
        training = self._training_set()
        method = METHODS.get(training.task, "predict_proba")
        if not callable(getattr(learner, method, None)):
            message = (
                f'{learner.description} does not learn task="{training.task}". To predict, open the session with its '
                f"documents and a model that does: alw.open(path, data{WRITERS.get(training.task, '')})."
            )
            raise SessionError(message)
        batch = _batch(texts, text_pair, words=training.words, unit=self._pool.span_unit)
        self._train(learner, training)
        if not len(batch):
            return []
        found = suggestions(learner, batch, training, Stop())
        return [each.value if each is not None else NOTHING[training.task] for each in found]

    def _probabilities(self, learner: Learner, texts: Sequence[str], text_pair: Sequence[str] | None) -> np.ndarray:
        training = self._training_set()
        if training.task not in {"classification", "multilabel"}:
            what = "spans with the confidence of each" if training.task == "tagging" else "the texts that it writes"
            message = (
                f'A model of task="{training.task}" has no probabilities of labels for a text; predict gives {what}.'
            )
            raise SessionError(message)
        batch = _batch(texts, text_pair, words=False, unit="words")
        self._train(learner, training)
        return learner.predict_proba(batch)

    def _train(self, learner: Learner, training: TrainingSet) -> None:
        ready = self._engine.fitted or self._trained
        if ready and tuple(learner.classes) == training.classes:
            return
        if not len(training):
            message = "There is nothing to predict from: no document is labelled yet."
            raise SessionError(message)
        if training.task != "classification" and not training.teaches:
            message = f"There is nothing to predict from yet; a model needs {training.lacks}."
            raise SessionError(message)
        documents = lazy_batch(self._pool, training.indices, words=training.words)
        learner.fit(Labelled(documents, training.y, training.classes), seed=self._engine.seed, stop=Stop())
        self._trained = True


def _batch(texts: Sequence[Any], text_pair: Sequence[Any] | None, *, words: bool, unit: str) -> Batch:
    """Return texts as a learner sees them, or raise `ArgumentError`."""
    given = [("texts", texts)] if text_pair is None else [("texts", texts), ("text_pair", text_pair)]
    for name, value in given:
        if isinstance(value, str):
            message = (
                f"predict takes a list of texts; write {'predict([text])' if name == 'texts' else 'text_pair=[…]'}."
            )
            raise ArgumentError(message)
        wrong = next((type(each).__name__ for each in value if not isinstance(each, str)), None)
        if wrong is not None:
            message = f"predict takes texts, and {name} holds a {wrong}."
            raise ArgumentError(message)
    firsts, seconds = list(texts), None if text_pair is None else list(text_pair)
    if seconds is not None and len(seconds) != len(firsts):
        message = f"predict got {len(firsts):,} texts and {len(seconds):,} second texts; give one for each."
        raise ArgumentError(message)
    keys = [content_hash(text, (seconds[i] or None) if seconds else None) for i, text in enumerate(firsts)]
    if not words:
        return Batch(firsts, keys, seconds)
    from alwidget.tasks.words import character_spans, word_spans

    read = character_spans if unit == "characters" else word_spans
    return Batch(firsts, keys, seconds, [read(text) for text in firsts])
