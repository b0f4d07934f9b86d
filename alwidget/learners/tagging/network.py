"""The network below the CRF: words by hash, their letters, what they look like, and what stands around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import torch
from torch import nn

from alwidget.learners.tagging.crf import Crf
from alwidget.learners.tagging.shapes import OWN, word_shapes
from alwidget.learners.training import SeededDropout

__all__ = ["HIDDEN", "BiLstm", "WordForms", "word_forms"]

BUCKETS = 1 << 14
LETTERS = 512
"""Buckets of characters; the first of both is for nothing there."""
LONGEST = 16
"""Letters of a word that are read: its first and its last half of them."""
HIDDEN = 200
"""Width of a state: forwards and backwards together."""
WORD, LETTER, FORM = 64, 24, 48
FORGET = 0.3
"""Share of the words that training hides, so that what surrounds an unknown word is made use of."""


@dataclass(frozen=True, slots=True)
class WordForms:
    """Words as numbers: hashes int64 (k,), letters int64 (k, LONGEST), what they look like float32 (k, OWN)."""

    hashes: np.ndarray
    letters: np.ndarray
    shapes: np.ndarray


def word_forms(texts: Sequence[str], words: Sequence[np.ndarray]) -> WordForms:
    """Return the words of some documents as numbers, one document after the other."""
    hashes: list[int] = []
    letters: list[list[int]] = []
    known: dict[str, tuple[int, list[int]]] = {}
    for text, bounds in zip(texts, words, strict=True):
        for start, end in bounds.tolist():
            word = text[start:end]
            form = known.get(word)
            if form is None:
                form = known[word] = (_bucket(word.lower(), BUCKETS), _letters(word))
            hashes.append(form[0])
            letters.append(form[1])
    return WordForms(
        np.array(hashes, dtype=np.int64),
        np.array(letters, dtype=np.int64).reshape(-1, LONGEST),
        word_shapes(texts, words)[:, :OWN],
    )


class BiLstm(nn.Module):
    """Emissions and states of words in sequences, and a CRF on top.

    Words are embedded by hash and start at zero, so that a word that was never trained on says nothing; a small
    convolution over its letters and `word_shapes` speak for it. All that is drawn is drawn from `generator`.
    """

    def __init__(self, tags: int, *, dropout: float, generator: torch.Generator, draws: torch.Generator) -> None:
        super().__init__()
        self.words = nn.Embedding(BUCKETS, WORD, padding_idx=0)
        self.letters = nn.Embedding(LETTERS, LETTER, padding_idx=0)
        self.form = nn.Conv1d(LETTER, FORM, 3, padding=1)
        self.below, self.above = SeededDropout(dropout, draws), SeededDropout(dropout, draws)
        self.hidden_words = SeededDropout(FORGET, draws)
        self.lstm = nn.LSTM(WORD + FORM + OWN, HIDDEN // 2, batch_first=True, bidirectional=True)
        self.out = nn.Linear(HIDDEN, tags)
        self.crf = Crf(tags)
        self._draw(generator)

    def forward(
        self, hashes: torch.Tensor, letters: torch.Tensor, shapes: torch.Tensor, lengths: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return emissions (n, longest, K) and states (n, longest, HIDDEN) of padded sequences.

        Parameters
        ----------
        hashes, letters, shapes
            (n, longest), (n, longest, LONGEST) and (n, longest, OWN).
        lengths
            int64 (n,) on the CPU, each at least one.
        """
        kept = self.hidden_words(torch.ones_like(hashes, dtype=torch.float32)).clamp(max=1)
        word = self.words(hashes) * kept[:, :, None]
        n, longest, size = letters.shape
        read = self.form(self.letters(letters.reshape(-1, size)).transpose(1, 2))
        read = read.masked_fill(letters.reshape(-1, 1, size) == 0, -1e4).amax(2).clamp(min=0).reshape(n, longest, -1)
        together = self.below(torch.cat([word, read, shapes], dim=2))
        packed = nn.utils.rnn.pack_padded_sequence(together, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=longest)
        return self.out(self.above(states)), states

    def _draw(self, generator: torch.Generator) -> None:
        """Draw all weights: words from zero, letters and matrices by their width, forget gates open."""
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.startswith(("crf.", "words.")) or parameter.ndim == 1:
                    parameter.zero_()
                elif name == "letters.weight":
                    parameter.normal_(0.0, 0.5, generator=generator)
                    parameter[0] = 0
                else:
                    fan = parameter[0].numel()
                    parameter.uniform_(-((3 / fan) ** 0.5), (3 / fan) ** 0.5, generator=generator)
            for name in ("bias_ih_l0", "bias_ih_l0_reverse"):
                getattr(self.lstm, name)[HIDDEN // 2 : HIDDEN] = 1


def _bucket(text: str, size: int) -> int:
    return 1 + crc32(text.encode("utf-8", "surrogatepass")) % (size - 1)


def _letters(word: str) -> list[int]:
    half = LONGEST // 2
    read = word if len(word) <= LONGEST else word[:half] + word[-half:]
    ids = [_bucket(c, LETTERS) for c in read]
    return ids + [0] * (LONGEST - len(ids))
