"""Time that never goes back: the order of a session may not depend on whose clock is right."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from alwidget.log.events import write_time

__all__ = ["Clock"]


def _wall() -> int:
    return time.time_ns() // 1_000_000


class Clock:
    """A hybrid logical clock: the wall's time, but always later than every time that was given out or seen.

    Parameters
    ----------
    wall
        Milliseconds since 1970.

    Examples
    --------
    >>> clock = Clock(lambda: 0)
    >>> clock.tick(), clock.tick()
    ('1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.001Z')
    >>> clock.see("2026-01-05T10:11:12.999Z")
    >>> clock.tick()
    '2026-01-05T10:11:13.000Z'
    """

    def __init__(self, wall: Callable[[], int] = _wall) -> None:
        self._wall = wall
        self._seen = ""

    def see(self, moment: str) -> None:
        """Take note of a time that somebody else gave out."""
        self._seen = max(self._seen, moment)

    def tick(self) -> str:
        """Return a time later than all before."""
        now = write_time(self._wall())
        if now <= self._seen:
            seen = datetime.fromisoformat(self._seen)
            now = write_time(round(seen.timestamp() * 1000) + 1)
        self._seen = now
        return now
