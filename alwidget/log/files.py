"""Bytes on a disk: written whole or not at all, flushed for real, and never thrown away."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from alwidget.errors import StorageError

try:
    import fcntl
except ImportError:  # pragma: no cover  Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["explain", "set_aside", "sync", "sync_folder", "temporary", "write_atomic", "write_synced"]

_BINARY = getattr(os, "O_BINARY", 0)
_DATASYNC = getattr(os, "fdatasync", os.fsync)
_FULLSYNC = getattr(fcntl, "F_FULLFSYNC", None)

_REASONS = {
    errno.ENOSPC: "no space is left on the disk of {where}; free some",
    errno.EDQUOT: "your quota on the disk of {where} is used up; free some",
    errno.EFBIG: "the file size limit is reached in {where}; raise it (ulimit -f)",
    errno.EROFS: "the disk of {where} is read-only; make it writable",
    errno.EACCES: "this user may not read or write {where}; change its permissions",
    errno.EPERM: "this user may not read or write {where}; change its permissions",
    errno.ENOENT: "the folder {where} is gone; put it back, or make it anew",
    errno.ENOTDIR: "{where} is no folder any more; put it back",
    errno.EIO: "the disk of {where} reports an error; look at its health",
    errno.ESTALE: "the connection to the disk of {where} broke; mount it again",
}


def sync(fd: int) -> None:
    """Return once what was written to this file would survive a power cut.

    ``fdatasync`` leaves out only what is not needed to read the data back, such as the time of the last change; the
    new size of a file that grew is needed, so it is written (POSIX, and so on Linux). A Mac answers ``fsync`` when the
    data has reached the drive's own cache, hence ``F_FULLFSYNC`` there.
    """
    if _FULLSYNC is not None:  # pragma: no cover  macOS
        with suppress(OSError):
            fcntl.fcntl(fd, _FULLSYNC)
            return
    _DATASYNC(fd)


def sync_folder(folder: Path) -> None:
    """Return once the names in `folder` would survive a power cut: a new file is nothing without its name."""
    try:
        fd = os.open(folder, os.O_RDONLY)
    except PermissionError:  # pragma: no cover  Windows opens no folders
        if os.name == "nt":
            return
        raise
    try:
        os.fsync(fd)
    except OSError as error:  # some network file systems cannot; they write names at once
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(fd)


def temporary(path: Path, owner: str) -> Path:
    """Return where `owner` writes `path` before it takes its name; one that was killed leaves only one such behind."""
    return path.with_name(f".{path.name}.{owner}.tmp")


def write_synced(path: Path, chunks: Iterable[bytes], *, new: bool = False) -> None:
    """Write a file and return when it would survive a power cut; on any error there is none afterwards.

    Raises
    ------
    FileExistsError
        With `new`, it is there already, and was not touched.
    """
    how = os.O_EXCL if new else os.O_TRUNC
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | how | _BINARY, 0o666)
    try:
        with os.fdopen(fd, "wb", buffering=1 << 18) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            sync(fd)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def write_atomic(path: Path, chunks: Iterable[bytes], owner: str) -> None:
    """Replace `path` so that at every moment, power cuts included, it holds the old content or the new.

    Raises
    ------
    OSError
        `path` is as it was before.
    """
    waiting = temporary(path, owner)
    write_synced(waiting, chunks)
    waiting.replace(path)
    sync_folder(path.parent)


def set_aside(folder: Path, name: str, data: bytes) -> Path:
    """Keep bytes that cannot be read as a new file in `folder`, safely on disk, and return it."""
    folder.mkdir(exist_ok=True)
    number = 0
    while True:
        path = folder / (f"{name}-{number}" if number else name)
        try:
            write_synced(path, [data], new=True)
        except FileExistsError:
            if path.is_file() and path.read_bytes() == data:
                return path
            number += 1
            continue
        sync_folder(folder)
        return path


def explain(error: OSError, where: Path) -> str:
    """Return in words why nothing can be written to `where`, and what to do, without a full stop."""
    if isinstance(error, StorageError):
        return str(error)
    known = _REASONS.get(error.errno or 0)
    if known is not None:
        return known.format(where=where)
    return f"{error.strerror or str(error) or type(error).__name__} ({where})"
