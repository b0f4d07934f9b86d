"""Work that is done a little later, on a thread that exists only while there is some."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

__all__ = ["Later"]

_log = logging.getLogger(__name__)
_AFTER_A_CRASH = 60.0


class Later:
    """Does a job once, some time after it was asked for, however often it was asked for until then.

    Parameters
    ----------
    job
        Called on a daemon thread. It may return the number of seconds after which it wants to be called again.
    name
        The name of the thread.
    """

    def __init__(self, job: Callable[[], float | None], name: str) -> None:
        self._job = job
        self._name = name
        self._wake = threading.Condition()
        self._due: float | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    def ask(self, delay: float) -> None:
        """Have the job done in `delay` seconds, or earlier when it was to be done earlier anyway."""
        with self._wake:
            if self._stopped:
                return
            due = time.monotonic() + delay
            if self._due is not None and self._due <= due:
                return
            self._due = due
            if self._thread is not None:
                self._wake.notify()
                return
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down; what must be done then, close() does
                self._thread = self._due = None

    def stop(self) -> None:
        """Do nothing more, apart from what is being done."""
        with self._wake:
            self._stopped = True
            self._due = None
            self._wake.notify()

    def _run(self) -> None:
        while self._wait():
            try:
                again = self._job()
            except Exception:  # noqa: BLE001  a thread that dies silently would be worse
                _log.exception("%s failed", self._name)
                again = _AFTER_A_CRASH
            if again is not None:
                self.ask(again)

    def _wait(self) -> bool:
        with self._wake:
            while self._due is not None and (rest := self._due - time.monotonic()) > 0:
                self._wake.wait(rest)
            if self._due is None:
                self._thread = None
                return False
            self._due = None
            return True
