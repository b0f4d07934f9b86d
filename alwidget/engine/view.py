"""What a strategy sees of a round, computed when it is looked at and not before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from alwidget.engine.batches import lazy_batch, words_at
from alwidget.engine.sliced import PER_CANDIDATE, sliced
from alwidget.engine.training import TrainingSet
from alwidget.engine.warmup import reading_order
from alwidget.learners.base import Batch, Dynamics, Generated, Learner, Progress, Stop, TokenProbs
from alwidget.strategies.axes import as_positions
from alwidget.strategies.functional.checks import as_size

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from alwidget.log.rounds import RoundRecord
    from alwidget.pool import Pool

__all__ = ["RoundView"]

T = TypeVar("T")
_PER_LABELLED = frozenset(
    {
        "head",
        "labelled_probs",
        "labelled_embeddings",
        "labelled_base_embeddings",
        "labelled_features",
        "_labelled_documents",
    }
)


class RoundView:
    """The `alwidget.strategies.View` of the engine: every array is computed once, at first use.

    Parameters
    ----------
    seed
        Where the randomness of passes with dropout comes from.
    pool_seed
        The seed of the session, by which the pool is read ahead: its first documents are the reference sample.
    memo
        What strategies keep for all rounds; the engine hands every round the same one.
    history
        The finished rounds, oldest first.
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
        pool_seed: int = 0,
        memo: dict[tuple[str, str], Any] | None = None,
        history: tuple[RoundRecord, ...] = (),
        stop: Stop | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._pool, self._training = pool, training
        self._learner: Any = learner
        self._stop, self._progress, self._seed, self._pool_seed = stop, progress, seed, pool_seed
        self._memo: dict[tuple[str, str], Any] = {} if memo is None else memo
        self._clock = [0.0]
        self._within: tuple[RoundView, np.ndarray] | None = None
        self.history = history
        """The finished rounds of the session, oldest first, those of earlier runs too."""
        self.candidates = candidates
        self.fitted = fitted
        self.round = number
        self.dynamics: Dynamics | None = dynamics
        """Training dynamics of the last fit, its columns as `labelled`, or None."""
        self.task = training.task
        """The name of the task."""
        self.multilabel = training.task == "multilabel"
        """Whether `probs` are a probability for each label on its own, so that rows do not sum to one."""
        self.some_probs: dict[int, np.ndarray] = {}

    @property
    def seconds(self) -> float:
        """Time spent in the learner for this view and parts of it, so that inference and selection are told apart."""
        return self._clock[0]

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
        found = self._array(lambda: self._learner.predict_proba(self._documents, stop=self._stop))
        self._tell(np.arange(self.size), found)
        return found

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
        self._tell(positions, found)
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
    def base_embeddings(self) -> np.ndarray:
        """Vectors of the candidates that no training changes, float32 (N, d)."""
        if not _has(self._learner, "base_embed"):
            return self.embeddings
        return self._array(lambda: self._base(self._documents))

    @cached_property
    def labelled_base_embeddings(self) -> np.ndarray:
        """Those of the labelled documents, float32 (n, d)."""
        if not _has(self._learner, "base_embed"):
            return self.labelled_embeddings
        return self._array(lambda: self._base(self._labelled_documents))

    def reference_embeddings(self, limit: int) -> np.ndarray:
        """Return those of the documents that are read ahead first, a uniform sample of the pool, (<= limit, d).

        They are the same in every round and after a restart, labelled or not.
        """
        order = reading_order(len(self._pool), self._pool_seed)[: as_size(limit, "limit")]
        documents = lazy_batch(self._pool, order, words=self._training.words)
        return self._array(lambda: self._base(documents))

    @cached_property
    def features(self) -> np.ndarray:
        """What the last linear layer reads of the candidates, float32 (N, f); vectors, where that is what it reads."""
        if not _has(self._learner, "features"):
            return self.embeddings
        return self._array(lambda: self._learner.features(self._documents, stop=self._stop))

    @cached_property
    def labelled_features(self) -> np.ndarray:
        """What it reads of the labelled documents, float32 (n, f)."""
        if not _has(self._learner, "features"):
            return self.labelled_embeddings
        return self._array(lambda: self._learner.features(self._labelled_documents, stop=self._stop))

    @cached_property
    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """The last layer of the model: weights (C, f) and bias (C,)."""
        weights, bias = self._learner.weights
        return _frozen(weights), _frozen(bias)

    def mc_probs(self, passes: int, *, consistent: bool = False) -> Iterator[np.ndarray]:
        """Yield class probabilities of the candidates with dropout on, (N, C), a pass at a time."""
        made = self._learner.predict_passes(
            self._documents, passes, seed=self._seed, consistent=consistent, stop=self._stop
        )
        while (one := self._timed(lambda: next(made, None))) is not None:
            yield _frozen(one)

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

    # Parts, and what is kept -----------------------------------------------------------------------------------------

    def take(self, positions: np.ndarray) -> RoundView:
        """Return the view of some candidates only, in this order; what is computed already is not computed again."""
        at = as_positions(positions, self.size)
        part = RoundView(
            self._pool,
            self.candidates[at],
            self._training,
            self._learner,
            fitted=self.fitted,
            number=self.round,
            dynamics=self.dynamics,
            seed=self._seed,
            pool_seed=self._pool_seed,
            memo=self._memo,
            history=self.history,
            stop=self._stop,
            progress=self._progress,
        )
        part._clock, part._within = self._clock, (self, at)
        for name, value in self.__dict__.items():
            if name in PER_CANDIDATE:
                part.__dict__[name] = sliced(value, at)
            elif name in _PER_LABELLED:
                part.__dict__[name] = value
        if self.some_probs:
            known = ((i, self.some_probs.get(int(p))) for i, p in enumerate(at))
            part.some_probs = {i: probs for i, probs in known if probs is not None}
        return part

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returned the first time that it was asked under this name in the session.

        Another model in the learner's place, such as one that stands in for one that did not load, starts over.
        """
        key = (str(self._learner.description), name)
        if key not in self._memo:
            self._memo[key] = make()
        kept: T = self._memo[key]
        return kept

    # What is known already -------------------------------------------------------------------------------------------

    def known_probs(self, position: int) -> np.ndarray | None:
        """Return a candidate's probabilities if somebody has computed them, shape (C,)."""
        known = self.computed("probs")
        return known[position] if known is not None else self.some_probs.get(int(position))

    def computed(self, name: str) -> Any:
        """Return what somebody has looked at already, such as ``"probs"``, without computing it; else None."""
        return self.__dict__.get(name)

    def _tell(self, positions: np.ndarray, probs: np.ndarray) -> None:
        """Let the whole know what was computed for a part of it: a person is told why from there."""
        if self._within is not None:
            whole, at = self._within
            whole.some_probs.update(zip((int(p) for p in at[positions]), probs, strict=True))
            whole._tell(at[positions], probs)  # noqa: SLF001

    def _base(self, documents: Batch) -> np.ndarray:
        """Return vectors of the pretrained encoder; where no training changes vectors, they are those."""
        embed = self._learner.base_embed if _has(self._learner, "base_embed") else self._learner.embed
        vectors: np.ndarray = embed(documents, stop=self._stop, progress=self._progress)
        return vectors

    def _array(self, compute: Callable[[], np.ndarray]) -> np.ndarray:
        return _frozen(self._timed(compute))

    def _timed(self, compute: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return compute()
        finally:
            self._clock[0] += time.perf_counter() - started

    @cached_property
    def _documents(self) -> Batch:
        return lazy_batch(self._pool, self.candidates, words=self._training.words)

    @cached_property
    def _labelled_documents(self) -> Batch:
        return lazy_batch(self._pool, self._training.indices, words=self._training.words)


def _has(learner: Any, ability: str) -> bool:
    return callable(getattr(learner, ability, None))


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return the array write-protected: a strategy that sorts in place would corrupt the next reader."""
    view = array.view()
    view.flags.writeable = False
    return view
