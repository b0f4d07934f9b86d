"""What a fine-tuned classifier says of documents: vectors, probabilities, features, and passes with dropout on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from alwidget.learners.base import Batch, Progress, Stop
from alwidget.learners.cache import VectorMemory
from alwidget.learners.dropout import OwnRandomness, restarting
from alwidget.learners.lastlayer import features_read, last_weights, watched
from alwidget.learners.objectives import Objective
from alwidget.learners.pooling import Pooling
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import Tokens, token_batches
from alwidget.learners.training import autocast, on_device

__all__ = ["Answers", "Running"]

KEPT = 50_000
WINDOW = 4096
Tokenise = Callable[[Batch, Stop | None], Tokens]


@dataclass(frozen=True, slots=True)
class Running:
    """How models are run: what they are for, where, and how many tokens a batch may hold, padding included."""

    objective: Objective
    device: str
    budget: int

    def run(
        self, model: Any, tokens: Tokens, stop: Stop | None, features: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors float32 (n, d) and probabilities float32 (n, C), dropout off; fill in `features` (n, f).

        Raises
        ------
        alwidget.errors.Cancelled
            `stop` was set; it is looked at before every batch.
        """
        vectors = np.zeros((len(tokens), int(model.config.hidden_size)), dtype=np.float32)
        probs = np.zeros((len(tokens), int(model.config.num_labels)), dtype=np.float32)
        pooling = Pooling()
        for rows, batch in self._batches(tokens, stop):
            watching: AbstractContextManager[list[torch.Tensor]] = nullcontext([])
            if features is not None:
                watching = watched(model)
            with torch.inference_mode(), autocast(self.device), watching as read:
                out = model(**batch, output_hidden_states=True)
                if features is not None:
                    features[rows] = features_read(read[-1], batch["attention_mask"]).cpu().numpy()
                vectors[rows] = pooling.apply(out.hidden_states[-1], batch["attention_mask"]).cpu().numpy()
                probs[rows] = self.objective.probs(out.logits.float()).cpu().numpy()
        return vectors, probs

    def dropped(self, model: Any, tokens: Tokens, seed: int, stop: Stop | None, *, consistent: bool) -> np.ndarray:
        """Return probabilities float64 (n, C) of one pass with dropout on; the model stays in evaluation."""
        generator = torch.Generator(device=self.device).manual_seed(seed)
        drawing = OwnRandomness(generator, always=True, consistent=consistent)
        probs = np.zeros((len(tokens), int(model.config.num_labels)), dtype=np.float64)
        with restarting(model, drawing):
            for rows, batch in self._batches(tokens, stop):
                with torch.inference_mode(), autocast(self.device), drawing:
                    logits = model(**batch).logits
                probs[rows] = self.objective.probs(logits.double()).cpu().numpy()
        return probs

    def _batches(self, tokens: Tokens, stop: Stop | None) -> Iterator[tuple[np.ndarray, dict[str, torch.Tensor]]]:
        for rows in token_batches(tokens.lengths, self.budget):
            if stop is not None:
                stop.check()
            yield rows, on_device(tokens.padded(rows), self.device)


class Answers:
    """What one model says; documents that were run through it are not run again.

    Parameters
    ----------
    model, running, tokenise
        The model, how it is run, and what makes tokens of documents.
    features
        Whether features are kept from the first pass on. Otherwise from when they are asked for: they are as many
        numbers as the vectors again, and few strategies read them.
    """

    def __init__(self, model: Any, running: Running, tokenise: Tokenise, *, features: bool = False) -> None:
        self.model, self._running, self._tokenise = model, running, tokenise
        self._vectors = VectorMemory(int(model.config.hidden_size), limit=KEPT)
        self._probs = VectorMemory(int(model.config.num_labels), limit=KEPT, dtype=np.float32)
        self._features = self._no_features() if features else None

    @property
    def with_features(self) -> bool:
        """Whether anybody has asked for features."""
        return self._features is not None

    def known(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents were run."""
        return self._vectors.has(documents.keys)

    def of(self, documents: Batch, stop: Stop | None, progress: Progress | None) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors float32 (n, d) and probabilities float32 (n, C); one pass gives both."""
        vectors, found = self._vectors.get(documents.keys)
        probs, _ = self._probs.get(documents.keys)
        missing = np.flatnonzero(~found)
        for start in range(0, len(missing), WINDOW):
            at = missing[start : start + WINDOW]
            vectors[at], probs[at], _ = self._computed(documents.take(at), stop)
            if progress is not None:
                progress("embedding", min(start + WINDOW, len(missing)), len(missing))
        return vectors, probs

    def features(self, documents: Batch, stop: Stop | None) -> np.ndarray:
        """Return what the last layer reads, float32 (n, f)."""
        if self._features is None:
            self._features = self._no_features()
        features, found = self._features.get(documents.keys)
        missing = np.flatnonzero(~found)
        for start in range(0, len(missing), WINDOW):
            at = missing[start : start + WINDOW]
            features[at] = self._computed(documents.take(at), stop)[2]
        return features

    def passes(
        self, documents: Batch, passes: int, *, seed: int, consistent: bool, stop: Stop | None
    ) -> Iterator[np.ndarray]:
        """Yield probabilities float64 (n, C) with dropout on; the first passes are the same however many there are."""
        tokens = self._tokenise(documents, stop)
        for number in range(passes):
            own = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))
            with bounded_threads():
                one = self._running.dropped(self.model, tokens, own, stop, consistent=consistent)
            yield one

    def _computed(self, part: Batch, stop: Stop | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return vectors, probabilities and, where they are wanted, features of documents, and keep them."""
        tokens = self._tokenise(part, stop)
        features = np.zeros((len(part), 0 if self._features is None else self._features.dim), dtype=np.float32)
        with bounded_threads():
            wanted = None if self._features is None else features
            vectors, probs = self._running.run(self.model, tokens, stop, wanted)
        vectors = vectors.astype(np.float16)  # as they are kept, so that both times give the same
        self._vectors.put(part.keys, vectors)
        self._probs.put(part.keys, probs)
        if self._features is not None:
            self._features.put(part.keys, features)
        return vectors, probs, features

    def _no_features(self) -> VectorMemory:
        return VectorMemory(last_weights(self.model)[0].shape[1], limit=KEPT, dtype=np.float32)
