"""A process that runs cells: jobs come in on standard input, results go out on what was standard output.

Not `multiprocessing`, whose children import the main script again: cells can be run from a notebook, from a script
without a guard, and with strategies that were typed into a cell. What goes back and forth was made by the process that
started this one. When that one is gone, killed too, this one ends at once.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from typing import IO, Any

__all__ = ["main", "read_frame", "write_frame"]

_HEAD = struct.Struct("<Q")


def write_frame(stream: IO[bytes], data: bytes) -> None:
    """Write bytes with their length before them."""
    stream.write(_HEAD.pack(len(data)))
    stream.write(data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the bytes of the next frame; None where the stream ends, in the middle of a frame too."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack(head)
    data = stream.read(size)
    return data if len(data) == size else None


def main() -> None:
    """Run jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the process that started this one, which ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what cells print must not be taken for an answer
    jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    while True:
        data = jobs.get()
        write_frame(answers, pickle.dumps(_done(data, answers)))


def _listen(jobs: queue.SimpleQueue[bytes]) -> None:
    while (data := read_frame(sys.stdin.buffer)) is not None:
        jobs.put(data)
    os._exit(0)  # nobody is there any more who could take a result


def _done(data: bytes, answers: IO[bytes]) -> tuple[str, Any]:
    try:
        from alwidget.bench.cells import run

        job = pickle.loads(data)  # noqa: S301  made by the process that started this one, for this one
        return "done", run(job, lambda steps: write_frame(answers, pickle.dumps(("step", steps))))
    except Exception as error:  # noqa: BLE001  whatever a cell does, the others go on
        return "failed", failure(error)


def failure(error: BaseException) -> dict[str, str]:
    """Return what a cell failed of: the error in one line, and where it came from."""
    line = " ".join(str(error).split())
    shown = "".join(traceback.format_exception(error))
    return {"error": f"{type(error).__name__}: {line}", "traceback": shown}
