"""The log of a session: what is said is on disk when `append` returns, or it is known not to be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from alwidget import tasks
from alwidget.errors import SessionError
from alwidget.log import session_file
from alwidget.log.archive import identify, load_files
from alwidget.log.drafts import new_client
from alwidget.log.events import SCHEMA_VERSION
from alwidget.log.leaving import at_exit
from alwidget.log.reading import Reader, log_files
from alwidget.log.recorder import Recorder
from alwidget.log.session_file import ANNOTATIONS_FILE, SessionInfo
from alwidget.log.state import State
from alwidget.log.store import Store
from alwidget.log.writer import slug
from alwidget.tasks import Label, Task

__all__ = ["Log"]


class Log(Recorder):
    """What was said in a session, and the way to say more. Every method may be called from any thread.

    Made by `Log.open`. When `append` returns, the decision is on disk. When it raises `StorageError`, the decision
    counts all the same: it is part of `state`, it waits in memory in its order (`unsaved`), and it is written as soon
    as that works again, which is tried every two seconds and with everything else that is said.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp() + "/films.alw"
    >>> labels = tasks.read_labels(["good", "bad"])
    >>> log = Log.open(folder, task="classification", labels=labels, annotator="ana")
    >>> log.append("annotate", id="film-1", value="good").entry.value
    'good'
    >>> _ = log.undo(); log.state.n_labelled
    0
    >>> _ = log.redo(); log.state.answer("film-1").value
    'good'
    >>> log.close()
    >>> with Log.open(folder, task="classification", annotator="ana") as log:
    ...     log.state.n_labelled
    1
    """

    # Opening and closing ---------------------------------------------------------------------------------------------

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        task: str | Task,
        labels: Sequence[Label] = (),
        open_labels: bool = False,
        settings: Mapping[str, Any] | None = None,
        annotator: str,
        create: bool = True,
        read_only: bool = False,
    ) -> Self:
        """Open the session at `path`, or make it.

        Parameters
        ----------
        task, labels, open_labels
            The task must be that of the session. Labels that it never had are added after its own, all others stay.
        settings
            Kept with the session. Those that it has stay as they are; see `update_settings`.
        annotator
            Who says what is said here; also the name of the log file, with a number when another process has it.
        create
            Whether to make the session when there is none.
        read_only
            Nothing is claimed or changed, and nothing can be said.

        Raises
        ------
        alwidget.errors.SessionError
            There is no session and none is to be made; or it has another task, or is of a newer version.
        alwidget.errors.LogError
            A line of the log cannot be read.

        Notes
        -----
        Where nothing can be written it opens all the same: `reports` say why, and what is said waits in memory.
        """
        where = Path(path).absolute()
        chosen = tasks.get(task) if isinstance(task, str) else task
        reports: list[str] = []
        info = identify(where, chosen.name, reports)
        if info is None:
            if read_only or not create:
                message = f"There is no session at {where}. alw.annotate(data, labels=…, path=…) makes one."
                raise SessionError(message)
            info = session_file.new(chosen.name, labels, settings or {}, open_labels=open_labels)
        _check_task(where, info, chosen)
        trouble: OSError | None = None
        if not read_only:
            info, trouble = _make(where, info)
            _check_task(where, info, chosen)
        coin = (open_labels or info.open_labels) and chosen.takes_labels
        bound = tasks.get(chosen.name, open_labels=coin, overlap=chosen.overlap)
        state = State(info.base_labels(), key=chosen.key)
        reader = Reader(where)
        reader.reports = reports
        log = cls(info, bound, state, reader, Store(where, slug(annotator), info, state))
        log.annotator, log.read_only = annotator, read_only
        log._start(labels, settings or {}, trouble)
        return log

    def _start(self, labels: Sequence[Label], settings: Mapping[str, Any], trouble: OSError | None) -> None:
        if not self.read_only:
            self._stranger = not any(file.stat().st_size for file in log_files(self.path).values())
            self._store.claim()
            if trouble is not None:
                self._store.fail(trouble)
                self._store.unmade = True
        try:
            readings = load_files(self._reader, self.state, self.writer if not self.read_only else None)
        except BaseException:
            self._store.release()
            raise
        self._clock.see(self.state.newest_time)
        if self.read_only:
            return
        report = self._store.begin(readings.get(self.writer))
        if report is not None:
            self.reports.append(report)
        self._add_missing(labels, settings)
        if self.storage_error is not None:
            self.reports.append(
                f"Nothing can be saved: {self.storage_error}. What you say is kept in memory until then."
            )
        if self._snapshot_is_stale():
            self._snapshots.ask()
        at_exit(self)

    def _add_missing(self, labels: Sequence[Label], settings: Mapping[str, Any]) -> None:
        """Add labels and settings that this call names and the session never had."""
        definitions = {label.name: label.definition for label in self.labels}
        known = {*definitions, *(label.name for label in self._info.base_labels()), *self.state.ever_added}
        new: list[dict[str, Any]] = []
        for label in labels:
            if label.name not in known or (
                label.definition not in {"", definitions.get(label.name, label.definition)}
            ):
                value = {"name": label.name, **({"definition": label.definition} if label.definition else {})}
                new.append({"event": "label-add", "value": value, "origin": "imported"})
            elif label.name not in definitions:
                self.reports.append(f'The label "{label.name}" was renamed, merged or deleted; it is not added again.')
        unset = {name: value for name, value in settings.items() if name not in self.settings}
        if unset:
            new.append({"event": "setting", "value": unset})
        for event in new:
            event |= {"v": SCHEMA_VERSION, "annotator": self.annotator, "client": new_client()}
        if new:
            with self._entered():
                self._say(new)

    @staticmethod
    def describe(path: str | Path) -> dict[str, Any]:
        """Return what ``session.json`` says, without opening the log: session, task, labels, settings.

        Raises
        ------
        alwidget.errors.SessionError
            There is no session at `path`.
        """
        where = Path(path).absolute()
        info = identify(where, None, [])
        if info is None:
            message = f"There is no session at {where}."
            raise SessionError(message)
        described: dict[str, Any] = msgspec.to_builtins(info)
        return described

    def close(self) -> None:
        """Write what is not written, ``annotations.json`` included, and give the file back. Harmless when repeated.

        Raises
        ------
        alwidget.errors.StorageError
            Something could not be written. It is still kept, and tried again for as long as the process lives.
        """
        if os.getpid() != self._pid:
            return
        with self._entered():
            self._closed = True
            saved = self.read_only or self._flush()
        self._after((), ())
        if not saved:
            raise self._not_saved()
        self._let_go()

    def rescue(self) -> str | None:
        """Put what could not be written into the folder for temporary files; return in words where it is."""
        with self._entered():
            path = self._store.rescue()
        if path is None:
            return None
        return f"It was put into {path}; copy that file into {self.path / 'log'} and open the session again."

    def __enter__(self) -> Self:
        """Return the log."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self.close()

    def flush(self) -> bool:
        """Try to write what is not on disk; return whether everything is."""
        if self.read_only:
            return True
        with self._entered():
            saved = self._flush()
        self._after((), ())
        return saved

    def flush_snapshot(self) -> bool:
        """Write ``annotations.json`` now if something changed; return whether it is up to date. Not under `lock`."""
        return self.read_only or self._snapshots.flush()

    # Inside ---------------------------------------------------------------------------------------------------------

    def _try_again(self) -> float | None:
        again = super()._try_again()
        if again is None and self._closed:
            self._let_go()
        return again

    def _let_go(self) -> None:
        self._retry.stop()
        if not self.read_only:
            self._snapshots.flush()
        self._snapshots.stop()
        self._store.release()

    def _snapshot_is_stale(self) -> bool:
        """Return whether something was said after the last snapshot, by a process that did not live to write it."""
        try:
            written = (self.path / ANNOTATIONS_FILE).stat().st_mtime_ns
            return any(file.stat().st_mtime_ns > written for file in log_files(self.path).values())
        except FileNotFoundError:
            return self.state.n_events > 0
        except OSError:
            return False


def _check_task(where: Path, info: SessionInfo, task: Task) -> None:
    if info.task != task.name:
        message = (
            f'The session at {where} is of task "{info.task}", and cannot go on as "{task.name}". '
            f'Use task="{info.task}", or another path for a new session.'
        )
        raise SessionError(message)


def _make(where: Path, info: SessionInfo) -> tuple[SessionInfo, OSError | None]:
    """Make the session's folder and file where they are missing; return what ``session.json`` says then.

    What cannot be written is left for later: the store does it before it writes its first line.
    """
    try:
        session_file.prepare(where)
        # another process may have made it since it was looked for, and then that is the session
        info = session_file.load(where) or session_file.create(where, info, str(os.getpid()))
    except OSError as error:
        return info, error
    return info, None
