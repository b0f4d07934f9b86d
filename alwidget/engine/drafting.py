"""Texts that the model writes for the documents asked next, a few at a time, so that nobody waits for them.

A round chooses; what the model would answer is written afterwards, in the order in which documents are asked, between
whatever else there is to do. In the background that gives way to a round, a job and the end of the session; in a
script it is done for the documents that are asked for, when they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine.batches import lazy_batch
from alwidget.engine.suggest import suggestions

if TYPE_CHECKING:
    from alwidget.engine.desk import Desk
    from alwidget.engine.queue import Queued
    from alwidget.engine.training import TrainingSet
    from alwidget.learners.base import Learner, Stop
    from alwidget.pool import Pool

__all__ = ["Drafting"]

BATCH = 4
"""Documents that are written for at once: on a CPU a few seconds, which is how long something else may wait."""
AHEAD = 40
"""Documents that have a text ready: twice what a page holds. A new model writes others; more would be wasted."""


class Drafting:
    """Has a model write for queued documents. Its methods are called by whoever owns the learner; `due` by anybody."""

    def __init__(self, pool: Pool, desk: Desk) -> None:
        self._pool, self._desk = pool, desk
        self._training: TrainingSet | None = None
        self._blank: set[int] = set()
        self.spared: Callable[[int], bool] = lambda _: False
        """Whether a document, by its pool index, needs no text of the model."""

    def learnt(self, learner: Learner, training: TrainingSet) -> None:
        """Note that there is a new model, trained on these; one that does not write has nothing to do here."""
        writes = training.task == "generation" and callable(getattr(learner, "generate", None))
        self._training, self._blank = training if writes else None, set()

    def due(self) -> bool:
        """Whether a document that is asked soon has no text yet."""
        return self._training is not None and bool(self.lacking(self._desk.first(AHEAD)))

    def lacking(self, entries: list[Queued]) -> list[Queued]:
        """Return those for which the model has not written yet, though it could."""
        if self._training is None:
            return []
        return [
            entry
            for entry in entries
            if entry.suggestion is None and entry.index not in self._blank and not self.spared(entry.index)
        ]

    def advance(self, learner: Learner, stop: Stop) -> None:
        """Write for the next few documents."""
        few = self.lacking(self._desk.first(AHEAD))[:BATCH]
        self._desk.suggest(self._written(learner, few, stop))

    def complete(self, learner: Learner, entries: list[Queued], stop: Stop) -> list[Queued]:
        """Return queued entries with their texts, and keep those."""
        entries = self._written(learner, entries, stop)
        self._desk.suggest(entries)
        return entries

    def _written(self, learner: Learner, entries: list[Queued], stop: Stop) -> list[Queued]:
        lacking = self.lacking(entries)
        if not lacking or self._training is None:
            return entries
        indices = np.array([entry.index for entry in lacking], dtype=np.int64)
        found = suggestions(learner, lazy_batch(self._pool, indices), self._training, stop)
        made = dict(zip(indices.tolist(), found, strict=True))
        self._blank.update(index for index, suggested in made.items() if suggested is None)
        return [
            entry.with_suggestion(made[entry.index]) if made.get(entry.index) is not None else entry
            for entry in entries
        ]
