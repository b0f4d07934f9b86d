"""The texts of a pool, each once: some held out to measure on, the others read in a fixed random order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ArgumentError
from alwidget.learners.base import Stop
from alwidget.pool import Pool, content_hash

if TYPE_CHECKING:
    from alwidget.learners.tokens import Tokeniser, Tokens

__all__ = ["Corpus", "Reading"]

HELD_OUT, MOST_HELD_OUT = 0.1, 500
LEAST = 30
AHEAD = 4096
POOLED_BATCHES = 32
"""Batches that are tokenised and sorted by length together; their tokens are all that is in memory of the pool."""


class Corpus:
    """The distinct texts of a pool; of two texts that belong together each stands for itself.

    Parameters
    ----------
    data
        A pool, or what `alwidget.Pool.load` reads: texts, a path, a data frame.
    seed
        Decides which texts are held out.

    Attributes
    ----------
    pool
        The documents.
    trained, held_out
        Rows of texts, int64, without repetitions and without an overlap: a tenth, but at most 500, is held out.
    """

    def __init__(self, data: Any, *, seed: int) -> None:
        self.pool = Pool.load(data)
        self._size = len(self.pool)
        distinct = self._distinct()
        if len(distinct) < LEAST:
            message = (
                f'The pool "{self.pool.name}" has {len(distinct)} different texts; to train without labels and to '
                f"measure what it did takes at least {LEAST}."
            )
            raise ArgumentError(message)
        held = int(np.clip(round(HELD_OUT * len(distinct)), 1, MOST_HELD_OUT))
        order = np.random.default_rng([seed, 10]).permutation(len(distinct))
        self.held_out = np.sort(distinct[order[:held]])
        self.trained = np.sort(distinct[order[held:]])

    @property
    def fingerprint(self) -> str:
        """32 hex digits that stand for the texts and their order: what training on them depends on."""
        digest = hashlib.blake2b(digest_size=16)
        for start in range(0, self._size, AHEAD):
            digest.update(b"".join(self.pool.keys(range(start, min(start + AHEAD, self._size)))))
        return digest.hexdigest()

    def texts(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """Return some texts, in the order of `rows`."""
        at = np.asarray(rows, dtype=np.int64)
        second = at >= self._size
        documents = self.pool.documents(at % self._size)
        return [d.text_pair or "" if pair else d.text for d, pair in zip(documents, second.tolist(), strict=True)]

    def _distinct(self) -> np.ndarray:
        """Return the rows of texts that are the first of their content; row N + i is the second text of document i."""
        if "text_pair" not in self.pool.columns:
            return np.flatnonzero(self.pool.duplicate_of < 0).astype(np.int64)
        seen: set[bytes] = set()
        rows: list[int] = []
        for half in (0, self._size):
            for start in range(half, half + self._size, AHEAD):
                some = range(start, min(start + AHEAD, half + self._size))
                for row, text in zip(some, self.texts(some), strict=True):
                    key = content_hash(text)
                    if text.strip() and key not in seen:
                        seen.add(key)
                        rows.append(row)
        return np.array(rows, dtype=np.int64)


class Reading:
    """What is read in which step, as a function of the seed and the number of the step alone.

    Every epoch reads every text once: shuffled, then sorted by length some batches at a time, the batches in random
    order. A run that was interrupted goes on at its step with nothing to remember but that number.

    >>> corpus = Corpus([f"text {i}" for i in range(40)], seed=0)
    >>> reading = Reading(corpus, None, batch_size=10, seed=0)
    >>> reading.steps_an_epoch
    4
    """

    def __init__(self, corpus: Corpus, tokenise: Tokeniser | None, *, batch_size: int, seed: int) -> None:
        self._corpus, self._tokenise, self._size, self._seed = corpus, tokenise, batch_size, seed
        self._n = len(corpus.trained)
        self.steps_an_epoch = -(-self._n // batch_size)
        self._epoch = -1
        self._order = np.empty(0, dtype=np.int64)
        self._window: tuple[int, int] | None = None
        self._tokens: Tokens | None = None
        self._batches: list[np.ndarray] = []

    def at(self, step: int, stop: Stop | None = None) -> Tokens:
        """Return the tokens of the texts that a step reads."""
        epoch, inside = divmod(step, self.steps_an_epoch)
        window, batch = divmod(inside, POOLED_BATCHES)
        if self._window != (epoch, window):
            self._open(epoch, window, stop)
        if self._tokens is None:
            message = "nothing was read"
            raise RuntimeError(message)
        return self._tokens.take(self._batches[batch])

    def _open(self, epoch: int, window: int, stop: Stop | None) -> None:
        """Tokenise the texts of some steps."""
        if self._epoch != epoch:
            rng = np.random.default_rng([self._seed, 11, epoch])
            self._order, self._epoch = rng.permutation(self._corpus.trained), epoch
        span = self._size * POOLED_BATCHES
        rows = self._order[window * span : (window + 1) * span]
        if self._tokenise is None:
            message = "Reading without a tokeniser only counts steps."
            raise RuntimeError(message)
        tokens = self._tokenise(self._corpus.texts(rows), stop=stop)
        by_length = np.argsort(tokens.lengths, kind="stable")
        batches = [by_length[i : i + self._size] for i in range(0, len(rows), self._size)]
        order = np.random.default_rng([self._seed, 12, epoch, window]).permutation(len(batches))
        self._tokens, self._batches, self._window = tokens, [batches[i] for i in order], (epoch, window)
