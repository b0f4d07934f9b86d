"""From what a caller says to events: every mistake is found before anything is written."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import msgspec

from alwidget.errors import ArgumentError, LabelError, near_miss
from alwidget.log.answers import names_in
from alwidget.log.events import (
    DECISIONS,
    EVENT_KINDS,
    LABEL_KINDS,
    SCHEMA_VERSION,
    Event,
    Line,
    Origin,
    Said,
    StoredDocument,
    Why,
    flaw,
    settle,
)
from alwidget.log.labelling import label_value
from alwidget.log.state import State
from alwidget.tasks import Task

__all__ = ["Batch", "new_client", "stamp"]

FIELDS = frozenset(
    {"id", "value", "key", "origin", "seconds", "client", "group", "target", "note", "seen", "why", "document"}
)
_ORIGINS = get_args(Origin)
_LONGEST = {"id": 4096, "key": 256, "client": 256, "group": 256, "target": 256, "note": 1_000_000}
_LARGEST_VALUE = 16_000_000


def new_client() -> str:
    """Return a name for a decision that brought none."""
    return os.urandom(16).hex()


class Slot(NamedTuple):
    """What became of one decision of a batch."""

    client: str
    repeated: bool


class Batch:
    """Decisions that are written together.

    Attributes
    ----------
    events
        The fields of each new event, in order.
    slots
        For each decision, in order: its name, and whether it was said before.
    """

    def __init__(self, state: State, task: Task, annotator: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.slots: list[Slot] = []
        self._state = state
        self._annotator = annotator
        self._names = dict.fromkeys(label.name for label in state.labels)
        self._task = task.with_labels(tuple(self._names))
        self._clients: set[str] = set()
        self._documents: set[tuple[str, str | None]] = set()

    def add(self, kind: str, fields: Mapping[str, Any], group: str | None = None) -> None:
        """Take in one decision.

        Raises
        ------
        alwidget.errors.LabelError
            Its value does not fit the task, or its labels.
        alwidget.errors.ArgumentError
            It has a field that cannot be used.
        """
        what = _checked(kind, fields)
        client = what.get("client")
        if client is not None:
            before = self._state.find(client)
            if client in self._clients or (before is not None and before.name == client):
                self.slots.append(Slot(client, repeated=True))
                return
        what["group"] = what.get("group") or group
        if kind == "annotate":
            self._answer(what)
        elif kind in LABEL_KINDS:
            self._label(kind, what)
        elif kind in DECISIONS:
            _check_mark(kind, what)
        self._put(kind, what)
        self.slots.append(Slot(what["client"], repeated=False))

    def _answer(self, what: dict[str, Any]) -> None:
        task = self._task
        document = what.get("document") or self._state.document(what["id"], what.get("key"))
        try:
            value = task.validate(what.get("value"), text=document.text if document is not None else None)
        except LabelError as error:
            message = f'Document "{what["id"]}": {error}'
            raise LabelError(message) from error
        _check_value(value)
        what["value"] = value
        what.setdefault("origin", "human")
        coined = sorted(name for name in names_in(value, task.key) if name not in self._names)
        if coined:
            # undone as one with the answer that coined it
            what["group"] = what["group"] or new_client()
        for name in coined:
            self._learn(name)
            self._put("label-add", {"value": {"name": name}, "origin": what["origin"], "group": what["group"]})

    def _label(self, kind: str, what: dict[str, Any]) -> None:
        if not self._task.takes_labels:
            message = f'A session of task "{self._task.name}" has no labels.'
            raise LabelError(message)
        value = what["value"] = label_value(kind, what.get("value"), self._names)
        if kind == "label-add":
            self._learn(value["name"])

    def _learn(self, name: str) -> None:
        self._names[name] = None
        self._task = self._task.with_labels(tuple(self._names))

    def _put(self, kind: str, what: dict[str, Any]) -> None:
        what["client"] = what.get("client") or new_client()
        document = what.get("document")
        if document is not None:
            which = (what["id"], what.get("key"))
            if which in self._documents or self._state.document(*which) is not None:
                what["document"] = None
            self._documents.add(which)
        self._clients.add(what["client"])
        self.events.append({"v": SCHEMA_VERSION, "annotator": self._annotator, "event": kind, **what})


def _checked(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are given, in plain types."""
    if kind not in EVENT_KINDS or kind in {"undo", "redo"}:
        message = f'There is no decision "{kind}".{near_miss(kind, EVENT_KINDS)}'
        raise ArgumentError(message)
    problems = [f'there is no field "{name}"{near_miss(name, FIELDS)}' for name in fields if name not in FIELDS]
    what = {name: value for name, value in fields.items() if value is not None and name in FIELDS}
    for name, longest in _LONGEST.items():
        value = what.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            problems.append(f"{name}={value!r} is {type(value).__name__}, not text")
        elif len(value) > longest:
            problems.append(f"{name} has {len(value):,} characters; {longest:,} are the most")
        else:
            what[name] = str.__str__(value)
    if kind in DECISIONS and not what.get("id"):
        problems.append(f"{kind} needs the id of a document")
    if what.get("origin") not in {None, *_ORIGINS}:
        problems.append(f"origin={what['origin']!r} is not one of {', '.join(_ORIGINS)}")
    problems += [
        f"{name} must be a {which.__name__}, got {type(what[name]).__name__}"
        for name, which in (("why", Why), ("document", StoredDocument))
        if name in what and not isinstance(what[name], which)
    ]
    if problems:
        message = f'This "{kind}" cannot be written down: {"; ".join(problems)}.'
        raise ArgumentError(message)
    if "seconds" in what:
        what["seconds"] = _seconds(what["seconds"])
    return what


def _seconds(value: Any) -> float | None:
    """Return how long a decision took; a clock that makes no sense is no reason to refuse what was decided."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _check_value(value: Any) -> None:
    try:
        size = len(value) if isinstance(value, str) else len(msgspec.json.encode(value))
    except (TypeError, UnicodeEncodeError) as error:
        message = f"This answer has no JSON form: {error}."
        raise LabelError(message) from error
    if size > _LARGEST_VALUE:
        message = f"This answer takes {size:,} bytes; {_LARGEST_VALUE:,} are the most."
        raise LabelError(message)


def _check_mark(kind: str, what: Mapping[str, Any]) -> None:
    value = what.get("value")
    if value is not None and not (kind == "flag" and isinstance(value, bool)):
        message = f'"{kind}" takes no value, got {value!r}.'
        raise LabelError(message)
    if kind == "note" and "note" not in what:
        message = 'A "note" needs its text: note="…" (an empty text removes it).'
        raise ArgumentError(message)


def stamp(fields: Mapping[str, Any], writer: str, seq: int, time: str) -> Line:
    """Return the event with these fields at its place, and its line.

    Raises
    ------
    alwidget.errors.ArgumentError
        A field has no JSON form.
    """
    try:
        event, data = settle(Event(seq=seq, time=time, **fields))
        problem: object = flaw(event)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        problem = error
    if problem is not None:
        message = f'This "{fields["event"]}" cannot be written down: {problem}. Nothing was written.'
        raise ArgumentError(message)
    return Line(Said((time, writer, seq), event), data)
