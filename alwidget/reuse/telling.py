"""How far a long call is, on a terminal or in a notebook, or to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alwidget.learners.base import Progress

__all__ = ["told"]


@contextmanager
def told(progress: bool | Progress) -> Iterator[Progress | None]:  # noqa: FBT001  a switch or a function
    """Yield what to call with phase, done and total: the function that was given, a bar for True, None for False."""
    if callable(progress):
        yield progress
        return
    if not progress:
        yield None
        return
    bars = _Bars()
    try:
        yield bars
    finally:
        bars.close()


class _Bars:
    """One bar at a time on standard error, a new one for every phase that takes longer than a moment."""

    def __init__(self) -> None:
        self._phase = ""
        self._bar: Any = None

    def __call__(self, phase: str, done: int, total: int) -> None:
        from tqdm.auto import tqdm

        if phase != self._phase:
            self.close()
            self._phase = phase
            self._bar = tqdm(total=total, desc=phase, delay=1.0, leave=False)
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(max(0, done - self._bar.n))

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
