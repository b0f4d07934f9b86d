"""The network of TextCNN: words by hash and by their pieces, convolutions over them, the largest over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from alwidget.learners.lexicon import BUCKETS, ReadWords
from alwidget.learners.training import SeededDropout

__all__ = ["POOLED", "Convolutions", "Inputs"]

WORD = 64
"""Width of a word's vector."""
WIDTHS = (1, 2, 3, 4)
"""Words that a filter reads."""
FILTERS = 64
"""Of each width."""
POOLED = FILTERS * len(WIDTHS)
"""Width of what is pooled of one text."""
PIECE_SCALE = 0.1
HIDDEN_WORDS = 0.1
"""Share of the words that training hides, so that no single one is relied on."""
NEVER = -1e9


@dataclass(frozen=True, slots=True)
class Inputs:
    """Some texts for the network: of pairs first all texts, then all their partners.

    Attributes
    ----------
    at
        int64 (n, longest): which of the batch's distinct words stands where.
    lengths
        int64 (n,).
    words
        int64 (u,): the row of each distinct word.
    pieces
        int64 (u, p): the rows of its pieces, 0 for none.
    """

    at: torch.Tensor
    lengths: torch.Tensor
    words: torch.Tensor
    pieces: torch.Tensor


class Convolutions(nn.Module):
    """Kim's convolutions over words, trained from nothing.

    Only words and pieces that some training document has are known, by their hashes; any other says nothing. Known
    words start at zero and their pieces at random, so that words of one stem start near each other. Of two texts
    each is read on its own, and the last layer sees ``[u, v, |u − v|, u·v]``.

    Parameters
    ----------
    words, pieces
        The hashes of words and the buckets of pieces that are known, ascending, int64.
    outputs
        Width of the last layer.
    pairs
        Whether documents are two texts.
    dropout
        Share of the pooled features that training sets to zero.
    generator, draws
        What weights and dropout are drawn from.

    References
    ----------
    Kim 2014, "Convolutional neural networks for sentence classification"; Bojanowski et al. 2017, "Enriching word
    vectors with subword information".
    """

    word_hashes: torch.Tensor
    piece_buckets: torch.Tensor

    def __init__(
        self,
        words: np.ndarray,
        pieces: np.ndarray,
        outputs: int,
        *,
        pairs: bool,
        dropout: float,
        generator: torch.Generator,
        draws: torch.Generator,
    ) -> None:
        super().__init__()
        self.pairs, self._draws = pairs, draws
        self.register_buffer("word_hashes", torch.from_numpy(words.astype(np.int64)))
        self.register_buffer("piece_buckets", torch.from_numpy(pieces.astype(np.int64)))
        self._known, self._piece_rows = words, np.zeros(BUCKETS, dtype=np.int64)
        self._piece_rows[pieces] = np.arange(1, len(pieces) + 1)
        self.words = nn.Embedding(len(words) + 1, WORD, 0, _weight=torch.zeros(len(words) + 1, WORD))
        self.pieces = nn.Embedding(len(pieces) + 1, WORD, 0, _weight=torch.zeros(len(pieces) + 1, WORD))
        # without a draw from the global generator
        self.filters = nn.ModuleList(_undrawn(nn.Conv1d, WORD, FILTERS, width) for width in WIDTHS)
        self.dropout = SeededDropout(dropout, draws)
        self.out: nn.Linear = _undrawn(nn.Linear, POOLED * (4 if pairs else 1), outputs)
        self._draw(generator)

    def encoded(self, read: ReadWords) -> Inputs:
        """Return documents as the network reads them."""
        sides = range(2 if self.pairs else 1)
        texts = [words[side] for side in sides for words in read.documents]
        lengths = np.array([len(words) for words in texts], dtype=np.int64)
        at = np.zeros((len(texts), max(int(lengths.max(initial=0)), 1)), dtype=np.int64)
        at[np.arange(at.shape[1]) < lengths[:, None]] = np.concatenate([*texts, np.zeros(0, dtype=np.int32)])
        # by their hashes: the order of their numbers, which are those of the first reading, is the order of sums
        hashes, first, where = np.unique(read.hashes[at], return_index=True, return_inverse=True)
        pieces = read.pieces[at.ravel()[first]]
        pieces = self._piece_rows[pieces[:, : max(int((pieces > 0).sum(axis=1).max(initial=0)), 1)]]
        numbers = (where.reshape(at.shape), lengths, self.word_rows(hashes), pieces)
        return Inputs(*(torch.from_numpy(each).to(self.word_hashes.device) for each in numbers))

    def word_rows(self, hashes: np.ndarray) -> np.ndarray:
        """Return the rows of words by their hashes, int64 (k,); 0 for one that is not known."""
        at = np.minimum(np.searchsorted(self._known, hashes), max(len(self._known) - 1, 0))
        known = self._known[at] == hashes if len(self._known) else np.zeros(len(hashes), dtype=bool)
        return np.where(known, at + 1, 0)

    def pooled(self, inputs: Inputs) -> torch.Tensor:
        """Return what the last layer reads, before dropout: (n, POOLED), of pairs (n, 4 · POOLED)."""
        known = (inputs.pieces > 0).sum(1, keepdim=True).clamp(min=1)
        vectors = self.words(inputs.words) + self.pieces(inputs.pieces).sum(1) / known.sqrt()
        x = vectors[inputs.at]
        if self.training:
            kept = torch.empty(inputs.at.shape, device=x.device).bernoulli_(1 - HIDDEN_WORDS, generator=self._draws)
            x = x * kept[:, :, None]
        x = functional.pad(x.transpose(1, 2), (0, max(WIDTHS) - 1))
        steps = torch.arange(inputs.at.shape[1], device=x.device)
        largest = []
        for width, layer in zip(WIDTHS, self.filters, strict=True):
            found = layer(x)[:, :, : len(steps)]
            there = steps < (inputs.lengths[:, None] - width + 1).clamp(min=1)
            largest.append(found.masked_fill(~there[:, None], NEVER).amax(2).relu())
        pooled = torch.cat(largest, dim=1)
        if not self.pairs:
            return pooled
        u, v = pooled.chunk(2)
        return torch.cat([u, v, (u - v).abs(), u * v], dim=1)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        """Return logits (n, C)."""
        logits: torch.Tensor = self.out(self.dropout(self.pooled(inputs)))
        return logits

    def _draw(self, generator: torch.Generator) -> None:
        """Draw pieces, filters and the last layer; words and biases are zero."""
        with torch.no_grad():
            self.pieces.weight[1:].normal_(0.0, PIECE_SCALE, generator=generator)
            layers: list[tuple[Any, float]] = [*((layer, 3.0) for layer in self.filters), (self.out, 1.0)]
            for layer, spread in layers:
                reach = (spread / layer.weight[0].numel()) ** 0.5
                layer.weight.uniform_(-reach, reach, generator=generator)
                layer.bias.zero_()


def _undrawn(kind: type[nn.Module], *sizes: int) -> Any:
    return nn.utils.skip_init(kind, *sizes)  # type: ignore[no-untyped-call]
