"""Where trained models go: never over something that somebody else put there, and found again by what they are."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from alwidget.errors import ArgumentError, SessionError
from alwidget.learners.cache import default_cache_dir
from alwidget.learners.checkpoints import write_json

__all__ = ["CHECKPOINTS", "claim", "fingerprint_of", "locked", "models_dir", "read_report", "unlocked", "write_report"]

CHECKPOINTS = "training"
"""The folder of the checkpoints inside of the folder of the model; removed once that is written."""
STARTED = "started.json"
LOCK = "training.lock"
OURS = ("distilled.json", "adapted.json")


def models_dir() -> Path:
    """Return the folder of models that were made here: ``$ALWIDGET_CACHE/models``, else in the user's cache folder."""
    return default_cache_dir().parent / "models"


def fingerprint_of(**parts: Any) -> str:
    """Return 32 hex digits that stand for everything that the outcome depends on."""
    whole = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()


def claim(out: Path, fingerprint: str, *, resume: bool) -> None:
    """Make a folder that is free, and locked, the folder of this run.

    Raises
    ------
    alwidget.errors.ArgumentError
        It holds a run with other arguments, while `resume` is set.
    """
    if not resume:
        _empty(out)
    if _fingerprint_in(out) not in {None, fingerprint}:
        message = (
            f'out="{out}" holds a model of other arguments or other texts; give another folder, or resume=False to '
            "replace it."
        )
        raise ArgumentError(message)
    write_json(out / STARTED, {"fingerprint": fingerprint})


def check_free(out: Path) -> None:
    """Raise `ArgumentError` where a folder holds something that was not made here."""
    there = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
    ours = any(name in there for name in (STARTED, *OURS)) or set(there) <= {LOCK}
    if out.exists() and not (out.is_dir() and ours):
        shown = ", ".join(there[:4]) or "a file"
        message = f'out="{out}" is taken ({shown}); give a folder that is empty or not there yet.'
        raise ArgumentError(message)


def read_report(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the report of a finished run, or None."""
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "fingerprint" in found else None


def write_report(folder: Path, name: str, report: dict[str, Any]) -> None:
    """Write what is known of a model beside it, at once and last: its presence says that the model is whole."""
    part = folder / f"{name}.part"
    write_json(part, report)
    part.replace(folder / name)
    (folder / STARTED).unlink(missing_ok=True)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def locked(out: Path) -> BaseFileLock:
    """Return the lock on a folder, held; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    alwidget.errors.SessionError
        Another run writes there.
    """
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        message = f'Another process is making the model in "{out}"; wait for it, or give another folder as out=.'
        raise SessionError(message) from error
    return lock


def unlocked(lock: BaseFileLock) -> None:
    """Let go of a folder; where nothing was done in it, it goes away."""
    lock.release()
    file = Path(lock.lock_file)
    file.unlink(missing_ok=True)
    if [p.name for p in file.parent.iterdir()] == [STARTED]:
        shutil.rmtree(file.parent, ignore_errors=True)


def _empty(out: Path) -> None:
    for path in out.iterdir() if out.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _fingerprint_in(out: Path) -> str | None:
    for name in (*OURS, STARTED):
        found = read_report(out, name)
        if found is not None:
            return str(found["fingerprint"])
    return None
