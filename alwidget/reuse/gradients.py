"""Squared norms of every document's loss gradient over all parameters of a network: TracIn without a last layer.

One backward pass a batch gives them where the network is made of layers whose gradient of one document is a product
of what the layer read and what its output should have been (Goodfellow 2015, "Efficient per-example gradient
computations"; Li et al. 2022, "Large language models can be strong differentially private learners"). Any other
network takes one backward pass a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from alwidget.errors import ArgumentError
from alwidget.learners.base import Stop
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import token_batches

__all__ = ["gradient_norms"]

BUDGET = {"cpu": 1024, "cuda": 8192}
"""Tokens of a batch, padding included."""
MOST = 64
"""Documents of a batch."""
CHECKED = 2
"""Documents that are computed both ways before the faster is relied on."""
TOLERANCE = {"cpu": 1e-3, "cuda": 5e-2}
"""Relative; on a GPU the model computes in bfloat16."""
OUTER_BYTES = 64 << 20

Losses = Callable[[np.ndarray], torch.Tensor]


def gradient_norms(
    module: nn.Module,
    losses: Losses,
    lengths: np.ndarray,
    *,
    together: bool | None = None,
    stop: Stop | None = None,
) -> np.ndarray:
    """Return how long every document's loss gradient is, over all trainable parameters, squared.

    Parameters
    ----------
    module
        The network. It is put into evaluation meanwhile, so that nothing is dropped; its gradients are left alone.
    losses
        ``losses(rows)`` returns the loss of each of some documents, a tensor (k,), by way of `module`.
    lengths
        Tokens of each document, at least one, int (n,); batches hold a bounded number of them.
    together
        True: one backward pass a batch. False: one a document. None: the first where the network is made of linear
        layers, embeddings and layer norms that are each called once, and agrees with the second on two documents.

    Returns
    -------
    numpy.ndarray
        ``‖∂ loss / ∂ parameters‖²``, float64 (n,). Summed over checkpoints by their learning rates this is TracIn's
        self-influence (Pruthi et al. 2020).

    Raises
    ------
    alwidget.errors.ArgumentError
        No parameter is trainable, or `together` is asked for of a network that cannot.
    alwidget.errors.Cancelled
        `stop` was set; it is looked at before every batch.

    Examples
    --------
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> x = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    >>> gradient_norms(layer, lambda rows: layer(x[rows])[:, 0], np.ones(2)).tolist()
    [25.0, 1.0]
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trained:
        message = "There are no gradients: no parameter of the network is trainable."
        raise ArgumentError(message)
    kind = "cuda" if trained[0].is_cuda else "cpu"
    out = np.zeros(len(lengths))
    batched = together
    with bounded_threads(), _in_evaluation(module), torch.enable_grad():
        for rows in token_batches(np.asarray(lengths), BUDGET[kind], most=MOST):
            if stop is not None:
                stop.check()
            found = None if batched is False else _batched(module, losses, rows)
            if found is None and together:
                message = f"{type(module).__name__} has layers whose gradients cannot be told apart by the document."
                raise ArgumentError(message)
            if batched is None and found is not None:
                some = rows[:CHECKED]
                alone = _alone(trained, losses, some, stop)
                batched = bool(np.allclose(found[: len(some)], alone, rtol=TOLERANCE[kind], atol=1e-12))
            out[rows] = found if found is not None and batched else _alone(trained, losses, rows, stop)
            batched = False if found is None else batched
    return out


@contextmanager
def _in_evaluation(module: nn.Module) -> Iterator[None]:
    training = [each for each in module.modules() if each.training]
    module.eval()
    try:
        yield
    finally:
        for each in training:
            each.training = True


def _alone(trained: list[nn.Parameter], losses: Losses, rows: np.ndarray, stop: Stop | None) -> np.ndarray:
    """Return the squared norms from one backward pass a document."""
    out = np.zeros(len(rows))
    for i in range(len(rows)):
        if stop is not None:
            stop.check()
        loss = losses(rows[i : i + 1]).sum()
        grads = torch.autograd.grad(loss, trained, allow_unused=True)
        found: list[torch.Tensor | None] = list(grads)  # None where the loss does not depend on one
        norms = [torch.linalg.vector_norm(grad.float()) for grad in found if grad is not None]
        out[i] = float(torch.stack(norms).double().square().sum()) if norms else 0.0
    return out


@dataclass(frozen=True, slots=True)
class _Call:
    """A layer that was called: what it read, and what came out, a row a document."""

    layer: Any
    read: torch.Tensor
    out: torch.Tensor


def _batched(module: nn.Module, losses: Losses, rows: np.ndarray) -> np.ndarray | None:
    """Return the squared norms from one backward pass; None where they cannot be had like that."""
    layers = _layers(module)
    if layers is None:
        return None
    calls: list[_Call] = []
    hooks = [layer.register_forward_hook(_noting(calls, len(rows))) for layer in layers]
    try:
        loss = losses(rows).sum()
    finally:
        for hook in hooks:
            hook.remove()
    once = len({id(call.layer) for call in calls}) == len(calls)
    if not once or any(len(call.read) != len(rows) or len(call.out) != len(rows) for call in calls):
        return None
    grads = torch.autograd.grad(loss, [call.out for call in calls], allow_unused=True)
    norms = torch.zeros(len(rows), dtype=torch.float64, device=loss.device)
    with torch.no_grad():
        for call, grad in zip(calls, grads, strict=True):
            if grad is not None:
                norms += _squared(call.layer, call.read, grad.float())
    found: np.ndarray = norms.clamp(min=0).cpu().numpy()
    return found


def _layers(module: nn.Module) -> list[nn.Module] | None:
    """Return the layers that have trainable parameters; None where one is of another kind, or shares them."""
    seen: set[int] = set()
    found: list[nn.Module] = []
    for layer in module.modules():
        own = [parameter for parameter in layer.parameters(recurse=False) if parameter.requires_grad]
        if not own:
            continue
        if not (type(layer) in {nn.Linear, nn.Embedding, nn.LayerNorm} or _is_transposed(layer)):
            return None
        if seen & {id(parameter) for parameter in own}:
            return None
        seen |= {id(parameter) for parameter in own}
        found.append(layer)
    return found


def _is_transposed(layer: nn.Module) -> bool:
    """Whether this is the linear layer of GPT-2, whose weight lies the other way round."""
    return type(layer).__name__ == "Conv1D" and type(layer).__module__ == "transformers.pytorch_utils"


def _noting(calls: list[_Call], n: int) -> Callable[..., Any]:
    def note(layer: nn.Module, given: tuple[Any, ...], out: torch.Tensor) -> torch.Tensor:
        read = given[0].detach()
        if len(read) == 1 < n:  # places, which are the same in all documents
            read, out = read.expand(n, *read.shape[1:]), out.expand(n, *out.shape[1:])
        calls.append(_Call(layer, read, out))
        return out

    return note


def _squared(layer: Any, read: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """Return the squared norm of each document's gradient of one layer's parameters, float64 (n,)."""
    n = len(read)
    grad = grad.reshape(n, -1, grad.shape[-1])
    out = torch.zeros(n, dtype=torch.float64, device=grad.device)
    bias = getattr(layer, "bias", None)
    if bias is not None and bias.requires_grad:
        out += _length(grad.sum(1))
    if not layer.weight.requires_grad:
        return out
    if isinstance(layer, nn.Embedding):
        return out + _embedded(layer, read.reshape(n, -1), grad)
    if isinstance(layer, nn.LayerNorm):
        standard = functional.layer_norm(read.float(), layer.normalized_shape, None, None, layer.eps)
        return out + _length((standard.reshape(grad.shape) * grad).sum(1))
    return out + _products(read.float().reshape(n, grad.shape[1], -1), grad)


def _products(read: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """Return ``‖Σ_t grad_t ⊗ read_t‖²`` of each document, float64 (n,), the shorter way."""
    n, steps, width = read.shape
    if steps * (width + grad.shape[2]) < width * grad.shape[2]:
        return ((read @ read.transpose(1, 2)) * (grad @ grad.transpose(1, 2))).sum((1, 2), dtype=torch.float64)
    most = max(OUTER_BYTES // (4 * width * grad.shape[2]), 1)
    parts = [
        _length((grad[at : at + most].transpose(1, 2) @ read[at : at + most]).flatten(1)) for at in range(0, n, most)
    ]
    return torch.cat(parts) if parts else torch.zeros(n, dtype=torch.float64)


def _embedded(layer: nn.Embedding, ids: torch.Tensor, grad: torch.Tensor) -> torch.Tensor:
    """Return ``Σ_row ‖Σ_{t of row} grad_t‖²`` of each document, float64 (n,)."""
    if layer.padding_idx is not None:
        grad = grad * (ids != layer.padding_idx)[:, :, None]
    same = ids[:, :, None] == ids[:, None, :]
    return ((grad @ grad.transpose(1, 2)) * same).sum((1, 2), dtype=torch.float64)


def _length(rows: torch.Tensor) -> torch.Tensor:
    norms: torch.Tensor = torch.linalg.vector_norm(rows.float(), dim=1)
    return norms.double().square()
