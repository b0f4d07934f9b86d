"""``session.json``: what a session is, beside what was said in it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from alwidget.errors import SessionError, StorageError
from alwidget.log.events import write_time
from alwidget.log.files import explain, set_aside, sync_folder, temporary, write_atomic, write_synced
from alwidget.log.reading import LOG_FOLDER
from alwidget.tasks import Label

__all__ = ["FORMAT", "SESSION_FILE", "LabelRow", "SessionInfo", "load", "prepare", "rebuild", "restore", "save"]

SESSION_FILE = "session.json"
ANNOTATIONS_FILE = "annotations.json"
VERSION = 1
FORMAT = f"alwidget/{VERSION}"
# Derived things stay out of git. Log lines are kept to the byte, and where two people labelled in two clones, a merge
# keeps the lines of both.
_BESIDE = {
    ".gitignore": "cache/\nlog/.*.lock\n.*.tmp\n",
    ".gitattributes": "*.jsonl -text merge=union\n*.json -text\n",
}


class LabelRow(msgspec.Struct, frozen=True):
    """A label with its definition."""

    name: str
    definition: str = ""


class SessionInfo(msgspec.Struct, frozen=True):
    """The content of ``session.json``; written when the session is created, later only for changed settings.

    Attributes
    ----------
    session
        A UUID; pages key their outbox by it.
    labels
        Those that the session began with; what became of them since is in the log.
    settings
        What the session was opened with, the fingerprint of its pool included.
    """

    format: str
    session: str
    created: str
    task: str
    labels: list[LabelRow] = []
    open_labels: bool = False
    settings: dict[str, Any] = {}

    def base_labels(self) -> tuple[Label, ...]:
        """Return the labels as the tasks know them."""
        return tuple(Label(row.name, row.definition) for row in self.labels)


class _Head(msgspec.Struct):
    format: str = ""


class _Snapshot(msgspec.Struct):
    format: str = ""
    session: str = ""
    task: str = ""
    labels: list[str] = []


def new(task: str, labels: Sequence[Label], settings: Mapping[str, Any], *, open_labels: bool) -> SessionInfo:
    """Return what a new session is."""
    rows = [LabelRow(label.name, label.definition) for label in labels]
    now = write_time(time.time_ns() // 1_000_000)
    return SessionInfo(FORMAT, new_id(), now, task, rows, open_labels, dict(settings))


def new_id() -> str:
    """Return a UUID for a new session."""
    import uuid

    return str(uuid.UUID(bytes=os.urandom(16), version=4))


def load(path: Path) -> SessionInfo | None:
    """Return what ``session.json`` says; None when it is missing or torn, so that it must be rebuilt.

    Raises
    ------
    alwidget.errors.SessionError
        It is of a newer version, or no session at all.
    alwidget.errors.StorageError
        It may not be read.
    """
    try:
        data = (path / SESSION_FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        message = f"{path / SESSION_FILE} cannot be read: {explain(error, path)}."
        raise StorageError(message) from error
    try:
        header = msgspec.json.decode(data, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    name, _, version = header.format.partition("/")
    if name != "alwidget" or not version.isdecimal():
        message = f'{path / SESSION_FILE} is not from alwidget (its format is "{header.format}"). Give another path.'
        raise SessionError(message)
    if int(version) > VERSION:
        message = (
            f"{path} was made by a newer alwidget (format {header.format}; this one knows {FORMAT}). "
            "Upgrade with: pip install --upgrade alwidget"
        )
        raise SessionError(message)
    try:
        return msgspec.json.decode(data, type=SessionInfo)
    except msgspec.MsgspecError:
        return None


def rebuild(path: Path) -> SessionInfo | None:
    """Return what ``session.json`` must have said, as far as ``annotations.json`` knows; None when it does not."""
    try:
        header = msgspec.json.decode((path / ANNOTATIONS_FILE).read_bytes(), type=_Snapshot)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not header.format.startswith("alwidget/") or not header.task:
        return None
    labels = [LabelRow(name) for name in header.labels]
    return SessionInfo(FORMAT, header.session or new_id(), "", header.task, labels)


def prepare(path: Path) -> None:
    """Make the folders of a session, durably, and the files that git looks at."""
    for folder in (path, path / LOG_FOLDER):
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
    for name, text in _BESIDE.items():
        with suppress(FileExistsError):
            fd = os.open(path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)


def _format(info: SessionInfo) -> bytes:
    return msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"


def save(path: Path, info: SessionInfo, owner: str) -> None:
    """Replace ``session.json``."""
    write_atomic(path / SESSION_FILE, [_format(info)], owner)


def create(path: Path, info: SessionInfo, owner: str) -> SessionInfo:
    """Write ``session.json`` unless another process was quicker; return what stands there then."""
    file = path / SESSION_FILE
    if file.exists() and load(path) is None:
        set_aside(path / LOG_FOLDER / "torn", SESSION_FILE, file.read_bytes())
        save(path, info, owner)
        return info
    waiting = temporary(file, owner)
    write_synced(waiting, [_format(info)])
    try:
        os.link(waiting, file)
    except FileExistsError:
        return load(path) or info
    except OSError:  # a file system without links
        save(path, info, owner)
    finally:
        waiting.unlink()
    sync_folder(path)
    return load(path) or info


def restore(path: Path, info: SessionInfo, owner: str) -> None:
    """Make a folder that was emptied, or made anew, the folder of this session again.

    Raises
    ------
    alwidget.errors.StorageError
        Another session is there now.
    """
    there = load(path) if path.is_dir() else None
    if there is not None and there.session != info.session:
        message = f"another session lies at {path} now, and nothing is written into it; move it, and put this one back"
        raise StorageError(message)
    prepare(path)
    if there is None:
        create(path, info, owner)


def keep_stranger(path: Path) -> str | None:
    """Set aside an ``annotations.json`` that the first snapshot of a new log would replace.

    Returns what a person should know, or None when there is nothing to keep.
    """
    file = path / ANNOTATIONS_FILE
    if not file.exists():
        return None
    data = file.read_bytes()
    try:
        empty = not msgspec.json.decode(data).get("annotations", True)
    except (msgspec.MsgspecError, AttributeError):
        empty = False
    if empty:
        return None
    kept = set_aside(path, f"{ANNOTATIONS_FILE}.before", data)
    return f"{file} was there already, without a log behind it; it is kept as {kept.name}."
