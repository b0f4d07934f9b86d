"""What each round of the engine did: lines beside the log that nothing depends on, one file a writer.

Unlike the log these lines are not flushed to the disk at once, and where they cannot be written the rounds go on.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alwidget.log.events import write_time
from alwidget.log.files import explain

__all__ = ["RoundLog", "RoundRecord"]

FOLDER = "rounds"
SUFFIX = ".jsonl"
VERSION = 1
logger = logging.getLogger(__name__)


class RoundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a finished round did.

    Attributes
    ----------
    round
        Its number, from 1, as in the log. Where documents were chosen anew from the same answers, it is there again.
    time
        When it was done, ISO 8601 in UTC.
    asked, acting
        The strategy that was asked for, and the one that chose: a part of a schedule, or random in its place.
    fallback
        Why random acted in place of the strategy whose turn it was; None where it did not.
    subsample
        What drew the candidates.
    candidates, labels, batch
        How many documents were looked at, were labelled when it began, and were chosen.
    model
        The description of the learner; `epochs` and `loss` are those of its fit. None, 0 and None without one.
    agreement, compared
        How well the model of the round before had foreseen the answers that came in since, 0 … 1, and how many of
        them it had foreseen. None without any. See `alwidget.engine.record.agreement`.
    seconds
        Of training, inference and selection.
    notes
        What the status line said of it.
    foreseen
        What the model of this round expects of the documents that are asked next, by document id.
    v
        The version of this form.
    """

    round: int
    time: str = ""
    asked: str = ""
    acting: str = ""
    fallback: str | None = None
    subsample: str | None = None
    candidates: int = 0
    labels: int = 0
    batch: int = 0
    model: str | None = None
    epochs: int = 0
    loss: float | None = None
    agreement: float | None = None
    compared: int = 0
    seconds: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    foreseen: dict[str, Any] = {}
    v: int = VERSION


class _File(NamedTuple):
    """What was read of a file so far: which file it is, up to which byte, and when each round was done.

    The times never go back in a file, also where the clock did: the order of the lines counts.
    """

    inode: int
    end: int = 0
    records: tuple[tuple[str, RoundRecord], ...] = ()


_decoder = msgspec.json.Decoder(RoundRecord)


class RoundLog:
    """The rounds of a session, in ``rounds/`` of its directory. Every method may be called from any thread.

    Parameters
    ----------
    session
        The session directory; None keeps the rounds in memory only.
    writer
        Returns the name of the file to append to, without its ending. Asked anew for each line: a log that could not
        claim a file at first goes on under another name.
    read_only
        Write nothing.

    Examples
    --------
    >>> import tempfile
    >>> rounds = RoundLog(Path(tempfile.mkdtemp()), lambda: "ana")
    >>> rounds.append(RoundRecord(round=1, acting="tyrogue"))
    >>> [record.acting for record in rounds.records()]
    ['tyrogue']
    """

    def __init__(
        self, session: Path | None, writer: Callable[[], str] = lambda: "", *, read_only: bool = False
    ) -> None:
        self._folder = None if session is None else Path(session) / FOLDER
        self._writer, self._read_only = writer, read_only or session is None
        self._lock = threading.Lock()
        self._files: dict[str, _File] = {}
        self._unwritten: list[RoundRecord] = []
        self._warned = False

    def append(self, record: RoundRecord) -> None:
        """Write a round down. What cannot be written is kept in memory, and a warning says so once."""
        if not record.time:
            record = msgspec.structs.replace(record, time=write_time(time.time_ns() // 1_000_000))
        with self._lock:
            try:
                if self._read_only or self._folder is None:
                    self._unwritten.append(record)
                else:
                    _append(self._folder, f"{self._writer()}{SUFFIX}", msgspec.json.encode(record))
            except OSError as error:
                self._unwritten.append(record)
                if not self._warned and self._folder is not None:
                    self._warned = True
                    logger.warning("rounds are not written down: %s", explain(error, self._folder))

    def records(self) -> list[RoundRecord]:
        """Return all rounds of all writers, oldest first. Lines that cannot be read, torn ones too, are left out."""
        with self._lock:
            files = self._read(self._folder) if self._folder is not None else {}
            found = [pair for name in sorted(files) for pair in files[name].records]
            found += [(record.time, record) for record in self._unwritten]
        return [record for _, record in sorted(found, key=lambda pair: pair[0])]

    def _read(self, folder: Path) -> dict[str, _File]:
        """Return what is in each file; what was read before is not read again."""
        there: dict[str, _File] = {}
        try:
            paths = [path for path in folder.iterdir() if path.suffix == SUFFIX and path.is_file()]
        except OSError:
            paths = []
        for path in paths:
            try:
                there[path.name] = _grown(path, self._files.get(path.name))
            except OSError:
                continue
        self._files = there
        return there


def _append(folder: Path, name: str, line: bytes) -> None:
    """Write a line; what a crash or a full disk left without an end is ended first, so that no two lines are one."""
    folder.mkdir(exist_ok=True)
    with (folder / name).open("ab", buffering=0) as file:
        if file.tell() and not _ended(folder / name):
            line = b"\n" + line
        data = line + b"\n"
        if (file.write(data) or 0) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _ended(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _grown(path: Path, known: _File | None) -> _File:
    """Return what is in a file, of which some may be known already."""
    status = path.stat()
    if known is None or known.inode != status.st_ino or known.end > status.st_size:
        known = _File(status.st_ino)
    if known.end == status.st_size:
        return known
    with path.open("rb") as file:
        file.seek(known.end)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    records, time_before = list(known.records), known.records[-1][0] if known.records else ""
    for line in whole.split(b"\n"):
        try:
            record = _decoder.decode(line)
        except msgspec.MsgspecError:
            continue
        time_before = max(time_before, record.time)
        records.append((time_before, record))
    return _File(known.inode, known.end + len(whole), tuple(records))
