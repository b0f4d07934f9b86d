"""What others want done with the learner, which only the engine's thread may touch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from alwidget.errors import SessionClosedError

if TYPE_CHECKING:
    from alwidget.learners.base import Learner

__all__ = ["Job", "Jobs"]

T = TypeVar("T")


class Job:
    """A function of the learner, and what becomes of it."""

    def __init__(self, work: Callable[[Learner], Any]) -> None:
        self._work = work
        self.future: Future[Any] = Future()

    def do(self, ready: Callable[[], Learner]) -> None:
        """Do it with the learner that `ready` returns; what it raises is raised again where it was handed in."""
        try:
            self.future.set_result(self._work(ready()))
        except BaseException as error:  # noqa: BLE001
            self.future.set_exception(error)


class Jobs:
    """Jobs in the order in which they came. Not locked: its owner is."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def add(self, work: Callable[[Learner], T]) -> Future[T]:
        """Have this done when it is its turn."""
        job = Job(work)
        self._waiting.append(job)
        return job.future

    def take(self) -> Job | None:
        """Return the next, which waits no longer."""
        return self._waiting.popleft() if self._waiting else None

    def refuse(self) -> None:
        """Have all that wait fail, since nobody will do them."""
        while job := self.take():
            job.future.set_exception(SessionClosedError("The session was closed before this could run."))
