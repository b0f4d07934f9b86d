"""What the taggers share: the words of documents, their tags to train on, means over documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Labelled, Span, TokenProbs
from alwidget.learners.tagging.decoding import best_tags, spans_from
from alwidget.tasks.tags import encode_spans
from alwidget.tasks.words import word_spans

__all__ = ["by_words", "document_means", "offsets_of", "tagged", "targets_of", "training_weights", "words_of"]

TINY = 1e-9


def words_of(documents: Batch) -> list[np.ndarray]:
    """Return the words of each document, int32 (L, 2): those that it came with, else those of its text."""
    if documents.words is None:
        return [word_spans(text) for text in documents.texts]
    return [np.asarray(bounds, dtype=np.int32).reshape(-1, 2) for bounds in documents.words]


def offsets_of(words: Sequence[np.ndarray]) -> np.ndarray:
    """Return where the words of each document begin among all words, int64 (N + 1,)."""
    out = np.zeros(len(words) + 1, dtype=np.int64)
    np.cumsum([len(bounds) for bounds in words], out=out[1:])
    return out


def targets_of(labelled: Labelled, words: Sequence[np.ndarray]) -> np.ndarray:
    """Return the tag of each word, int64 (sum L,), over `alwidget.tasks.tags.tag_names` of the classes."""
    if not len(labelled):
        message = "There are no labels to train from."
        raise ModelError(message)
    ids = [encode_spans(spans, bounds) for spans, bounds in zip(labelled.y, words, strict=True)]
    out: np.ndarray = np.concatenate(ids)
    if not len(out):
        message = "None of the labelled documents has a word to learn from."
        raise ModelError(message)
    return out


def training_weights(labelled: Labelled) -> np.ndarray:
    """Return what each labelled document counts, float64 (n,)."""
    n = len(labelled)
    each = np.ones(n) if labelled.weights is None else np.asarray(labelled.weights, dtype=np.float64)
    if each.shape != (n,) or not np.isfinite(each).all() or (each < 0).any() or not each.any():
        message = f"Sample weights must be {n} finite numbers of at least 0, not all of them 0."
        raise ModelError(message)
    return each


def tagged(probs: TokenProbs, words: Sequence[np.ndarray]) -> list[list[Span]]:
    """Return the spans of the likeliest possible tags, each word taken for itself."""
    scores = np.log(np.maximum(probs.flat, TINY))
    return spans_from(best_tags(scores, probs.offsets), probs, words)


def document_means(values: np.ndarray, offsets: np.ndarray, *, empty: float = 0.0) -> np.ndarray:
    """Return the mean over each document's words, shape (N, …); `empty` for documents without any.

    >>> document_means(np.array([1.0, 3.0, 5.0]), np.array([0, 2, 2, 3]), empty=9.0).tolist()
    [2.0, 9.0, 5.0]
    """
    counts = np.diff(offsets)
    out = np.full((len(counts), *values.shape[1:]), empty, dtype=np.result_type(values.dtype, np.float32))
    some = counts > 0
    if some.any():
        totals = np.add.reduceat(values, offsets[:-1][some], axis=0)
        out[some] = totals / counts[some].reshape(-1, *[1] * (values.ndim - 1))
    return out


def by_words(words: Sequence[np.ndarray], most: int) -> Iterator[np.ndarray]:
    """Yield documents, int64 (k,), with at most `most` words together (but at least one document), in order."""
    lengths = np.array([len(bounds) for bounds in words], dtype=np.int64)
    start = 0
    while start < len(lengths):
        total = np.cumsum(lengths[start:])
        stop = start + max(1, int(np.searchsorted(total, most, side="right")))
        yield np.arange(start, stop)
        start = stop
