"""A small network on frozen vectors, as Cartography Active Learning trains one; its epochs are training dynamics."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Stop
from alwidget.learners.checkpoints import reading, write_json
from alwidget.learners.head import UNSEEN_BIAS, HeadFit, checked_smoothing, checked_weights
from alwidget.learners.softmax import log_softmax
from alwidget.learners.threads import bounded_threads

if TYPE_CHECKING:
    import torch

__all__ = ["MlpHead"]

Layers = list[tuple[np.ndarray, np.ndarray]]


class MlpHead:
    """Three hidden layers of 300 ReLU units with dropout between them, on vectors that do not change.

    The network of Zhang & Plank 2021, "Cartography Active Learning", which reads its own training from epoch to epoch;
    vectors are centred and brought to a mean squared entry of one, as the training set says. Every fit starts from
    weights that the seed draws and sees all labels, so that the same labels and seed give the same network. After each
    epoch it is measured on all labelled documents with dropout off. Its probabilities are not calibrated.

    A label that nobody has used yet shares a small probability, ``unseen / (n + C)`` in all, as with `Head`.

    Parameters
    ----------
    hidden
        Units of each hidden layer.
    dropout
        Share of the units of each hidden layer that is dropped, in training and in `dropped`.
    learning_rate, weight_decay
        Of AdamW.
    epochs, min_steps
        Passes over the labels: `epochs`, or with few labels as many as make `min_steps` steps. The paper starts at 500
        labels, which take so many steps in its 30 epochs; 20 labels would hardly move the weights.
    batch_size
        Documents a step.
    """

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (300, 300, 300),
        dropout: float = 0.3,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.01,
        epochs: int = 30,
        min_steps: int = 900,
        batch_size: int = 16,
    ) -> None:
        if not hidden or min(hidden) < 1 or not 0 <= dropout < 1 or min(epochs, batch_size) < 1:
            message = (
                "An MLP head needs one hidden layer or more, a dropout from 0 to below 1, and epochs and a batch_size "
                f"of at least 1; got hidden={hidden}, dropout={dropout}, epochs={epochs}, batch_size={batch_size}."
            )
            raise ModelError(message)
        self.widths, self.dropout = tuple(int(width) for width in hidden), float(dropout)
        self._rate, self._decay = learning_rate, weight_decay
        self._epochs, self._min_steps, self._batch = epochs, min_steps, batch_size
        self._layers: Layers = []
        self._centre, self._scale = np.empty(0, dtype=np.float32), 1.0
        self._seen = np.empty(0, dtype=bool)
        self._unseen_share = 0.0

    @property
    def fitted(self) -> bool:
        """Whether there is something to predict with."""
        return bool(self._layers)

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, f) and bias (C,) of the last layer, on what `features` returns.

        ``softmax(features @ W.T + b)`` are the probabilities among the labels in use; an unused label has zero weights
        and a bias of -30.
        """
        last, bias = self._fitted_layers()[-1]
        W, b = np.zeros((len(self._seen), last.shape[1])), np.full(len(self._seen), UNSEEN_BIAS)
        W[self._seen], b[self._seen] = last, bias
        return W, b

    def forget(self) -> None:
        """Forget what was learned."""
        self._layers = []

    def fit(
        self,
        X: Any,
        y: np.ndarray,
        n_classes: int,
        *,
        weights: np.ndarray | None = None,
        smoothing: np.ndarray | None = None,
        iterations: int | None = None,
        seed: int = 0,
        stop: Stop | None = None,
    ) -> HeadFit:
        """Train on dense features (n, d) and classes int64 (n,) below `n_classes`.

        `weights` float64 (n,) multiply the loss of each row, `smoothing` (n,) is the share of its target that is
        spread over the labels in use, and `iterations` are epochs at most. A cancelled fit leaves the head as it was.

        Raises
        ------
        alwidget.errors.ModelError
            There are no labels, the features are sparse or not finite, or the weights cannot be used.
        alwidget.errors.Cancelled
            `stop` was set; it is looked at before every step.
        """
        y = np.asarray(y, dtype=np.int64)
        features = _dense(X)
        if not len(y):
            message = "There are no labels to train from."
            raise ModelError(message)
        each = checked_weights(weights, len(y))
        used, inner = np.unique(y, return_inverse=True)
        centre = features.mean(axis=0)
        scale = 1 / max(float(np.sqrt(((features - centre) ** 2).mean())), 1e-6)
        with bounded_threads(1):
            smooth = checked_smoothing(smoothing, len(y))
            targets = _targets(inner, len(used), smooth)
            layers, path, loss = self._taught((features - centre) * scale, targets, each, iterations, seed, stop)
        self._layers, self._centre, self._scale = layers, centre, scale
        self._seen = np.isin(np.arange(n_classes), used)
        self._unseen_share = (n_classes - len(used)) / (len(y) + n_classes)
        rows = np.arange(len(y))
        gold = np.stack([np.exp(log_softmax(logits))[rows, inner] for logits in path]).astype(np.float16)
        correct = np.stack([logits.argmax(axis=1) == inner for logits in path])
        return HeadFit(loss, len(path), 1.0, gold, correct)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, float64 (n, C); rows sum to one."""
        return self._proba(self.features(X))

    def features(self, X: np.ndarray) -> np.ndarray:
        """Return what the last layer reads, float32 (n, f): the last hidden layer, dropout off."""
        return _hidden(self._fitted_layers(), self._prepared(X), lambda h: h)

    def dropped(self, rng: np.random.Generator, *, consistent: bool) -> Callable[[np.ndarray], np.ndarray]:
        """Return one pass with dropout on: a function of (n, d) to probabilities, float64 (n, C).

        With `consistent` it drops the same units for all rows, else it draws from `rng` for each row that it is given.
        """
        layers, share, scale = self._fitted_layers(), self.dropout, np.float32(1 / (1 - self.dropout))
        masks = [(rng.random(width) >= share) * scale for width in self.widths]

        def one(X: np.ndarray) -> np.ndarray:
            same = iter(masks)

            def drop(h: np.ndarray) -> np.ndarray:
                own = next(same) if consistent else (rng.random(h.shape, dtype=np.float32) >= share) * scale
                out: np.ndarray = h * own
                return out

            return self._proba(_hidden(layers, self._prepared(X), drop))

        return one

    def save(self, path: Path) -> None:
        """Write ``head.safetensors`` and ``head.json`` into a folder."""
        from safetensors.numpy import save_file

        arrays = {"centre": self._centre}
        for number, (W, b) in enumerate(self._fitted_layers()):
            arrays |= {f"weights.{number}": np.ascontiguousarray(W), f"bias.{number}": b}
        save_file(arrays, str(path / "head.safetensors"))
        about = {
            "kind": "mlp",
            "hidden": self.widths,
            "dropout": self.dropout,
            "scale": self._scale,
            "seen": self._seen.tolist(),
            "unseen_share": self._unseen_share,
        }
        write_json(path / "head.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        from safetensors.numpy import load_file

        with reading(path):
            arrays = load_file(str(path / "head.safetensors"))
            about = json.loads((path / "head.json").read_text(encoding="utf-8"))
            widths = tuple(int(width) for width in about["hidden"])
            layers = [(arrays[f"weights.{i}"], arrays[f"bias.{i}"]) for i in range(len(widths) + 1)]
            scale, share, dropout = float(about["scale"]), float(about["unseen_share"]), float(about["dropout"])
            seen = np.array(about["seen"], dtype=bool)
            centre = arrays["centre"]
        self.widths, self.dropout, self._layers = widths, dropout, layers
        self._centre, self._scale, self._seen, self._unseen_share = centre, scale, seen, share

    def _taught(
        self, X: np.ndarray, y: np.ndarray, each: np.ndarray, most: int | None, seed: int, stop: Stop | None
    ) -> tuple[Layers, list[np.ndarray], float]:
        """Return the layers, the logits after every epoch, and the last mean loss."""
        import torch
        from torch.nn import functional

        generator = torch.Generator().manual_seed(seed)
        parameters = _drawn((X.shape[1], *self.widths, y.shape[1]), generator)
        optimiser = torch.optim.AdamW(parameters, lr=self._rate, weight_decay=self._decay)
        inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
        weights = torch.from_numpy(each.astype(np.float32))
        rng = np.random.default_rng(seed)
        path: list[np.ndarray] = []
        epochs = max(self._epochs, -(-self._min_steps // -(-len(y) // self._batch)))
        for _ in range(min(epochs, most or epochs)):
            order = torch.from_numpy(rng.permutation(len(y)))
            for start in range(0, len(y), self._batch):
                rows = order[start : start + self._batch]
                if stop is not None:
                    stop.check()
                logits = _forward(parameters, inputs[rows], self.dropout, generator)
                losses = functional.cross_entropy(logits, targets[rows], reduction="none") * weights[rows]
                (losses.sum() / weights[rows].sum().clamp(min=1e-9)).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            with torch.inference_mode():
                path.append(_forward(parameters, inputs, 0.0, generator).double().numpy())
        loss = float(-(each * (log_softmax(path[-1]) * y).sum(axis=1)).sum() / each.sum())
        arrays = [p.detach().numpy().copy() for p in parameters]
        return list(zip(arrays[::2], arrays[1::2], strict=True)), path, loss

    def _proba(self, hidden: np.ndarray) -> np.ndarray:
        last, bias = self._layers[-1]
        out = np.zeros((len(hidden), len(self._seen)))
        logits = np.asarray(hidden @ last.T + bias, dtype=np.float64)
        out[:, self._seen] = (1 - self._unseen_share) * np.exp(log_softmax(logits))
        if not self._seen.all():
            out[:, ~self._seen] = self._unseen_share / (~self._seen).sum()
        return out

    def _prepared(self, X: np.ndarray) -> np.ndarray:
        return (_dense(X) - self._centre) * np.float32(self._scale)

    def _fitted_layers(self) -> Layers:
        if not self._layers:
            message = "The model has not been trained yet."
            raise ModelError(message)
        return self._layers


def _targets(y: np.ndarray, classes: int, smoothing: np.ndarray | None) -> np.ndarray:
    """Return the share of each class in the target of each row, float32 (n, C)."""
    sure: np.ndarray = np.eye(classes, dtype=np.float32)[y]
    if smoothing is None:
        return sure
    spread = smoothing[:, None].astype(np.float32)
    out: np.ndarray = sure * (1 - spread) + spread / classes
    return out


def _drawn(widths: tuple[int, ...], generator: torch.Generator) -> list[torch.Tensor]:
    """Return weights and bias of every layer, drawn as He et al. 2015 do for ReLU; biases start at zero."""
    import torch

    parameters = []
    for inside, outside in pairwise(widths):
        spread = (2 / inside) ** 0.5
        parameters.append((torch.randn(outside, inside, generator=generator) * spread).requires_grad_())
        parameters.append(torch.zeros(outside, requires_grad=True))
    return parameters


def _forward(
    parameters: list[torch.Tensor], X: torch.Tensor, dropout: float, generator: torch.Generator
) -> torch.Tensor:
    """Return logits, with a share `dropout` of each hidden layer dropped."""
    import torch
    from torch.nn import functional

    hidden = X
    for W, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        hidden = functional.linear(hidden, W, b).relu()
        if dropout:
            hidden = hidden * torch.empty_like(hidden).bernoulli_(1 - dropout, generator=generator) / (1 - dropout)
    return functional.linear(hidden, parameters[-2], parameters[-1])


def _hidden(layers: Layers, X: np.ndarray, drop: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the last hidden layer, float32 (n, f)."""
    hidden = X
    for W, b in layers[:-1]:
        hidden = drop(np.maximum(hidden @ W.T + b, 0))
    return hidden


def _dense(X: Any) -> np.ndarray:
    """Return features as float32 (n, d), or raise where they are none."""
    if hasattr(X, "tocsr"):
        message = "An MLP head reads dense vectors; put it on an encoder, not on counted words."
        raise ModelError(message)
    dense = np.asarray(X, dtype=np.float32)
    if not np.isfinite(dense).all():
        message = f"{int((~np.isfinite(dense)).any(axis=1).sum())} vectors are not finite; the encoder is broken."
        raise ModelError(message)
    return dense
