"""The last linear layer of a classifier, and what it reads: the features of gradient strategies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from alwidget.learners.heads import last_linear

__all__ = ["features_read", "last_weights", "watched"]


def last_weights(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (C, f) and bias (C,) of the layer that makes the logits, float64."""
    layer: Any = _layer(model)
    weights = layer.weight.detach().to("cpu", torch.float64).numpy().copy()
    if layer.bias is None:
        return weights, np.zeros(len(weights))
    return weights, layer.bias.detach().to("cpu", torch.float64).numpy().copy()


@contextmanager
def watched(model: Any) -> Iterator[list[torch.Tensor]]:
    """Collect what that layer reads in each forward pass; the model computes what it always does."""
    read: list[torch.Tensor] = []
    hook = _layer(model).register_forward_pre_hook(lambda _, given: read.append(given[0]))
    try:
        yield read
    finally:
        hook.remove()


def features_read(read: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the features of each document, float32 (n, f).

    Decoders (GPT-2 and its kin) put the layer on every token and answer with the last that is no padding.
    """
    if read.ndim == 3:  # noqa: PLR2004
        read = read[torch.arange(len(read), device=read.device), mask.sum(1) - 1]
    return read.float()


def _layer(model: Any) -> nn.Linear:
    return last_linear(model, int(model.config.num_labels))[2]
