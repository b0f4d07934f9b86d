"""A thread that owns the learner and does one thing at a time; everybody else hands it a job.

What there is to do besides jobs, the class says that is made of this one.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from alwidget.engine.jobs import Jobs
from alwidget.errors import Cancelled, SessionClosedError
from alwidget.learners.base import Learner, Stop

__all__ = ["Background"]

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Background(ABC):
    """Jobs first, then what is wanted, then what the learner does for itself; without the thread, whoever calls."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._owner = threading.Lock()
        self._paused = self._running = self._closing = False
        self._jobs, self._stop, self._yields = Jobs(), Stop(), False
        self._thread: threading.Thread | None = None

    @abstractmethod
    def _ready(self) -> Learner:
        """Return the learner, loaded."""

    @abstractmethod
    def _due(self) -> bool:
        """Whether a round is due, which ends what gives way to one."""

    @abstractmethod
    def _wanted(self) -> bool:
        """Whether there is anything to do but jobs. Called with the lock held."""

    @abstractmethod
    def _work(self) -> None:
        """Do some of what is wanted."""

    @abstractmethod
    def _improves(self) -> bool:
        """Whether the model can make itself better while there is nothing to do. Called with the lock held."""

    @abstractmethod
    def _improve(self) -> None:
        """Let the model make itself better."""

    def start(self) -> None:
        """Start the background thread; harmless when it runs."""
        with self._lock:
            if self._thread is None and not self._closing:
                self._running = True
                self._thread = threading.Thread(target=self._loop, name="alwidget-engine", daemon=True)
                self._thread.start()

    def run(self, job: Callable[[Learner], T]) -> T:
        """Run `job` with the learner, between rounds, and return what it returns."""
        with self._lock:
            if self._closing:
                message = "The session is closed."
                raise SessionClosedError(message)
            threaded = self._thread is not None and self._thread is not threading.current_thread()
            if threaded:
                future = self._jobs.add(job)
                self._wake()
        if threaded:
            return future.result()
        with self._owner:
            return job(self._ready())

    @property
    def started(self) -> bool:
        """Whether the background thread runs."""
        return self._thread is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Return True once nothing is left to do, False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._thread is None or (not self._running and self._idle()), timeout
            )

    def close(self, timeout: float = 5.0) -> None:
        """Stop the thread at its next batch; jobs that still wait fail with `SessionClosedError`."""
        with self._lock:
            self._closing = True
            self._stop.set()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        self._jobs.refuse()

    def _loop(self) -> None:
        with self._owner:
            if not self._paused:
                self._guarded(self._ready)
            while not self._closing:
                with self._changed:
                    while idle := self._idle():
                        self._running = False
                        self._changed.notify_all()
                        if self._improves():
                            break
                        self._changed.wait()
                    if self._closing:
                        break
                    self._running = not idle
                    job = self._jobs.take()
                if idle:
                    self._guarded(self._improve)
                elif job is not None:
                    job.do(self._ready)
                else:
                    self._work()
        with self._changed:
            self._thread, self._running = None, False
            self._changed.notify_all()

    def _idle(self) -> bool:
        """Whether there is nothing to do. Called with the lock held."""
        if self._closing or self._jobs:
            return False
        return not self._wanted()

    def _wake(self) -> None:
        """Have the thread look at what there is to do, and end what gives way to it. Called with the lock held."""
        if self._yields and (self._jobs or self._due()):
            self._stop.set()
        self._changed.notify_all()

    def _begin(self, *, pausable: bool = False, yields: bool = False) -> Stop:
        """Return the token of what begins now; what yields ends as soon as a round or a job waits."""
        with self._lock:
            self._stop, self._yields = Stop(), yields
            if self._closing or (pausable and self._paused) or (yields and (self._jobs or self._due())):
                self._stop.set()
            return self._stop

    def _guarded(self, work: Callable[[], object]) -> None:
        """Run `work` in the background, where a failure is the engine's state and never ends the thread."""
        try:
            work()
        except Cancelled:
            pass
        except Exception:
            logger.warning("the engine's round failed; labelling goes on", exc_info=True)
