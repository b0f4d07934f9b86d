"""A frozen encoder with a linear head: reads each document once, ever, and learns from all labels in milliseconds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Labelled, Progress, Report, Stop, Watch
from alwidget.learners.cache import EmbeddingCache, as_float16, default_cache_dir
from alwidget.learners.checkpoints import loading, reading, write_json
from alwidget.learners.encoder import Encoder
from alwidget.learners.head import Head, LinearHead
from alwidget.learners.pairs import pair_vectors
from alwidget.learners.surprisal import WithSurprisal
from alwidget.learners.watching import LOOKS, fit_head

__all__ = ["FrozenEncoder"]

FLUSH = 512
"""Vectors that a crash may cost."""
PREDICT = 8192
HELD = 4 * PREDICT
"""Documents whose vectors are held in memory from pass to pass; of more they are read again."""


class FrozenEncoder(WithSurprisal):
    """Sentence vectors from a pretrained encoder, kept on disk, and a logistic head on top.

    Parameters
    ----------
    folder
        The model folder.
    label
        What the model is called in the status line; by default the folder's name.
    name
        The short form a person types; by default ``"encoder:<label>"``.
    cache_dir
        Where vectors are kept; None: `alwidget.learners.default_cache_dir`.
    device, dtype, max_length
        As for `Encoder`.
    head
        What learns on top of the vectors: by default a `Head`, for one label a document; `SigmoidHead` for several.
    """

    retrain_seconds = 0.05
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
        head: LinearHead | None = None,
    ) -> None:
        self.label = label or Path(folder).name
        self.name = name or f"encoder:{self.label}"
        self.encoder = Encoder(folder, device=device, dtype=dtype, max_length=max_length)
        self.head: LinearHead = Head() if head is None else head
        self._cache_dir = Path(cache_dir) if cache_dir is not None else None
        self._cache: EmbeddingCache | None = None
        self._pairs: EmbeddingCache | None = None
        self._classes: tuple[str, ...] = ()
        self._told = False

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"all-MiniLM-L6-v2 (bf16) + head"``."""
        precision = f" ({self.encoder.dtype})" if self.encoder.loaded else ""
        return f"{self.label}{precision} + {'MLP head' if self._hidden else 'head'}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the last fit; empty before the first."""
        return self._classes

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, d) and bias (C,) of the last layer: on what `embed` returns, or `features` with an `MlpHead`."""
        return self.head.weights

    @property
    def features(self) -> Callable[..., np.ndarray]:
        """``features(documents, *, stop=None)``: what the last layer reads, float32 (n, f); only with an `MlpHead`.

        Raises
        ------
        AttributeError
            The head is linear, so that it reads what `embed` returns.
        """
        if not self._hidden:
            message = "A linear head reads what embed returns."
            raise AttributeError(message)
        return self._features

    @property
    def thresholds(self) -> np.ndarray:
        """The probability from which on each label is given, float64 (C,); only with a `SigmoidHead`."""
        found: np.ndarray = self.head.thresholds  # type: ignore[attr-defined]  # who asks for it has such a head
        return found

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch, the weights and the index of what is cached; idempotent."""
        if self._cache is not None:
            return
        with loading(self.label, stop, progress):
            self.encoder.load()
            self._cache = EmbeddingCache(
                self._cache_dir or default_cache_dir(), self.encoder.identity, self.encoder.dim
            )

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
        vectors = self.embed(labelled.documents, stop=stop, progress=progress)
        read = time.perf_counter()
        fit = fit_head(
            self.head,
            vectors,
            labelled.y,
            len(labelled.classes),
            weights=labelled.weights,
            smoothing=labelled.smoothing,
            seed=seed,
            stop=stop,
            watch=None if watch is None else lambda: watch(self, 1.0),
        )
        self._classes = tuple(labelled.classes)
        if self._hidden:
            self.retrain_seconds = time.perf_counter() - read
        return Report(
            n=len(labelled),
            seconds=time.perf_counter() - started,
            epochs=fit.iterations,
            loss=fit.loss,
            dynamics=Dynamics(fit.gold, fit.correct, tuple(labelled.documents.keys)),
            notes=self._notes(),
            extra={"temperature": fit.temperature},
        )

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return probabilities, float64 (n, C); rows sum to one, but for several labels."""
        self._check_trained()
        parts = [self.head.predict_proba(self.embed(part, stop=stop)) for part in documents.chunks(PREDICT)]
        return np.concatenate(parts) if parts else np.empty((0, len(self._classes)))

    def predict_passes(
        self, documents: Batch, passes: int, *, seed: int, consistent: bool = False, stop: Stop | None = None
    ) -> Iterator[np.ndarray]:
        """Yield probabilities with dropout on what the head reads, float64 (n, C), a pass at a time.

        Monte Carlo dropout (Gal & Ghahramani 2016): three dimensions of ten are dropped, of each document by a draw of
        its own, or with `consistent` the same of all documents, so that a pass is one function of them. The encoder
        is not run again, so a pass costs about as much as `predict_proba`. The same seed gives the same passes, and
        the first passes are the same however many are asked for.
        """
        self._check_trained()
        held = self.embed(documents, stop=stop) if len(documents) <= HELD else None
        for number in range(passes):
            one = self.head.dropped(np.random.default_rng([seed, number]), consistent=consistent)
            parts = [np.empty((0, len(self._classes)))]
            for start in range(0, len(documents), PREDICT):
                rows = range(start, min(start + PREDICT, len(documents)))
                if stop is not None:
                    stop.check()
                vectors = self.embed(documents.take(rows), stop=stop) if held is None else held[rows.start : rows.stop]
                parts.append(one(vectors))
            yield np.concatenate(parts)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return vectors, float32 (n, d): from the cache what is there, the rest computed and kept.

        Of two texts that belong together each is read on its own, and `pair_vectors` makes one of both, (n, 4d).

        What was computed before a cancellation is kept, too. Fresh vectors are rounded to float16 as kept ones are, so
        that a document has the same vector the first time and ever after.
        """
        self.prepare(stop=stop)
        if documents.pairs is None:
            return self._single(documents, stop, progress)
        both = _kept(self._ready_pairs(), documents, lambda part: self._both(part, stop, progress))
        return pair_vectors(*np.split(both, 2, axis=1))

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have a kept vector; all False before `prepare`."""
        if self._cache is None:
            return np.zeros(len(documents), dtype=bool)
        return (self._cache if documents.pairs is None else self._ready_pairs()).has(documents.keys)

    def save(self, path: Path) -> None:
        """Write the head and what it belongs to; the encoder's weights stay where they are."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        self.head.save(path)
        about = {"format": "alwidget-frozen/1", "encoder": self.encoder.identity, "classes": list(self._classes)}
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
            classes, encoder = tuple(map(str, about["classes"])), about["encoder"]
        if encoder != self.encoder.identity:
            message = f"The head in {path} was trained on vectors of another encoder than {self.label}; train again."
            raise ModelError(message)
        self.head.load(path)
        self._classes = classes

    @property
    def _hidden(self) -> bool:
        return hasattr(self.head, "features")

    def _features(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        self._check_trained()
        read: Callable[[np.ndarray], np.ndarray] = self.head.features  # type: ignore[attr-defined]
        parts = [read(self.embed(part, stop=stop)) for part in documents.chunks(PREDICT)]
        return np.concatenate(parts) if parts else np.empty((0, self.weights[0].shape[1]), dtype=np.float32)

    def _check_trained(self) -> None:
        if not self.head.fitted:
            message = f"{self.label} has not been trained yet; label some documents first."
            raise ModelError(message)

    def _single(self, documents: Batch, stop: Stop | None, progress: Progress | None) -> np.ndarray:
        cache = self._ready_cache()
        return _kept(cache, documents, lambda part: self._compute(cache, part, stop, progress))

    def _both(self, part: Batch, stop: Stop | None, progress: Progress | None) -> np.ndarray:
        """Return the vectors of both texts side by side, float32 (n, 2d); each text is read once, however often."""
        from alwidget.pool.identity import content_hash

        texts = [*part.texts, *(part.pairs or ())]
        alone = Batch(texts, [content_hash(text) for text in texts])
        vectors = np.hstack(np.split(self._single(alone, stop, progress), 2))
        self._ready_pairs().put(part.keys, vectors)
        return vectors

    def _compute(self, cache: EmbeddingCache, part: Batch, stop: Stop | None, progress: Progress | None) -> np.ndarray:
        """Return vectors of documents that are not kept yet, float32 (n, d), and keep them, also if cut short."""
        out = np.zeros((len(part), self.encoder.dim), dtype=np.float32)
        waiting: list[np.ndarray] = []
        done = kept = 0
        try:
            for positions, vectors in self.encoder.batches(part.texts, stop=stop):
                out[positions] = as_float16(vectors)
                waiting.append(positions)
                done += len(positions)
                if progress is not None:
                    progress("embedding", done, len(part))
                if done - kept >= FLUSH:
                    _keep(cache, part, waiting, out)
                    waiting, kept = [], done
        finally:
            _keep(cache, part, waiting, out)
        return out

    def _ready_pairs(self) -> EmbeddingCache:
        """Return the cache of two texts, in a folder of its own: there the hash of a pair means two vectors."""
        if self._pairs is None:
            folder, identity = self._cache_dir or default_cache_dir(), f"{self.encoder.identity} two texts apart"
            self._pairs = EmbeddingCache(folder, identity, 2 * self.encoder.dim)
        return self._pairs

    def _masked_folder(self) -> tuple[Path, str | None]:
        return self.encoder.folder, self.encoder.device

    def _ready_cache(self) -> EmbeddingCache:
        if self._cache is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._cache

    def _notes(self) -> tuple[str, ...]:
        note = self._cache.note if self._cache is not None else None
        if note is None or self._told:
            return self.encoder.notes
        self._told = True
        return (*self.encoder.notes, note)


def _kept(cache: EmbeddingCache, documents: Batch, compute: Callable[[Batch], np.ndarray]) -> np.ndarray:
    """Return vectors, float32 (n, d), those that are not in the cache computed, each content once."""
    vectors, found = cache.get(documents.keys)
    missing = np.flatnonzero(~found).tolist()
    if missing:
        row_of: dict[bytes, int] = {}
        first: list[int] = []
        for i in missing:
            if documents.keys[i] not in row_of:
                row_of[documents.keys[i]] = len(first)
                first.append(i)
        computed = compute(documents.take(first))
        vectors[missing] = computed[[row_of[documents.keys[i]] for i in missing]]
    return vectors


def _keep(cache: EmbeddingCache, part: Batch, waiting: list[np.ndarray], vectors: np.ndarray) -> None:
    if waiting:
        at = np.concatenate(waiting)
        cache.put([part.keys[i] for i in at.tolist()], vectors[at])
