"""Where cells are run: here one after the other, in processes beside this one, or on a Ray cluster.

Each takes jobs and yields what became of them as it happens; none of them writes anything down.
"""

from __future__ import annotations

import functools
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alwidget.bench.cells import Job, run
from alwidget.bench.worker import failure, read_frame, write_frame
from alwidget.errors import ArgumentError, MissingExtraError, near_miss
from alwidget.learners.threads import cores

__all__ = ["EXECUTORS", "Event", "check_executor", "execute"]

EXECUTORS = ("serial", "processes", "ray")
_START = "import sys; sys.path[:] = {path!r}; from alwidget.bench.worker import main; main()"


@dataclass(frozen=True, slots=True)
class Event:
    """What became of a cell: ``"step"``, with how many more are done; ``"done"``, with its files; ``"failed"``."""

    kind: str
    job: Job
    value: Any


def execute(jobs: Sequence[Job], executor: str, tell: Callable[[Event], None], workers: int | None = None) -> None:
    """Run jobs and tell what becomes of them, in the thread of the caller.

    Parameters
    ----------
    executor
        ``"serial"``, ``"processes"`` or ``"ray"``.
    tell
        Called with what happens. What it raises ends the run.
    workers
        How many processes; by default one a core. Ray has as many as its cluster.

    Raises
    ------
    alwidget.errors.ArgumentError
        There is no such executor.
    alwidget.errors.MissingExtraError
        Ray is not installed.
    """
    check_executor(executor)
    if not jobs:
        return
    match executor:
        case "serial":
            _serial(jobs, tell)
        case "processes":
            _processes(jobs, tell, min(workers or cores(), len(jobs)))
        case _:
            _on_cluster(_ray(), jobs, tell)


def check_executor(executor: str) -> None:
    """Raise unless cells can be run there, before any work is done."""
    if executor not in EXECUTORS:
        hint = near_miss(str(executor), EXECUTORS)
        message = f'There is no executor "{executor}".{hint} There are: {", ".join(EXECUTORS)}.'
        raise ArgumentError(message)
    if executor == "ray":
        _ray()


def _serial(jobs: Sequence[Job], tell: Callable[[Event], None]) -> None:
    for job in jobs:
        step = functools.partial(_step, tell, job)
        try:
            files = run(job, step)
        except Exception as error:  # noqa: BLE001  whatever a cell does, the others go on
            tell(Event("failed", job, failure(error)))
        else:
            tell(Event("done", job, files))


def _step(tell: Callable[[Event], None], job: Job, count: int) -> None:
    tell(Event("step", job, count))


# Processes ----------------------------------------------------------------------------------------------------------


def _processes(jobs: Sequence[Job], tell: Callable[[Event], None], workers: int) -> None:
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    crew = [_Worker(waiting, events, jobs[0].threads) for _ in range(workers)]
    try:
        for worker in crew:
            worker.start()
        left = len(jobs)
        while left:
            event = events.get()
            left -= event.kind != "step"
            tell(event)
    finally:
        for worker in crew:
            worker.stop()


class _Worker(threading.Thread):
    """Has a process beside this one run jobs, and a new one where it died."""

    def __init__(self, waiting: queue.SimpleQueue[Job], events: queue.SimpleQueue[Event], threads: int) -> None:
        super().__init__(name="alwidget-bench", daemon=True)
        self._waiting, self._events, self._threads = waiting, events, threads
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self) -> None:
        """Have jobs run until none is waiting."""
        while not self._stopped:
            try:
                job = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._run(job)
            except Exception as error:  # noqa: BLE001  such as a strategy that cannot be sent to a process
                self._events.put(Event("failed", job, failure(error)))

    def stop(self) -> None:
        """End the process, if it is still there."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()
            _ended(process)

    def _run(self, job: Job) -> None:
        data = _sendable(job)
        if self._process is None or self._process.poll() is not None:
            self._process = _started(self._threads)
        process = self._process
        if self._stopped:
            process.kill()
        if process.stdin is None or process.stdout is None:  # it was started with both
            return
        with suppress(BrokenPipeError):
            write_frame(process.stdin, data)
        while True:
            answer = read_frame(process.stdout)
            if answer is None:
                if not self._stopped:
                    self._process = None
                    self._events.put(Event("failed", job, _died(_ended(process))))
                return
            kind, value = pickle.loads(answer)  # noqa: S301  made by the process that we started
            self._events.put(Event(kind, job, value))
            if kind != "step":
                return


def _started(threads: int) -> subprocess.Popen[bytes]:
    """Start a process that runs jobs, with so many threads, and the same modules in reach."""
    limit = str(threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ALWIDGET_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, limit), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-c", _START.format(path=[path or str(Path.cwd()) for path in sys.path])]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that ends, and return its code; nothing of it is left open."""
    code = process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()
    return code


def _sendable(job: Job) -> bytes:
    """Return a job as bytes; what was typed into a notebook goes along as code."""
    import cloudpickle

    data: bytes = cloudpickle.dumps(job)
    return data


def _died(code: int) -> dict[str, str]:
    with suppress(ValueError):
        name = signal.Signals(-code).name
        why = " The system ends processes so when memory runs out." if name == "SIGKILL" else ""
        return {"error": f"its process was ended by {name}.{why}", "traceback": ""}
    return {"error": f"its process ended with code {code}.", "traceback": ""}


# Ray ----------------------------------------------------------------------------------------------------------------


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        message = 'executor="ray" needs Ray: pip install "alwidget[ray]". On one machine, "processes" does the same.'
        raise MissingExtraError(message) from error
    return ray


def _on_cluster(ray: Any, jobs: Sequence[Job], tell: Callable[[Event], None]) -> None:
    """Run jobs on the cluster of this session, else on the one that ``RAY_ADDRESS`` names, else on this machine.

    The documents travel with the jobs, once for each dataset, and the files come back: no disk need be in common.
    """
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        data: dict[Path | bytes, Any] = {
            path: ray.put(path.read_bytes()) for path in {job.data for job in jobs} if isinstance(path, Path)
        }
        remote = ray.remote(num_cpus=jobs[0].threads, max_retries=0)(_cell_of)
        running: dict[Any, Job] = {remote.remote(_sendable(job), data[job.data]): job for job in jobs}
        while running:
            (ready,), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(ready)
            try:
                kind, value = ray.get(ready)
            except ray.exceptions.RayError as error:
                kind, value = "failed", failure(error)
            tell(Event(kind, job, value))
    finally:
        if ours:
            ray.shutdown()


def _cell_of(data: bytes, documents: bytes) -> tuple[str, Any]:
    """Run a cell on a machine of a cluster."""
    try:
        job = pickle.loads(data)  # noqa: S301  made by the process that runs the benchmark
        return "done", run(replace(job, data=documents))
    except Exception as error:  # noqa: BLE001  whatever a cell does, the others go on
        return "failed", failure(error)
