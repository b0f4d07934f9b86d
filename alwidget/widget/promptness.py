"""A prompt interpreter while a page is open: what the page says must not stand in line behind a computing cell.

A thread that wants Python's interpreter waits until the thread that has it lets go: by itself at a system call, else
after the switch interval, 5 ms by default. On its way from the socket to the disk and back a decision passes a dozen
threads and system calls and gives the interpreter up at each, so beside a cell of pure Python it used to take about a
second. The interval only counts while somebody waits: a cell that has the interpreter to itself is not slowed down.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

__all__ = ["INTERVAL", "prompt"]

INTERVAL = 0.0002
"""Seconds that a waiting thread gives the running one, while a page is open."""

_lock = threading.Lock()
_open = 0
_before = 0.0


def prompt() -> Callable[[], None]:
    """Shorten the switch interval until the function that is returned is called; it may be called again.

    With several pages it stays short until the last is closed. An interval that is shorter already is left as it is,
    and so is one that somebody else sets meanwhile.

    >>> done = prompt()
    >>> done()
    """
    global _open, _before  # noqa: PLW0603  the interval is the process's, and so is what it was
    with _lock:
        _open += 1
        if _open == 1:
            _before = sys.getswitchinterval()
            if _before > INTERVAL:
                sys.setswitchinterval(INTERVAL)
    once = threading.Lock()

    def done() -> None:
        global _open  # noqa: PLW0603
        if not once.acquire(blocking=False):
            return
        with _lock:
            _open -= 1
            # the interval is kept in whole microseconds
            if not _open and abs(sys.getswitchinterval() - INTERVAL) < 1e-6:  # noqa: PLR2004
                sys.setswitchinterval(_before)

    return done
