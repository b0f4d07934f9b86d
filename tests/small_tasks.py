# ruff: noqa: ARG002  the contract has arguments that these learners do not need
"""Texts with gold answers for the tasks beside classification, and small and real learners of them."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from alwidget.learners.base import Batch, Generated, Labelled, Progress, Report, Span, Stop, TokenProbs
from alwidget.tasks.tags import decode_tags, encode_spans, tag_names
from small_learner import SmallLearner

NAMES = ["Ada", "Bob", "Zu\u0308rich", "東京", "Ulm"]
ANIMALS = ["cat", "dog", "cow", "hen"]


def texts(n: int = 200) -> list[str]:
    rng = np.random.default_rng(0)
    return [
        f"{'👍🏽 ' * (i % 3)}{NAMES[rng.integers(5)]} saw a {ANIMALS[rng.integers(4)]} and a {ANIMALS[rng.integers(4)]} "
        f"near {NAMES[rng.integers(5)]} {'very ' * int(rng.integers(12))}often {i}"
        for i in range(n)
    ]


def spans(text: str) -> list[dict[str, Any]]:
    found = [(text.find(name), name) for name in NAMES if name in text]
    return [
        {"start": at, "end": at + len(name), "label": "PER" if name in {"Ada", "Bob"} else "LOC"}
        for at, name in sorted(found)
    ]


ORACLES: dict[str, Callable[[str], Any]] = {
    "multilabel": lambda text: [animal for animal in ANIMALS if animal in text],
    "tagging": spans,
    "generation": lambda text: " ".join(text.split()[:4]),
}
LABELS = {"multilabel": ANIMALS, "tagging": ["PER", "LOC"], "generation": []}
PRIOR = 0.5
DROPPED = 0.3


class SmallSeveral(SmallLearner):
    """Ridge regression on hashed words, a column for each label."""

    name = "small-several"
    description = "small regression for several labels"
    thresholds = np.array([0.5])

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        if self.fail is not None:
            raise self.fail
        vectors = self._with_one(labelled.documents)
        self._classes = labelled.classes
        inverse = np.linalg.inv(vectors.T @ vectors + 0.1 * np.eye(vectors.shape[1]))
        self._weights = inverse @ vectors.T @ np.where(labelled.y, 1.0, -1.0)
        self.thresholds = np.full(len(labelled.classes), 0.5)
        self.fits.append(len(labelled))
        return Report(len(labelled), 0.0, 1)

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        return 1 / (1 + np.exp(-5 * self._with_one(documents) @ self._weights))

    def _with_one(self, documents: Batch) -> np.ndarray:
        return np.column_stack([self.embed(documents), np.ones(len(documents))]).astype(np.float64)


class SmallTagger(SmallLearner):
    """How often each word, in lower case, had each tag; words that were never seen are in no span."""

    name = "small-tagger"
    description = "small table of words"

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        if self.fail is not None:
            raise self.fail
        assert labelled.documents.words is not None
        self._classes, self._counts = labelled.classes, defaultdict(Counter)
        for text, words, spans in zip(labelled.documents.texts, labelled.documents.words, labelled.y, strict=True):
            for (start, end), tag in zip(words, encode_spans(spans, words), strict=True):
                self._counts[text[start:end].lower()][int(tag)] += 1
        self.fits.append(len(labelled))
        return Report(len(labelled), 0.0, 1)

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        raise NotImplementedError

    def token_probs(self, documents: Batch, *, stop: Stop | None = None) -> TokenProbs:
        assert documents.words is not None
        tags = tag_names(self._classes)
        rows, offsets = [], [0]
        for text, words in zip(documents.texts, documents.words, strict=True):
            for start, end in words:
                seen = self._counts.get(text[start:end].lower(), {})
                row = np.full(len(tags), PRIOR / len(tags))
                row[0] += PRIOR
                for tag, count in seen.items():
                    row[tag] += count
                rows.append(row / row.sum())
            offsets.append(len(rows))
        flat = np.array(rows, dtype=np.float32).reshape(-1, len(tags))
        return TokenProbs(flat, np.array(offsets, dtype=np.int64), tags)

    def token_states(self, documents: Batch, *, stop: Stop | None = None) -> tuple[TokenProbs, np.ndarray]:
        probs = self.token_probs(documents)
        return probs, np.log(probs.flat)

    def token_passes(
        self, documents: Batch, passes: int, *, seed: int, stop: Stop | None = None
    ) -> Iterator[TokenProbs]:
        rng = np.random.default_rng(seed)
        probs = self.token_probs(documents)
        for _ in range(passes):
            noisy = probs.flat * (rng.random(probs.flat.shape) > DROPPED) + 1e-3
            flat = (noisy / noisy.sum(axis=1, keepdims=True)).astype(np.float32)
            yield TokenProbs(flat, probs.offsets, probs.tags)

    def tag(self, documents: Batch, *, stop: Stop | None = None) -> list[list[Span]]:
        assert documents.words is not None
        probs, out = self.token_probs(documents), []
        for i, words in enumerate(documents.words):
            rows = probs.of(i)
            spans = decode_tags(rows.argmax(axis=1), words)
            inside = [(words[:, 0] < end) & (words[:, 1] > start) for start, end, _ in spans]
            sure = [float(rows.max(axis=1)[which].min()) for which in inside]
            out.append([Span(int(a), int(b), int(c), s) for (a, b, c), s in zip(spans, sure, strict=True)])
        return out


class SmallWriter(SmallLearner):
    """Writes the beginning of a text, as long as people's texts were on average."""

    name = "small-writer"
    description = "small beginnings"
    words: int | None = None

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        if self.fail is not None:
            raise self.fail
        assert labelled.classes == ()
        self.words = max(1, round(float(np.mean([len(text.split()) for text in labelled.y]))))
        self.fits.append(len(labelled))
        return Report(len(labelled), 0.0, 1)

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        raise NotImplementedError

    def generate(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> Generated:
        return self._written(documents, [self.words or 1] * len(documents))

    def generate_passes(
        self, documents: Batch, passes: int, *, seed: int, stop: Stop | None = None
    ) -> list[Generated]:
        rng = np.random.default_rng(seed)
        lengths = (rng.integers(1, 2 * (self.words or 1) + 1, len(documents)) for _ in range(passes))
        return [self._written(documents, [int(n) for n in each]) for each in lengths]

    def _written(self, documents: Batch, lengths: list[int]) -> Generated:
        texts = [" ".join(text.split()[:n]) for text, n in zip(documents.texts, lengths, strict=True)]
        more = [[text, " ".join(text.split()[:-1])] if " " in text else [text] for text in texts]
        sure = np.array([-(1 + zlib.crc32(text.encode()) % 100) / 100 for text in texts])
        return Generated(texts, sure, more)
