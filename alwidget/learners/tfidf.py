"""Counted words with a linear head: for when no encoder can be had, and as a floor to compare with."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Labelled, Progress, Report, Stop, Watch
from alwidget.learners.cache import VectorMemory
from alwidget.learners.checkpoints import reading, write_json
from alwidget.learners.head import Head, LinearHead
from alwidget.learners.pairs import counted_pair
from alwidget.learners.threads import one_blas_thread
from alwidget.learners.watching import LOOKS, fit_head
from alwidget.learners.words import analyse

__all__ = ["TfIdf"]

WORDS = 20_000
SAMPLE = 20_000
"""Documents that the vocabulary is taken from at most."""
DENSE_SAMPLE = 4_000
"""Documents that the dense projection is fitted on at most."""
DIM = 128
KEPT = 200_000
CHUNK = 256


class TfIdf:
    """TF-IDF over words, pairs of words and, in scripts without spaces, characters, with a logistic head.

    Of two texts that belong together each has words of its own, and the head also sees what they share; see
    `alwidget.learners.pairs`.

    The vocabulary comes from `fit_vocabulary` or, without it, from the documents that the learner has seen by its
    first use; then `fit` takes it anew whenever twice as many have been seen. `embed` projects on the first 128
    singular vectors (latent semantic analysis). Everything is deterministic.

    Parameters
    ----------
    head
        What learns on top of the features: by default a `Head`, for one label a document; `SigmoidHead` for several.
    max_words
        Terms in the vocabulary: the ones in most documents.
    """

    name = "tf-idf"
    description = "TF-IDF + head"
    retrain_seconds = 0.1
    looks = LOOKS

    def __init__(self, *, head: LinearHead | None = None, max_words: int = WORDS) -> None:
        self.head: LinearHead = Head() if head is None else head
        self.max_words = max_words
        self._classes: tuple[str, ...] = ()
        self._words: dict[str, int] = {}
        self._idf = np.empty(0)
        self._projection = np.empty((0, DIM), dtype=np.float32)
        self._from = 0
        self._given = False
        self._sample: dict[bytes, str] = {}
        self._memory = VectorMemory(DIM, limit=KEPT)
        self._pairs = VectorMemory(2 * DIM, limit=KEPT // 2)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the last fit; empty before the first."""
        return self._classes

    @property
    def word_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """The head's weights (C, V) and bias (C,) on counted words.

        They have a name of their own: the `weights` of other learners are on dense features, which these are not.
        """
        return self.head.weights

    @property
    def thresholds(self) -> np.ndarray:
        """The probability from which on each label is given, float64 (C,); only with a `SigmoidHead`."""
        found: np.ndarray = self.head.thresholds  # type: ignore[attr-defined]  # who asks for it has such a head
        return found

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Import scikit-learn, which takes a second; idempotent."""
        del stop, progress
        import sklearn.utils.extmath  # noqa: F401

    def fit_vocabulary(self, documents: Batch, *, stop: Stop | None = None) -> None:
        """Take the vocabulary from these documents, a sample of the pool, once and for all.

        The head is forgotten: it knows the words by their number.
        """
        at = np.linspace(0, len(documents) - 1, min(SAMPLE, len(documents))).astype(np.int64)
        self._learn_words([_text(documents, int(i)) for i in at], stop)
        self._given = True

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Train the head on all labels; a cancelled fit leaves the last one in place."""
        del progress
        started = time.perf_counter()
        before = (self._words, self._idf, self._projection, self._from, self._memory, self._pairs)
        self._note(labelled.documents)
        try:
            if not self._given and len(self._sample) >= 2 * self._from:
                self._memory = VectorMemory(DIM, limit=KEPT)
                self._pairs = VectorMemory(2 * DIM, limit=KEPT // 2)
                self._learn_words(list(self._sample.values()), stop, keep_head=True)
            features = self._features(labelled.documents, stop)
            fit = fit_head(
                self.head,
                features,
                labelled.y,
                len(labelled.classes),
                weights=labelled.weights,
                smoothing=labelled.smoothing,
                seed=seed,
                stop=stop,
                watch=None if watch is None else lambda: watch(self, 1.0),
            )
        except BaseException:
            self._words, self._idf, self._projection, self._from, self._memory, self._pairs = before
            raise
        self._classes = tuple(labelled.classes)
        return Report(
            n=len(labelled),
            seconds=time.perf_counter() - started,
            epochs=fit.iterations,
            loss=fit.loss,
            dynamics=Dynamics(fit.gold, fit.correct, tuple(labelled.documents.keys)),
            extra={"temperature": fit.temperature, "words": len(self._words)},
        )

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return probabilities, float64 (n, C); rows sum to one, but for several labels."""
        if not self.head.fitted:
            message = "The TF-IDF model has not been trained yet; label some documents first."
            raise ModelError(message)
        return self.head.predict_proba(self._features(documents, stop))

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return vectors of unit length, float32 (n, 128), (n, 256) for two texts; without a known word all zeros."""
        self._note(documents)
        if not self._words:
            self._learn_words(list(self._sample.values()), stop)
        memory = self._memory if documents.pairs is None else self._pairs
        vectors, found = memory.get(documents.keys)
        missing = np.flatnonzero(~found)
        for start in range(0, len(missing), CHUNK):
            at = missing[start : start + CHUNK]
            part = documents.take(at)
            sides = [part.texts] if part.pairs is None else [part.texts, part.pairs]
            dense = np.hstack([self._weighted(side, stop) @ self._projection for side in sides]).astype(np.float32)
            dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
            dense = dense.astype(np.float16)  # as they are kept, so that a vector is the same ever after
            vectors[at] = dense
            memory.put(part.keys, dense)
            if progress is not None:
                progress("embedding", min(start + CHUNK, len(missing)), len(missing))
        return vectors

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have a vector under the present vocabulary."""
        return (self._memory if documents.pairs is None else self._pairs).has(documents.keys)

    def save(self, path: Path) -> None:
        """Write vocabulary and head, as JSON and safetensors."""
        from safetensors.numpy import save_file

        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        self.head.save(path)
        save_file({"idf": self._idf, "projection": self._projection}, str(path / "words.safetensors"))
        about = {"format": "alwidget-tfidf/1", "classes": list(self._classes), "words": list(self._words)}
        write_json(path / "tfidf.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        path = Path(path)
        with reading(path):
            about = json.loads((path / "tfidf.json").read_text(encoding="utf-8"))
            arrays = load_file(str(path / "words.safetensors"))
            words, classes = {str(w): i for i, w in enumerate(about["words"])}, tuple(map(str, about["classes"]))
            idf, projection = arrays["idf"], arrays["projection"]
        self.head.load(path)
        self._words, self._idf, self._projection, self._classes = words, idf, projection, classes
        self._given = True
        self._memory.clear()
        self._pairs.clear()

    def _note(self, documents: Batch) -> None:
        """Remember documents that are seen, as far as the vocabulary may still come from them."""
        if self._given:
            return
        for i, key in enumerate(documents.keys):
            if len(self._sample) >= SAMPLE:
                return
            if key not in self._sample:
                self._sample[key] = _text(documents, i)

    def _learn_words(self, texts: list[str], stop: Stop | None, *, keep_head: bool = False) -> None:
        counts: Counter[str] = Counter()
        for start in range(0, len(texts), CHUNK):
            if stop is not None:
                stop.check()
            for text in texts[start : start + CHUNK]:
                counts.update(set(analyse(text)))
        # words in two documents or more, as long as that leaves any: most of the others never come again
        least = 2 if len(texts) >= DIM else 1
        known = sorted(((-n, word) for word, n in counts.items() if n >= least))[: self.max_words]
        words = {word: i for i, (_, word) in enumerate(sorted(known, key=lambda pair: pair[1]))}
        often = np.array([counts[word] for word in words], dtype=np.float64)
        idf = np.log((1 + len(texts)) / (1 + often)) + 1
        sample = texts[:: max(1, len(texts) // DENSE_SAMPLE)][:DENSE_SAMPLE]
        projection = _projection(_weighted(sample, words, idf, stop), DIM)
        if not keep_head:
            self.head.forget()
            self._memory.clear()
            self._pairs.clear()
        self._words, self._idf, self._projection, self._from = words, idf, projection, len(texts)

    def _features(self, documents: Batch, stop: Stop | None) -> Any:
        if not self._words and not self._from:
            self._note(documents)
            self._learn_words(list(self._sample.values()), stop)
        first = self._weighted(documents.texts, stop)
        return first if documents.pairs is None else counted_pair(first, self._weighted(documents.pairs, stop))

    def _weighted(self, texts: Sequence[str], stop: Stop | None) -> Any:
        return _weighted(texts, self._words, self._idf, stop)


def _text(documents: Batch, i: int) -> str:
    text = documents.texts[i]
    return text if documents.pairs is None else f"{text}\n{documents.pairs[i]}"


def _weighted(texts: Sequence[str], words: dict[str, int], idf: np.ndarray, stop: Stop | None) -> Any:
    """Return TF-IDF rows of unit length, sparse float64 (n, V); the count of a word enters by its logarithm."""
    from scipy.sparse import csr_matrix

    columns: list[np.ndarray] = []
    values: list[np.ndarray] = []
    ends = [0]
    for i, text in enumerate(texts):
        if stop is not None and i % CHUNK == 0:
            stop.check()
        counts = Counter(words[word] for word in analyse(text) if word in words)
        at = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        weight = (1 + np.log(np.fromiter(counts.values(), dtype=np.float64, count=len(counts)))) * idf[at]
        columns.append(at)
        values.append(weight / max(float(np.linalg.norm(weight)), 1e-12))
        ends.append(ends[-1] + len(at))
    flat = np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)
    matrix = csr_matrix(
        (np.fromiter(chain(*values), np.float64, ends[-1]), flat, ends), shape=(len(texts), len(words))
    )
    matrix.sort_indices()
    return matrix


def _projection(matrix: Any, dim: int) -> np.ndarray:
    """Return the first singular vectors, float32 (V, dim), padded with zeros where there are fewer."""
    from sklearn.utils.extmath import randomized_svd

    out = np.zeros((matrix.shape[1], dim), dtype=np.float32)
    size = min(dim, *matrix.shape)
    if size and matrix.nnz:
        with one_blas_thread():
            _, _, directions = randomized_svd(matrix, size, n_iter=3, random_state=0)
        out[:, :size] = directions.T
    return out
