"""Words as numbers without a vocabulary of anybody's: the hash of each, and of the pieces that it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from alwidget.learners.base import Batch, Stop
from alwidget.tasks.words import word_spans

__all__ = ["BUCKETS", "Lexicon", "ReadWords"]

BUCKETS = 1 << 16
"""Of pieces; the first is for nothing there. Words keep their whole hash, so that hardly two have the same."""
PIECE_SIZES = (3, 4)
PIECES = 27
"""Pieces of a word at most."""
LONGEST = 14
"""Letters of a word that pieces are made of: its first and its last half of them."""
CHARS_A_WORD = 16
MOST_WORDS = 1 << 16
"""Words that a network knows at most."""
KNOWN_WORDS = 400_000
KNOWN_DOCUMENTS = 50_000
CHUNK = 256


@dataclass(frozen=True, slots=True)
class ReadWords:
    """The words of some documents.

    Attributes
    ----------
    documents
        Of each document its words by their numbers, int32 (L,): of its text and, where it has one, of its pair.
    hashes
        The hash of each word by its number, above 0, int64 (k,); the word 0 is none.
    pieces
        The buckets of each word's pieces, int64 (k, PIECES), 0 behind the last.
    """

    documents: list[tuple[np.ndarray, ...]]
    hashes: np.ndarray
    pieces: np.ndarray

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.documents)

    @property
    def lengths(self) -> np.ndarray:
        """The words of each document, at least one, int64 (n,)."""
        return np.array([max(sum(map(len, sides)), 1) for sides in self.documents], dtype=np.int64)

    def take(self, rows: np.ndarray) -> ReadWords:
        """Return some documents."""
        return ReadWords([self.documents[i] for i in rows.tolist()], self.hashes, self.pieces)

    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the hashes of all words and the buckets of all their pieces, ascending; of too many the commonest."""
        met = np.concatenate([words for sides in self.documents for words in sides] or [np.zeros(0, dtype=np.int32)])
        numbers, times = np.unique(met, return_counts=True)
        common = numbers[np.argsort(-times, kind="stable")[:MOST_WORDS]] if len(numbers) > MOST_WORDS else numbers
        words, pieces = np.unique(self.hashes[common]), np.unique(self.pieces[numbers])
        return words, pieces[pieces > 0]


class Lexicon:
    """The words that were met so far, each with its hash and those of its pieces.

    Words are those of `alwidget.tasks.words.word_spans` in lower case; pieces are runs of three and four of their
    letters, the ends marked, so that words of one
    stem share some (Bojanowski et al. 2017, *Enriching word vectors
    with subword information*). Documents are read once.

    Parameters
    ----------
    max_words
        Words of a document that are read.

    Examples
    --------
    >>> lexicon = Lexicon(max_words=8)
    >>> lexicon.numbers(["A goal, a GOAL!"])[0].tolist()
    [1, 2, 3, 1, 2, 4]
    """

    def __init__(self, *, max_words: int) -> None:
        self.max_words = max_words
        self._words: dict[str, int] = {}
        self._documents: dict[bytes, tuple[np.ndarray, ...]] = {}
        self._hashes = np.zeros(1, dtype=np.int64)
        self._pieces = np.zeros((1, PIECES), dtype=np.int64)
        self._fresh: list[str] = []

    def has_room(self, documents: int) -> bool:
        """Return whether so many more documents can be kept; else a new lexicon is due."""
        return len(self._words) <= KNOWN_WORDS and len(self._documents) + documents <= KNOWN_DOCUMENTS

    def read(self, documents: Batch, stop: Stop | None = None) -> ReadWords:
        """Return the words of documents; a stop is looked at now and then."""
        found: list[tuple[np.ndarray, ...]] = []
        for i, key in enumerate(documents.keys):
            if stop is not None and i % CHUNK == 0:
                stop.check()
            words = self._documents.get(key)
            if words is None:
                sides = [documents.texts[i]] if documents.pairs is None else [documents.texts[i], documents.pairs[i]]
                words = tuple(self.numbers(sides))
                if len(self._documents) < KNOWN_DOCUMENTS:
                    self._documents[key] = words
            found.append(words)
        self._grow()
        return ReadWords(found, self._hashes, self._pieces)

    def numbers(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return the words of some texts by their numbers, each int32 (L,)."""
        out: list[np.ndarray] = []
        for given in texts:
            text = given[: CHARS_A_WORD * self.max_words]
            words = [text[a:b].lower() for a, b in word_spans(text)[: self.max_words].tolist()]
            out.append(np.fromiter(map(self._number, words), np.int32, len(words)))
        return out

    def _number(self, word: str) -> int:
        number = self._words.get(word)
        if number is None:
            number = self._words[word] = len(self._words) + 1
            self._fresh.append(word)
        return number

    def _grow(self) -> None:
        if self._fresh:
            self._hashes = np.append(self._hashes, [1 + _hash(word) for word in self._fresh])
            self._pieces = np.vstack([self._pieces, np.array([_pieces(word) for word in self._fresh])])
            self._fresh = []


def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))


def _pieces(word: str) -> list[int]:
    half = LONGEST // 2
    marked = f"<{word if len(word) <= LONGEST else word[:half] + word[-half:]}>"
    runs = [marked[at : at + size] for size in PIECE_SIZES for at in range(max(len(marked) - size + 1, 0))]
    return [1 + _hash(run) % (BUCKETS - 1) for run in runs] + [0] * (PIECES - len(runs))
