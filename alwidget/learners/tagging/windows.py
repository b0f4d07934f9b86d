"""From words to a transformer's word pieces and back, in documents of any length.

A document is tokenised once and whole. Where it has more pieces than the model takes, it is read in windows that
overlap by half, and each word belongs to the window in whose middle it stands nearest, so that no word is read without
the words around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.learners.base import Stop
from alwidget.learners.tokens import Tokeniser, Tokens, token_batches

__all__ = ["Pieces", "Windows", "WordTokeniser", "flat_words"]

CHUNK = 256
"""Documents tokenised in one call."""
SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Pieces:
    """Word pieces of n documents, and which of them each word is made of.

    Attributes
    ----------
    ids
        int32, the pieces of all documents without special tokens.
    offsets
        int64 (n + 1,): document i has the pieces ``ids[offsets[i]:offsets[i + 1]]``.
    firsts, ends
        int32 (sum L,): the first piece of each word, and the piece after its last, counted in its document. They are
        the same where the tokeniser made nothing of a word. A piece may belong to several words.
    words
        int64 (n + 1,): document i has the words ``words[i]:words[i + 1]``.
    """

    ids: np.ndarray
    offsets: np.ndarray
    firsts: np.ndarray
    ends: np.ndarray
    words: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


class WordTokeniser(Tokeniser):
    """A model's tokeniser that says which pieces each word is made of, and cuts nothing off."""

    def __init__(self, folder: str | Path, *, max_length: int | None = None, limit: int = 512) -> None:
        super().__init__(folder, max_length=max_length, limit=limit)
        if self._rust is not None:
            self._rust.no_truncation()
        self.before, self.after = self._special()

    @property
    def room(self) -> int:
        """Pieces that fit into a window beside the special tokens."""
        return max(1, self.max_length - len(self.before) - len(self.after))

    def pieces(self, texts: Sequence[str], words: Sequence[np.ndarray], *, stop: Stop | None = None) -> Pieces:
        """Return the pieces of texts with their words, int32 (L, 2) each, in code points."""
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for start in range(0, len(texts), CHUNK):
            if stop is not None:
                stop.check()
            # a lone half of a surrogate pair, as broken JSON holds them, is no text to a tokeniser
            some = [SURROGATE.sub("\ufffd", text) for text in texts[start : start + CHUNK]]
            found += self._with_bounds(some, words[start : start + CHUNK])
        firsts, ends = [], []
        for (_, bounds), spans in zip(found, words, strict=True):
            bounds, spans = bounds.reshape(-1, 2), np.asarray(spans).reshape(-1, 2)  # noqa: PLW2901
            first = np.searchsorted(bounds[:, 1], spans[:, 0], side="right")
            end = np.searchsorted(bounds[:, 0], spans[:, 1], side="left")
            firsts.append(first.astype(np.int32))
            ends.append(np.maximum(first, end).astype(np.int32))
        return Pieces(
            _joined([ids for ids, _ in found]),
            _offsets([len(ids) for ids, _ in found]),
            _joined(firsts),
            _joined(ends),
            _offsets([len(first) for first in firsts]),
        )

    def windows(self, pieces: Pieces) -> Windows:
        """Return windows over pieces, as long as the model takes them."""
        return Windows.over(pieces, self.room, before=self.before, after=self.after, pad=self.pad)

    def _with_bounds(self, texts: list[str], words: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return ids and code point bounds of the pieces of each text."""
        if self._rust is not None:
            return [
                (np.asarray(row.ids, np.int32), _rising(np.asarray(row.offsets, np.int64).reshape(-1, 2)))
                for row in self._rust.encode_batch(texts, add_special_tokens=False)
            ]
        out = []
        for text, spans in zip(texts, words, strict=True):  # tokenisers written in Python know no offsets
            rows = [self.inner.encode(text[a:b], add_special_tokens=False) for a, b in spans]
            bounds = np.repeat(np.asarray(spans, np.int64).reshape(-1, 2), [len(row) for row in rows], axis=0)
            out.append((_joined([np.asarray(row, np.int32) for row in rows]), bounds))
        return out

    def _special(self) -> tuple[list[int], list[int]]:
        """Return the special tokens that go before and after a text."""
        plain = self.inner.encode("a", add_special_tokens=False)
        whole = self.inner.encode("a", add_special_tokens=True)
        for at in range(len(whole) - len(plain) + 1):
            if whole[at : at + len(plain)] == plain:
                return list(whole[:at]), list(whole[at + len(plain) :])
        return [], []


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows over the pieces of n documents, and the words that belong to each.

    Attributes
    ----------
    tokens
        The pieces of each window with the special tokens around them.
    documents
        int64 (w,): which document a window is of.
    order
        int64 (k,): words in the order of their windows, as positions among the words of all documents; words of no
        piece are in none.
    bounds
        int64 (w + 1,): window j has the words ``order[bounds[j]:bounds[j + 1]]``.
    firsts, ends
        int64 (k,), in that order: the tokens of each word, counted in its window.
    """

    tokens: Tokens
    documents: np.ndarray
    order: np.ndarray
    bounds: np.ndarray
    firsts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.documents)

    @classmethod
    def over(
        cls,
        pieces: Pieces,
        room: int,
        *,
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        pad: int = 0,
        stride: int | None = None,
    ) -> Windows:
        """Return the windows of some documents: `room` pieces in each, between the tokens `before` and `after`.

        `stride` is how far apart they begin, by default half of the room.
        """
        stride = stride or max(1, room // 2)
        counts = np.diff(pieces.offsets)
        each = np.maximum(1, 1 + -(-(counts - room) // stride))  # windows a document
        windows = _offsets(each)
        documents = np.repeat(np.arange(len(pieces)), each)
        within = np.arange(windows[-1]) - windows[documents]
        starts = np.minimum(within * stride, np.maximum(counts[documents] - room, 0))
        stops = np.minimum(starts + room, counts[documents])
        has_piece = np.flatnonzero(pieces.ends > pieces.firsts)
        document = np.repeat(np.arange(len(pieces)), np.diff(pieces.words))[has_piece]
        first = pieces.firsts[has_piece].astype(np.int64)
        begin, last = windows[document], each[document] - 1
        inner = np.maximum(last - 1, 0)
        # the middles of the windows are a stride apart, but for the last, which ends with the document
        regular = np.clip((2 * first + 1 - room + stride) // (2 * stride), 0, inner)
        halfway = starts[begin + inner] + starts[begin + last]
        window = begin + np.where((last > 0) & (2 * first + 1 - room >= halfway), last, regular)
        order = np.argsort(window, kind="stable")
        shift = len(before) - starts[window[order]]
        return cls(
            _with_special(pieces, documents, starts, stops, before, after, pad),
            documents,
            has_piece[order],
            np.searchsorted(window[order], np.arange(len(documents) + 1)),
            first[order] + shift,
            np.minimum(pieces.ends[has_piece[order]], stops[window[order]]) + shift,
        )

    def batches(self, budget: int) -> Iterator[np.ndarray]:
        """Yield windows, int64 (k,), in batches of at most `budget` tokens with padding."""
        yield from token_batches(self.tokens.lengths, budget)

    def at(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where in `order` the words of some windows are, and which of the windows each is in."""
        counts = self.bounds[rows + 1] - self.bounds[rows]
        which = np.repeat(np.arange(len(rows)), counts)
        return np.arange(len(which)) - _offsets(counts)[which] + self.bounds[rows][which], which


def flat_words(words: np.ndarray, firsts: np.ndarray, ends: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens of words in a batch of padded windows, one after the other, and where each word begins.

    Parameters
    ----------
    words
        int64 (k,): the row of the batch that each word is in.
    firsts, ends
        int64 (k,): its tokens in that row; at least one.
    width
        The length of the rows.
    """
    counts = ends - firsts
    begins = np.cumsum(counts) - counts
    which = np.repeat(np.arange(len(words)), counts)
    return words[which] * width + firsts[which] + np.arange(len(which)) - begins[which], begins


def _with_special(
    pieces: Pieces,
    documents: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    before: Sequence[int],
    after: Sequence[int],
    pad: int,
) -> Tokens:
    head, tail = np.asarray(before, dtype=np.int32), np.asarray(after, dtype=np.int32)
    at = pieces.offsets[documents]
    rows: list[np.ndarray] = []
    for first, last in zip((at + starts).tolist(), (at + stops).tolist(), strict=True):
        rows += [head, pieces.ids[first:last], tail]
    return Tokens(_joined(rows), _offsets(stops - starts + len(head) + len(tail)), None, pad)


def _rising(bounds: np.ndarray) -> np.ndarray:
    """Return bounds that never fall: tokenisers give (0, 0) to what they made up, and reorder a few scripts."""
    return np.maximum.accumulate(bounds, axis=0) if len(bounds) else bounds


def _offsets(counts: Any) -> np.ndarray:
    out = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=out[1:])
    return out


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if len(parts) else np.empty(0, dtype=np.int32)
