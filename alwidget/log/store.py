"""What this writer says, on its way to the disk: in order, none lost, whatever happens to the disk meanwhile."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from alwidget.errors import SessionError, StorageError
from alwidget.log import session_file
from alwidget.log.events import Event, Line, Said, encode, write_time
from alwidget.log.files import explain, set_aside, sync_folder, write_synced
from alwidget.log.reading import LOG_FOLDER, SUFFIX, Reading, log_files, place, read
from alwidget.log.session_file import SessionInfo
from alwidget.log.state import State
from alwidget.log.writer import Mark, Writer, candidates

__all__ = ["Store"]


class _Hand(NamedTuple):
    """Who writes, where, and what; changed in one step, so that an interrupt finds the old one or the new one."""

    name: str
    writer: Writer | None
    pending: list[Line]


class Store:
    """Keeps what this writer said until it is on disk.

    All methods are called under the log's lock.

    Parameters
    ----------
    path
        The session directory.
    wish
        The name that the writer would like; it gets a number when another one that is alive has it.
    info
        What ``session.json`` says, to write it anew where it is lost.

    Attributes
    ----------
    error
        Why, in words; None when all is well.
    unmade
        Whether the session's folder or ``session.json`` could not be written yet.
    """

    def __init__(self, path: Path, wish: str, info: SessionInfo, state: State) -> None:
        self.path = path
        self.info = info
        self.error: str | None = None
        self.unmade = False
        self._folder = path / LOG_FOLDER
        self._wish = wish
        self._state = state
        self._hand = _Hand(wish, None, [])
        self._lost = False
        self._was_there = path.is_dir()

    # Beginning -------------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        """Take the first name that is free. What goes wrong is in `error`, and is tried again at the next flush."""
        try:
            writer = Writer.claim_free(self._folder, candidates(self._wish), _now())
            self._hand = _Hand(writer.name, writer, [])
        except OSError as error:
            self.fail(error)
            there = log_files(self.path)
            free = next(name for name in candidates(self._wish) if name not in there)
            self._hand = _Hand(free, None, [])

    def begin(self, reading: Reading | None) -> str | None:
        """Open the claimed file, of which `reading` was just made; return what a person should know about it.

        A torn end is moved to ``log/torn/`` and cut off, so that the next line does not run into it.
        """
        writer = self._hand.writer
        if writer is None:
            return None
        try:
            return self._open(writer, reading or Reading())
        except OSError as error:
            writer.release()
            self._hand = self._hand._replace(writer=None)
            self.fail(error)
            return None

    def _open(self, writer: Writer, reading: Reading) -> str | None:
        report = None
        if reading.tail:
            kept = set_aside(self._folder / "torn", f"{writer.name}{SUFFIX}.{reading.end}", reading.tail)
            report = (
                f"The last line of {writer.path} was cut short, as a crash leaves it: {len(reading.tail)} bytes that "
                f"were never acknowledged. They are kept in {kept.relative_to(self.path)}."
            )
        seq = max((event.seq for event in reading.events), default=0)
        writer.open(Mark(reading.end, seq))
        if not reading.closed:
            error = writer.write([b"\n"], seq)
            if error is not None:
                raise error
        return report

    # Saying ----------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The writer's name; provisional while no file could be claimed."""
        return self._hand.name

    @property
    def pending(self) -> list[Line]:
        """What is not on disk yet, oldest first."""
        return self._hand.pending

    @property
    def next_seq(self) -> int:
        """The sequence number of the next event."""
        if self.pending:
            return self.pending[-1].said.event.seq + 1
        writer = self._hand.writer
        return writer.mark.seq + 1 if writer is not None else 1

    @property
    def unsaved(self) -> int:
        """How many events are in memory only."""
        return len(self._state.said_by(self.name)) if self._lost else len(self.pending)

    def is_pending(self, said: Said) -> bool:
        """Return whether this event is in memory only."""
        first = self.pending[0].said.event.seq if self.pending else None
        return said.place[1] == self.name and (self._lost or (first is not None and said.event.seq >= first))

    def look(self) -> None:
        """Notice that the file is gone although nothing is being written."""
        writer = self._hand.writer
        if writer is None:
            return
        try:
            self._lost = not writer.intact()
        except OSError as error:
            self._lost = True
            self.fail(error)

    def flush(self) -> bool:
        """Write what is pending; return whether everything is on disk. Raises nothing: see `error`."""
        writer = self._hand.writer
        if not self.pending and not self._lost and not self.unmade and writer is not None:
            return True
        try:
            if self.unmade:
                self._make()
            if writer is None:
                self._claim_late()
            elif not writer.intact():
                self._lost = True
                self._come_back(writer)
            self._lost = False
            error = self._write()
        except OSError as problem:
            error = problem
        except SessionError as problem:  # what lies there now is not this session, or not for this version
            self.error = str(problem)
            return False
        if error is not None:
            self.fail(error)
            return False
        self.error = None
        return True

    def mend(self) -> None:
        """Bring the state in step with what is pending, after an interrupt in the middle of a decision."""
        waiting = [line.said for line in self.pending]
        mine = self._state.said_by(self.name)
        if waiting and list(mine[-len(waiting) :]) != waiting:
            kept = [said for said in mine if said.event.seq < waiting[0].event.seq]
            self._state.replace(self.name, [*kept, *waiting])

    def _write(self) -> OSError | None:
        writer = self._forget_saved()
        if writer is None or not self.pending:
            return None
        error = writer.write([line.data for line in self.pending], self.pending[0].said.event.seq)
        self._forget_saved()
        return error

    def _forget_saved(self) -> Writer | None:
        """Leave in `pending` what lies behind the mark of the file, also when an interrupt came in between."""
        writer = self._hand.writer
        if writer is not None and self.pending:
            left = [line for line in self.pending if line.said.event.seq > writer.mark.seq]
            self._hand = self._hand._replace(pending=left)
        return writer

    def fail(self, error: OSError) -> None:
        """Remember in words why nothing can be written."""
        self.error = explain(error, self._folder if self.path.is_dir() else self.path)

    # When the disk did something -------------------------------------------------------------------------------------

    def _claim_late(self) -> None:
        """Claim a file after all: the disk was read-only or full when the session was opened."""
        self._make()
        writer = Writer.claim_free(self._folder, candidates(self._wish), _now())
        try:
            reading = read(writer.path.read_bytes()) if writer.path.exists() else Reading()
            self._refuse_broken(writer.path, reading)
            self._open(writer, reading)
        except BaseException:
            writer.release()
            raise
        self._move(writer, [line.said for line in self.pending], place(writer.name, reading))

    def _make(self) -> None:
        if self._was_there:
            self._need_folder()
        session_file.restore(self.path, self.info, str(os.getpid()))
        self._was_there = True
        self.unmade = False

    def _move(self, writer: Writer, said: Sequence[Said], there: Sequence[Said], behind: Sequence[Said] = ()) -> None:
        """Go on as `writer`: `said` is pending, after what stands `there`; what is `behind` keeps the old name."""
        old = self.name
        moved = list(_restamp(said, writer.name, there))
        self._hand = _Hand(writer.name, writer, moved)
        if old != writer.name:
            self._state.replace(old, behind)
        self._state.replace(writer.name, [*there, *(line.said for line in moved)])

    def _come_back(self, writer: Writer) -> None:
        """Write everything that this writer ever said into a folder, or file, that is not the one it had.

        Raises
        ------
        OSError
            The folder is not there. It is not made anew: it may be on a disk that is gone for the moment.
        """
        self._need_folder()
        session_file.restore(self.path, self.info, str(os.getpid()))
        if not writer.owns_lock():
            writer.release()
            fresh = Writer.claim(self._folder, self.name, _now())
            if fresh is None:
                self._go_on_elsewhere()
                return
            writer = fresh
            self._hand = self._hand._replace(writer=fresh)
        mine = self._state.said_by(self.name)
        names = {said.name: said.event for said in mine}
        raw = writer.path.read_bytes() if writer.path.exists() else b""
        reading = read(raw)
        if any(names.get(said.name) != said.event for said in place(self.name, reading)):
            self._go_on_elsewhere()
            return
        if reading.tail or reading.broken:
            set_aside(self._folder / "torn", f"{writer.path.name}.replaced", raw)
        self._rewrite(writer, mine)

    def _need_folder(self) -> None:
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))

    def _rewrite(self, writer: Writer, mine: Sequence[Said]) -> None:
        last = mine[-1].event.seq if mine else 0
        writer.replace(b"".join(encode(said.event) for said in mine), last)
        self._forget_saved()

    def _go_on_elsewhere(self) -> None:
        """Leave the file under our name to whoever wrote other things into it, and go on in a new one.

        What of ours the other file lacks goes along, also what was saved before.
        """
        old, writer = self.name, self._hand.writer
        path = self._folder / f"{old}{SUFFIX}"
        reading = read(path.read_bytes()) if path.exists() else Reading()
        behind = place(old, reading)
        there = {said.name for said in behind}
        waiting = {line.said.name for line in self.pending}
        mine = self._state.said_by(old)
        taken = log_files(self.path)
        free = (name for name in candidates(self._wish) if name not in taken)
        fresh = Writer.claim_free(self._folder, free, _now())
        missing = [said for said in mine if said.name in waiting or said.name not in there]
        self._move(fresh, missing, (), behind)
        if writer is not None:
            writer.release()
        self._rewrite(fresh, [line.said for line in self.pending])

    def _refuse_broken(self, path: Path, reading: Reading) -> None:
        if reading.broken:
            message = f"{path} has lines that cannot be read; nothing is written behind them before they are repaired"
            raise StorageError(message)

    # The end ---------------------------------------------------------------------------------------------------------

    def release(self) -> None:
        """Give the file and its lock back."""
        if self._hand.writer is not None:
            self._hand.writer.release()

    def rescue(self) -> Path | None:
        """Write what is not saved, if anything, as a log file in the folder for temporary files."""
        lost = [line.said for line in self.pending] if not self._lost else list(self._state.said_by(self.name))
        if not lost:
            return None
        import tempfile

        name = f"{self.name}-rescued-{os.urandom(4).hex()}"
        path = Path(tempfile.gettempdir(), f"{name}{SUFFIX}")
        write_synced(path, [line.data for line in _restamp(lost, name)], new=True)
        sync_folder(path.parent)
        return path


def _now() -> str:
    return write_time(time.time_ns() // 1_000_000)


def _restamp(said: Sequence[Said], writer: str, after: Sequence[Said] = ()) -> Iterator[Line]:
    """Yield the same events as `writer` says them `after` what stands in its file."""
    seq = max((one.event.seq for one in after), default=0)
    floor = after[-1].place[0] if after else ""
    for number, one in enumerate(said, seq + 1):
        event: Event = msgspec.structs.replace(one.event, seq=number)
        floor = max(floor, one.place[0])
        yield Line(Said((floor, writer, number), event), encode(event))
