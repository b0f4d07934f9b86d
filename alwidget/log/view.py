"""The log as others see it: what it amounts to, what is new, whether it is safe."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from alwidget.errors import SessionError, StorageError
from alwidget.log.answers import Answer, Entry
from alwidget.log.background import Later
from alwidget.log.clock import Clock
from alwidget.log.events import DECISIONS, LABEL_KINDS, Event, Said
from alwidget.log.listeners import Listeners
from alwidget.log.reading import LOG_FOLDER, Reader
from alwidget.log.session_file import ANNOTATIONS_FILE, SessionInfo, keep_stranger
from alwidget.log.snapshot import Documents, Order, Snapshots, record, records, write_snapshot
from alwidget.log.state import State
from alwidget.log.store import Store
from alwidget.log.writer import alone
from alwidget.tasks import Label, Task

__all__ = ["LogView"]

RETRY_SECONDS = 2.0
PATIENCE_SECONDS = 10.0
_SHOWN = DECISIONS | LABEL_KINDS


class LogView:
    """What can be seen of a session's log without saying anything.

    Attributes
    ----------
    path
        The session directory.
    lock
        Held while something is said. Hold it to read several things of `state` that must fit together.
    state
        What was said, folded: answers, labels, counts, history.
    annotator
        Who says what is said here.
    read_only
        Whether nothing can be said here.
    """

    def __init__(self, info: SessionInfo, task: Task, state: State, reader: Reader, store: Store) -> None:
        self.path: Path = store.path
        self.lock = threading.RLock()
        self.state = state
        self.annotator = ""
        self.read_only = False
        self._info = info
        self._task = task
        self._reader = reader
        self._store = store
        self._clock = Clock()
        self._pid = os.getpid()
        self._half = ""
        self._closed = False
        self._stranger = False
        self._order: Order | None = None
        self._documents: Documents | None = None
        self._changes: Listeners[Sequence[str], Sequence[Entry]] = Listeners()
        self._storage: Listeners[str | None] = Listeners()
        self._told: str | None = None
        self._retry = Later(self._try_again, "alwidget-retry")
        self._snapshots = Snapshots(self._write_annotations, self._storage.tell, self.path / ANNOTATIONS_FILE)

    # What there is ---------------------------------------------------------------------------------------------------

    @property
    def session_id(self) -> str:
        """The UUID of the session."""
        return self._info.session

    @property
    def task(self) -> Task:
        """The task, with the labels that there are now."""
        return self._task.with_labels(label.name for label in self.state.labels)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels that there are now."""
        return self.state.labels

    @property
    def open_labels(self) -> bool:
        """Whether an answer may use a label that is not there yet."""
        return self._task.open_labels

    @property
    def settings(self) -> dict[str, Any]:
        """What the session was opened with, and what was set since."""
        return {**self._info.settings, **self.state.settings}

    @property
    def writer(self) -> str:
        """The name of the file that this log appends to, without its ending."""
        return self._store.name

    @property
    def reports(self) -> list[str]:
        """What a person should know: torn ends, files that cannot be read at present, things that were set aside."""
        return self._reader.reports

    @property
    def unsaved(self) -> int:
        """How many events are in memory only, and wait for the disk."""
        return self._store.unsaved

    @property
    def saved(self) -> int:
        """How many things were said, by all writers together, and are on disk."""
        return max(self.state.n_events - self.unsaved, 0)

    @property
    def storage_error(self) -> str | None:
        """Why nothing can be written, in words; None when all is well."""
        return self._store.error

    @property
    def can_undo(self) -> bool:
        """Whether this writer has something left to undo."""
        return self.state.can_undo(self.writer)

    @property
    def can_redo(self) -> bool:
        """Whether this writer has something left to redo."""
        return self.state.can_redo(self.writer)

    @property
    def closed(self) -> bool:
        """Whether nothing more can be said here."""
        return self._closed

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records of ``annotations.json`` as of now, in the pool's order (see `arrange`)."""
        return records(self.state, self._task.key, self._order, self._documents)

    def record(self, doc: str) -> dict[str, Any]:
        """Return the record of one document; its status is ``unanswered`` when nothing is said of it."""
        answer = self.state.answer(doc)
        if answer is None:
            blank = record(Answer(id=doc, note=self.state.note(doc)), self._task.key, self._documents)
            return {**blank, "status": "unanswered"}
        return record(answer, self._task.key, self._documents)

    def arrange(self, order: Order | None, documents: Documents | None = None) -> None:
        """Say what the pool knows: the place of an id, None for those it does not have, and the document of an id."""
        self._order, self._documents = order, documents

    # What is new -----------------------------------------------------------------------------------------------------

    def subscribe(self, callback: Callable[[Sequence[str], Sequence[Entry]], object]) -> Callable[[], None]:
        """Have `callback` called with what changed, after it was said here or read from another writer.

        It gets the ids of the documents of which something else may be said now, and the decisions, as the history
        shows them: those that were made, and those that were undone or redone. It is called on the thread that said or
        read them, without the lock. Returns what ends it.
        """
        return self._changes.add(callback)

    def on_storage(self, callback: Callable[[str | None], object]) -> Callable[[], None]:
        """Have `callback` called with the reason when something cannot be written, and with None when it can again.

        Returns what ends it.
        """
        return self._storage.add(callback)

    def refresh(self) -> list[Event]:
        """Take in what other writers said since the last time, and return it; look after our own file too."""
        return [] if self._closed else self._look_around()

    def _look_around(self) -> list[Event]:
        with self._entered():
            self._half = "state"
            news = self._reader.news(None if self.read_only else self._store.name)
            said, ids = self._take_news(news) if news else ([], [])
            self._half = ""
            if not self.read_only:
                self._store.look()
                self._flush()
        self._after(ids, said)
        return [one.event for one in said]

    def _take_news(self, news: Sequence[Any]) -> tuple[list[Said], list[str]]:
        ids: dict[str, None] = {}
        new: list[Said] = []
        for writer, said, whole in news:
            if whole:
                known = {one.name for one in self.state.said_by(writer)}
                new += [one for one in said if one.name not in known]
                ids.update(dict.fromkeys(self.state.replace(writer, said)))
        single = sorted((one for _, said, whole in news if not whole for one in said), key=attrgetter("place"))
        for one in single:
            ids.update(dict.fromkeys(self.state.apply(one)))
        for _, said, _ in news:
            for one in said[-1:]:
                self._clock.see(one.place[0])
        return [*new, *single], list(ids)

    # Inside ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Hold the lock, in the process that opened the log, with memory in step with itself."""
        if os.getpid() != self._pid:
            message = (
                f"This process was forked from the one that has {self.path} open, and must not write with its hands. "
                "Open the session again in this process; it gets a file of its own."
            )
            raise SessionError(message)
        with self.lock:
            if self._half:
                self._mend()
            yield

    def _mend(self) -> None:
        """Put right what an interrupt, such as Ctrl+C, left half done; `_half` names what was being changed."""
        self._store.mend()
        if self._half == "state":
            self._reader.forget()
            self.state.refold()
        self._half = ""

    def _flush(self) -> bool:
        self._half = "store"
        saved = self._store.flush()
        self._half = ""
        return saved

    def _after(self, ids: Sequence[str], said: Sequence[Said]) -> None:
        """Tell everybody what happened. The lock is not held, unless the caller of the log holds it."""
        error = self._store.error
        if error is not None and self.unsaved:
            self._retry.ask(RETRY_SECONDS)
        if error != self._told:
            self._told = error
            self._storage.tell(error)
        if ids or said:
            self._changes.tell(tuple(ids), tuple(self._entries(said)))
            if not self.read_only:
                self._snapshots.ask()

    def _entries(self, said: Sequence[Said]) -> Iterator[Entry]:
        for one in said:
            if one.event.event in _SHOWN:
                yield self.state.entry(one)
            elif one.event.target is not None:
                target = self.state.find(one.event.target)
                for member in self.state.together(target) if target is not None else ():
                    yield self.state.entry(member)

    def _try_again(self) -> float | None:
        with self._entered():
            done = self._flush()
        self._after((), ())
        return None if done else RETRY_SECONDS

    def _write_annotations(self) -> None:
        if not self.path.is_dir():
            message = f"the folder {self.path} is gone; put it back, or make it anew"
            raise StorageError(message)
        # one process after the other, so that the last one to write has read the most
        with alone(self.path / LOG_FOLDER / f".{ANNOTATIONS_FILE}.lock", PATIENCE_SECONDS):
            self._look_around()
            if self._stranger:
                report = keep_stranger(self.path)
                if report is not None:
                    self.reports.append(report)
                self._stranger = False
            names = [label.name for label in self.state.labels]
            write_snapshot(self.path, self._info, names, self.records(), self.writer)
