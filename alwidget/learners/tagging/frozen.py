"""A frozen encoder with a linear head on every word: reads each document once, ever, and learns in seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Labelled, Progress, Report, Span, Stop, TokenProbs, Watch
from alwidget.learners.cache import EmbeddingCache, as_float16, default_cache_dir
from alwidget.learners.checkpoints import loading, reading, write_json
from alwidget.learners.head import Head, checked_smoothing
from alwidget.learners.surprisal import WithSurprisal
from alwidget.learners.tagging.shapes import WIDTH, word_shapes
from alwidget.learners.tagging.targets import (
    by_words,
    document_means,
    offsets_of,
    tagged,
    targets_of,
    training_weights,
    words_of,
)
from alwidget.learners.tagging.wordvectors import WordEncoder, word_keys
from alwidget.learners.watching import LOOKS, fit_head
from alwidget.tasks.tags import tag_names

__all__ = ["FrozenTagger"]

RIDGE = 0.1
SHAPE_WEIGHT = 0.4
"""What a mark of `word_shapes` counts beside a vector of length one."""
MOST_TRAINED = 24_000
"""Words that a head is trained on; of more, words outside of entities are drawn."""
AT_ONCE = 65_536
"""Words whose vectors are in memory together."""
FLUSH = 4096
"""Words that a crash may cost."""


class FrozenTagger(WithSurprisal):
    """Vectors of words from a pretrained encoder, kept on disk, with what the words look like, and a logistic head.

    Each word is classified for itself, with its context in its vector; the tags of a document are then the likeliest
    sequence that is possible (Viterbi over probabilities, with transitions that are allowed or not: none is learnt).
    The head is that of `alwidget.learners.head.Head`, its temperature read from documents that were held out.

    Parameters
    ----------
    folder
        The model folder.
    label
        What the model is called in the status line; by default the folder's name.
    name
        The short form a person types; by default ``"encoder:<label>"``.
    cache_dir
        Where vectors are kept, about a kilobyte a word; None: `alwidget.learners.default_cache_dir`.
    device, dtype, max_length
        As for `alwidget.learners.Encoder`. Documents of any length are read, longer ones in overlapping windows.
    ridge
        Strength of the head's penalty.
    """

    looks = LOOKS

    def __init__(
        self,
        folder: str | Path,
        *,
        label: str | None = None,
        name: str | None = None,
        cache_dir: str | Path | None = None,
        device: str | None = None,
        dtype: str = "auto",
        max_length: int | None = None,
        ridge: float = RIDGE,
    ) -> None:
        self.label = label or Path(folder).name
        self.name = name or f"encoder:{self.label}"
        self.encoder = WordEncoder(folder, device=device, dtype=dtype, max_length=max_length)
        self.retrain_seconds = 1.0
        self.ridge = ridge
        self.head = Head(ridge=ridge)
        self._scale = 1.0
        self._classes: tuple[str, ...] = ()
        self._cache_dir = Path(cache_dir) if cache_dir is not None else None
        self._words: EmbeddingCache | None = None
        self._documents: EmbeddingCache | None = None
        self._told = False

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"all-MiniLM-L6-v2 (bf16) + head on words"``."""
        precision = f" ({self.encoder.dtype})" if self.encoder.loaded else ""
        return f"{self.label}{precision} + head on words"

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels of the last fit; empty before the first."""
        return self._classes

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch, the weights and the index of what is cached; idempotent."""
        if self._words is not None:
            return
        with loading(self.label, stop, progress):
            self.encoder.load()
            folder, identity = self._cache_dir or default_cache_dir(), self.encoder.identity
            self._documents = EmbeddingCache(folder, f"{identity} mean", self.encoder.dim)
            self._words = EmbeddingCache(folder, identity, self.encoder.dim)

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Train the head on all labels. A cancelled or failed fit leaves the last head in place."""
        started = time.perf_counter()
        words = words_of(labelled.documents)
        y, each = targets_of(labelled, words), training_weights(labelled)
        offsets = offsets_of(words)
        document = np.repeat(np.arange(len(words)), np.diff(offsets))
        rows, counts = _drawn(y, np.random.default_rng(seed))
        vectors, shapes = self._read(labelled.documents, words, stop, progress)
        scale = float(np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1).mean())) or 1.0
        head = Head(ridge=self.ridge)
        smoothing = checked_smoothing(labelled.smoothing, len(labelled))
        fit = fit_head(
            head,
            _features(vectors[rows], shapes[rows], scale),
            y[rows],
            2 * len(labelled.classes) + 1,
            weights=each[document[rows]] * counts,
            smoothing=None if smoothing is None else smoothing[document[rows]],
            seed=seed,
            stop=stop,
            groups=document[rows],
            watch=None if watch is None else lambda: self._looked_at(head, scale, tuple(labelled.classes), watch),
        )
        self.head, self._scale, self._classes = head, scale, tuple(labelled.classes)
        self.retrain_seconds = seconds = time.perf_counter() - started
        return Report(
            n=len(labelled),
            seconds=seconds,
            epochs=fit.iterations,
            loss=fit.loss,
            dynamics=_dynamics(fit.gold, fit.correct, document[rows], counts, tuple(labelled.documents.keys)),
            notes=self._notes(),
            extra={"temperature": fit.temperature, "words": len(rows)},
        )

    def _looked_at(self, head: Head, scale: float, classes: tuple[str, ...], watch: Watch) -> None:
        """Let somebody look through this head, which is not in use yet."""
        before = self.head, self._scale, self._classes
        self.head, self._scale, self._classes = head, scale, classes
        try:
            watch(self, 1.0)
        finally:
            self.head, self._scale, self._classes = before

    def tag(self, documents: Batch, *, stop: Stop | None = None) -> list[list[Span]]:
        """Return the spans of each document, in the order of their starts."""
        return tagged(self.token_probs(documents, stop=stop), words_of(documents))

    def token_probs(self, documents: Batch, *, stop: Stop | None = None) -> TokenProbs:
        """Return tag probabilities of every word."""
        words = words_of(documents)
        parts = [probs for probs, _ in self._states(documents, words, stop)]
        return self._together(parts, words)

    def token_states(self, documents: Batch, *, stop: Stop | None = None) -> tuple[TokenProbs, np.ndarray]:
        """Return the same with what the head sees, float32 (sum L, d): a word's vector and what it looks like."""
        words = words_of(documents)
        parts = list(self._states(documents, words, stop))
        states = [s for _, s in parts] or [np.empty((0, self.encoder.dim + WIDTH), dtype=np.float32)]
        return self._together([p for p, _ in parts], words), np.concatenate(states)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return the mean of each document's word vectors, float32 (n, d); zeros for one without words."""
        self.prepare(stop=stop)
        _, cache = self._caches()
        vectors, found = cache.get(documents.keys)
        missing = np.flatnonzero(~found)
        if len(missing):
            part = documents.take(missing)
            words = words_of(part)
            done = 0
            for rows in by_words(words, AT_ONCE):
                some = part.take(rows)
                inside = [words[i] for i in rows]
                read = self._vectors(some, inside, stop, None)
                means = as_float16(document_means(read, offsets_of(inside)))
                vectors[missing[rows]] = means
                cache.put(some.keys, means)
                done += len(rows)
                if progress is not None:
                    progress("embedding", done, len(part))
        return vectors

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have been read; all False before `prepare`."""
        if self._documents is None:
            return np.zeros(len(documents), dtype=bool)
        return self._documents.has(documents.keys)

    def _masked_folder(self) -> tuple[Path, str | None]:
        return self.encoder.folder, self.encoder.device

    def save(self, path: Path) -> None:
        """Write the head and what it belongs to; the encoder's weights stay where they are."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        self.head.save(path)
        about = {
            "format": "alwidget-frozen-tagger/1",
            "encoder": self.encoder.identity,
            "classes": list(self._classes),
            "scale": self._scale,
        }
        write_json(path / "frozen.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises
        ------
        alwidget.errors.ModelError
            It is not there, broken, or was trained on vectors of another encoder.
        """
        path = Path(path)
        with reading(path):
            about = json.loads((path / "frozen.json").read_text(encoding="utf-8"))
            classes, encoder, scale = tuple(map(str, about["classes"])), about["encoder"], float(about["scale"])
        if encoder != self.encoder.identity:
            message = f"The head in {path} was trained on vectors of another encoder than {self.label}; train again."
            raise ModelError(message)
        head = Head(ridge=self.ridge)
        head.load(path)
        self.head, self._scale, self._classes = head, scale, classes

    def _states(
        self, documents: Batch, words: list[np.ndarray], stop: Stop | None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield tag probabilities float32 (k, K) and features (k, d) of some words after the other."""
        if not self.head.fitted:
            message = f"{self.label} has not been trained yet; label some documents first."
            raise ModelError(message)
        for rows in by_words(words, AT_ONCE):
            if stop is not None:
                stop.check()
            read = self._read(documents.take(rows), [words[i] for i in rows], stop, None)
            features = _features(*read, self._scale)
            yield self.head.predict_proba(features).astype(np.float32), features

    def _together(self, parts: list[np.ndarray], words: list[np.ndarray]) -> TokenProbs:
        tags = tag_names(self._classes)
        flat = np.concatenate(parts) if parts else np.empty((0, len(tags)), dtype=np.float32)
        return TokenProbs(flat, offsets_of(words), tags)

    def _read(
        self, documents: Batch, words: list[np.ndarray], stop: Stop | None, progress: Progress | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors float32 (sum L, dim) of words and what they look like (sum L, WIDTH)."""
        return self._vectors(documents, words, stop, progress), word_shapes(documents.texts, words)

    def _vectors(
        self, documents: Batch, words: list[np.ndarray], stop: Stop | None, progress: Progress | None
    ) -> np.ndarray:
        """Return the words' vectors: from the cache what is there, the rest computed and kept, document by document.

        What was computed before a cancellation is kept, too. Fresh vectors are rounded to float16 as kept ones are, so
        that a document has the same vectors the first time and ever after.
        """
        self.prepare(stop=stop)
        cache, means = self._caches()
        keys = word_keys(documents.keys, words)
        vectors, found = cache.get(keys)
        offsets = offsets_of(words)
        missing = np.flatnonzero(document_means(found.astype(np.float64), offsets, empty=1.0) < 1)
        done = 0
        for rows in by_words([words[i] for i in missing], FLUSH):
            part = missing[rows]
            inside = [words[i] for i in part]
            fresh = as_float16(self.encoder.encode_words([documents.texts[i] for i in part], inside, stop=stop))
            at = np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in part])
            vectors[at] = fresh
            cache.put(keys[at], fresh)
            means.put([documents.keys[i] for i in part], document_means(fresh.astype(np.float32), offsets_of(inside)))
            done += len(part)
            if progress is not None:
                progress("embedding", done, len(missing))
        return vectors

    def _caches(self) -> tuple[EmbeddingCache, EmbeddingCache]:
        if self._words is None or self._documents is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._words, self._documents

    def _notes(self) -> tuple[str, ...]:
        note = self._words.note if self._words is not None else None
        if note is None or self._told:
            return self.encoder.notes
        self._told = True
        return (*self.encoder.notes, note)


def _features(vectors: np.ndarray, shapes: np.ndarray, scale: float) -> np.ndarray:
    return np.concatenate([vectors / np.float32(scale), shapes * np.float32(SHAPE_WEIGHT)], axis=1)


def _drawn(y: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the words to train on, in order, and how many each stands for."""
    rows, counts = np.arange(len(y)), np.ones(len(y))
    if len(y) <= MOST_TRAINED:
        return rows, counts
    inside, outside = np.flatnonzero(y > 0), np.flatnonzero(y == 0)
    kept = []
    for some, most in ((inside, MOST_TRAINED // 2), (outside, MOST_TRAINED - min(len(inside), MOST_TRAINED // 2))):
        drawn = some if len(some) <= most else rng.choice(some, most, replace=False)
        counts[drawn] = len(some) / max(1, len(drawn))
        kept.append(drawn)
    rows = np.sort(np.concatenate(kept))
    return rows, counts[rows]


def _dynamics(
    gold: np.ndarray, correct: np.ndarray, document: np.ndarray, counts: np.ndarray, keys: tuple[bytes, ...]
) -> Dynamics:
    """Return dynamics of documents: the mean gold probability of their words, and whether all of them are right."""
    weight = np.bincount(document, counts, minlength=len(keys))
    sums = np.stack([np.bincount(document, counts * epoch, minlength=len(keys)) for epoch in gold.astype(np.float64)])
    wrong = np.stack([np.bincount(document, ~epoch, minlength=len(keys)) for epoch in correct])
    means = np.where(weight > 0, sums / np.maximum(weight, 1e-9), 1.0)
    return Dynamics(means.astype(np.float16), wrong == 0, keys)
