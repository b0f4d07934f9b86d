# ruff: noqa: ARG002  the contract has arguments that this learner does not need
"""A learner of one's own, small and real: hashed words, class centroids. Quick enough for hundreds of rounds."""

from __future__ import annotations

import json
import threading
import time
import zlib
from pathlib import Path

import numpy as np

from alwidget.learners.base import Batch, Dynamics, Labelled, Progress, Report, Stop

WIDTH = 64


class SmallLearner:
    """Class centroids of hashed word counts."""

    name = "small"
    description = "small centroids"
    retrain_seconds = 0.01

    def __init__(self, *, slow: float = 0.0) -> None:
        self.slow = slow
        self.fits: list[int] = []
        self.prepared = 0
        self.threads: set[str] = set()
        self.fail: Exception | None = None
        self._classes: tuple[str, ...] = ()
        self._centroids = np.zeros((0, WIDTH))
        self._seen: set[bytes] = set()

    @property
    def classes(self) -> tuple[str, ...]:
        return self._classes

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        self.prepared += 1

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        self.threads.add(threading.current_thread().name)
        if self.fail is not None:
            raise self.fail
        deadline = time.monotonic() + self.slow
        while time.monotonic() < deadline:
            if stop is not None:
                stop.check()
            time.sleep(0.005)
        vectors = self.embed(labelled.documents)
        centroids = np.zeros((len(labelled.classes), WIDTH))
        for c in range(len(labelled.classes)):
            if (labelled.y == c).any():
                centroids[c] = vectors[labelled.y == c].mean(axis=0)
        self._classes, self._centroids = labelled.classes, centroids
        self.fits.append(len(labelled))
        gold = np.ones((1, len(labelled)), dtype=np.float16)
        return Report(len(labelled), 0.0, 1, 0.0, Dynamics(gold, gold > 0, tuple(labelled.documents.keys)))

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        scores = self.embed(documents).astype(np.float64) @ self._centroids.T * 5
        scores = np.exp(scores - scores.max(axis=1, keepdims=True)) if len(scores) else scores
        return scores / scores.sum(axis=1, keepdims=True)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        out = np.zeros((len(documents), WIDTH), dtype=np.float32)
        for row, text in enumerate(documents.texts):
            for word in text.lower().split():
                out[row, zlib.crc32(word.encode()) % WIDTH] += 1
        self._seen.update(documents.keys)
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)

    def embedded(self, documents: Batch) -> np.ndarray:
        return np.array([key in self._seen for key in documents.keys], dtype=bool)

    def save(self, path: Path) -> None:
        path.mkdir(parents=True)
        (path / "small.json").write_text(json.dumps([self._classes, self._centroids.tolist()]))

    def load(self, path: Path) -> None:
        classes, centroids = json.loads((path / "small.json").read_text())
        self._classes, self._centroids = tuple(classes), np.array(centroids)
