"""Where converted pools lie: one folder a file and its options, complete or not there at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alwidget.pool.folder import listing
from alwidget.pool.store import FORMAT, StoreError, read_meta

__all__ = ["Workplace", "fsync_folder", "key_of", "pools_folder", "prune", "signature"]


_BUILDING = "building"
_substitutes: list[tempfile.TemporaryDirectory[str]] = []


def pools_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of converted pools: in `cache_dir`, else in ``$ALWIDGET_CACHE``, else in the user's cache."""
    import platformdirs

    named = cache_dir or os.environ.get("ALWIDGET_CACHE")
    base = Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("alwidget"))
    return base / "pools"


def _writable(pools: Path) -> Path:
    """Return `pools`, made ready, or a folder for the life of this process where nothing can be written there."""
    try:
        # what people label may be confidential
        pools.mkdir(parents=True, exist_ok=True, mode=0o700)
        (pools / _BUILDING).mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=pools / _BUILDING):
            return pools
    except OSError:
        _substitutes.append(tempfile.TemporaryDirectory(prefix="alwidget-", ignore_cleanup_errors=True))
        return _writable(Path(_substitutes[-1].name) / "pools")


def signature(path: Path) -> dict[str, Any]:
    """Return what tells one state of a file or folder from another: path, size, time of the last change."""
    resolved = path.resolve()
    if not path.is_dir():
        stat = path.stat()
        return {"path": str(resolved), "size": stat.st_size, "changed": stat.st_mtime_ns}
    digest = blake2b(digest_size=16)
    total = 0
    for file in listing(path):
        stat = file.stat()
        total += stat.st_size
        digest.update(
            f"{file.relative_to(path).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode(errors="replace")
        )
    return {"path": str(resolved), "size": total, "changed": digest.hexdigest()}


def key_of(what: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """Return the name of the folder for this data, read in this way, by this version of the format."""
    said = json.dumps([FORMAT, what, options], sort_keys=True, ensure_ascii=True, default=str)
    return blake2b(said.encode(), digest_size=16).hexdigest()


class Workplace:
    """A new folder to build a store in; held by a lock, so that what a crash leaves behind can be told and removed.

    Parameters
    ----------
    pools
        The folder of converted pools.
    """

    def __init__(self, pools: Path) -> None:
        from filelock import FileLock

        self._pools = _writable(pools)
        building = self._pools / _BUILDING
        _sweep(building)
        self.folder = building / uuid.uuid4().hex
        self._lock = FileLock(self.folder.with_suffix(".lock"))
        self._lock.acquire()
        self.folder.mkdir()

    def publish(self, key: str) -> Path:
        """Give the finished folder its name, and return where a store of this name lies now.

        If another process was quicker, its store is used: it holds the same.
        """
        final = self._pools / key
        try:
            self.folder.rename(final)
        except OSError:
            try:
                read_meta(final)
            except StoreError:  # what lies there is damaged
                shutil.rmtree(final, ignore_errors=True)
                self.folder.rename(final)
        fsync_folder(self._pools)
        self.remove()
        return final

    def keep_for(self, owner: object) -> None:
        """Remove the folder when `owner` is gone, or when Python ends."""
        weakref.finalize(owner, _remove_here, os.getpid(), self)

    def remove(self) -> None:
        """Remove the folder and let go of the lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def _remove_here(process: int, workplace: Workplace) -> None:
    if os.getpid() == process:  # a child after a fork must not take its parent's files away
        workplace.remove()


def _sweep(building: Path) -> None:
    """Remove what crashed conversions left: folders whose lock nobody holds."""
    from filelock import FileLock, Timeout

    for lock_file in building.glob("*.lock"):
        lock = FileLock(lock_file)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            continue
        shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
        lock.release()
        lock_file.unlink(missing_ok=True)


def prune(pools: Path, what: Mapping[str, Any], keep: str) -> None:
    """Remove the stores of earlier states of the same file, which nobody can ask for any more."""
    if "path" not in what or not pools.is_dir():
        return
    for folder in pools.iterdir():
        if folder.name in {keep, _BUILDING} or not folder.is_dir():
            continue
        try:
            origin = read_meta(folder).get("origin", {})
        except StoreError:
            continue
        if origin.get("path") == what["path"] and origin != what:
            shutil.rmtree(folder, ignore_errors=True)


def fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` last; Windows cannot and need not."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
