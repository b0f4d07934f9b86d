"""The one sender: every message to the page, and every trait written after display, goes through its thread.

ipykernel 7.4 routes what a page says on a comm to the shell that last *sent* on that comm. A message sent by a cell,
or by a thread of which the kernel knows nothing, therefore makes the next click wait until the running cell ends. So
all sends happen in a copy of the context in which the newest `Hello` was handled: that of the subshell that JupyterLab
uses for widgets. This is an optimisation and leans on a detail of the kernel; nothing breaks where it does not hold.

One sender also gives the page one order of messages, and keeps the trainer's thread out of the kernel's sockets.
"""

from __future__ import annotations

import contextvars
import enum
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from alwidget.widget import wire
from alwidget.widget.protocol import Ack, Queue, Snapshot, StatusMessage, ToPage

__all__ = ["Outbox"]

_log = logging.getLogger(__name__)

PROGRESS_EVERY = 0.5
"""Seconds between two writes of the progress trait, whose observers are the user's code."""


class _Signal(enum.Enum):
    """What the thread is woken for when there is nothing to send."""

    WAKE = enum.auto()
    STOP = enum.auto()


class _Letter:
    """A message with its plain form, made on the thread that posted it, so that it cannot fail later."""

    __slots__ = ("content", "message")

    def __init__(self, message: ToPage) -> None:
        self.message = message
        self.content = wire.to_page(message)


class _Errand:
    """Something to do on the sender's thread, in its turn; `done` is set afterwards, whatever came of it."""

    __slots__ = ("act", "done")

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.done = threading.Event()


class Outbox:
    """Sends messages from one daemon thread, in order; never raises what a send raises, and never dies of it.

    Parameters
    ----------
    send
        Sends plain JSON data to every view.
    set_progress
        Writes the progress trait. Its observers are called here, after all that waits to be sent.
    refresh
        Makes a snapshot anew that was overtaken by a newer message before it could be sent.
    progress_every
        The least number of seconds between two calls of `set_progress`.

    Notes
    -----
    Before the first `hello` no page listens: messages are dropped, and the first snapshot tells the page everything.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        *,
        set_progress: Callable[[dict[str, Any]], None] | None = None,
        refresh: Callable[[Snapshot], Snapshot] | None = None,
        progress_every: float = PROGRESS_EVERY,
    ) -> None:
        self._send, self._set_progress, self._refresh = send, set_progress, refresh
        self._every = progress_every
        self._queue: queue.SimpleQueue[_Letter | _Errand | _Signal] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._context = contextvars.copy_context()
        self._greeted = self._stopped = False
        self._progress: dict[str, Any] | None = None
        self._progress_due = 0.0
        self._revision = -1
        self._failures: set[type[BaseException]] = set()

    # From any thread -------------------------------------------------------------------------------------------------

    def hello(self) -> None:
        """Send from now on in the context of the caller, who handles a `Hello`.

        A reloaded page comes with a new subshell; the kernel must find the way to that one.
        """
        self._context = contextvars.copy_context()
        self._greeted = True

    def post(self, message: ToPage) -> None:
        """Have a message sent, after those that were posted before.

        Raises
        ------
        TypeError
            The message holds something that JSON cannot say.
        """
        if self._greeted and not self._stopped:
            self._put(_Letter(message))

    def progress(self, value: dict[str, Any]) -> None:
        """Have the progress trait written soon; of several values in a short time only the last one is."""
        with self._lock:
            self._progress = value
        self._put(_Signal.WAKE)

    def call(self, act: Callable[[], None], timeout: float) -> bool:
        """Run `act` on the sender's thread in its turn; return whether it came to its end within `timeout` seconds."""
        if threading.current_thread() is self._thread:
            act()
            return True
        errand = _Errand(act)
        return self._put(errand) and errand.done.wait(timeout)

    def flush(self, timeout: float = 1.0) -> bool:
        """Wait until all that was posted has been sent; return False after `timeout` seconds."""
        return self.call(self._write_progress, timeout)

    def stop(self, timeout: float = 1.0) -> None:
        """Send what is posted and end the thread; what is posted later is dropped. Harmless when called twice."""
        with self._lock:
            thread, self._stopped = self._thread, True
            self._queue.put(_Signal.STOP)
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _put(self, entry: _Letter | _Errand | _Signal) -> bool:
        """Queue something and see to it that a thread is there to take it."""
        with self._lock:
            if self._stopped:
                return False
            self._queue.put(entry)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._drain, name="alwidget-sender", daemon=True)
                self._thread.start()
        return True

    # On the sender's thread ------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Send until `stop`."""
        stopped = False
        while not stopped:
            batch, stopped = self._take()
            for entry in _coalesced(batch):
                if isinstance(entry, _Letter):
                    self._guard(self._deliver, entry)
                else:
                    self._guard(entry.act)
                    entry.done.set()
            if stopped or (self._queue.empty() and time.monotonic() >= self._progress_due):
                self._guard(self._write_progress)

    def _take(self) -> tuple[list[_Letter | _Errand], bool]:
        """Wait for something to do, or until the progress is due; return all there is, and whether it is the end."""
        batch: list[_Letter | _Errand] = []
        stopped = False
        timeout = None if self._progress is None else max(0.0, self._progress_due - time.monotonic())
        try:
            entry = self._queue.get(timeout=timeout)
            while True:
                if isinstance(entry, _Signal):
                    stopped = stopped or entry is _Signal.STOP
                else:
                    batch.append(entry)
                entry = self._queue.get_nowait()
        except queue.Empty:
            return batch, stopped

    def _deliver(self, letter: _Letter) -> None:
        """Send one message."""
        message, content = letter.message, letter.content
        if isinstance(message, Snapshot) and message.revision < self._revision and self._refresh is not None:
            message = self._refresh(message)
            content = wire.to_page(message)
        if isinstance(message, Ack | Queue | Snapshot | StatusMessage):
            self._revision = max(self._revision, message.revision)
        self._send(content)

    def _write_progress(self) -> None:
        """Write the newest progress, if there is any that was not written."""
        with self._lock:
            value, self._progress = self._progress, None
        if value is not None and self._set_progress is not None:
            self._progress_due = time.monotonic() + self._every
            self._set_progress(value)

    def _guard(self, act: Callable[..., None], *arguments: Any) -> None:
        """Do something in the context of the newest hello; log each kind of failure once."""
        try:
            self._context.run(act, *arguments)
        except BaseException as error:  # noqa: BLE001  no send, and no observer, may end the sender
            if type(error) not in self._failures:
                self._failures.add(type(error))
                _log.warning("A message to the page could not be sent: %s", error, exc_info=True)


def _coalesced(batch: Sequence[_Letter | _Errand]) -> list[_Letter | _Errand]:
    """Leave out queues and status lines that a later one of the same batch replaces; keep the order of the rest."""
    newest = {type(entry.message): entry for entry in batch if isinstance(entry, _Letter)}
    return [
        entry
        for entry in batch
        if not isinstance(entry, _Letter)
        or not isinstance(entry.message, Queue | StatusMessage)
        or newest[type(entry.message)] is entry
    ]
