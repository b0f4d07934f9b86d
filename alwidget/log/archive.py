"""A session read from its folder, with nothing of it claimed or changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from alwidget import tasks
from alwidget.errors import SessionError, StorageError
from alwidget.log import session_file
from alwidget.log.events import Said
from alwidget.log.files import explain
from alwidget.log.reading import Reader, Reading, log_files
from alwidget.log.session_file import ANNOTATIONS_FILE, FORMAT, SESSION_FILE, LabelRow, SessionInfo, new_id
from alwidget.log.snapshot import COLUMNS, records
from alwidget.log.state import State
from alwidget.log.writer import holder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Archive", "identify", "infer", "load_annotations", "load_files", "read_session"]

_FEW = 20
_log = logging.getLogger(__name__)


class Archive(NamedTuple):
    """A session as it stands on disk."""

    info: SessionInfo
    state: State
    key: str
    reports: list[str]


def identify(path: Path, task: str | None, reports: list[str]) -> SessionInfo | None:
    """Return what the session at `path` is; None when there is none.

    A ``session.json`` that is lost or torn is put together again from what else is there; `reports` says so.

    Raises
    ------
    alwidget.errors.SessionError
        It is none, is newer than this version, or its ``session.json`` is lost and nothing tells its task.
    alwidget.errors.StorageError
        It may not be read.
    """
    try:
        return _identify(path, task, reports)
    except PermissionError as error:
        message = f"{path} cannot be read: {explain(error, path)}."
        raise StorageError(message) from error


def _identify(path: Path, task: str | None, reports: list[str]) -> SessionInfo | None:
    if path.exists() and not path.is_dir():
        message = f"{path} is a file, and a session is a folder; give another path."
        raise SessionError(message)
    info = session_file.load(path)
    if info is not None:
        return info
    torn = (path / SESSION_FILE).exists()
    if not torn and not log_files(path):
        return None
    what = f"{path / SESSION_FILE} {'cannot be read' if torn else 'is missing'}"
    info = session_file.rebuild(path)
    if info is not None:
        reports.append(f"{what}; it was put together again from {ANNOTATIONS_FILE}.")
        return info
    if task is None:
        message = f"{what}, and nothing else there tells its task. Open it with alw.annotate(data, labels, path=…)."
        raise SessionError(message)
    reports.append(f"{what}; it was made anew from this call. What was said is in the log, and is all there.")
    return SessionInfo(FORMAT, new_id(), "", task)


def infer(said: Sequence[Said]) -> SessionInfo | None:
    """Return what ``session.json`` must have said, judged by the answers; None when they do not tell the task."""
    values = [one.event.value for one in said if one.event.event == "annotate"]
    if values and all(isinstance(value, list) for value in values):
        return _infer_lists(said[0].place[0], [part for value in values for part in value])
    if not values or not all(isinstance(value, str) for value in values):
        return None
    names = dict.fromkeys(values)
    if len(names) > max(_FEW, len(values) // 3):  # these are texts, not labels
        return None
    return SessionInfo(FORMAT, new_id(), said[0].place[0], "classification", [LabelRow(name) for name in names])


def _infer_lists(time: str, parts: Sequence[Any]) -> SessionInfo | None:
    """Judge by the parts of answers that are lists: several labels, or spans; empty lists alone may be either."""
    if parts and all(isinstance(part, str) for part in parts):
        return SessionInfo(FORMAT, new_id(), time, "multilabel", [LabelRow(name) for name in dict.fromkeys(parts)])
    labels = [part.get("label") if isinstance(part, dict) else None for part in parts]
    names = [name for name in dict.fromkeys(labels) if isinstance(name, str)]
    if names and None not in labels:
        return SessionInfo(FORMAT, new_id(), time, "tagging", [LabelRow(name) for name in names])
    return None


def load_files(reader: Reader, state: State, own: str | None = None) -> dict[str, Reading]:
    """Read all log files of a session into `state`.

    Raises
    ------
    alwidget.errors.LogError
        A line cannot be read.
    alwidget.errors.StorageError
        A file cannot be read.
    """
    readings: dict[str, Reading] = {}
    everything: list[Said] = []
    for writer, path in log_files(reader.session).items():
        try:
            readings[writer], said = reader.load(writer, path)
        except OSError as error:
            message = f"{path} cannot be read: {explain(error, path.parent)}."
            raise StorageError(message) from error
        everything += said
        if readings[writer].tail and writer != own and holder(path.parent, writer) is None:
            size = f"{len(readings[writer].tail)} bytes"
            reader.reports.append(f"The last line of {path} is cut short, as a crash leaves it; {size} are left out.")
    everything.sort(key=attrgetter("place"))
    for one in everything:
        state.apply(one)
    return readings


def read_session(path: str | Path, task: str | None = None) -> Archive:
    """Return the session at `path` as it stands on disk.

    Raises
    ------
    alwidget.errors.SessionError
        There is none.
    alwidget.errors.LogError
        A line of its log cannot be read.
    """
    path = Path(path).absolute()
    reports: list[str] = []
    info = identify(path, task, reports)
    if info is None:
        message = f"There is no session at {path}."
        raise SessionError(message)
    key = tasks.get(info.task).key
    state = State(info.base_labels(), key=key)
    reader = Reader(path)
    reader.reports = reports
    load_files(reader, state)
    return Archive(info, state, key, reports)


def load_annotations(path: str | Path) -> pd.DataFrame:
    """Return what was labelled, one row a document, without the documents' files, a model or a widget.

    Parameters
    ----------
    path
        A session directory: its log is read, so that the newest decision is there too. Or an ``annotations.json``.

    Returns
    -------
    pandas.DataFrame
        With the columns of ``annotations.json``.

    Raises
    ------
    alwidget.errors.SessionError
        There is no session at `path`.
    alwidget.errors.LogError
        A line of the log cannot be read.
    """
    path = Path(path)
    if path.is_file():
        return _from_file(path)
    archive = read_session(path)
    for report in archive.reports:
        _log.warning("%s", report)
    return _frame(records(archive.state, archive.key), archive.key)


def _from_file(path: Path) -> pd.DataFrame:
    try:
        content = msgspec.json.decode(path.read_bytes())
        rows, key = content["annotations"], tasks.get(content["task"]).key
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        message = f"{path} is no {ANNOTATIONS_FILE} of alwidget. Give that file, or the session's folder."
        raise SessionError(message) from error
    return _frame(rows, key)


def _frame(rows: Iterable[dict[str, Any]], key: str) -> pd.DataFrame:
    import pandas as pd

    kept = list(rows)
    extra = [name for name in ("text_pair", "source", "flagged", "note") if any(name in row for row in kept)]
    frame = pd.DataFrame.from_records(kept, columns=[*COLUMNS[:2], key, *COLUMNS[2:], *extra])
    if "flagged" in frame:
        frame["flagged"] = [row.get("flagged", False) for row in kept]
    return frame.astype({"seconds": "float64", "round": "Int64", "propensity": "float64"})
