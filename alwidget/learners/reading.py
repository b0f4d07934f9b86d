"""What a TextCNN learns from and says: its examples, the features of documents, and passes with dropout on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Progress, Stop
from alwidget.learners.cache import VectorMemory
from alwidget.learners.convolution import POOLED, Convolutions
from alwidget.learners.lexicon import ReadWords
from alwidget.learners.objectives import Objective
from alwidget.learners.pairs import pair_vectors
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import token_batches
from alwidget.learners.training import smoothed

__all__ = ["Pooled", "WordExamples", "last_layer", "word_features", "word_probs"]

KEPT = 50_000
WINDOW = 4096
BATCH_WORDS = 16_384
PROJECTED = 1 << 14
"""Buckets of words that are projected before there is a model."""
Read = Callable[[Batch, "Stop | None"], ReadWords]


class WordExamples:
    """Documents with targets, as `alwidget.learners.training.train` wants them.

    Parameters
    ----------
    read, targets
        The documents and their answers as `objective` encodes them.
    weights, smoothing
        What each document counts, and the share of its target that is spread over the classes, float64 (n,).
    class_weight
        None or ``"balanced"``.
    """

    def __init__(
        self,
        read: ReadWords,
        targets: np.ndarray,
        n_classes: int,
        *,
        objective: Objective,
        weights: np.ndarray | None = None,
        smoothing: np.ndarray | None = None,
        class_weight: str | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.lengths, self.kinds = read.lengths, objective.kinds(targets)
        self.weights, self._yes = objective.weights(targets, n_classes, weights, class_weight)
        self._words, self._targets, self._objective = read, targets, objective
        self._smoothing, self._stop = smoothing, stop

    def losses(self, model: Convolutions, rows: np.ndarray) -> torch.Tensor:
        """Return the losses of some documents, float32 (k,)."""
        logits = model(model.encoded(self._words.take(rows)))
        targets = torch.from_numpy(self._targets[rows]).to(logits.device)
        yes = None if self._yes is None else torch.tensor(self._yes, dtype=torch.float32, device=logits.device)
        losses = self._objective.losses(logits, targets, yes)
        if self._smoothing is None:
            return losses
        return smoothed(losses, self._objective.flat(logits), self._smoothing[rows])

    def measured(self, model: Convolutions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return gold probability, correctness and loss of all documents, each (n,)."""
        return self._objective.measured(word_probs(model, self._objective, self._words, self._stop), self._targets)


class Pooled:
    """What one model pools of documents; those that were read once are not read again.

    Parameters
    ----------
    model
        The network; None before the first fit.
    objective
        What it is for.
    read
        What makes words of documents.
    """

    def __init__(self, model: Convolutions | None, objective: Objective, read: Read) -> None:
        self.model, self._objective, self._read = model, objective, read
        self._table: np.ndarray | None = None
        self._memories = {
            pairs: VectorMemory((4 if pairs else 1) * POOLED, limit=KEPT, dtype=np.float32) for pairs in (False, True)
        }

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, f) and bias (C,) of the last layer, float64."""
        if self.model is None:
            return np.zeros((1, POOLED)), np.zeros(1)
        return last_layer(self.model)

    def known(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents were read."""
        return self._memory(documents).has(documents.keys)

    def features(self, documents: Batch, stop: Stop | None, progress: Progress | None) -> np.ndarray:
        """Return what is pooled of documents, float32 (n, f)."""
        memory = self._memory(documents)
        features, found = memory.get(documents.keys)
        missing = np.flatnonzero(~found)
        for start in range(0, len(missing), WINDOW):
            at = missing[start : start + WINDOW]
            part = documents.take(at)
            features[at] = self._computed(part, stop)
            memory.put(part.keys, features[at])
            if progress is not None:
                progress("embedding", min(start + WINDOW, len(missing)), len(missing))
        return features

    def probs(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities of features, float64 (n, C)."""
        if self.model is None:
            message = "There is no trained network to ask."
            raise ModelError(message)
        return _probs(self.model, self._objective, features)

    def passes(
        self, documents: Batch, passes: int, *, rate: float, seed: int, consistent: bool, stop: Stop | None
    ) -> Iterator[np.ndarray]:
        """Yield probabilities float64 (n, C) with a share of the features dropped; see `TextCnn.predict_passes`."""
        features = self.features(documents, stop, None)
        for number in range(passes):
            rng = np.random.default_rng([seed, number])
            mask = _mask(rng, features.shape[1:], rate) if consistent else None
            parts = [np.empty((0, len(self.weights[1])))]
            for start in range(0, len(features), WINDOW):
                if stop is not None:
                    stop.check()
                part = features[start : start + WINDOW]
                parts.append(self.probs(part * (_mask(rng, part.shape, rate) if mask is None else mask)))
            yield np.concatenate(parts)

    def _computed(self, part: Batch, stop: Stop | None) -> np.ndarray:
        """Return what is pooled of some documents."""
        read = self._read(part, stop)
        if self.model is None:
            return self._projected(read)
        if self.model.pairs != (part.pairs is not None):
            message = f"The model was trained on {'two texts' if self.model.pairs else 'one text'} a document."
            raise ModelError(message)
        return word_features(self.model, read, stop)

    def _projected(self, read: ReadWords) -> np.ndarray:
        """Return random projections of the distinct words of each text, of unit length, float32 (n, f)."""
        from scipy.sparse import csr_matrix

        if self._table is None:
            self._table = np.random.default_rng(0).standard_normal((PROJECTED, POOLED), dtype=np.float32)
        sides = []
        for side in range(max(map(len, read.documents), default=1)):
            words = [np.unique(read.hashes[each[side]] % PROJECTED) for each in read.documents]
            ends = np.cumsum([0, *map(len, words)])
            flat = np.concatenate([*words, np.empty(0, dtype=np.int64)])
            there = csr_matrix((np.ones(len(flat), dtype=np.float32), flat, ends), shape=(len(words), PROJECTED))
            dense = there @ self._table
            sides.append(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9))
        out: np.ndarray = pair_vectors(*sides) if len(sides) > 1 else sides[0]
        return out

    def _memory(self, documents: Batch) -> VectorMemory:
        return self._memories[documents.pairs is not None]


def word_features(model: Convolutions, read: ReadWords, stop: Stop | None) -> np.ndarray:
    """Return what the last layer of a model reads, dropout off, float32 (n, f)."""
    out = np.zeros((len(read), model.out.in_features), dtype=np.float32)
    with bounded_threads(), torch.inference_mode():
        for rows in token_batches(read.lengths, BATCH_WORDS):
            if stop is not None:
                stop.check()
            out[rows] = model.pooled(model.encoded(read.take(rows))).cpu().numpy()
    return out


def word_probs(model: Convolutions, objective: Objective, read: ReadWords, stop: Stop | None) -> np.ndarray:
    """Return what a model says, dropout off, float64 (n, C)."""
    return _probs(model, objective, word_features(model, read, stop))


def _probs(model: Convolutions, objective: Objective, features: np.ndarray) -> np.ndarray:
    weights, bias = last_layer(model)
    out: np.ndarray = objective.probs(torch.from_numpy(features @ weights.T + bias)).numpy()
    return out


def last_layer(model: Convolutions) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (C, f) and bias (C,) of the last layer, float64."""
    weights, bias = (each.detach().double().cpu().numpy() for each in (model.out.weight, model.out.bias))
    return weights.copy(), bias.copy()


def _mask(rng: np.random.Generator, shape: tuple[int, ...], rate: float) -> np.ndarray:
    """Return what features are multiplied by: zero for a share of them, more than one for the others."""
    return (rng.random(shape, dtype=np.float32) >= rate) / np.float32(1 - rate)
