"""Dropout from a generator of one's own, in any model and in this thread only, in training or whenever one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["OwnRandomness"]


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

    Examples
    --------
    >>> layer = torch.nn.Dropout(0.5).eval()
    >>> with OwnRandomness(torch.Generator().manual_seed(0), always=True):
    ...     dropped = layer(torch.ones(1000))
    >>> sorted(set(dropped.tolist())), bool((layer(torch.ones(9)) == 1).all())
    ([0.0, 2.0], True)
    """

    def __init__(self, generator: torch.Generator, *, always: bool = False) -> None:
        super().__init__()
        self._generator, self._always = generator, always
        self._layers = torch.Generator().manual_seed(generator.initial_seed() % 2**63)

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
        keep = torch.empty_like(x).bernoulli_(1 - p, generator=self._generator)
        return x * keep.div_(1 - p)
