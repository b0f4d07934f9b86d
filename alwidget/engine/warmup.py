"""Reading documents ahead: vectors of a growing, uniformly drawn part of the pool, so that no round has to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine.batches import lazy_batch
from alwidget.learners.base import Learner, Stop

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["Warmup", "reading_order"]

TARGET = 20_000
"""Twice the paper's subset, so that every round draws another one; reading on would only warm the machine."""
CHUNK = 64
MILESTONES = (256, 2048)


class Warmup:
    """Embeds the pool in random order, some documents at a time, for learners that keep vectors.

    The documents read so far are a prefix of a random permutation, hence a uniform sample of the pool: a strategy
    that chooses among them chooses among a random subset, as TYROGUE asks for, only sooner.
    """

    def __init__(self, pool: Pool, seed: int, *, words: bool = False) -> None:
        self._pool, self._seed, self.words = pool, seed, words
        self._target = min(len(pool), TARGET)
        self._order: np.ndarray | None = None
        self._done = 0
        self._keeps: bool | None = None
        self._passed = 0

    def due(self) -> bool:
        """Whether there is more to read."""
        return self._keeps is not False and self._done < self._target

    def enough(self, size: int) -> bool:
        """Whether a round that asks `size` documents has something to choose among."""
        return self._keeps is False or self._done >= min(self._target, 3 * size)

    def ready(self) -> np.ndarray | None:
        """Return the documents read so far; None when the learner keeps no vectors, and any document is as good."""
        if self._keeps is False:
            return None
        if self._order is None:
            return np.empty(0, dtype=np.int64)
        return self._order[: self._done]

    def advance(self, learner: Learner, stop: Stop) -> tuple[int, int]:
        """Read the next documents and return how many are read, of how many."""
        if self._order is None:
            self._order = reading_order(len(self._pool), self._seed)
        part = lazy_batch(self._pool, self._order[self._done : self._done + CHUNK], words=self.words)
        learner.embed(part, stop=stop)
        if self._keeps is None:
            self._keeps = bool(learner.embedded(part).all())
        self._done += len(part)
        return self._done, self._target

    def milestone(self) -> bool:
        """Whether enough came together since the last time for a better first choice."""
        marks = [m for m in (*MILESTONES, self._target) if m <= self._done]
        if len(marks) > self._passed:
            self._passed = len(marks)
            return True
        return False


def reading_order(size: int, seed: int) -> np.ndarray:
    """Return the documents of a pool of this size that are read ahead, in random order, int64 (<= 20,000,).

    Any beginning of it is a uniform sample of the pool, the same whenever a session with this seed is opened.
    """
    target = min(size, TARGET)
    rng = np.random.default_rng([seed, 1])
    whole = rng.permutation(size) if size < 4 * target else _distinct(size, target, rng)
    return whole[:target].astype(np.int64)


def _distinct(high: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return `size` distinct integers below `high` in random order, without a permutation of the whole range."""
    found = np.empty(0, dtype=np.int64)
    while len(found) < size:
        both = np.concatenate([found, rng.integers(0, high, size=2 * (size - len(found)))])
        _, first = np.unique(both, return_index=True)
        found = both[np.sort(first)]
    return found[:size]
