"""What a learner is, and the small types that pass through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Protocol, runtime_checkable

import numpy as np

from alwidget.errors import Cancelled

__all__ = [
    "Batch",
    "Dynamics",
    "Generated",
    "Labelled",
    "Learner",
    "Progress",
    "Report",
    "Span",
    "Stop",
    "SupportsBase",
    "SupportsFeatures",
    "SupportsGeneration",
    "SupportsImproving",
    "SupportsPasses",
    "SupportsTokens",
    "SupportsWatching",
    "TokenProbs",
    "Watch",
]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some documents as a learner sees them: texts, optional second texts, and content hashes to cache by.

    Attributes
    ----------
    texts, pairs
        The documents; `pairs` is None where the pool has no ``text_pair``.
    keys
        One 16-byte content hash a document (`alwidget.pool.content_hash`), so that a cache never looks at positions.
    words
        For tagging, the words of each document: int32 (L, 2), where each begins and ends in code points. None for
        tasks that do not look at words.
    """

    texts: Sequence[str]
    keys: Sequence[bytes]
    pairs: Sequence[str] | None = None
    words: Sequence[np.ndarray] | None = None

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.texts)

    def take(self, indices: Sequence[int] | np.ndarray) -> Batch:
        """Return the documents at these positions, in this order."""
        at = [int(i) for i in indices]
        pairs = None if self.pairs is None else [self.pairs[i] for i in at]
        words = None if self.words is None else [self.words[i] for i in at]
        return Batch([self.texts[i] for i in at], [self.keys[i] for i in at], pairs, words)

    def chunks(self, size: int) -> Iterator[Batch]:
        """Yield the documents `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(range(start, min(start + size, len(self))))


@dataclass(frozen=True, slots=True)
class Labelled:
    """Training data: documents, targets, and optional weights float64 (n,) and label smoothing float64 (n,).

    Attributes
    ----------
    y
        In the form of the task: classification int64 (n,) into `classes`; several labels bool (n, C); tagging a list
        of int32 (k, 3) with start, end and class of each span, in code points; generation a list of texts.
    classes
        The label names; empty for generation.
    smoothing
        The share of each document's target that is spread evenly over the classes (Szegedy et al. 2016), for labels
        that may be wrong. A CRF, which learns whole sequences, leaves it out.
    """

    documents: Batch
    y: Any
    classes: tuple[str, ...]
    weights: np.ndarray | None = None
    smoothing: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of labelled documents."""
        return len(self.documents)


@dataclass(frozen=True, slots=True)
class Span:
    """A predicted span: code points, class, and the probability of it (0 … 1)."""

    start: int
    end: int
    label: int
    confidence: float


@dataclass(frozen=True, slots=True)
class TokenProbs:
    """Tag probabilities of the words of some documents, one document after the other.

    Attributes
    ----------
    flat
        float32 (sum L, K), rows sum to one; K tags.
    offsets
        int64 (N + 1,); the words of document i are the rows ``offsets[i]:offsets[i + 1]``. A document that was cut to
        the model's length has fewer rows than words.
    tags
        The K tag names: ``"O"``, then ``"B-X"`` and ``"I-X"`` of every label.
    """

    flat: np.ndarray
    offsets: np.ndarray
    tags: tuple[str, ...]

    def __len__(self) -> int:
        """Return N, the number of documents."""
        return len(self.offsets) - 1

    def of(self, document: int) -> np.ndarray:
        """Return the rows of one document, float32 (L, K)."""
        rows: np.ndarray = self.flat[self.offsets[document] : self.offsets[document + 1]]
        return rows


@dataclass(frozen=True, slots=True)
class Generated:
    """Texts that a model wrote.

    Attributes
    ----------
    texts
        The best hypothesis of each document.
    log_probs
        Mean log-probability of its tokens, float64 (N,).
    candidates
        The best few hypotheses of each document, best first; `texts` are their first.
    """

    texts: list[str]
    log_probs: np.ndarray
    candidates: list[list[str]]


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

    def along(self, keys: Sequence[bytes]) -> Dynamics | None:
        """Return the same with one column for each of these documents, in this order; None where one has no column.

        >>> dynamics = Dynamics(np.array([[0.25, 0.5]]), np.array([[False, True]]), (b"a", b"b"))
        >>> dynamics.along([b"b", b"a"]).gold.tolist()
        [[0.5, 0.25]]
        """
        wanted = tuple(bytes(key) for key in keys)
        if wanted == tuple(self.keys):
            return self
        column = {key: i for i, key in enumerate(self.keys)}
        if not all(key in column for key in wanted):
            return None
        at = [column[key] for key in wanted]
        return Dynamics(self.gold[:, at], self.correct[:, at], wanted)


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


Watch = Callable[[Any, float], None]
"""Called as ``watch(learner, rate)`` while a learner trains: it answers with the weights of this moment.

`rate` is the mean learning rate since the last time, relative to the peak."""


@runtime_checkable
class SupportsWatching(Protocol):
    """A learner that lets somebody look a few times while it trains, the last time at its end; for TracIn."""

    looks: int
    """How many times, at most."""

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Train as `Learner.fit` does. What `watch` raises ends the training as a cancellation does."""


@runtime_checkable
class SupportsImproving(Protocol):
    """A learner that can make a better model of itself without labels, while nobody needs it."""

    @property
    def improves(self) -> bool:
        """Whether there is something to do."""

    def improve(self, pool: Any, read: Iterable[Batch], *, stop: Stop, progress: Progress | None = None) -> bool:
        """Work until it is done or `stop` is set, which raises `Cancelled`; the next call goes on from there.

        Before it becomes another model it reads the documents in `read`. Returns True once it has; the next round
        trains it anew.
        """


@runtime_checkable
class SupportsPasses(Protocol):
    """A learner with dropout that can be left on: class probabilities of several passes."""

    def predict_passes(
        self, documents: Batch, passes: int, *, seed: int, consistent: bool = False, stop: Stop | None = None
    ) -> Iterator[np.ndarray]:
        """Yield probabilities (n, C), one pass at a time; only dropout is switched, and evaluation mode restored.

        With `consistent` a pass drops the same units for all documents. The same seed gives the same passes.
        """


@runtime_checkable
class SupportsFeatures(Protocol):
    """A learner whose last layer is linear. Without `features` of its own, `embed` returns what that layer reads."""

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, f) and bias (C,) of the last layer."""

    def features(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return what the last layer reads, float32 (n, f)."""


@runtime_checkable
class SupportsBase(Protocol):
    """A learner whose vectors change as it trains, and that has the pretrained ones, too."""

    def base_embed(
        self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None
    ) -> np.ndarray:
        """Return vectors of the pretrained encoder, float32 (n, d)."""


@runtime_checkable
class SupportsTokens(Protocol):
    """A learner that tags words: for ``task="tagging"``. `Batch.words` is set wherever it is asked."""

    def tag(self, documents: Batch, *, stop: Stop | None = None) -> list[list[Span]]:
        """Return the spans of each document, in the order of their starts, never crossing a word."""

    def token_probs(self, documents: Batch, *, stop: Stop | None = None) -> TokenProbs:
        """Return tag probabilities of every word."""

    def token_states(self, documents: Batch, *, stop: Stop | None = None) -> tuple[TokenProbs, np.ndarray]:
        """Return the same with the vectors that they were computed from, float32 (sum L, d)."""


@runtime_checkable
class SupportsGeneration(Protocol):
    """A learner that writes text: for ``task="generation"``."""

    def generate(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> Generated:
        """Return what the model writes by beam search, dropout off."""

    def generate_passes(
        self, documents: Batch, passes: int, *, seed: int, stop: Stop | None = None
    ) -> list[Generated]:
        """Return what it writes in `passes` passes with dropout on; the same seed gives the same."""
