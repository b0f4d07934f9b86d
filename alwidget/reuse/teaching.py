"""Teacher and student side by side: what a step tells the student."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alwidget.errors import ModelError
from alwidget.learners.checkpoints import device_or_best
from alwidget.learners.pooling import read_pooling
from alwidget.learners.surprisal import logits_at
from alwidget.learners.tokens import Tokens
from alwidget.learners.training import autocast, on_device
from alwidget.reuse.losses import hidden_states, hide_words, masked_words, sentence_vectors, soft_targets
from alwidget.reuse.models import read_given, reader_of, without_words, words_of
from alwidget.reuse.student import check_same_words, shortened
from alwidget.reuse.training import Plan

if TYPE_CHECKING:
    from alwidget.reuse.distil import Teaching

__all__ = ["Lesson", "piece_tokens", "planned"]

CPU_TOKENS, GPU_TOKENS = 1024, 16_384
REFERENCE_PARAMETERS = 10_600_000
"""Those of all-MiniLM-L6-v2 without its words, for which a piece of a step takes some 0.2 s on a core."""
LOGIT_BYTES = {"cpu": 64 << 20, "cuda": 1 << 30}
"""What the scores of the whole vocabulary for the tokens of a piece may take, once."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The texts of a step with some words hidden (ids and chosen are None without a head), and what they sum to."""

    plain: Tokens
    hidden: Tokens
    chosen: np.ndarray | None
    tokens: int
    masked: int


class Lesson:
    """An `alwidget.reuse.training.Objective`: the student becomes like the teacher."""

    dropout = False
    """The teacher is to be followed, not the labels of few texts: nothing is there to be learned by heart."""

    def __init__(self, folder: Path, *, layers: int, start: Path | None, how: Teaching, device: str | None) -> None:
        self._folder, self._layers, self._start, self._how = folder, layers, start, how
        self.device = device_or_best(device)
        self.teacher, self.head = read_given(folder)
        self.model, self.kept = self._started()
        self.pooling = read_pooling(folder)
        self.tokenise = reader_of(folder, self.teacher, self.pooling, how.max_length)
        self._words = words_of(self.tokenise)
        self.head = self.head and self._words.mask is not None
        self.teacher.to(self.device)
        self.model.to(self.device)
        for _, parameter in without_words(self.model):
            parameter.requires_grad_(requires_grad=True)

    def untrained(self) -> Any:
        """Return the student as it was before training."""
        return self._started()[0]

    def drawn(self, tokens: Tokens, rng: np.random.Generator) -> _Drawn:
        """Hide some words, if the teacher has a head to say which they might be."""
        if not self.head or self._words.mask is None:
            return _Drawn(tokens, tokens, None, len(tokens.ids), 0)
        ids, chosen = hide_words(tokens.ids, self._words.special, self._words.mask, self._words.count, rng)
        hidden = Tokens(ids, tokens.offsets, tokens.types, tokens.pad)
        return _Drawn(tokens, hidden, chosen, len(tokens.ids), int(chosen.sum()))

    def loss(self, drawn: _Drawn, rows: np.ndarray) -> tuple[torch.Tensor, dict[str, float]]:
        """Return what some of the step's texts add to its mean loss, and to the terms of it."""
        how = self._how
        batch = on_device(drawn.hidden.padded(rows), self.device)
        mask = batch["attention_mask"]
        places = mask.reshape(-1).nonzero()[:, 0]
        with torch.no_grad(), autocast(self.device):
            wanted, wanted_states = self._run(self.teacher, batch, places)
        with autocast(self.device):
            given, states = self._run(self.model, batch, places)
        near = hidden_states(_at(states, places), _at(wanted_states, places)).sum() / drawn.tokens
        vectors = sentence_vectors(self.pooling.apply(states, mask), self.pooling.apply(wanted_states, mask))
        texts = vectors.sum() / len(drawn.plain)
        total = how.states * near + how.vectors * texts
        terms = {"states": float(near.detach()), "vectors": float(texts.detach())}
        if wanted is not None and drawn.chosen is not None:
            soft = soft_targets(given, wanted, how.temperature).sum() / drawn.tokens
            right = on_device({"ids": drawn.plain.padded(rows)["input_ids"]}, self.device)["ids"].reshape(-1)[places]
            at = torch.from_numpy(_flat(drawn, rows)).to(self.device)
            words = masked_words(given[at], right[at]).sum() / max(drawn.masked, 1)
            total = total + how.soft_targets * soft + how.words * words
            terms |= {"soft_targets": float(soft.detach()), "words": float(words.detach())}
        return total, terms

    def _run(self, model: Any, batch: dict[str, torch.Tensor], places: torch.Tensor) -> tuple[Any, torch.Tensor]:
        if self.head:
            return logits_at(model, batch, places)
        return None, model.base_model(**batch).last_hidden_state

    def _started(self) -> tuple[Any, tuple[int, ...]]:
        """Return the student before any training, and which of the teacher's layers it has."""
        if self._start is None:
            return shortened(self._folder, self._layers)
        check_same_words(self._folder, self._start)
        model, head = read_given(self._start)
        if model.config.hidden_size != self.teacher.config.hidden_size:
            message = (
                f"{self._start.name} is {model.config.hidden_size} wide and {self._folder.name} "
                f"{self.teacher.config.hidden_size}; hidden states of another width cannot be compared."
            )
            raise ModelError(message)
        if self.head and not head:
            message = f"{self._start.name} has no head over its vocabulary, and {self._folder.name} has one."
            raise ModelError(message)
        return model, ()


def planned(lesson: Lesson, how: Teaching, *, steps: int, every: int, seed: int) -> Plan:
    """Return how to train, with pieces that the machine can hold and that a round need not wait for long."""
    tokens = piece_tokens(lesson.teacher, lesson.device)
    if lesson.head:
        kind = "cpu" if lesson.device == "cpu" else "cuda"
        tokens = max(64, min(tokens, LOGIT_BYTES[kind] // (4 * int(lesson.teacher.config.vocab_size))))
    return Plan(
        steps=steps,
        batch_size=how.batch_size,
        learning_rate=how.learning_rate,
        step_tokens=tokens,
        every=every,
        seed=seed,
    )


def piece_tokens(model: Any, device: str) -> int:
    """Return how many tokens a piece of a step may have, by the size of the model alone."""
    if device != "cpu":
        return GPU_TOKENS
    size = sum(p.numel() for _, p in without_words(model))
    return int(np.clip(CPU_TOKENS * REFERENCE_PARAMETERS / max(size, 1), 64, 4096))


def _at(states: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return states.reshape(-1, states.shape[-1])[places]


def _flat(drawn: _Drawn, rows: np.ndarray) -> np.ndarray:
    """Return which of the tokens of some texts, one text after the other, are to be guessed."""
    if drawn.chosen is None:
        return np.empty(0, dtype=np.int64)
    offsets = drawn.plain.offsets
    return np.flatnonzero(np.concatenate([drawn.chosen[offsets[i] : offsets[i + 1]] for i in rows]))
