"""A linear head for several labels at once: one calibrated yes or no a label, and the threshold of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Stop
from alwidget.learners.checkpoints import write_json
from alwidget.learners.head import FEW, HeadFit, checked_smoothing, checked_weights, dropped_logits, prepared
from alwidget.learners.sigmoid import binary_losses, fit_sigmoid, shared_temperature, sigmoid
from alwidget.learners.softmax import Fitted, reduced
from alwidget.learners.threads import one_blas_thread
from alwidget.learners.thresholds import label_folds, tuned_thresholds

__all__ = ["SigmoidHead"]

RIDGE = 0.3


class SigmoidHead:
    """A logistic regression a label, L2-regularised, on shared vectors; all labels in one matrix product.

    Like `Head`, every fit starts anew from all labels, and vectors are centred and brought to a mean squared length of
    one. The penalty is 0.3 at any number of documents, which on GoEmotions is the best of 0.03 to 3 at 100, 500 and
    2,000; logits are divided by one temperature for all labels, read from held-out documents.

    A label that nobody has given yet has the probability ``1 / (n + 2)`` everywhere, Laplace's rule of succession; one
    that everybody gave, one minus that.

    Parameters
    ----------
    class_weight
        None, or ``"balanced"``: of every label, the documents with and without it count the same. Probabilities then
        say which documents have a label sooner than others, no more how many have it.
    ridge
        Strength of the penalty.
    """

    def __init__(self, *, class_weight: str | None = None, ridge: float = RIDGE) -> None:
        self.class_weight, self._ridge = class_weight, ridge
        self._weights: np.ndarray | None = None
        self._bias = self._thresholds = self._centre = np.empty(0)

    @property
    def fitted(self) -> bool:
        """Whether there is something to predict with."""
        return self._weights is not None

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, d) and bias (C,): the probabilities are ``sigmoid(H @ W.T + b)``, for H from `embed`."""
        if self._weights is None:
            message = "The model has not been trained yet."
            raise ModelError(message)
        return self._weights, self._bias

    @property
    def thresholds(self) -> np.ndarray:
        """The probability from which on each label is given, float64 (C,); see `alwidget.learners.thresholds`."""
        if self._weights is None:
            message = "The model has not been trained yet."
            raise ModelError(message)
        return self._thresholds

    def forget(self) -> None:
        """Forget what was learned."""
        self._weights = None

    def fit(
        self,
        X: Any,
        y: np.ndarray,
        n_classes: int,
        *,
        weights: np.ndarray | None = None,
        smoothing: np.ndarray | None = None,
        iterations: int = 100,
        seed: int = 0,
        stop: Stop | None = None,
    ) -> HeadFit:
        """Train on features (n, d), dense or sparse, and labels bool (n, C).

        `weights` float64 (n,) multiply the loss of each document, and `smoothing` (n,) draws its answers towards a
        half. The seed deals out the folds of the calibration and of the thresholds. A cancelled fit leaves the head as
        it was.

        In what is returned, gold is the probability of the right answer, yes or no, as a mean over the labels, and
        correct whether all labels were right at 0.5.
        """
        y = np.asarray(y, dtype=bool)
        if not len(y):
            message = "There are no labels to train from."
            raise ModelError(message)
        if y.shape != (X.shape[0], n_classes):
            message = f"{X.shape[0]} documents with {n_classes} labels need answers of that shape, got {y.shape}."
            raise ModelError(message)
        each = checked_weights(weights, len(y))
        features, centre, scale = prepared(X)
        with one_blas_thread():
            small = reduced(features)
            inside = features if small is None else small[0]
            both = _both_ways(y, each)
            smooth = checked_smoothing(smoothing, len(y))
            fit = self._fit_some(inside, y, each, both, keep=True, smoothing=smooth, iterations=iterations)
            held_out = self._held_out(inside, y, each, seed, stop)
            W = fit.weights if small is None else small[1](fit.weights)
        if stop is not None:
            stop.check()
        temperature = shared_temperature(held_out, y)
        rare = 1 / (len(y) + 2)
        bias = np.where(y[each > 0].any(axis=0), 1.0, -1.0) * np.log((1 - rare) / rare)
        W = W * (scale / temperature)
        bias[both] = fit.bias / temperature - (W @ centre if centre is not None else 0.0)
        self._weights = np.zeros((n_classes, X.shape[1]))
        self._weights[both] = W
        self._bias = bias
        self._centre = np.zeros(X.shape[1]) if centre is None else centre
        self._thresholds = tuned_thresholds(sigmoid(held_out / temperature), y)
        gold, correct = _dynamics(fit.path, y, both, rare)
        return HeadFit(fit.loss, fit.iterations, temperature, gold, correct)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, float64 (n, C); every label on its own."""
        W, b = self.weights
        return sigmoid(np.asarray(X @ W.T.astype(X.dtype) + b, dtype=np.float64))

    def dropped(self, rng: np.random.Generator, *, consistent: bool) -> Callable[[np.ndarray], np.ndarray]:
        """Return one pass with dropout on; see `alwidget.learners.head.dropped_logits`."""
        logits = dropped_logits(*self.weights, self._centre, rng, consistent=consistent)
        return lambda X: sigmoid(np.asarray(logits(X), dtype=np.float64))

    def save(self, path: Path) -> None:
        """Write ``head.safetensors`` and ``head.json`` into a folder."""
        from safetensors.numpy import save_file

        W, b = self.weights
        arrays = {"weights": np.ascontiguousarray(W), "bias": b, "thresholds": self._thresholds}
        arrays["centre"] = self._centre
        save_file(arrays, str(path / "head.safetensors"))
        about = {"kind": "sigmoid", "class_weight": self.class_weight, "ridge": self._ridge}
        write_json(path / "head.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            arrays = load_file(str(path / "head.safetensors"))
            about = json.loads((path / "head.json").read_text(encoding="utf-8"))
            weights, bias, thresholds = arrays["weights"], arrays["bias"], arrays["thresholds"]
            self.class_weight, self._ridge = about["class_weight"], float(about["ridge"])
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            message = f"The checkpoint in {path} is not one of several labels, or cannot be read: {error}"
            raise ModelError(message) from error
        self._weights, self._bias, self._thresholds = weights, bias, thresholds
        self._centre = arrays.get("centre", np.zeros(weights.shape[1]))

    def _fit_some(
        self,
        X: Any,
        y: np.ndarray,
        each: np.ndarray,
        some: np.ndarray,
        *,
        keep: bool = False,
        smoothing: np.ndarray | None = None,
        iterations: int = 100,
    ) -> Fitted:
        """Fit the labels `some`, bool (C,)."""
        if not some.any():
            path = [np.zeros((len(y), 0))] if keep else []
            return Fitted(np.zeros((0, X.shape[1])), np.zeros(0), 0.0, 0, path)
        right = y[:, some].astype(np.float64)
        weight = np.repeat(each[:, None], right.shape[1], axis=1)
        if self.class_weight == "balanced":
            given, total = (weight * right).sum(axis=0), weight.sum(axis=0)
            weight *= total / 2 / np.where(right > 0, given, total - given)
        if smoothing is not None:
            right = right * (1 - smoothing[:, None]) + smoothing[:, None] / 2
        return fit_sigmoid(X, right, weight, self._ridge, rough=not keep, keep=keep, iterations=iterations)

    def _held_out(self, X: Any, y: np.ndarray, each: np.ndarray, seed: int, stop: Stop | None) -> np.ndarray:
        """Return logits (n, C) of documents that were held out, each once; NaN where a label could not be learned."""
        folds = 5 if len(y) <= FEW else 3
        fold = label_folds(y, folds, np.random.default_rng(seed))
        logits = np.full(y.shape, np.nan)
        for k in range(folds):
            if stop is not None:
                stop.check()
            inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            some = _both_ways(y[inside], each[inside])
            if not len(outside) or not some.any():
                continue
            fit = self._fit_some(X[inside], y[inside], each[inside], some)
            logits[np.ix_(outside, some)] = X[outside] @ fit.weights.T + fit.bias
        return logits


def _both_ways(y: np.ndarray, each: np.ndarray) -> np.ndarray:
    """Return which labels were given at least once and left out at least once, bool (C,)."""
    counts = each > 0
    return np.logical_and(y[counts].any(axis=0), ~y[counts].all(axis=0))


def _dynamics(path: list[np.ndarray], y: np.ndarray, both: np.ndarray, rare: float) -> tuple[np.ndarray, np.ndarray]:
    right = y[:, both]
    certain = (1 - rare) * (~both).sum()
    labels = max(y.shape[1], 1)
    gold = [(np.exp(-binary_losses(logits, right)).sum(axis=1) + certain) / labels for logits in path]
    correct = [((logits >= 0) == right).all(axis=1) for logits in path]
    return np.stack(gold).astype(np.float16), np.stack(correct)
