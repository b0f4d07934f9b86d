"""From the log to the engine: which documents are answered, and what there is to train from."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine import TrainingSet

if TYPE_CHECKING:
    from alwidget.engine import Engine
    from alwidget.log import Answer, Log
    from alwidget.pool import Pool
    from alwidget.tasks import Task

__all__ = ["Intake"]


class Intake:
    """Keeps the engine's desk in step with the log, whoever wrote to it.

    An answer counts only while the pool's document still has the content that was answered (`Answer.key`); answers
    to documents that the pool has lost, or that have changed, stay in the log and are counted in `detached`.
    """

    def __init__(self, pool: Pool, log: Log, task: Task) -> None:
        self._pool, self._log, self._task = pool, log, task
        self._lock = threading.Lock()
        self._held: dict[str, tuple[int | None, object]] = {}
        self.detached: set[str] = set()
        self.newest_round = 0
        self._labels = log.state.labels

    def load(self, engine: Engine) -> None:
        """Tell the engine of all that was answered before."""
        for answer in self._log.state.answers.values():
            self._take(answer.id, answer, engine, quiet=True)
            if answer.why is not None:
                self.newest_round = max(self.newest_round, answer.why.round)

    def update(self, ids: Iterable[str], engine: Engine) -> None:
        """Tell the engine what became of these documents, and of the labels."""
        with self._lock:
            before, self._labels = self._labels, self._log.state.labels
        kept = tuple(label.name for label in self._labels[: len(before)])
        if kept != tuple(label.name for label in before):
            engine.relabelled()
        for doc in ids:
            self._take(doc, self._log.state.answer(doc), engine, quiet=False)

    def training_set(self) -> TrainingSet:
        """Return what there is to train from now."""
        labels = tuple(label.name for label in self._log.state.labels)
        task = self._task.with_labels(labels)
        with self._lock:
            held = [(index, value) for index, value in self._held.values() if index is not None and value is not None]
        held.sort(key=lambda pair: pair[0] or 0)
        known = [(index, value) for index, value in held if task.knows(value)]
        indices = np.array([index for index, _ in known], dtype=np.int64)
        return TrainingSet(indices, task.encode([value for _, value in known]), labels, task.name)

    def _take(self, doc: str, answer: Answer | None, engine: Engine, *, quiet: bool) -> None:
        index = self._index(doc, answer)
        with self._lock:
            self._held.pop(doc, None)
            if answer is not None:
                self._held[doc] = (index, answer.value)
        if index is None:
            return
        if answer is None:
            engine.reopened(index)
        elif quiet:
            engine.desk.close(index)
        else:
            engine.answered(index, labelled=answer.value is not None)

    def _index(self, doc: str, answer: Answer | None) -> int | None:
        if doc not in self._pool:
            if answer is not None:
                self.detached.add(doc)
            return None
        index = self._pool.index_of(doc)
        if answer is not None and answer.key and answer.key != self._pool.keys(np.array([index]))[0].hex():
            self.detached.add(doc)
            return None
        return index
