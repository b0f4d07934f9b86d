"""One writer's file: claimed by a lock that dies with its process, appended to, flushed, cut back when that fails."""

from __future__ import annotations

import errno
import os
import re
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import lock_descriptor

from alwidget.log.files import sync, sync_folder, write_atomic
from alwidget.log.reading import SUFFIX

__all__ = ["Holder", "Mark", "Writer", "alone", "candidates", "holder", "slug"]

_BINARY = getattr(os, "O_BINARY", 0)
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})
_LONGEST = 60
_PAUSE = 0.01


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock, as its file says; for messages only, the lock itself is the kernel's."""

    pid: int = 0
    host: str = ""
    started: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        return f"process {self.pid} on {self.host}, since {self.started}" if self.pid else "another process"


class Mark(NamedTuple):
    """Up to where a file is safely on disk: its size, and the sequence number of its last event."""

    end: int
    seq: int


class Writer:
    """The file that one process appends to, and its lock.

    Attributes
    ----------
    mark
        How far the file is good. What lies behind it was never acknowledged and is cut off at the next chance.
    """

    def __init__(self, folder: Path, name: str, lock: int) -> None:
        self.name = name
        self.path = folder / f"{name}{SUFFIX}"
        self.mark = Mark(0, 0)
        self._lock_path = _lock_path(folder, name)
        self._lock = lock
        self._has_lock = lock >= 0
        self._fd = -1
        self._spoiled = False
        _alive.add(self)

    # Claiming --------------------------------------------------------------------------------------------------------

    @classmethod
    def claim(cls, folder: Path, name: str, started: str) -> Writer | None:
        """Return the writer of this name, None when another one that is alive has it.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        _watch_forks()
        fd = _take_lock(_lock_path(folder, name))
        if fd is None:
            return None
        with suppress(OSError):  # only for messages, and the disk may be full
            os.ftruncate(fd, 0)
            os.write(fd, msgspec.json.encode(Holder(os.getpid(), _host(), started)))
        return cls(folder, name, fd)

    @classmethod
    def claim_free(cls, folder: Path, names: Iterable[str], started: str) -> Writer:
        """Return the first writer of `names` that no other has.

        On a file system without locks it gets a name that nobody else can have.
        """
        first = ""
        for name in names:
            first = first or name
            try:
                writer = cls.claim(folder, name, started)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                return cls(folder, f"{first}-{os.urandom(4).hex()}", -1)
            if writer is not None:
                return writer
        raise AssertionError  # names do not end

    def open(self, mark: Mark) -> None:
        """Open the file for appending after `mark`, cutting off what lies behind it, or make it."""
        made = not self.path.exists()
        self._close_file()
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
        if os.fstat(self._fd).st_size > mark.end:
            os.ftruncate(self._fd, mark.end)
            sync(self._fd)
        if made:
            sync_folder(self.path.parent)
        self.mark = mark
        self._spoiled = False

    # Writing ---------------------------------------------------------------------------------------------------------

    def intact(self) -> bool:
        """Return whether the file that is open is the one under its name, and as this writer left it.

        A folder that was deleted, or a file that was put in its place, takes writes without any error; so it is looked
        at each time. It costs microseconds.
        """
        if self._fd < 0 or self._spoiled:
            return False
        here = os.fstat(self._fd)
        try:
            there = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino) and here.st_size == self.mark.end

    def write(self, lines: Sequence[bytes], first: int) -> OSError | None:
        """Append lines, whose sequence numbers go up from `first`, and flush them; `mark` says how far it came.

        When it fails, whole lines that found room are kept and the rest is cut off, so that the file never ends in
        part of a line. After a failed flush nothing is kept: the kernel may have dropped the data, and would say
        nothing at the next flush.
        """
        data = b"".join(lines)
        start = self.mark.end
        try:
            self._write_all(data)
            sync(self._fd)
            self.mark = Mark(start + len(data), first + len(lines) - 1)
        except _CutShort as cut:
            kept = data.rfind(b"\n", 0, cut.done) + 1
            self._cut(start + kept)
            if kept and not self._spoiled:
                try:
                    sync(self._fd)
                    self.mark = Mark(start + kept, first + data.count(b"\n", 0, kept) - 1)
                except OSError:
                    self._cut(start)
            return cut.error
        except OSError as error:
            self._cut(start)
            return error
        except BaseException:  # an interrupt; what is not marked is not there
            if self.mark.end == start:
                self._cut(start)
            raise
        return None

    def _write_all(self, data: bytes) -> None:
        view, done = memoryview(data), 0
        try:
            while done < len(data):
                done += os.write(self._fd, view[done:])
        except OSError as error:
            raise _CutShort(done, error) from error

    def _cut(self, end: int) -> None:
        try:
            os.ftruncate(self._fd, end)
        except OSError:
            self._spoiled = True

    def replace(self, content: bytes, seq: int) -> None:
        """Put a whole new file in the place of this one, atomically, and go on appending to it."""
        write_atomic(self.path, [content], self.name)
        self.open(Mark(len(content), seq))

    # Letting go ------------------------------------------------------------------------------------------------------

    def owns_lock(self) -> bool:
        """Return whether the lock is still the one that others would meet under its name."""
        if not self._has_lock:  # the name is nobody else's
            return True
        if self._lock < 0:
            return False
        here = os.fstat(self._lock)
        try:
            there = self._lock_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Close the file and give the lock back. The lock's file stays, others may be waiting at it."""
        self._close_file()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _close_file(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.release()


class _CutShort(Exception):  # noqa: N818  not an error by itself
    def __init__(self, done: int, error: OSError) -> None:
        super().__init__(done, error)
        self.done, self.error = done, error


# Locks ---------------------------------------------------------------------------------------------------------------

_alive: weakref.WeakSet[Writer] = weakref.WeakSet()
_watching: list[bool] = []


def _watch_forks() -> None:
    """Let a forked child close its copies: the lock must die with the process that took it.

    Closing a copy does not unlock; the parent keeps its lock.
    """
    if not _watching and hasattr(os, "register_at_fork"):
        _watching.append(True)
        os.register_at_fork(after_in_child=_drop_copies)


def _drop_copies() -> None:
    for writer in list(_alive):
        writer.release()


def _take_lock(path: Path) -> int | None:
    """Return the descriptor of a lock that is ours now, None when somebody alive holds it."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o666)
        try:
            if not lock_descriptor(fd, blocking=False):
                os.close(fd)
                return None
            with suppress(FileNotFoundError):
                here, there = os.fstat(fd), path.stat()
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
                    return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # the folder was put in the place of another one in this very moment


@contextmanager
def alone(path: Path, patience: float) -> Iterator[None]:
    """Hold the lock `path`, or go on without it when somebody else does not let go of it for `patience` seconds."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o666)
    try:
        end = time.monotonic() + patience
        with suppress(OSError):
            while not lock_descriptor(fd, blocking=False) and time.monotonic() < end:
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(fd)


def holder(folder: Path, name: str) -> Holder | None:
    """Return who holds the lock of this writer; None when nobody alive does."""
    path = _lock_path(folder, name)
    try:
        fd = os.open(path, os.O_RDWR | _BINARY)
    except FileNotFoundError:
        return None
    except OSError:  # a read-only disk: nobody can write there
        return None
    try:
        if lock_descriptor(fd, blocking=False):
            return None
        return msgspec.json.decode(os.read(fd, 4096), type=Holder)
    except (msgspec.MsgspecError, OSError):
        return Holder()
    finally:
        os.close(fd)


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "this machine")


def _lock_path(folder: Path, name: str) -> Path:
    return folder / f".{name}.lock"


# Names ---------------------------------------------------------------------------------------------------------------


def slug(annotator: str) -> str:
    """Return a file name for an annotator; two that differ never share one.

    >>> slug("ana")
    'ana'
    >>> slug("Zoë K.")
    'Zo-K-de8c3f'
    """
    import hashlib

    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", annotator).strip("-")[:_LONGEST]
    if plain and plain == annotator:
        return plain
    digest = hashlib.blake2b(annotator.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{plain}-{digest}" if plain else f"annotator-{digest}"


def candidates(name: str) -> Iterator[str]:
    """Yield the names that a writer may take, the one without a number first."""
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
