"""The labels of a session: those it began with, and what was added, renamed, merged and deleted since."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter, itemgetter
from typing import Any

from alwidget.errors import LabelError, near_miss
from alwidget.log.events import Event, Place, Said
from alwidget.tasks import Label

__all__ = ["LabelBook", "Renaming", "label_value"]

_place = attrgetter("place")
_first = itemgetter(0)


class Renaming:
    """What one rename, merge or deletion does to the answers before it."""

    def __init__(self, event: Event) -> None:
        self._to, self._from = _to(event), frozenset(_from(event))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Renaming) and (self._to, self._from) == (other._to, other._from)

    def __hash__(self) -> int:
        return hash((self._to, self._from))

    def __call__(self, name: str) -> str | None:
        """Return what this label is called afterwards; None when it was deleted."""
        return self._to if name in self._from else name


class LabelBook:
    """The declared labels, and the renamings that earlier answers go through."""

    def __init__(self, base: Iterable[Label]) -> None:
        self._base = {label.name: label.definition for label in base}
        self._events: list[Said] = []
        self.renamings: list[tuple[Place, Renaming]] = []
        self.declared = dict(self._base)
        """Names with their definitions, in key order."""
        self.added: set[str] = set()
        """Names that were ever added, also those that were renamed, deleted or undone later."""

    def add(self, said: Said) -> bool:
        """Take in an event on labels, at its place; False when it came before others, so that `revise` is needed."""
        if said.event.event == "label-add":
            self.added.add(said.event.value["name"] if isinstance(said.event.value, dict) else said.event.value)
        last = not self._events or self._events[-1].place < said.place
        insort(self._events, said, key=_place)
        return last

    def take(self, said: Said) -> bool:
        """Let the newest event work; True when it changes what earlier answers are called."""
        self.declared = _declare(self.declared, said.event)
        if said.event.event == "label-add":
            return False
        self.renamings.append((said.place, Renaming(said.event)))
        return True

    def revise(self, undone: Callable[[Said], bool]) -> bool:
        """Let all events work again, in order, but for those that are undone; True when answers change by it."""
        declared, renamings = dict(self._base), []
        for said in self._events:
            if not undone(said):
                declared = _declare(declared, said.event)
                if said.event.event != "label-add":
                    renamings.append((said.place, Renaming(said.event)))
        changed = renamings != self.renamings
        self.declared, self.renamings = declared, renamings
        return changed

    def changed_after(self, place: Place) -> bool:
        """Return whether an answer given at `place` goes through a renaming."""
        return bool(self.renamings) and self.renamings[-1][0] > place

    def after(self, place: Place) -> Iterator[Renaming]:
        """Yield the renamings that an answer given at `place` goes through, oldest first."""
        if self.changed_after(place):
            for _, renaming in self.renamings[bisect_right(self.renamings, place, key=_first) :]:
                yield renaming

    def between(self, start: Place, stop: Place) -> Iterator[Renaming]:
        """Yield the renamings that were made between two places, oldest first."""
        if self.changed_after(start):
            yield from (renaming for place, renaming in self.renamings if start < place < stop)


def _declare(labels: dict[str, str], event: Event) -> dict[str, str]:
    value = event.value
    if event.event == "label-add":
        name, definition = (value["name"], value.get("definition")) if isinstance(value, dict) else (value, None)
        labels[name] = str(definition) if definition else labels.get(name, "")
        return labels
    old, new = _from(event), _to(event)
    if new is None or new in labels:
        return {name: text for name, text in labels.items() if name == new or name not in old}
    first = next((name for name in labels if name in old), None)
    if first is None:
        return {**labels, new: ""}
    kept = {name: text for name, text in labels.items() if name == first or name not in old}
    return {(new if name == first else name): text for name, text in kept.items()}


def _from(event: Event) -> list[str]:
    if event.event == "label-delete":
        return [event.value["name"] if isinstance(event.value, dict) else event.value]
    old = event.value["from"]
    return old if isinstance(old, list) else [old]


def _to(event: Event) -> str | None:
    return None if event.event == "label-delete" else event.value["to"]


def label_value(kind: str, value: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return the value of a label event in its normal form.

    Parameters
    ----------
    kind, value
        ``label-add`` and ``label-delete``: a name, or ``{"name", "definition"}``; ``label-rename``:
        ``{"from", "to"}``; ``label-merge``: ``{"from": [names], "to": name}``.
    names
        The labels that there are.

    Raises
    ------
    alwidget.errors.LabelError
        A label that should be there is not, or the other way round, or a name is empty.
    """
    known = list(names)
    if kind in {"label-add", "label-delete"}:
        name = value.get("name") if isinstance(value, dict) else value
        _check_name(name)
        if kind == "label-delete":
            _check_known([name], known)
            return {"name": name}
        definition = value.get("definition") if isinstance(value, dict) else None
        return {"name": name, "definition": str(definition)} if definition else {"name": name}
    if not isinstance(value, dict) or {"from", "to"} - value.keys():
        message = f'A {kind} takes {{"from": …, "to": …}}, got {value!r}.'
        raise LabelError(message)
    old, new = value["from"], value["to"]
    if kind == "label-rename":
        _check_name(new)
        _check_known([old], known)
        if new in known:
            message = f'"{new}" is a label already; use label-merge to make "{old}" part of it.'
            raise LabelError(message)
        return {"from": old, "to": new}
    merged = [old] if isinstance(old, str) else list(old)
    _check_known([*merged, new], known)
    return {"from": [name for name in merged if name != new], "to": new}


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.strip():
        message = f"A label is text that is not empty, got {name!r}."
        raise LabelError(message)


def _check_known(names: Iterable[Any], known: list[str]) -> None:
    for name in names:
        if name not in known:
            message = f"There is no label {name!r}.{near_miss(str(name), known)}"
            raise LabelError(message)
