"""What it costs to say something, and to come back to a session of 100,000 answers."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from alwidget.log import Log, StoredDocument, Why, read_session
from alwidget.log.events import Event, Said, write_time
from alwidget.log.files import sync
from alwidget.log.state import State
from alwidget.tasks import read_labels
from benchmarks.report import Row, emit

ANSWERS = 100_000
APPENDS = 1000
LABELS = read_labels(["World", "Sports", "Business", "Sci/Tech"])
TEXT = "The quick brown fox jumps over the lazy dog, and the market closes two points higher. " * 3
WHY = Why("tyrogue", 3, 4, 50, 0.67, 0.0021, "all-MiniLM-L6-v2", "torn between Business and World")


def start(folder: Path) -> Log:
    """Open the session at `folder`, or make it."""
    return Log.open(folder, task="classification", labels=LABELS, annotator="ana")


def answer(number: int) -> dict[str, Any]:
    """Return what a click comes to."""
    return {
        "id": f"{number:016x}",
        "value": LABELS[number % len(LABELS)].name,
        "key": f"{number:032x}",
        "seconds": 2.4,
        "origin": "human",
        "client": f"{number:08x}-0000-4000-8000-000000000000",
        "why": WHY,
        "seen": {"value": "World", "confidence": 0.61},
        "document": StoredDocument(f"{TEXT} {number}"),
    }


def seconds(work: Callable[[], object]) -> float:
    """Return how long this takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def appends(log: Log, first: int, count: int = APPENDS) -> list[float]:
    """Return the seconds that each of some decisions took until it was on disk, sorted."""
    return sorted(seconds(lambda n=n: log.append("annotate", **answer(n))) for n in range(first, first + count))


def shown(times: list[float]) -> str:
    """Return the median and the 99th percentile in words."""
    return f"{1000 * statistics.median(times):.2f} / {1000 * times[int(0.99 * len(times))]:.2f} ms"


def holds(times: list[float], median: float, p99: float) -> bool:
    """Return whether the times keep to what was wanted."""
    return statistics.median(times) <= median and times[int(0.99 * len(times))] <= p99


def flushes(folder: Path) -> list[float]:
    """Return what the disk alone takes for a line of this size."""
    line = b"x" * 900 + b"\n"
    fd = os.open(folder / "line", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        return sorted(seconds(lambda: (os.write(fd, line), sync(fd))) for _ in range(APPENDS))
    finally:
        os.close(fd)


def said() -> Iterator[Said]:
    """Yield the events of a long session."""
    for number in range(ANSWERS):
        moment = write_time(1_767_607_872_345 + 1000 * number)
        event = Event(1, number + 1, moment, "ana", "annotate", **answer(number))
        yield Said((moment, "ana", number + 1), event)


def fold(events: list[Said]) -> State:
    """Return what the events amount to."""
    state = State(LABELS)
    for one in events:
        state.apply(one)
    return state


def beside_a_snapshot(log: Log) -> list[float]:
    """Return what decisions take while ``annotations.json`` is written over and over again."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.flush_snapshot()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return appends(log, 2 * ANSWERS, 200)
    finally:
        stop.set()
        thread.join()


def main() -> None:
    """Measure, print and keep the numbers."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as place:
        folder = Path(place) / "s.alw"
        disk = flushes(Path(place))
        log = start(folder)
        empty = appends(log, ANSWERS)
        log.append_many({"kind": "annotate", **answer(n)} for n in range(ANSWERS))
        full = appends(log, ANSWERS + APPENDS)
        snapshot = seconds(log.flush_snapshot)
        beside = beside_a_snapshot(log)
        turn = sorted(seconds(log.undo) for _ in range(200))
        look = sorted(seconds(log.refresh) for _ in range(200))
        history = sorted(seconds(lambda: log.state.history(50)) for _ in range(50))
        search = seconds(lambda: log.state.history(50, query="no text like this"))
        log.close()
        opened = seconds(lambda: start(folder).close())
        read = seconds(lambda: read_session(folder))
        size = (folder / "log" / "ana.jsonl").stat().st_size
    events = list(said())
    folded = min(seconds(lambda: fold(events)) for _ in range(3))
    n = f"{ANSWERS:,} answers"
    rows = [
        Row(
            "a decision until it is on disk, new session, median / p99",
            shown(empty),
            "≤ 20 / 60 ms",
            holds(empty, 0.02, 0.06),
        ),
        Row(f"the same at {n}", shown(full), "≤ 20 / 60 ms", holds(full, 0.02, 0.06)),
        Row(f"the same while a snapshot of {n} is written", shown(beside), "≤ 40 / 150 ms", holds(beside, 0.04, 0.15)),
        Row(f"an undo at {n}, median / p99", shown(turn), "≤ 20 / 60 ms", holds(turn, 0.02, 0.06)),
        Row("of that: writing and flushing a line of 900 bytes", shown(disk)),
        Row(f"folding {ANSWERS:,} events", f"{folded:.2f} s"),
        Row(f"reading and folding the log of {n} ({size / 1e6:.0f} MB)", f"{read:.2f} s"),
        Row(f"opening and closing the session of {n}", f"{opened:.2f} s"),
        Row(f"annotations.json of {n}, in the background", f"{snapshot:.2f} s"),
        Row("looking for news of other writers", shown(look)),
        Row(f"the newest 50 of the history of {n}", shown(history)),
        Row(f"searching the history of {n} for a text that is not there", f"{search:.2f} s"),
    ]
    notes = [
        f"load of the machine in the minute before: {load:.1f} on {os.cpu_count()} cores",
        f"a snapshot takes a tenth of the time at most: with {n} there is one every {10 * snapshot:.0f} s",
    ]
    emit("log", "The log", rows, notes)


if __name__ == "__main__":
    main()
