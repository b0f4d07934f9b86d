"""How many CPU threads torch may use while somebody types in the page next to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ThreadTuner", "bounded_threads", "one_blas_thread", "thread_limit"]

PROBE_EVERY = 24
"""Batches after which the other number of threads is tried again for one batch."""
WORTH_IT = 1.2
"""How much faster more threads must be: what they gain is taken from the notebook."""


def cores() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_limit() -> int:
    """Return the number of threads for training in the background: all cores but one, or ``ALWIDGET_THREADS``.

    The core that is left serves the kernel and the browser. On a crowded machine two threads on two cores are worse
    than one: every parallel section, hundreds a batch, waits at its end for the thread that lost its core.
    """
    return _given() or max(1, cores() - 1)


@contextmanager
def bounded_threads(limit: int | None = None) -> Iterator[int]:
    """Let torch use at most `limit` threads in the calling thread, and restore what was set on leaving.

    With torch's OpenMP backend the number belongs to the thread that sets it: other threads that have used torch
    before keep theirs, and one that uses torch for the first time meanwhile starts with ours. It never raises the
    number that the user chose.
    """
    import torch

    before = torch.get_num_threads()
    allowed = max(1, min(before, limit if limit is not None else thread_limit()))
    if allowed == before:
        yield before
        return
    torch.set_num_threads(allowed)
    try:
        yield allowed
    finally:
        torch.set_num_threads(before)


class ThreadTuner:
    """Runs batches with few or with many threads, whichever proves faster on the machine as it is right now.

    On two idle cores two threads read documents nearly twice as fast as one, beside one busy process still somewhat
    faster, and on a crowded machine (eleven processes for two cores) four times slower. So both are tried, and the
    other one again now and then. Only for work that gives the same bits with any number of threads, as inference does
    here: the clock must not decide a result.
    """

    def __init__(self) -> None:
        self._few, self._many = max(1, cores() // 2), cores() if cores() <= 2 else cores() - 1  # noqa: PLR2004
        self._rates: dict[int, float] = {}
        self._count = 0

    @contextmanager
    def measured(self, work: float) -> Iterator[int]:
        """Let torch use the better number of threads for one batch of so much work."""
        chosen = _given() or self._next()
        with bounded_threads(chosen) as threads:
            started = time.perf_counter()
            yield threads
            rate = work / max(time.perf_counter() - started, 1e-9)
        before = self._rates.get(chosen)
        self._rates[chosen] = rate if before is None else (before + rate) / 2
        self._count += 1

    def _next(self) -> int:
        if self._count < 2:  # noqa: PLR2004  the first batch also pays for kernels being made
            self._rates.pop(self._many, None)
            return self._many
        if self._few not in self._rates:
            return self._few
        better = self._many if self._rates[self._many] > WORTH_IT * self._rates[self._few] else self._few
        other = self._few if better == self._many else self._many
        return other if self._count % PROBE_EVERY == 0 else better


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy multiply in one thread for as long as a small fit takes.

    A head is thousands of products of some microseconds each. Shared between two threads, each of them waits for a
    core whenever anything else runs: beside other work, fits took about five times longer with two. BLAS knows only
    one number for the whole process, so this also holds for other threads for some hundredths of a second.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


def _given() -> int | None:
    given = os.environ.get("ALWIDGET_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else None
