"""Choices beside those of small-text, scikit-activeml and modAL: the same arrays, one after the other, in one run.

``python -m benchmarks.peers`` measures some cells of each strategy in a quarter of an hour, ``--full`` all of them.
Each library works in a process of its own; one that takes longer than a minute or more than 4 GB is stopped, said to
have, and not asked about anything larger. A run that was stopped goes on where it was; ``--fresh`` begins anew.
``--lock FILE`` takes turns with others that measure on this machine and hold the same lock.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from alwidget import strategies
from benchmarks.peerenv import PACKAGES, build, folder
from benchmarks.peerwork import LABELLED, PASSES, SIZE
from benchmarks.report import Row, emit

LIMIT_SECONDS, LIMIT_BYTES = 60.0, 4e9
PREPARE_SECONDS = 180.0
DAY = 24 * 3600
TURN_SECONDS = 170.0
WANTED = 2.0
NS, DS, CS = (5_000, 20_000, 100_000), (384, 768), (2, 4, 77)
PROBS, VECTORS = (
    ("least-confidence", "breaking-ties", "entropy", "bald", "batchbald"),
    (
        "coreset",
        "bert-km",
        "discriminative",
    ),
)
SHAPES = ((5_000, 384), (20_000, 384), (20_000, 768), (100_000, 384))
"""Documents and dimensions of what looks at vectors alone, where not all are measured."""
BOTH = ("badge", "contrastive", "seals")
PEERS = {
    "small-text": (
        "least-confidence",
        "breaking-ties",
        "entropy",
        "bald",
        "badge",
        "coreset",
        "bert-km",
        "contrastive",
        "discriminative",
        "seals",
    ),
    "scikit-activeml": (
        "least-confidence",
        "breaking-ties",
        "entropy",
        "bald",
        "batchbald",
        "badge",
        "coreset",
        "contrastive",
        "discriminative",
    ),
    "modAL": ("least-confidence", "breaking-ties", "entropy"),
}
"""What each library has of what alwidget has."""
Cell = tuple[str, int, int, int]
"""A strategy, documents, dimensions, classes."""


def cells(*, full: bool) -> list[Cell]:
    """Return what is measured, the smaller before the larger; axes that a strategy does not look at have one value."""
    found: list[Cell] = []
    for family in (*PROBS, *VECTORS, *BOTH):
        if family not in strategies.available():
            continue
        ds = DS[:1] if family in PROBS else DS
        cs = CS[1:2] if family in VECTORS else CS
        if full:
            found += [(family, n, d, c) for n, d, c in itertools.product(NS, ds, cs)]
        elif family in PROBS:
            found += [(family, n, DS[0], c) for n, c in itertools.product(NS, CS[1:])]
        elif family in VECTORS:
            found += [(family, n, d, CS[1]) for n, d in SHAPES]
        else:
            found += [(family, n, 384, c) for n, c in ((NS[0], 4), (NS[1], 4), (NS[1], 77), (NS[2], 4))]
    return found


class Worker:
    """A process that answers cells with one library; started when it is asked, and again after it was stopped."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def ask(self, cell: Cell) -> dict[str, Any]:
        """Return what was measured, or why nothing was."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(json.dumps(dict(zip(("family", "n", "d", "c"), cell, strict=True))) + "\n")
        process.stdin.flush()
        said = self._next(PREPARE_SECONDS, None)
        if not said.get("ready"):
            return said
        return self._next(LIMIT_SECONDS, LIMIT_BYTES)

    def _next(self, seconds: float, size: float | None) -> dict[str, Any]:
        assert self._process is not None
        base, started = self._held(), time.monotonic()
        while True:
            with contextlib.suppress(queue.Empty):
                line = self._answers.get(timeout=0.05)
                if not line:
                    self.stop()
                    return {"failed": "the process ended"}
                found: dict[str, Any] = json.loads(line)
                return found
            if time.monotonic() - started > seconds:
                self.stop()
                return {"over": f"{seconds:.0f} s"} if size else {"failed": "no arrays"}
            if size and self._held() - base > size:
                self.stop()
                return {"over": f"{size / 1e9:.0f} GB"}

    def _held(self) -> int:
        assert self._process is not None
        with contextlib.suppress(OSError):
            pages = Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1]
            return int(pages) * os.sysconf("SC_PAGESIZE")
        return 0

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            path = os.pathsep.join(filter(None, [str(folder()), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.peerwork", self._library],
                cwd=Path(__file__).parents[1],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._answers = queue.Queue()
            threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        return self._process


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")


class Kept:
    """What was measured already, today and with this code, so that a stopped run goes on."""

    def __init__(self, *, fresh: bool) -> None:
        self._path = folder() / "cells.jsonl"
        if fresh:
            self._path.unlink(missing_ok=True)
        code = hashlib.blake2b(digest_size=8)
        for source in sorted((Path(strategies.__file__).parent).rglob("*.py")):
            code.update(source.read_bytes())
        self._ours, self._theirs = code.hexdigest(), " ".join(PACKAGES)
        self._known = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                one = json.loads(line)
                if time.time() - one["when"] < DAY:
                    self._known[one["key"]] = one["found"]

    def key(self, library: str, cell: Cell) -> str:
        """Return what a measurement depends on."""
        version = self._ours if library == "alwidget" else self._theirs
        return json.dumps([library, *cell, version])

    def get(self, library: str, cell: Cell) -> dict[str, Any] | None:
        """Return what was measured."""
        return self._known.get(self.key(library, cell))

    def put(self, library: str, cell: Cell, found: dict[str, Any]) -> None:
        """Keep what was measured."""
        self._known[self.key(library, cell)] = found
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": self.key(library, cell), "when": time.time(), "found": found}) + "\n")

    def too_much(self, library: str, cell: Cell) -> dict[str, Any] | None:
        """Return how a smaller cell went over the limits, so that this one needs not be tried."""
        family, *sizes = cell
        for key, found in self._known.items():
            other, of, *smaller, version = json.loads(key)
            same = (other, of, version) == (library, family, self._theirs)
            if same and "over" in found and all(a <= b for a, b in zip(smaller, sizes, strict=True)):
                return found
        return None


class Turn:
    """A lock between processes that measure on one machine: held for some cells, then offered to the others."""

    def __init__(self, path: str | None) -> None:
        self._file = None if path is None else Path(path).open("a", encoding="ascii")  # noqa: SIM115  until the end
        self._since: float | None = None

    def take(self) -> None:
        """Hold the lock, after a while in which others could have it."""
        if self._file is None or (self._since is not None and time.monotonic() - self._since < TURN_SECONDS):
            return
        if self._since is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            time.sleep(0.5)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._since = time.monotonic()


def run(wanted: list[Cell], kept: Kept, lock: str | None) -> dict[tuple[str, Cell], dict[str, Any]]:
    """Measure what is not known yet, and return all."""
    workers = {library: Worker(library) for library in ("alwidget", *PEERS)}
    found: dict[tuple[str, Cell], dict[str, Any]] = {}
    turn = Turn(lock)
    try:
        for cell in wanted:
            for library in ("alwidget", *(peer for peer, has in PEERS.items() if cell[0] in has)):
                one = kept.get(library, cell)
                if one is None and library != "alwidget":
                    one = kept.too_much(library, cell)
                if one is None:
                    turn.take()
                    one = workers[library].ask(cell)
                    one["load"] = os.getloadavg()[0]
                    kept.put(library, cell, one)
                found[library, cell] = one
                sys.stdout.write(f"{library:16s}{cell!s:40s}{_said(one)}\n")
                sys.stdout.flush()
    finally:
        for worker in workers.values():
            worker.stop()
    return found


def _said(one: dict[str, Any]) -> str:
    if "over" in one:
        return f"over {one['over']}"
    if "failed" in one:
        return "failed"
    seconds, size = one["seconds"], one["bytes"] / 1e6
    shown = f"{1000 * seconds:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 0.01:
        shown = f"{1000 * seconds:.1f} ms"
    return f"{shown}, {size / 1000:.1f} GB" if size >= 1000 else f"{shown}, {size:.0f} MB"


def rows(wanted: list[Cell], found: dict[tuple[str, Cell], dict[str, Any]]) -> list[Row]:
    """Return a row for each cell: ours, theirs, and how many times as long the fastest of theirs takes."""
    made = []
    for cell in wanted:
        family, n, d, c = cell
        sizes = [f"{n:,} documents"]
        sizes += [f"{d} dimensions"] if family not in PROBS else []
        sizes += [f"{c} classes"] if family not in VECTORS else []
        ours = found["alwidget", cell]
        theirs = {peer: found[peer, cell] for peer in PEERS if (peer, cell) in found}
        measured = "; ".join([_said(ours), *(f"{peer} {_said(one)}" for peer, one in theirs.items())])
        ratio, sure = _ratio(ours, theirs)
        if ratio is not None:
            measured = f"**{'' if sure else '> '}{ratio:.{1 if ratio < 10 else 0}f}×**: {measured}"
        holds = None if ratio is None or (not sure and ratio < WANTED) else ratio >= WANTED
        if "seconds" in ours and all("over" in one for one in theirs.values()) and ratio is None:
            measured, holds = f"**no other within the limits**: {measured}", True
        made.append(Row(f"{family}: {', '.join(sizes)}", measured, f"≥ {WANTED:.0f}×", holds))
    return made


def _ratio(ours: dict[str, Any], theirs: dict[str, dict[str, Any]]) -> tuple[float | None, bool]:
    """Return how many times as long the fastest peer takes, and whether that is more than a bound."""
    if "seconds" not in ours:
        return None, False
    done = [one["seconds"] for one in theirs.values() if "seconds" in one]
    if done:
        return min(done) / ours["seconds"], True
    if any(one.get("over", "").endswith(" s") for one in theirs.values()):
        return LIMIT_SECONDS / ours["seconds"], False
    return None, False


def main() -> None:
    """Measure, print and keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all cells instead of some of each strategy")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--lock", help="a file that is locked while cells are measured")
    parser.add_argument("--only", nargs="+", help="these strategies only; nothing is written")
    asked = parser.parse_args()
    build()
    wanted = [cell for cell in cells(full=asked.full) if not asked.only or cell[0] in asked.only]
    found = run(wanted, Kept(fresh=asked.fresh), asked.lock)
    made = rows(wanted, found)
    if asked.only:
        sys.stdout.write("\n".join(f"{row.what}: {row.measured}" for row in made) + "\n")
        return
    loads = [one["load"] for one in found.values() if "load" in one] or [os.getloadavg()[0]]
    absent = [family for family in (*PROBS, *VECTORS, *BOTH) if family not in strategies.available()]
    failed = {f"{library}, {cell[0]}: {one['failed']}" for (library, cell), one in found.items() if "failed" in one}
    notes = [
        f"{SIZE} chosen, {LABELLED} labelled, {PASSES} passes for bald and batchbald",
        "time by the clock, the best of three runs where one takes less than 2 s",
        "memory is what was held at most, less what the arrays take",
        "in front: how many times as long the fastest of the others takes",
        "over 60 s or 4 GB a library is stopped, and not asked about more",
        ", ".join(package.replace("==", " ") for package in PACKAGES[:3]),
        *sorted(failed),
        *([f"not there yet: {', '.join(absent)}"] if absent else []),
        f"load of the machine while it ran: {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores",
    ]
    emit("peers", "Choosing, beside other libraries", made, notes)


if __name__ == "__main__":
    main()
