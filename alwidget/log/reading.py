"""From the bytes of a log file to events: what a crash tore is told from what is broken."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from alwidget.errors import LogError, SessionError, StorageError
from alwidget.log.events import SCHEMA_VERSION, Event, Said, flaw, read_time
from alwidget.log.files import explain

__all__ = ["Broken", "News", "Reader", "Reading", "log_files", "place", "read"]

LOG_FOLDER = "log"
SUFFIX = ".jsonl"
_BOM = b"\xef\xbb\xbf"
_decoder = msgspec.json.Decoder(Event)


class _Versioned(msgspec.Struct):
    v: int


class Broken(NamedTuple):
    """A line that is no event: its number (from 1), its bytes, and why."""

    line: int
    raw: bytes
    why: str


@dataclass(slots=True)
class Reading:
    """What a piece of a log file says.

    Attributes
    ----------
    events, times
        In the order of the file; the times in the form that sorts.
    end
        How many bytes are good; `tail` follows.
    tail
        What a crash, or a writer that is not done, left at the end: part of a line, or NUL bytes where the file grew
        and the data never arrived. Empty after a clean end.
    closed
        Whether the last good line has its newline.
    broken
        Lines elsewhere that cannot be read.
    numbers
        The line of each event, when `broken` or `tail` is not empty.
    """

    events: list[Event] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    end: int = 0
    tail: bytes = b""
    closed: bool = True
    broken: list[Broken] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


def read(data: bytes, first_line: int = 1) -> Reading:
    """Return what these bytes say.

    A last line without its newline counts when it is complete: an editor took the newline, no crash tore it.

    Raises
    ------
    alwidget.errors.SessionError
        A newer version of alwidget wrote this.
    """
    try:
        events = _decoder.decode_lines(data.removeprefix(_BOM))
        if all(flaw(event) is None for event in events):
            times = [read_time(event.time) for event in events]
            return Reading(events, times, len(data), closed=data.endswith(b"\n") or not data)
    except (msgspec.MsgspecError, ValueError):
        pass
    return _read_slowly(data, first_line)


class _Line(NamedTuple):
    number: int
    start: int
    raw: bytes
    events: list[Event]
    why: str | None


def _read_slowly(data: bytes, first_line: int) -> Reading:
    lines = [line for line in _lines(data, first_line) if line.events or line.why]
    torn = _torn(lines, closed=data.endswith(b"\n"))
    good, tail = lines[: len(lines) - torn], lines[len(lines) - torn :]
    end = tail[0].start if tail else len(data)
    events = [event for line in good for event in line.events]
    return Reading(
        events,
        [read_time(event.time) for event in events],
        end,
        data[end:],
        closed=end == 0 or data[end - 1 : end] == b"\n",
        broken=[Broken(line.number, line.raw, line.why) for line in good if line.why],
        numbers=[line.number for line in good for _ in line.events],
    )


def _lines(data: bytes, first_line: int) -> Iterator[_Line]:
    start = 0
    for number, raw in enumerate(data.split(b"\n"), first_line):
        events, why = _decode(raw.removeprefix(_BOM) if start == 0 else raw)
        yield _Line(number, start, raw, events, why)
        start += len(raw) + 1


def _decode(raw: bytes) -> tuple[list[Event], str | None]:
    try:
        events = _decoder.decode_lines(raw)
        for event in events:
            read_time(event.time)
    except (msgspec.MsgspecError, ValueError) as error:
        _refuse_newer(raw)
        return [], str(error)
    for event in events:
        why = flaw(event)
        if why is not None:
            _refuse_newer(raw)
            return [], why
    return events, None


def _refuse_newer(raw: bytes) -> None:
    try:
        version = msgspec.json.decode(raw, type=_Versioned).v
    except msgspec.MsgspecError:
        return
    if version > SCHEMA_VERSION:
        message = (
            f"This session was written by a newer alwidget (log version {version}; this one reads up to "
            f"{SCHEMA_VERSION}). Upgrade with: pip install --upgrade alwidget"
        )
        raise SessionError(message)


def _torn(lines: list[_Line], *, closed: bool) -> int:
    """Return how many lines at the end are what a crash leaves, and no damage that a person must see to."""
    bad = 0
    while bad < len(lines) and lines[-1 - bad].why:
        bad += 1
    if bad <= 1 or all(b"\0" in line.raw for line in lines[len(lines) - bad : -1]):
        return bad
    return 0 if closed else 1


def place(writer: str, reading: Reading, floor: str = "") -> list[Said]:
    """Give the events of one file their places; `floor` is the time of the last one before them."""
    out: list[Said] = []
    for event, time in zip(reading.events, reading.times, strict=True):
        floor = max(floor, time)
        out.append(Said((floor, writer, event.seq), event))
    return out


def log_files(session: Path) -> dict[str, Path]:
    """Return the log files of a session by the name of their writer.

    Raises
    ------
    alwidget.errors.StorageError
        The folder may not be read.
    """
    try:
        found = sorted(
            entry.name
            for entry in os.scandir(session / LOG_FOLDER)
            if entry.name.endswith(SUFFIX) and not entry.name.startswith(".")
        )
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        message = f"{session / LOG_FOLDER} cannot be read: {explain(error, session)}."
        raise StorageError(message) from error
    return {name.removesuffix(SUFFIX): session / LOG_FOLDER / name for name in found}


class News(NamedTuple):
    """What a writer said that was not read before; with `whole`, it is all that stands in its file now."""

    writer: str
    said: list[Said]
    whole: bool


@dataclass(slots=True)
class _Cursor:
    device: int
    inode: int
    offset: int
    lines: int
    floor: str


class Reader:
    """Reads the log files of a session, and afterwards what was appended to them.

    Attributes
    ----------
    reports
        What a person should know: torn ends that were left out, files that cannot be read at present.
    """

    def __init__(self, session: Path) -> None:
        self.session = session
        self.reports: list[str] = []
        self._cursors: dict[str, _Cursor] = {}

    def load(self, writer: str, path: Path) -> tuple[Reading, list[Said]]:
        """Read a whole file.

        Raises
        ------
        alwidget.errors.LogError
            A line that is not the last cannot be read.
        """
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read()
        reading = read(data)
        if reading.broken:
            raise LogError(_broken(self.session, path, reading.broken))
        said = place(writer, reading)
        lines = data.count(b"\n", 0, reading.end)
        floor = said[-1].place[0] if said else ""
        self._cursors[writer] = _Cursor(status.st_dev, status.st_ino, reading.end, lines, floor)
        return reading, said

    def news(self, own: str | None) -> list[News]:
        """Return what other writers than `own` said since the last look.

        The unfinished end of a writer that is alive is left for the next look. A line that cannot be read stops the
        reading of its file, with a report, until the file is repaired; it does not stop the session.
        """
        found: list[News] = []
        try:
            files = log_files(self.session)
        except StorageError as error:
            self._report(str(error))
            return found
        for writer, path in files.items():
            if writer == own:
                continue
            try:
                news = self._look(writer, path)
            except (OSError, SessionError) as error:  # SessionError: somebody else has a newer version already
                self._report(f"{path} cannot be read now: {error}")
                continue
            if news is not None:
                found.append(news)
        return found

    def forget(self) -> None:
        """Read everything again at the next look."""
        self._cursors.clear()

    def _look(self, writer: str, path: Path) -> News | None:
        status = path.stat()
        cursor = self._cursors.get(writer)
        same = cursor is not None and (status.st_dev, status.st_ino) == (cursor.device, cursor.inode)
        if cursor is None or not same or status.st_size < cursor.offset:
            cursor = self._cursors[writer] = _Cursor(status.st_dev, status.st_ino, 0, 0, "")
        elif status.st_size == cursor.offset:
            return None
        whole = cursor.offset == 0
        with path.open("rb") as file:
            file.seek(cursor.offset)
            data = file.read()
        reading = read(data, cursor.lines + 1)
        if reading.broken:
            self._report(_broken(self.session, path, reading.broken))
            reading = _until_broken(data, reading, cursor.lines + 1)
        said = place(writer, reading, cursor.floor)
        cursor.offset += reading.end
        cursor.lines += data.count(b"\n", 0, reading.end)
        cursor.floor = said[-1].place[0] if said else cursor.floor
        return News(writer, said, whole) if said or whole else None

    def _report(self, text: str) -> None:
        if text not in self.reports:
            self.reports.append(text)


def _until_broken(data: bytes, reading: Reading, first_line: int) -> Reading:
    """Return the reading up to the first broken line."""
    at = reading.broken[0].line - first_line
    end = sum(len(raw) + 1 for raw in data.split(b"\n", at)[:at])
    return read(data[:end], first_line)


def _broken(session: Path, path: Path, broken: Sequence[Broken]) -> str:
    first = broken[0]
    more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
    return (
        f"{path}, line {first.line} cannot be read ({first.why}){more}. Nothing was skipped or changed. To set such "
        f"lines aside, where they are kept, and go on: alwidget check {_quote(session)} --repair"
    )


def _quote(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
