"""From tag probabilities to spans: the likeliest sequence of tags that can occur, and how sure of each span one is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alwidget.learners.base import Span, TokenProbs
from alwidget.tasks.tags import decode_tags

__all__ = ["best_tags", "spans_from"]

TOGETHER = 4096
"""Documents decoded side by side."""
IMPOSSIBLE = -1e30


def best_tags(scores: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the tags of each word, int64 (sum L,): the best sequence in which no I comes but after its own B or I.

    Parameters
    ----------
    scores
        Log-probabilities (sum L, K) of the tags of `alwidget.tasks.tags.tag_names`, K odd.
    offsets
        int64 (N + 1,): document i has the words ``offsets[i]:offsets[i + 1]``.

    Notes
    -----
    Viterbi's algorithm with transitions that are allowed or not, none of them learnt. Only B and I of a label lead to
    its I, so a step takes time in K and not in its square; documents are decoded side by side.

    Examples
    --------
    >>> best_tags(np.log([[0.5, 0.1, 0.4], [0.1, 0.1, 0.8]]), np.array([0, 2])).tolist()
    [1, 2]
    """
    out = np.zeros(len(scores), dtype=np.int64)
    lengths = np.diff(offsets)
    by_length = np.argsort(-lengths, kind="stable")
    for start in range(0, len(by_length), TOGETHER):
        rows = by_length[start : start + TOGETHER]
        rows = rows[lengths[rows] > 0]
        if len(rows):
            _decode(scores, offsets[:-1][rows], lengths[rows], out)
    return out


def spans_from(tags: np.ndarray, probs: TokenProbs, words: Sequence[np.ndarray]) -> list[list[Span]]:
    """Return the spans of each document, with the least probability of a span's words as its confidence.

    The words of an entity are right together or wrong together, so that the product of their probabilities would call
    long entities doubtful that are not.
    """
    chosen = probs.flat[np.arange(len(tags)), tags] if len(tags) else np.empty(0, dtype=np.float32)
    out = []
    for i, bounds in enumerate(words):
        here = slice(int(probs.offsets[i]), int(probs.offsets[i + 1]))
        spans = decode_tags(tags[here], bounds)
        firsts = np.searchsorted(bounds[:, 0], spans[:, 0])
        ends = np.searchsorted(bounds[:, 1], spans[:, 1]) + 1
        sure = chosen[here]
        out.append(
            [
                Span(start, end, label, float(sure[first:last].min()))
                for (start, end, label), first, last in zip(spans.tolist(), firsts, ends, strict=True)
            ]
        )
    return out


def _decode(scores: np.ndarray, begins: np.ndarray, lengths: np.ndarray, out: np.ndarray) -> None:
    """Fill in the tags of documents sorted from the longest to the shortest."""
    tags = scores.shape[1]
    inner = np.arange(2, tags, 2)
    starting = np.zeros(tags)
    starting[inner] = IMPOSSIBLE
    best = scores[begins].astype(np.float64) + starting
    came_from: list[np.ndarray] = []
    for step in range(1, int(lengths[0])):
        alive = int(np.searchsorted(-lengths, -step, side="left"))  # documents that have a word here
        before = best[:alive]
        source = np.repeat(before.argmax(axis=1)[:, None], tags, axis=1)
        pair = np.stack([before[:, inner - 1], before[:, inner]], axis=-1)
        source[:, inner] = inner - 1 + pair.argmax(axis=-1)
        came_from.append(source.astype(np.int16))
        reached = np.take_along_axis(before, source, axis=1)
        best[:alive] = reached + scores[begins[:alive] + step]
    tag = best.argmax(axis=1)
    for step in range(int(lengths[0]) - 1, -1, -1):
        alive = int(np.searchsorted(-lengths, -step, side="left"))
        out[begins[:alive] + step] = tag[:alive]
        if step:
            tag[:alive] = came_from[step - 1][np.arange(alive), tag[:alive]]
