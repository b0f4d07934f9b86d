"""Randomness for libraries that take none: what they draw comes from a generator of ours while they choose."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["Numpy", "seed_from", "swapped"]

_LOCK = threading.Lock()
"""Names of a module can be swapped by one at a time."""


def seed_from(rng: np.random.Generator) -> int:
    """Return a seed as old interfaces take it, 0 … 2³¹ - 2."""
    return int(rng.integers(2**31 - 1))


class Numpy:
    """Stands for the module ``numpy`` in code that draws from ``numpy.random``; all else is NumPy's own.

    The global generator of NumPy is left alone: a cell that runs beside the engine may have seeded it.
    """

    def __init__(self, seed: int) -> None:
        self.random = _Random(seed)

    def __getattr__(self, name: str) -> Any:
        """Return what NumPy has."""
        return getattr(np, name)


class _Random:
    """``numpy.random`` with one seed; a generator that is made without any gets one from here."""

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)

    def RandomState(self, seed: Any = None) -> np.random.RandomState:  # noqa: N802  NumPy's name
        return np.random.RandomState(self._state.randint(2**31 - 1) if seed is None else seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)


@contextmanager
def swapped(names: Mapping[ModuleType, Mapping[str, Any]]) -> Iterator[None]:
    """Let names in modules mean something else, and give them back."""
    with _LOCK:
        kept = {module: {name: getattr(module, name) for name in changes} for module, changes in names.items()}
        try:
            for module, changes in names.items():
                vars(module).update(changes)
            yield
        finally:
            for module, before in kept.items():
                vars(module).update(before)
