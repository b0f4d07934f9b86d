"""Writing a file or a folder so that there is always either the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from alwidget.errors import ArgumentError, StorageError

__all__ = ["replacing", "target"]


def target(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path to write to, or raise `ArgumentError` if its folder is missing.

    A link is followed, so that what it points to is replaced and the link stays.
    """
    where = Path(path).expanduser()
    full = where.resolve()
    if not full.parent.is_dir():
        message = f'The folder "{full.parent}" does not exist, so "{where}" cannot be written. Create it first.'
        raise ArgumentError(message)
    return full


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or a folder to; it takes the place of `path` if the block succeeds.

    The new file is on disk (fsync) before it takes the old one's place. If anything fails, what was written is taken
    away and `path` is as it was.

    Raises
    ------
    StorageError
        If the system refuses to write; the message says why.
    """
    fresh = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield fresh
        _keep_mode(path, fresh)
        _sync(fresh)
        _swap(fresh, path)
        _sync_folder(path.parent)
    except OSError as error:
        message = f'"{path}" could not be written ({error.strerror or error}); what was there before is unchanged.'
        raise StorageError(message) from error
    finally:
        _remove(fresh)


def _swap(fresh: Path, path: Path) -> None:
    if not (fresh.is_dir() and path.is_dir()):
        fresh.replace(path)
        return
    aside = path.with_name(f"{fresh.name}.old")  # a folder that is not empty cannot be replaced in one step
    path.rename(aside)
    try:
        fresh.rename(path)
    except OSError:
        aside.rename(path)
        raise
    _remove(aside)


def _keep_mode(old: Path, fresh: Path) -> None:
    if old.is_file():
        with contextlib.suppress(OSError):
            fresh.chmod(old.stat().st_mode & 0o7777)


def _sync(path: Path) -> None:
    files = [found for found in path.rglob("*") if found.is_file()] if path.is_dir() else [path]
    for file in files:
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
    for folder in {file.parent for file in files}:
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # a folder cannot be opened there
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
