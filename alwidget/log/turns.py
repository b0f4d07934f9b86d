"""Undo and redo: what was taken back, and what each writer would take back next."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from operator import attrgetter

from alwidget.log.events import Place, Said

__all__ = ["Turns"]

_place = attrgetter("place")


class Turns:
    """The undos and redos of a session.

    Whether something is undone is a question of order alone: the last undo or redo of its unit decides, for all of
    the unit that was said before it. What a writer would undo next is a question of that writer's own sequence alone.
    So neither depends on the moment at which another writer's file was read.
    """

    def __init__(self) -> None:
        self._turns: dict[str, list[Said]] = {}
        self._done: dict[str, list[str]] = {}
        self._redo: dict[str, list[str]] = {}

    def decided(self, writer: str, unit: str) -> None:
        """Take in that something new was said: the writer undoes it next, and has nothing left to redo."""
        done = self._done.setdefault(writer, [])
        if not done or done[-1] != unit:
            done.append(unit)
        self._redo.pop(writer, None)

    def turned(self, said: Said, unit: str) -> None:
        """Take in that a unit was undone or redone."""
        insort(self._turns.setdefault(unit, []), said, key=_place)
        source, goal = (self._done, self._redo) if said.event.event == "undo" else (self._redo, self._done)
        writer = said.place[1]
        _remove_last(source.get(writer, []), unit)
        goal.setdefault(writer, []).append(unit)

    def top(self, writer: str, kind: str) -> str | None:
        """Return what an undo or redo that names nothing is about."""
        stack = (self._done if kind == "undo" else self._redo).get(writer)
        return stack[-1] if stack else None

    def candidates(self, writer: str, kind: str) -> Iterator[str]:
        """Yield what this writer can still undo, or redo, newest first."""
        for unit in reversed((self._done if kind == "undo" else self._redo).get(writer, [])):
            if self._is_off(unit) == (kind == "redo"):
                yield unit

    def undone(self, place: Place, unit: str) -> bool:
        """Return whether what was said at `place`, as part of `unit`, is taken back."""
        turns = self._turns.get(unit)
        return turns is not None and turns[-1].event.event == "undo" and turns[-1].place > place

    def _is_off(self, unit: str) -> bool:
        turns = self._turns.get(unit)
        return turns is not None and turns[-1].event.event == "undo"


def _remove_last(stack: list[str], unit: str) -> None:
    for i in range(len(stack) - 1, -1, -1):
        if stack[i] == unit:
            del stack[i]
            return
