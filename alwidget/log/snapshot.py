"""``annotations.json``: what is said of every document now, for people and for scripts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from alwidget.log.answers import Answer
from alwidget.log.background import Later
from alwidget.log.events import StoredDocument
from alwidget.log.files import explain, write_atomic
from alwidget.log.session_file import ANNOTATIONS_FILE, FORMAT, SessionInfo
from alwidget.log.state import State

__all__ = ["COLUMNS", "Documents", "Order", "Snapshots", "record", "records", "write_snapshot"]

Order = Callable[[str], int | None]
"""From a document's id to its place in the pool; None when it is not there."""
Documents = Callable[[str], StoredDocument | None]
"""From a document's id to the document, as the pool has it; None when it is not there."""

COLUMNS = (
    "id",
    "text",
    "status",
    "annotator",
    "updated",
    "seconds",
    "origin",
    "round",
    "strategy",
    "propensity",
)
"""The keys that every record has, beside the task's own one for the answer, which stands third."""

QUIET_SECONDS = 0.3
SHARE_OF_TIME = 10
AGAIN_SECONDS = 10.0
_SLICE = 100
"""Records that are written in one go; then other threads have the interpreter."""


def record(answer: Answer, key: str, documents: Documents | None = None) -> dict[str, Any]:
    """Return what is said of a document as a record of ``annotations.json``; `key` is the task's."""
    document = documents(answer.id) if documents is not None else None
    document = document or answer.document
    why = answer.why
    out: dict[str, Any] = {"id": answer.id, "text": document.text if document is not None else None}
    if document is not None and document.text_pair is not None:
        out["text_pair"] = document.text_pair
    if document is not None and document.source is not None:
        out["source"] = document.source
    out[key] = answer.value
    out["status"] = answer.status
    if answer.flagged:
        out["flagged"] = True
    if answer.note is not None:
        out["note"] = answer.note
    out["annotator"] = answer.annotator
    out["updated"] = answer.time
    out["seconds"] = answer.seconds
    out["origin"] = answer.origin
    out["round"] = why.round if why is not None else None
    out["strategy"] = why.strategy if why is not None else None
    out["propensity"] = why.propensity if why is not None else None
    return out


def records(
    state: State, key: str, order: Order | None = None, documents: Documents | None = None
) -> Iterator[dict[str, Any]]:
    """Yield one record a document of which something is said.

    Parameters
    ----------
    key
        The task's key.
    order
        The pool's order. Documents that it does not have come last, and all of them without it, oldest first.
    documents
        The pool's documents; without it, or where it has none, the text is the one that the log keeps.
    """
    for answer in _sorted(state.answers.values(), order):
        yield record(answer, key, documents)


def _sorted(answers: Iterable[Answer], order: Order | None) -> list[Answer]:
    def rank(answer: Answer) -> tuple[bool, int, str, str]:
        at = order(answer.id) if order is not None else None
        return (at is None, at or 0, answer.time, answer.id)

    return sorted(answers, key=rank)


def write_snapshot(
    path: Path, info: SessionInfo, labels: Iterable[str], rows: Iterable[dict[str, Any]], owner: str
) -> None:
    """Replace ``annotations.json`` in the session directory `path`, atomically.

    Raises
    ------
    OSError
        The old one is as it was.
    """
    write_atomic(path / ANNOTATIONS_FILE, _chunks(info, labels, rows), owner)


def _chunks(info: SessionInfo, labels: Iterable[str], rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    head = {"format": FORMAT, "session": info.session, "task": info.task, "labels": list(labels)}
    yield b"{\n"
    for name, value in head.items():
        yield b'  "%s": %s,\n' % (name.encode(), _json(value))
    yield b'  "annotations": ['
    comma = b"\n"
    for number, row in enumerate(rows):
        yield comma + _pretty(row)
        comma = b",\n"
        if number % _SLICE == _SLICE - 1:
            time.sleep(0)
    yield b"\n  ]\n}\n" if comma == b",\n" else b"]\n}\n"


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=0)


def _pretty(row: dict[str, Any]) -> bytes:
    """Return a record on three lines: the document; what is said of it; how that came about."""
    names = list(row)
    said, how = next(i for i, name in enumerate(names) if name not in _DOCUMENT), names.index("annotator")
    lines = (names[:said], names[said:how], names[how:])
    return b"    {" + b",\n     ".join(_json({name: row[name] for name in line})[1:-1] for line in lines) + b"}"


_DOCUMENT = frozenset({"id", "text", "text_pair", "source"})


class Snapshots:
    """Keeps ``annotations.json`` up to date, soon after something was said but never so often that it costs much.

    Parameters
    ----------
    write
        Writes the file; raises `OSError`.
    tell
        Called, without any lock, with the reason why it cannot be written, and with None when it can again.
    where
        The file.
    """

    def __init__(self, write: Callable[[], None], tell: Callable[[str | None], None], where: Path) -> None:
        self.error: str | None = None
        self._write, self._tell, self._where = write, tell, where
        self._writing = threading.RLock()
        self._wanted = False
        self._not_before = 0.0
        self._later = Later(self._job, "alwidget-snapshot")

    def ask(self) -> None:
        """Have the file written soon."""
        self._wanted = True
        self._later.ask(max(QUIET_SECONDS, self._not_before - time.monotonic()))

    def flush(self) -> bool:
        """Write the file now if something was said since the last time; return whether it is up to date."""
        with self._writing:
            if not self._wanted:
                return True
            self._wanted = False
            start = time.monotonic()
            try:
                self._write()
                error = None
            except OSError as problem:
                self._wanted = True
                error = explain(problem, self._where.parent)
            end = time.monotonic()
            self._not_before = end + SHARE_OF_TIME * (end - start)
            told, self.error = self.error, error
        if error != told:
            self._tell(error)
        return error is None

    def stop(self) -> None:
        """Write nothing more."""
        self._later.stop()

    def _job(self) -> float | None:
        return None if self.flush() else AGAIN_SECONDS
