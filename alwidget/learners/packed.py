"""Linear layers in the layout that the CPU's matrix kernels want, laid out once and not at every call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

__all__ = ["pack_linears"]

TYPICAL_TOKENS = 1024


class PackedLinear(nn.Module):
    """A linear layer for inference whose weight is stored as oneDNN wants it, with the bias added in the same pass.

    torch itself lays the weight out anew and copies the bias into the result at every call. These are the operators
    that its own compiler emits; `pack_linears` keeps the plain layer wherever they are missing.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), TYPICAL_TOKENS)  # noqa: SLF001
        bias: torch.Tensor | None = linear.bias  # None in layers without one, whatever torch's stubs say
        self._bias = None if bias is None else bias.detach()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x @ weight.T + bias``."""
        out = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")  # noqa: SLF001
        return torch.as_tensor(out)


def pack_linears(model: nn.Module) -> Callable[[], None]:
    """Replace the linear layers of a CPU model in place, and return what puts the plain ones back.

    The caller compares the vectors of both and puts the plain layers back if they differ.
    """
    replaced: list[tuple[nn.Module, str, nn.Module]] = []

    def undo() -> None:
        for parent, name, plain in replaced:
            setattr(parent, name, plain)
        replaced.clear()

    if not _available():
        return undo
    try:
        for parent, name, linear in list(_linears(model)):
            packed = PackedLinear(linear)
            setattr(parent, name, packed)
            replaced.append((parent, name, linear))
    except (RuntimeError, NotImplementedError, AttributeError, TypeError):  # an operator of another torch version
        undo()
    return undo


def _available() -> bool:
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    operators: Any = torch.ops.mkldnn
    return hasattr(operators, "_reorder_linear_weight") and hasattr(operators, "_linear_pointwise")


def _linears(model: nn.Module) -> list[tuple[nn.Module, str, nn.Linear]]:
    return [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if type(child) is nn.Linear
    ]
