"""What gradient and dropout strategies read of a fine-tuned classifier: its last layer, and passes with dropout on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Progress, Stop
from alwidget.learners.sampled import SampleLosses

if TYPE_CHECKING:
    from alwidget.learners.inference import Answers
    from alwidget.learners.objectives import Objective
    from alwidget.learners.tokens import Tokens
    from alwidget.learners.training import Classified

__all__ = ["WithLayers"]


class _NoDropoutError(ModelError, AttributeError):
    """There is nothing to drop; an `AttributeError` too, so that `hasattr` answers False."""


class WithLayers:
    """Mix-in for a learner that hands out the `Answers` of its present model."""

    label: str
    objective: Objective
    _answers: Answers | None = None
    _classes: tuple[str, ...] = ()

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load what is slow to load."""
        raise NotImplementedError

    def _ready(self) -> Answers:
        raise NotImplementedError

    def _check_trained(self) -> None:
        raise NotImplementedError

    def _tokens(self, documents: Batch, stop: Stop | None) -> Tokens:
        raise NotImplementedError

    def _examples(
        self, tokens: Tokens, targets: np.ndarray, n_classes: int, *, stop: Stop | None, **options: Any
    ) -> Classified:
        raise NotImplementedError

    def _certain(self, classes: tuple[str, ...]) -> bool:
        raise NotImplementedError

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, f) and bias (C,) of the last layer on what `features` returns."""
        from alwidget.learners.lastlayer import last_weights

        self._check_trained()
        weights, bias = last_weights(self._ready().model)
        return (weights[:1] * 0, bias[:1] * 0) if self._certain(self._classes) else (weights, bias)

    def features(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return what the last layer reads, float32 (n, f).

        That is behind the pooler of a BERT, behind the first layer of the head of a DistilBERT, RoBERTa or ELECTRA.
        Once they were asked for, later passes over documents keep them beside vectors and probabilities.
        """
        self.prepare(stop=stop)
        return self._ready().features(documents, stop)

    @property
    def predict_passes(self) -> Callable[..., Iterator[np.ndarray]]:
        """``predict_passes(documents, passes, *, seed, consistent=False, stop=None)``.

        Yields probabilities with dropout on, float64 (n, C), a pass at a time (Monte Carlo dropout, Gal & Ghahramani
        2016). Only dropout acts: the model is in evaluation all the while, and `predict_proba` answers as before.
        With `consistent` a pass drops the same units of each layer for all documents and all their tokens, whatever
        the batches. The same seed gives the same passes.

        Raises
        ------
        alwidget.errors.ModelError
            The checkpoint has no dropout; an `AttributeError` too, so that ``hasattr`` tells.
        """
        from alwidget.learners.dropout import has_dropout
        from alwidget.learners.heads import DROPOUT

        if self._answers is not None and not has_dropout(self._answers.model, DROPOUT):
            message = f"{self.label} has no dropout; FineTuned(…, dropout=0.1) trains it with some."
            raise _NoDropoutError(message)
        return self._passes

    def sample_losses(self, documents: Batch, y: Any, *, stop: Stop | None = None) -> SampleLosses:
        """Return what documents cost the present model with these answers; see `SupportsGradients`."""
        self._check_trained()
        model, tokens = self._ready().model, self._tokens(documents, stop)
        width = int(model.config.num_labels)
        examples = self._examples(tokens, self.objective.targets(y), width, stop=stop)
        return SampleLosses(model, partial(examples.losses, model), tokens.lengths)

    def _passes(
        self, documents: Batch, passes: int, *, seed: int, consistent: bool = False, stop: Stop | None = None
    ) -> Iterator[np.ndarray]:
        self._check_trained()
        if self._certain(self._classes):
            return iter([np.ones((len(documents), 1))] * passes)
        return self._ready().passes(documents, passes, seed=seed, consistent=consistent, stop=stop)
