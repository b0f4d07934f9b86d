"""What a strategy sees of a round, computed when it is looked at and not before."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from alwidget.learners.base import Batch, Learner, Progress, Stop

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["RoundView", "TrainingSet", "lazy_batch"]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The labelled documents of this moment: pool indices int64 (n,), classes int64 (n,), and the label names."""

    indices: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of labelled documents."""
        return len(self.indices)

    def same_as(self, other: TrainingSet | None) -> bool:
        """Return whether the answers are those of `other`: choosing again from them is no new round."""
        return (
            other is not None
            and self.classes == other.classes
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.y, other.y)
        )

    @property
    def seen(self) -> int:
        """Return how many different labels were used."""
        return len(np.unique(self.y))


class _Texts(Sequence[str]):
    """The texts of some documents, read from the pool one by one when they are asked for."""

    def __init__(self, read: Callable[[int], str | None], indices: np.ndarray) -> None:
        self._read, self._indices = read, indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return _Texts(self._read, self._indices[at])
        return self._read(int(self._indices[at])) or ""


def lazy_batch(pool: Pool, indices: np.ndarray) -> Batch:
    """Return documents whose texts stay on disk until a learner reads them; cached vectors need only the keys."""
    paired = "text_pair" in pool.columns
    return Batch(
        texts=_Texts(lambda i: pool[i].text, indices),
        keys=pool.keys(indices),
        pairs=_Texts(lambda i: pool[i].text_pair, indices) if paired else None,
    )


class RoundView:
    """The `alwidget.strategies.View` of the engine: every array is computed once, at first use."""

    def __init__(
        self,
        pool: Pool,
        candidates: np.ndarray,
        training: TrainingSet,
        learner: Learner,
        *,
        fitted: bool,
        number: int,
        dynamics: Any = None,
        stop: Stop | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._pool, self._learner, self._training = pool, learner, training
        self._stop, self._progress = stop, progress
        self.candidates = candidates
        self.fitted = fitted
        self.round = number
        self.dynamics = dynamics
        self.some_probs: dict[int, np.ndarray] = {}
        self.seconds = 0.0
        """Time spent in the learner for this view, so that inference and selection can be told apart."""

    @property
    def size(self) -> int:
        """N, the number of candidates."""
        return len(self.candidates)

    @property
    def labelled(self) -> np.ndarray:
        """Pool indices of the labelled documents, int64 (n,)."""
        return self._training.indices

    @property
    def labelled_y(self) -> np.ndarray:
        """Their classes, int64 (n,)."""
        return self._training.y

    @property
    def n_classes(self) -> int:
        """C, the number of labels."""
        return len(self._training.classes)

    @cached_property
    def probs(self) -> np.ndarray:
        """Class probabilities of the candidates, float64 (N, C)."""
        return self._timed(lambda: self._learner.predict_proba(self._documents, stop=self._stop))

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, float64 (k, C).

        A strategy that has narrowed the candidates down costs a forward pass of those alone.
        """
        if (known := self.computed("probs")) is not None:
            some: np.ndarray = known[positions]
            return some
        documents = lazy_batch(self._pool, self.candidates[positions])
        found = self._timed(lambda: self._learner.predict_proba(documents, stop=self._stop))
        self.some_probs.update(zip((int(p) for p in positions), found, strict=True))
        return found

    @cached_property
    def labelled_probs(self) -> np.ndarray:
        """Class probabilities of the labelled documents, float64 (n, C)."""
        return self._timed(lambda: self._learner.predict_proba(self._labelled_documents, stop=self._stop))

    @cached_property
    def embeddings(self) -> np.ndarray:
        """Vectors of the candidates, float32 (N, d)."""
        return self._timed(lambda: self._learner.embed(self._documents, stop=self._stop, progress=self._progress))

    @cached_property
    def labelled_embeddings(self) -> np.ndarray:
        """Vectors of the labelled documents, float32 (n, d)."""
        return self._timed(lambda: self._learner.embed(self._labelled_documents, stop=self._stop))

    @cached_property
    def sources(self) -> np.ndarray | None:
        """The source of every candidate, or None."""
        return self._pool.sources(self.candidates)

    def known_probs(self, position: int) -> np.ndarray | None:
        """Return a candidate's probabilities if somebody has computed them, shape (C,)."""
        known = self.computed("probs")
        return known[position] if known is not None else self.some_probs.get(int(position))

    def computed(self, name: str) -> np.ndarray | None:
        """Return an array that somebody has looked at already, without computing it."""
        found = self.__dict__.get(name)
        return found if isinstance(found, np.ndarray) else None

    def _timed(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        started = time.perf_counter()
        try:
            return _frozen(compute())
        finally:
            self.seconds += time.perf_counter() - started

    @cached_property
    def _documents(self) -> Batch:
        return lazy_batch(self._pool, self.candidates)

    @cached_property
    def _labelled_documents(self) -> Batch:
        return lazy_batch(self._pool, self._training.indices)


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return the array write-protected: a strategy that sorts in place would corrupt the next reader."""
    view = array.view()
    view.flags.writeable = False
    return view
