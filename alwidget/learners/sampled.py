"""What single documents cost a network: for TracIn over all of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from alwidget.learners.base import Batch, Stop

__all__ = ["SampleLosses", "SupportsGradients"]


@dataclass(frozen=True, slots=True)
class SampleLosses:
    """A network and what some documents cost it, one by one.

    Attributes
    ----------
    module
        The network, a `torch.nn.Module`.
    losses
        ``losses(rows)`` returns the loss of each of these documents under the present weights, a tensor (k,) with its
        gradient.
    lengths
        Tokens or words of each document, int64 (n,).
    """

    module: Any
    losses: Callable[[np.ndarray], Any]
    lengths: np.ndarray


@runtime_checkable
class SupportsGradients(Protocol):
    """A learner whose loss can be differentiated by all of its parameters; see `alwidget.reuse.gradients`."""

    def sample_losses(self, documents: Batch, y: Any, *, stop: Stop | None = None) -> SampleLosses:
        """Return what these documents cost the present model with these answers, unweighted and unsmoothed."""
