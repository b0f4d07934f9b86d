"""Dropout from a generator of one's own, in any model and in this thread only, in training or whenever one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["OwnRandomness", "has_dropout", "restarting"]


class OwnRandomness(TorchFunctionMode):
    """While it is entered, what this thread's models draw comes from `generator` and leaves the global one alone.

    `SeededDropout` replaces layers; encoder-decoders of the BART family have none and call the function. So the call
    itself is answered here. Dropout inside of fused attention, which cannot be given a generator, is off.

    Parameters
    ----------
    generator
        On the device of the model.
    always
        Also drop in evaluation (Monte Carlo dropout): all else in the model stays in evaluation, and nothing has to be
        put back afterwards.
    consistent
        Drop the same units of each layer for all rows and all places in them until `restart` is told of another
        forward pass, and then the same again: the pass is one function of the documents, whatever the batches. Where
        the masks come from is the seed of the generator, the place of the layer and its width.

    Examples
    --------
    >>> layer = torch.nn.Dropout(0.5).eval()
    >>> with OwnRandomness(torch.Generator().manual_seed(0), always=True):
    ...     dropped = layer(torch.ones(1000))
    >>> sorted(set(dropped.tolist())), bool((layer(torch.ones(9)) == 1).all())
    ([0.0, 2.0], True)
    """

    def __init__(self, generator: torch.Generator, *, always: bool = False, consistent: bool = False) -> None:
        super().__init__()
        self._generator, self._always, self._consistent = generator, always, consistent
        self._place = 0
        self._kept: dict[tuple[int, int], torch.Tensor] = {}
        self._layers = torch.Generator().manual_seed(generator.initial_seed() % 2**63)

    def restart(self) -> None:
        """Count layers from the first again: a forward pass begins."""
        self._place = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Answer what draws; all else goes its way."""
        del types
        given = kwargs or {}
        if func is functional.dropout:
            return self._dropped(*args, **given)
        if func is functional.scaled_dot_product_attention:
            return func(*args[:4], **{**given, "dropout_p": 0.0})
        if func is torch.rand and not {"generator", "device"} & set(given):  # whether to leave out a layer
            return func(*args, **given, generator=self._layers)
        return func(*args, **given)

    def _dropped(
        self,
        x: torch.Tensor,
        p: float = 0.5,
        training: bool = True,  # noqa: FBT001, FBT002  torch's own signature
        inplace: bool = False,  # noqa: FBT001, FBT002
    ) -> torch.Tensor:
        del inplace
        if p == 0 or not (training or self._always):
            return x
        if self._consistent:
            return x * self._mask(x.shape[-1], p).to(x.device, x.dtype)
        keep = torch.empty_like(x).bernoulli_(1 - p, generator=self._generator)
        return x * keep.div_(1 - p)

    def _mask(self, width: int, p: float) -> torch.Tensor:
        """Return what this layer's units are multiplied by, float32 (width,)."""
        place, self._place = (self._place, width), self._place + 1
        if place not in self._kept:
            rng = np.random.default_rng([self._generator.initial_seed() % 2**63, *place])
            self._kept[place] = torch.from_numpy((rng.random(width) >= p) / np.float32(1 - p))
        return self._kept[place]


@contextmanager
def restarting(model: torch.nn.Module, drawing: OwnRandomness) -> Iterator[None]:
    """Tell `drawing` of every forward pass of `model`."""
    hook = model.register_forward_pre_hook(lambda *_: drawing.restart())
    try:
        yield
    finally:
        hook.remove()


def has_dropout(model: Any, fields: Iterable[str]) -> bool:
    """Whether a model drops anything: in a layer, or by a rate in one of these fields of its configuration."""
    layers = (getattr(m, "p", 0.0) for m in model.modules() if "dropout" in type(m).__name__.lower())
    rates = (getattr(model.config, field, 0.0) for field in fields)
    return any(isinstance(rate, float) and rate > 0 for rate in (*layers, *rates))
