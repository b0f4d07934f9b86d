"""Which documents can still be asked."""

from __future__ import annotations

import numpy as np

__all__ = ["OpenSet"]

DENSE = 0.25
"""Below this share of open documents, drawing and rejecting costs more than listing them."""


class OpenSet:
    """The documents that nobody has answered, as one byte a document; drawing from it does not list the pool.

    Parameters
    ----------
    size
        Number of documents in the pool.
    closed
        Pool indices that are not asked from the start, such as exact duplicates; int64, shape (k,).
    """

    def __init__(self, size: int, closed: np.ndarray | None = None) -> None:
        self._open = np.ones(size, dtype=bool)
        if closed is not None and len(closed):
            self._open[closed] = False
        self._count = int(np.count_nonzero(self._open))
        self.asked_from = self._count

    def __len__(self) -> int:
        """Return how many documents are open."""
        return self._count

    def __contains__(self, index: object) -> bool:
        """Return whether this document is open."""
        return isinstance(index, int | np.integer) and bool(self._open[index])

    def close(self, index: int) -> bool:
        """Take a document out; return whether it was open."""
        was = bool(self._open[index])
        self._open[index] = False
        self._count -= was
        return was

    def reopen(self, index: int) -> bool:
        """Put a document back; return whether it was closed."""
        was = not self._open[index]
        self._open[index] = True
        self._count += was
        return was

    def keep(self, indices: np.ndarray) -> np.ndarray:
        """Return those of `indices` that are open, in the same order."""
        kept: np.ndarray = indices[self._open[indices]]
        return kept

    def all(self) -> np.ndarray:
        """Return every open document in the pool's order, int64; costs a pass over the pool."""
        return np.flatnonzero(self._open)

    def draw(self, size: int, rng: np.random.Generator, within: np.ndarray | None = None) -> np.ndarray:
        """Return ``min(size, available)`` open documents drawn uniformly without replacement, ascending, int64.

        Parameters
        ----------
        within
            Draw from these documents only; they need not be open.
        """
        if within is not None:
            found = self.keep(np.asarray(within, dtype=np.int64))
            return np.sort(rng.choice(found, size, replace=False)) if size < len(found) else np.sort(found)
        if size >= self._count:
            return self.all()
        if self._count < DENSE * len(self._open) or size > self._count // 2:
            return np.sort(rng.choice(self.all(), size, replace=False))
        drawn = np.empty(0, dtype=np.int64)
        while len(drawn) < size:
            more = self.keep(rng.integers(0, len(self._open), size=2 * (size - len(drawn)) + 16))
            both = np.concatenate([drawn, more])
            _, first = np.unique(both, return_index=True)
            drawn = both[np.sort(first)]
        return np.sort(drawn[:size])
