"""What a learner is, and the small types that pass through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol, runtime_checkable

import numpy as np

from alwidget.errors import Cancelled

__all__ = ["Batch", "Dynamics", "Labelled", "Learner", "Progress", "Report", "Stop"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents as a learner sees them: texts, optional second texts, and content hashes to cache by.

    Attributes
    ----------
    texts, pairs
        The documents; `pairs` is None where the pool has no ``text_pair``.
    keys
        One 16-byte content hash a document (`alwidget.pool.content_hash`), so that a cache never looks at positions.
    """

    texts: Sequence[str]
    keys: Sequence[bytes]
    pairs: Sequence[str] | None = None

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.texts)

    def take(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """Return the documents at these positions, in this order."""
        at = [int(i) for i in indices]
        pairs = None if self.pairs is None else [self.pairs[i] for i in at]
        return Batch([self.texts[i] for i in at], [self.keys[i] for i in at], pairs)

    def chunks(self, size: int) -> Iterator[Batch]:
        """Yield the documents `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(range(start, min(start + size, len(self))))


@dataclass(frozen=True, slots=True)
class Labelled:
    """Training data: documents, targets int64 (n,) into `classes`, and optional weights float64 (n,)."""

    documents: Batch
    y: np.ndarray
    classes: tuple[str, ...]
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of labelled documents."""
        return len(self.documents)


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Training dynamics: at the end of each epoch, dropout off, for every labelled document.

    Attributes
    ----------
    gold
        Probability of the gold label, float16, shape (E, n).
    correct
        Whether the argmax was the gold label, bool, shape (E, n).
    keys
        The content hash of each column; columns are documents, never batch positions.
    """

    gold: np.ndarray
    correct: np.ndarray
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a fit did: how many documents, epochs and seconds, the last loss, and the dynamics where there are any."""

    n: int
    seconds: float
    epochs: int = 0
    loss: float | None = None
    dynamics: Dynamics | None = None
    notes: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


class Stop:
    """Cooperative cancellation: the worker calls `check` at every batch, anybody calls `set`."""

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """Ask the worker to stop at its next batch."""
        self._event.set()

    def __bool__(self) -> bool:
        """Return whether a stop was asked for."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if a stop was asked for."""
        if self._event.is_set():
            message = "Stopped: newer labels arrived, or the session closed."
            raise Cancelled(message)


Progress = Callable[[str, int, int], None]
"""Called as ``progress("embedding", done, total)``; must be cheap and must not raise."""


@runtime_checkable
class Learner(Protocol):
    """What learns from labels and predicts. One thread owns a learner; see `alwidget.engine`.

    A learner must give the same numbers for the same seed and data. All methods that take `stop` check it at every
    batch and raise `alwidget.errors.Cancelled`; a cancelled `fit` leaves the previously fitted state usable.
    """

    @property
    def name(self) -> str:
        """The short form a person types, such as ``"encoder:NAME"``."""

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"all-MiniLM-L6-v2 + head"``."""

    @property
    def retrain_seconds(self) -> float:
        """Roughly how long a fit takes; the engine retrains more often when it is cheap."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the last fit; empty before the first."""

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load what is slow to load (torch, weights). Called in the background before first use; idempotent."""

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        """Train from all labels. One class only must work (it then predicts that class)."""

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return probabilities, float64, shape (n, C) in the order of `classes`; rows sum to one."""

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return vectors, float32, shape (n, d)."""

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents `embed` would return at once, because they are cached."""

    def save(self, path: Path) -> None:
        """Write a checkpoint folder: safetensors and JSON only."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote; nothing is unpickled."""
