"""What the taggers that train a network have in common: one pass gives everything, and is remembered until a fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Progress, Span, Stop, TokenProbs, Watch
from alwidget.learners.cache import VectorMemory, as_float16
from alwidget.learners.tagging.decoding import spans_from
from alwidget.learners.tagging.targets import TINY, by_words, document_means, offsets_of, words_of
from alwidget.learners.tagging.windows import Windows
from alwidget.learners.threads import bounded_threads
from alwidget.learners.watching import LOOKS
from alwidget.tasks.tags import tag_names

if TYPE_CHECKING:
    import torch

__all__ = ["Memory", "NetworkTagger", "Output", "WindowExamples", "with_dropout"]

AT_ONCE = 32_768
"""Words that go through a model between two looks at the memory."""
KEPT = 50_000
KEPT_WORDS = 400_000


@dataclass(frozen=True, slots=True)
class Output:
    """What a model says about words: probabilities float32 (k, K), states float32 (k, d), the best tags int64 (k,)."""

    probs: np.ndarray
    states: np.ndarray
    tags: np.ndarray


class Memory:
    """What the present weights said about documents, by content and words; a fit starts over.

    Parameters
    ----------
    width
        Width of a state.
    tags
        The tag names.
    """

    def __init__(self, width: int, tags: tuple[str, ...]) -> None:
        self.width, self.tags = width, tags
        self._vectors = VectorMemory(width, limit=KEPT)
        self._probs: dict[tuple[bytes, bytes], tuple[np.ndarray, np.ndarray]] = {}
        self._words = 0

    def has(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have a vector."""
        return self._vectors.has(documents.keys)

    def vectors(self, documents: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Return the means of the documents' states, float32 (n, d), and which of them are known."""
        return self._vectors.get(documents.keys)

    def probs(self, documents: Batch, words: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray] | None]:
        """Return the probabilities and best tags of each document, None where they are not known."""
        return [self._probs.get(_key(k, w)) for k, w in zip(documents.keys, words, strict=True)]

    def put(self, documents: Batch, words: list[np.ndarray], output: Output) -> None:
        """Remember what was said about some documents."""
        offsets = offsets_of(words)
        self._vectors.put(documents.keys, as_float16(document_means(output.states, offsets)))
        if self._words + len(output.tags) > KEPT_WORDS:
            self._probs, self._words = {}, 0
        if len(output.tags) <= KEPT_WORDS:
            self._words += len(output.tags)
            for i, (key, bounds) in enumerate(zip(documents.keys, words, strict=True)):
                here = slice(offsets[i], offsets[i + 1])
                self._probs[_key(key, bounds)] = (output.probs[here].copy(), output.tags[here].copy())


class NetworkTagger:
    """A tagger whose `_run` sends documents through a network; the rest of `SupportsTokens` follows from it."""

    looks = LOOKS
    label: str
    _classes: tuple[str, ...]
    _memory: Memory

    def _run(self, documents: Batch, words: list[np.ndarray], stop: Stop | None) -> Output:
        """Return what the present weights say, in whatever mode their dropout is."""
        raise NotImplementedError

    def _network(self) -> torch.nn.Module:
        """Return the network."""
        raise NotImplementedError

    def _generator(self, seed: int) -> torch.Generator:
        """Return a generator for dropout on the network's device."""
        raise NotImplementedError

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of the last fit; empty before the first."""
        return self._classes

    def tag(self, documents: Batch, *, stop: Stop | None = None) -> list[list[Span]]:
        """Return the spans of each document, in the order of their starts."""
        words = words_of(documents)
        found = self._known(documents, words, stop)
        tags = np.concatenate([tags for _, tags in found]) if found else np.empty(0, dtype=np.int64)
        return spans_from(tags, self._together([probs for probs, _ in found], words), words)

    def token_probs(self, documents: Batch, *, stop: Stop | None = None) -> TokenProbs:
        """Return tag probabilities of every word."""
        words = words_of(documents)
        return self._together([probs for probs, _ in self._known(documents, words, stop)], words)

    def token_states(self, documents: Batch, *, stop: Stop | None = None) -> tuple[TokenProbs, np.ndarray]:
        """Return the same with the states that the last layer sees, float32 (sum L, d)."""
        self._check_fitted()
        words = words_of(documents)
        found = [self._computed(documents, words, rows, stop) for rows in by_words(words, AT_ONCE)]
        none = np.empty((0, self._memory.width), dtype=np.float32)
        states = np.concatenate([o.states for o in found]) if found else none
        return self._together([o.probs for o in found], words), states

    def token_passes(
        self, documents: Batch, passes: int, *, seed: int, stop: Stop | None = None
    ) -> Iterator[TokenProbs]:
        """Yield tag probabilities of `passes` passes with dropout on and all else as in use (Monte Carlo dropout).

        The same seed gives the same passes (Gal & Ghahramani 2016, "Dropout as a Bayesian approximation").
        """
        self._check_fitted()
        words = words_of(documents)
        generator = self._generator(seed)
        for _ in range(passes):
            with with_dropout(self._network(), generator), bounded_threads():
                parts = [
                    self._run(documents.take(rows), [words[i] for i in rows], stop).probs
                    for rows in by_words(words, AT_ONCE)
                ]
            yield self._together(parts, words)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return the mean of each document's word states, float32 (n, d); zeros for one without words."""
        self.prepare(stop=stop, progress=progress)
        vectors, found = self._memory.vectors(documents)
        missing = np.flatnonzero(~found)
        part = documents.take(missing)
        words = words_of(part)
        done = 0
        for rows in by_words(words, AT_ONCE):
            self._computed(part, words, rows, stop)
            vectors[missing[rows]] = self._memory.vectors(part.take(rows))[0]
            done += len(rows)
            if progress is not None:
                progress("embedding", done, len(missing))
        return vectors

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have been run through the present weights; a fit starts over."""
        return self._memory.has(documents)

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load what is slow to load; idempotent."""
        raise NotImplementedError

    def _adopt(self, model: Any, classes: tuple[str, ...]) -> None:
        """Use this model from now on."""
        raise NotImplementedError

    def _looked_at(self, classes: tuple[str, ...], watch: Watch, model: Any, rate: float) -> None:
        """Let somebody look through a model that is being trained; what was in use is in use again afterwards."""
        before = dict(vars(self))
        self._adopt(model, classes)
        try:
            watch(self, rate)
        finally:
            vars(self).update(before)

    def _check_fitted(self) -> None:
        if not self._classes:
            message = f"{self.label} has not been trained yet; label some documents first."
            raise ModelError(message)

    def _known(
        self, documents: Batch, words: list[np.ndarray], stop: Stop | None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return probabilities and best tags of each document; what was run before is not run again."""
        self._check_fitted()
        found = self._memory.probs(documents, words)
        missing = [i for i, known in enumerate(found) if known is None]
        part, inside = documents.take(missing), [words[i] for i in missing]
        for rows in by_words(inside, AT_ONCE):
            output = self._computed(part, inside, rows, stop)
            offsets = offsets_of([inside[i] for i in rows])
            for at, row in enumerate(rows.tolist()):
                here = slice(offsets[at], offsets[at + 1])
                found[missing[row]] = (output.probs[here], output.tags[here])
        return [known for known in found if known is not None]

    def _computed(self, documents: Batch, words: list[np.ndarray], rows: np.ndarray, stop: Stop | None) -> Output:
        some, inside = documents.take(rows), [words[i] for i in rows]
        with bounded_threads():
            output = self._run(some, inside, stop)
        self._memory.put(some, inside, output)
        return output

    def _together(self, parts: list[np.ndarray], words: list[np.ndarray]) -> TokenProbs:
        tags = tag_names(self._classes)
        flat = np.concatenate(parts) if parts else np.empty((0, len(tags)), dtype=np.float32)
        return TokenProbs(flat, offsets_of(words), tags)


class WindowExamples:
    """Labelled words in windows, as `alwidget.learners.training.train` wants them; each word is learned once.

    Subclasses say what a window's loss is, and what the model gives each word.

    Parameters
    ----------
    windows
        The windows of the labelled documents.
    y
        int64 (sum L,): the tag of each word.
    offsets
        int64 (n + 1,): where each document's words begin.
    each
        float64 (n,): what each document counts. A window counts as much for every word that belongs to it.
    """

    def __init__(self, windows: Windows, y: np.ndarray, offsets: np.ndarray, each: np.ndarray) -> None:
        self.windows, self.y, self.offsets = windows, y, offsets
        self.lengths = windows.tokens.lengths
        self.counts = np.diff(windows.bounds)
        self.weights = each[windows.documents] * self.counts
        self.kinds = (self._means((y > 0).astype(np.float64)[windows.order]) > 0).astype(np.int64)
        self.gold: list[np.ndarray] = []
        self.correct: list[np.ndarray] = []

    def losses(self, model: Any, rows: np.ndarray) -> torch.Tensor:
        """Return the mean loss of the words of some windows, (k,)."""
        raise NotImplementedError

    def probs(self, model: Any) -> np.ndarray:
        """Return tag probabilities of all words, (sum L, K), dropout off."""
        raise NotImplementedError

    def measured(self, model: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gold probability, correctness and loss of all windows, and keep those of the documents."""
        probs = self.probs(model)
        gold = probs[np.arange(len(self.y)), self.y]
        right = (probs.argmax(axis=1) == self.y).astype(np.float64)
        self.gold.append(document_means(gold, self.offsets, empty=1.0))
        self.correct.append(document_means(right, self.offsets, empty=1.0) == 1)
        order = self.windows.order
        losses = -np.log(np.maximum(gold, TINY))
        return self._means(gold[order], 1.0), self._means(right[order], 1.0) == 1, self._means(losses[order])

    def dynamics(self, keys: tuple[bytes, ...]) -> Dynamics:
        """Return the dynamics of the documents: the mean of their words, and whether all of them are right."""
        return Dynamics(np.stack(self.gold).astype(np.float16), np.stack(self.correct), keys)

    def _means(self, values: np.ndarray, empty: float = 0.0) -> np.ndarray:
        return document_means(values, self.windows.bounds, empty=empty)


@contextmanager
def with_dropout(network: torch.nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Switch the dropout layers of a network on, and nothing else, drawing from `generator`; then off again."""
    from alwidget.learners.training import SeededDropout, seed_dropout

    seed_dropout(network, generator)
    layers = [m for m in network.modules() if isinstance(m, SeededDropout)]
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer in layers:
            layer.eval()


def _key(key: bytes, bounds: np.ndarray) -> tuple[bytes, bytes]:
    return key, np.ascontiguousarray(bounds).tobytes()
