"""What lies on the desk: the documents that can still be asked, in the order in which they are."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine import queue as queues
from alwidget.engine.openset import OpenSet
from alwidget.engine.queue import Queue, Queued
from alwidget.engine.round import draw_at_random
from alwidget.engine.scores import ScoreMemory
from alwidget.log.events import Why

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["Desk"]

logger = logging.getLogger(__name__)

REFILL = 50
REMEMBERED = 1000
RANDOM_STREAM = 1 << 32
"""Rounds draw from the stream (seed, round); what is drawn to fill the queue draws from streams beyond this one."""


class Desk:
    """The open documents and the queue, behind one lock. It never runs dry while a document is open.

    Parameters
    ----------
    store
        File for the queue, so that a resumed session asks the same documents at once; None keeps none.
    """

    def __init__(self, pool: Pool, *, seed: int, store: Path | None = None) -> None:
        self._pool, self._seed, self._store = pool, seed, store
        self._lock = threading.RLock()
        self._queue = Queue()
        self._answered: OrderedDict[int, Queued] = OrderedDict()
        self._draws = self._number = 0
        kept = None if store is None else store.with_name("scores.bin")
        self.scores = ScoreMemory(len(pool), pool.fingerprint, kept)
        """What the strategy last thought of each document."""
        self.open = OpenSet(len(pool), np.flatnonzero(np.asarray(pool.duplicate_of) >= 0))

    def __len__(self) -> int:
        """Return how many documents are queued."""
        return len(self._queue)

    @property
    def closed(self) -> int:
        """How many documents were answered."""
        return self.open.asked_from - len(self.open)

    def head(self, limit: int, skip: frozenset[int] = frozenset(), number: int = 0) -> list[Queued]:
        """Return what is asked next; random documents fill a queue that is short of `limit`."""
        with self._lock:
            found = self._queue.head(limit, skip)
            missing = limit - len(found)
            if missing > 0 and len(self.open) > len(self._queue):
                self._draws += 1
                rng = np.random.default_rng([self._seed, RANDOM_STREAM + self._draws])
                size = max(missing, REFILL) + len(self._queue) + len(skip)
                self._queue.extend(draw_at_random(self.open, size, rng, number))
                found = self._queue.head(limit, skip)
            return found

    def first(self, limit: int) -> list[Queued]:
        """Return the first that are queued; nothing is drawn to make up their number."""
        with self._lock:
            return self._queue.head(limit)

    def entry(self, index: int) -> Queued | None:
        """Return why a document is or was asked, if that is still known."""
        with self._lock:
            return self._queue.get(index) or self._answered.get(index)

    def close(self, index: int) -> None:
        """Take out a document that was answered."""
        with self._lock:
            self.open.close(index)
            if entry := self._queue.discard(index):
                self._answered[index] = entry
                while len(self._answered) > REMEMBERED:
                    self._answered.popitem(last=False)

    def reopen(self, index: int, number: int) -> bool:
        """Put a document first whose answer was taken back; return whether it had one."""
        with self._lock:
            if not self.open.reopen(index):
                return False
            new = Queued(index, Why("reopened", number, 1, 1, text="its answer was taken back"))
            self._queue.put_first(self._answered.pop(index, new))
            return True

    def replace(self, entries: Iterable[Queued], number: int) -> None:
        """Queue what a round chose in place of all that was queued, and save it. Loss of the file is harmless."""
        with self._lock:
            self._queue.replace(entry for entry in entries if entry.index in self.open)
            self._number = number
        self._save()

    def suggest(self, entries: Iterable[Queued]) -> None:
        """Take up what the model suggests since these were queued; those that wait no longer are left alone."""
        with self._lock:
            for entry in entries:
                self._queue.update(entry)
        self._save()

    def forget(self) -> None:
        """Leave out all suggestions, since the labels that they are made of have changed."""
        with self._lock:
            self._queue.replace([entry.with_suggestion(None) for entry in self._queue.entries()])
            for index, entry in self._answered.items():
                self._answered[index] = entry.with_suggestion(None)
        self._save()

    def _save(self) -> None:
        with self._lock:
            number, kept = self._number, self._queue.entries()
        if self._store is None:
            return
        try:
            queues.save(self._store, number, kept, [self._pool[entry.index].id for entry in kept])
        except OSError as error:
            logger.debug("the queue was not saved: %s", error)

    def restore(self) -> int:
        """Take up the saved queue of an earlier run and return its round."""
        number, items = queues.load(self._store) if self._store else (0, [])
        with self._lock:
            self._number = number
            for doc, why, suggestion in items:
                if doc in self._pool and (index := self._pool.index_of(doc)) in self.open:
                    self._queue.extend([Queued(index, why, suggestion)])
        return number
