"""What a strategy sees of a round, computed when it is looked at and not before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from alwidget.engine.batches import lazy_batch, words_at
from alwidget.engine.training import TrainingSet
from alwidget.learners.base import Batch, Generated, Learner, Progress, Stop, TokenProbs

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from alwidget.pool import Pool

__all__ = ["RoundView"]

T = TypeVar("T")


class RoundView:
    """The `alwidget.strategies.View` of the engine: every array is computed once, at first use.

    Parameters
    ----------
    seed
        Where the randomness of passes with dropout comes from.
    """

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
        seed: int = 0,
        stop: Stop | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._pool, self._training = pool, training
        self._learner: Any = learner
        self._stop, self._progress, self._seed = stop, progress, seed
        self.candidates = candidates
        self.fitted = fitted
        self.round = number
        self.dynamics = dynamics
        self.task = training.task
        """The name of the task."""
        self.multilabel = training.task == "multilabel"
        """Whether `probs` are a probability for each label on its own, so that rows do not sum to one."""
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
    def labelled_y(self) -> Any:
        """Their answers in the form of the task; for classification classes, int64 (n,)."""
        return self._training.y

    @property
    def n_classes(self) -> int:
        """C, the number of labels."""
        return len(self._training.classes)

    # Documents as a whole --------------------------------------------------------------------------------------------

    @cached_property
    def probs(self) -> np.ndarray:
        """Class probabilities of the candidates, float64 (N, C)."""
        return self._array(lambda: self._learner.predict_proba(self._documents, stop=self._stop))

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, float64 (k, C).

        A strategy that has narrowed the candidates down costs a forward pass of those alone.
        """
        if (known := self.computed("probs")) is not None:
            some: np.ndarray = known[positions]
            return some
        documents = lazy_batch(self._pool, self.candidates[positions], words=self._training.words)
        found = self._array(lambda: self._learner.predict_proba(documents, stop=self._stop))
        self.some_probs.update(zip((int(p) for p in positions), found, strict=True))
        return found

    @cached_property
    def labelled_probs(self) -> np.ndarray:
        """Class probabilities of the labelled documents, float64 (n, C)."""
        return self._array(lambda: self._learner.predict_proba(self._labelled_documents, stop=self._stop))

    @cached_property
    def embeddings(self) -> np.ndarray:
        """Vectors of the candidates, float32 (N, d)."""
        return self._array(lambda: self._learner.embed(self._documents, stop=self._stop, progress=self._progress))

    @cached_property
    def labelled_embeddings(self) -> np.ndarray:
        """Vectors of the labelled documents, float32 (n, d)."""
        return self._array(lambda: self._learner.embed(self._labelled_documents, stop=self._stop))

    @cached_property
    def sources(self) -> np.ndarray | None:
        """The source of every candidate, or None."""
        return self._pool.sources(self.candidates)

    def surprisal(self, length: int = 128) -> csr_array:
        """Return how surprised a masked language model is by the tokens of each candidate, (N, length); for ALPS."""
        found: csr_array = self._timed(
            lambda: self._learner.surprisal(self._documents, seed=self._seed, length=length, stop=self._stop)
        )
        return found

    # Words -----------------------------------------------------------------------------------------------------------

    @cached_property
    def lengths(self) -> np.ndarray:
        """How many words each candidate has, int64 (N,)."""
        counts = (len(words_at(self._pool, int(i))) for i in self.candidates)
        return _frozen(np.fromiter(counts, dtype=np.int64, count=self.size))

    @cached_property
    def token_probs(self) -> TokenProbs:
        """Tag probabilities of the words of all candidates."""
        found = self._timed(lambda: self._learner.token_probs(self._documents, stop=self._stop))
        return TokenProbs(_frozen(found.flat), _frozen(found.offsets), found.tags)

    def token_states(self, positions: np.ndarray) -> tuple[TokenProbs, np.ndarray]:
        """Return tag probabilities and the vectors of the words of some candidates, float32 (sum L, d)."""
        documents = lazy_batch(self._pool, self.candidates[positions], words=True)
        probs, states = self._timed(lambda: self._learner.token_states(documents, stop=self._stop))
        return probs, _frozen(states)

    def token_passes(self, passes: int) -> Iterator[TokenProbs]:
        """Yield tag probabilities of all candidates, dropout on, one pass after the other."""
        made = self._learner.token_passes(self._documents, passes, seed=self._seed, stop=self._stop)
        while (one := self._timed(lambda: next(made, None))) is not None:
            yield one

    # Writing ---------------------------------------------------------------------------------------------------------

    @cached_property
    def generated(self) -> Generated:
        """What the model writes for every candidate."""
        found: Generated = self._timed(
            lambda: self._learner.generate(self._documents, stop=self._stop, progress=self._progress)
        )
        return found

    def generate_passes(self, passes: int) -> list[Generated]:
        """Return what it writes for every candidate, dropout on, one item a pass."""
        return self._timed(
            lambda: list(self._learner.generate_passes(self._documents, passes, seed=self._seed, stop=self._stop))
        )

    # What is known already -------------------------------------------------------------------------------------------

    def known_probs(self, position: int) -> np.ndarray | None:
        """Return a candidate's probabilities if somebody has computed them, shape (C,)."""
        known = self.computed("probs")
        return known[position] if known is not None else self.some_probs.get(int(position))

    def computed(self, name: str) -> Any:
        """Return what somebody has looked at already, such as ``"probs"``, without computing it; else None."""
        return self.__dict__.get(name)

    def _array(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        return _frozen(self._timed(compute))

    def _timed(self, compute: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return compute()
        finally:
            self.seconds += time.perf_counter() - started

    @cached_property
    def _documents(self) -> Batch:
        return lazy_batch(self._pool, self.candidates, words=self._training.words)

    @cached_property
    def _labelled_documents(self) -> Batch:
        return lazy_batch(self._pool, self._training.indices, words=self._training.words)


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return the array write-protected: a strategy that sorts in place would corrupt the next reader."""
    view = array.view()
    view.flags.writeable = False
    return view
