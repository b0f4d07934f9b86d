"""Callbacks of others: called without any lock, and never a reason for a decision to fail."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVarTuple

__all__ = ["Listeners"]

_log = logging.getLogger(__name__)
Args = TypeVarTuple("Args")


class Listeners(Generic[*Args]):
    """Functions that want to be called when something happened.

    >>> heard = []
    >>> listeners = Listeners()
    >>> leave = listeners.add(heard.append)
    >>> listeners.tell(1); leave(); listeners.tell(2); heard
    [1]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[*Args], object]] = []

    def add(self, callback: Callable[[*Args], object]) -> Callable[[], None]:
        """Have `callback` called from now on; returns what ends that."""
        with self._lock:
            self._callbacks = [*self._callbacks, callback]

        def leave() -> None:
            with self._lock:
                self._callbacks = [one for one in self._callbacks if one is not callback]

        return leave

    def tell(self, *what: *Args) -> None:
        """Call everybody."""
        for callback in self._callbacks:
            try:
                callback(*what)
            except Exception:  # noqa: BLE001  what listeners do is theirs
                _log.exception("a listener to the log failed")
