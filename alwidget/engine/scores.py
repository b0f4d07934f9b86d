"""What the strategy last thought of each document: a score and the round it is from, kept over a restart."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from alwidget.learners.base import Learner
    from alwidget.strategies.base import Strategy

__all__ = ["ScoreMemory", "whose"]

logger = logging.getLogger(__name__)

FORMAT = "alwidget scores 1"
LONGEST_HEAD = 1 << 20


class ScoreMemory:
    """The last score of every document of the pool and its age, eight bytes a document once there is one.

    Scores of one strategy say nothing about another, nor those of one model: whoever comes with another `whose` finds
    the memory empty. What is on disk is derived; without it, or where it is torn or of another pool, the next round
    looks at everything.

    Parameters
    ----------
    size
        The number of documents in the pool.
    pool
        The fingerprint of the pool.
    store
        File to keep them in; None keeps them in memory only.

    Examples
    --------
    >>> memory = ScoreMemory(4, "some pool")
    >>> memory.open("entropy")
    >>> memory.keep(np.array([3, 1]), np.array([0.5, np.nan]), 2)
    >>> [values.tolist() for values in memory.of(np.array([1, 3]))]
    [[nan, 0.5], [-1, 2]]
    """

    def __init__(self, size: int, pool: str, store: Path | None = None) -> None:
        self._size, self._pool, self._store = size, pool, store
        self._whose: str | None = None
        self._scores = self._ages = np.empty(0)
        self.scored: bool | None = None
        """Whether the strategy gives scores; None while it has not answered yet."""

    def open(self, whose: str) -> None:
        """Make this the memory of `whose`: what it knows already, or nothing."""
        if self._whose is None and self._load() and self._whose == whose:
            return
        if self._whose != whose:
            self._whose, self.scored = whose, None
            self._scores = np.full(self._size, np.nan, dtype=np.float32)
            self._ages = np.full(self._size, -1, dtype=np.int32)

    def of(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the last scores of some documents, NaN for none, and the rounds they are from, -1 for never."""
        return self._scores[indices].astype(np.float64), self._ages[indices].astype(np.int64)

    def keep(self, indices: np.ndarray, scores: np.ndarray | None, number: int) -> None:
        """Take over what a round computed, and save it.

        Parameters
        ----------
        indices
            Pool indices of the candidates, int64 (N,).
        scores
            Their scores (`alwidget.strategies.Ranked.every`); what is NaN keeps the score that it had, None says that
            the strategy has none.
        number
            The round, from 0.
        """
        self.scored = scores is not None
        if scores is not None:
            computed = ~np.isnan(scores)
            with np.errstate(over="ignore"):
                self._scores[indices[computed]] = scores[computed]
            self._ages[indices[computed]] = number
        self._save()

    def _save(self) -> None:
        if self._store is None:
            return
        body = self._scores.astype("<f4").tobytes() + self._ages.astype("<i4").tobytes()
        about = {"format": FORMAT, "pool": self._pool, "documents": self._size, "whose": self._whose}
        about |= {"scored": self.scored, "digest": _digest(body)}
        # one name for all: what a killed process leaves behind is written over, and what two write at once is torn
        temporary = self._store.with_name(f".{self._store.name}.tmp")
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(json.dumps(about).encode() + b"\n" + body)
            temporary.replace(self._store)
        except OSError as error:
            logger.debug("the scores were not saved: %s", error)

    def _load(self) -> bool:
        """Take up what is on disk, and return whether there was anything that can be used."""
        if self._store is None:
            return False
        try:
            with self._store.open("rb") as file:
                about = json.loads(file.readline(LONGEST_HEAD))
                body = file.read(8 * self._size + 1)
            good = (about["format"], about["pool"], about["documents"]) == (FORMAT, self._pool, self._size)
            if not good or len(body) != 8 * self._size or about["digest"] != _digest(body):
                return False
            self._whose, self.scored = str(about["whose"]), bool(about["scored"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return False
        self._scores = np.frombuffer(body, dtype="<f4", count=self._size).astype(np.float32)
        self._ages = np.frombuffer(body, dtype="<i4", offset=4 * self._size).astype(np.int32)
        return True


def whose(strategy: Strategy, learner: Learner) -> str:
    """Return what scores must have in common to be ranked with each other: strategy, options and model."""
    kind = type(strategy)
    return f"{kind.__module__}.{kind.__qualname__} {strategy!r} of {learner.description}"


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
