"""A masked language model that goes on reading: what a step trains it on, and how well it guesses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from alwidget.errors import ModelError
from alwidget.learners.base import Stop
from alwidget.learners.checkpoints import device_or_best
from alwidget.learners.pooling import read_pooling
from alwidget.learners.surprisal import NoMaskedHeadError, logits_at, masked_model
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import Tokens, token_batches
from alwidget.learners.training import autocast, on_device
from alwidget.reuse.losses import hide_words, masked_words
from alwidget.reuse.models import reader_of, words_of
from alwidget.reuse.teaching import piece_tokens
from alwidget.reuse.training import Plan

if TYPE_CHECKING:
    from alwidget.reuse.adapt import Adapting

__all__ = ["MaskedWords", "planned"]

WIDTH, RATE = 768, 5e-5


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The texts of a step with some words hidden, as they were, and which tokens were chosen."""

    plain: Tokens
    hidden: Tokens
    chosen: np.ndarray
    count: int


class MaskedWords:
    """An `alwidget.reuse.training.Objective`: guess the hidden words."""

    dropout = True

    def __init__(self, folder: Path, how: Adapting, *, device: str | None) -> None:
        self._folder, self._how, self._device = folder, how, device
        self.device = device_or_best(device)
        try:
            self.model = masked_model(folder)
        except NoMaskedHeadError as error:
            message = (
                f"{folder.name} cannot go on reading: it has no head over the vocabulary to guess hidden words with; "
                'sentence encoders are saved without one. Take a masked language model such as "roberta-base".'
            )
            raise ModelError(message) from error
        self.tokenise = reader_of(folder, self.model, read_pooling(folder), how.max_length)
        self._words = words_of(self.tokenise)
        if self._words.mask is None:
            message = f"The tokeniser of {folder.name} has no mask, so no word can be hidden."
            raise ModelError(message)
        self.model.to(self.device).requires_grad_(requires_grad=True)

    def untrained(self) -> MaskedWords:
        """Return the same model as it came."""
        return MaskedWords(self._folder, self._how, device=self._device)

    def drawn(self, tokens: Tokens, rng: np.random.Generator) -> _Drawn:
        """Hide some words."""
        ids, chosen = hide_words(tokens.ids, self._words.special, self._words.mask or 0, self._words.count, rng)
        return _Drawn(tokens, Tokens(ids, tokens.offsets, tokens.types, tokens.pad), chosen, int(chosen.sum()))

    def loss(self, drawn: _Drawn, rows: np.ndarray) -> tuple[torch.Tensor, dict[str, float]]:
        """Return what some of the step's texts add to the mean loss of a hidden word."""
        return self._each(drawn, rows).sum() / max(drawn.count, 1), {}

    def measured(self, texts: Sequence[str], seed: int, stop: Stop | None = None) -> float:
        """Return the mean of -log p of hidden words in nats, dropout off; the same words whenever it is called."""
        tokens = self.tokenise(texts, stop=stop)
        drawn = self.drawn(tokens, np.random.default_rng([seed, 15]))
        total = 0.0
        self.model.eval()
        with bounded_threads(), torch.inference_mode():
            for rows in token_batches(tokens.lengths, 2 * piece_tokens(self.model, self.device)):
                if stop is not None:
                    stop.check()
                total += float(self._each(drawn, rows).sum())
        return total / max(drawn.count, 1)

    def _each(self, drawn: _Drawn, rows: np.ndarray) -> torch.Tensor:
        """Return the losses of the hidden words of some texts; only their scores are ever computed."""
        batch = on_device(drawn.hidden.padded(rows), self.device)
        right = drawn.plain.padded(rows)["input_ids"]
        at = np.flatnonzero(_chosen(drawn, rows, right.shape[1]))
        with autocast(self.device):
            logits, _ = logits_at(self.model, batch, torch.from_numpy(at).to(self.device))
        return masked_words(logits, torch.from_numpy(right.reshape(-1)[at]).to(self.device))


def planned(words: MaskedWords, how: Adapting, *, steps: int, every: int, seed: int) -> Plan:
    """Return how to train, with pieces that the machine can hold."""
    rate = how.learning_rate or RATE * WIDTH / int(getattr(words.model.config, "hidden_size", WIDTH))
    return Plan(
        steps=steps,
        batch_size=how.batch_size,
        learning_rate=rate,
        step_tokens=piece_tokens(words.model, words.device),
        every=every,
        seed=seed,
    )


def _chosen(drawn: _Drawn, rows: np.ndarray, width: int) -> np.ndarray:
    """Return bool (k, width): which places of a padded batch are to be guessed."""
    out = np.zeros((len(rows), width), dtype=bool)
    for line, i in enumerate(rows.tolist()):
        start, end = drawn.plain.offsets[i], drawn.plain.offsets[i + 1]
        out[line, : end - start] = drawn.chosen[start:end]
    return out
