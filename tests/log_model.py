"""A log that is easy to believe: the same rules as alwidget's fold, written without any thought for speed."""

from __future__ import annotations

from typing import Any

from alwidget.log.events import Said
from alwidget.log.state import State


def seen(state: State, writers: tuple[str, ...] = ("ana", "bob")) -> dict[str, Any]:
    """Return all that can be seen of a state."""
    targets = {(w, k): state.next_turn(w, k) for w in writers for k in ("undo", "redo")}
    return {
        "answers": dict(state.answers.items()),
        "labels": state.labels,
        "counts": state.label_counts,
        "numbers": (state.n_labelled, state.n_skipped, state.n_flagged, state.n_events),
        "history": state.history(None),
        "settings": state.settings,
        "turns": {key: said and said.name for key, said in targets.items()},
    }


class Model:
    """All events at once, in order, as the definition says."""

    def __init__(self, said: list[Said], labels: list[str]) -> None:
        self.said: list[Said] = []
        for one in sorted(said, key=lambda one: one.place):
            if one.name not in {other.name for other in self.said}:
                self.said.append(one)
        self.base = labels
        self.turns: list[tuple[Said, str]] = []
        self.done: dict[str, list[str]] = {}
        self.redone: dict[str, list[str]] = {}
        for one in self.said:
            self._stack(one)

    def _unit(self, name: str) -> str:
        return next((one.unit for one in self.said if one.name == name), name)

    def _stack(self, one: Said) -> None:
        writer, event = one.place[1], one.event
        done, redone = self.done.setdefault(writer, []), self.redone.setdefault(writer, [])
        if event.event == "setting" or (event.event == "label-add" and event.origin == "imported"):
            return
        if event.event not in {"undo", "redo"}:
            if not done or done[-1] != one.unit:
                done.append(one.unit)
            redone.clear()
            return
        source, goal = (done, redone) if event.event == "undo" else (redone, done)
        if event.target is None and not source:
            return
        unit = source[-1] if event.target is None else self._unit(event.target)
        if unit in source:
            source.reverse()
            source.remove(unit)
            source.reverse()
        goal.append(unit)
        self.turns.append((one, unit))

    def undone(self, one: Said) -> bool:
        turns = [turn for turn, unit in self.turns if unit == one.unit]
        return bool(turns) and turns[-1].event.event == "undo" and turns[-1].place > one.place

    def next_unit(self, writer: str, kind: str) -> str | None:
        for unit in reversed((self.done if kind == "undo" else self.redone).get(writer, [])):
            turns = [turn for turn, other in self.turns if other == unit]
            off = bool(turns) and turns[-1].event.event == "undo"
            if off == (kind == "redo"):
                return unit
        return None

    def answers(self) -> dict[str, tuple[Any, bool, bool, str | None]]:
        """Return value, flagged, skipped and note of every document of which something is said."""
        docs: dict[str, list[Any]] = {}
        for one in self.said:
            event = one.event
            if self.undone(one) or event.event in {"undo", "redo", "setting", "label-add"}:
                continue
            if event.event.startswith("label-"):
                for doc in docs.values():
                    doc[0] = _renamed(doc[0], event.event, event.value)
                continue
            doc = docs.setdefault(event.id or "", [None, False, False, None])
            if event.event == "clear":
                del docs[event.id or ""]
                continue
            if event.note is not None:
                doc[3] = event.note or None
            if event.event == "annotate":
                doc[0], doc[2] = event.value, False
            elif event.event == "skip":
                doc[0], doc[2] = None, True
            elif event.event == "flag":
                doc[1] = event.value is not False
        return {doc: tuple(what) for doc, what in docs.items() if what[0] is not None or what[1] or what[2]}

    def labels(self) -> list[str]:
        names = list(self.base)
        for one in self.said:
            kind, value = one.event.event, one.event.value
            if not kind.startswith("label-") or self.undone(one):
                continue
            if kind == "label-add":
                names += [value["name"]] * (value["name"] not in names)
            elif kind == "label-delete":
                names = [name for name in names if name != value["name"]]
            else:
                old = [value["from"]] if isinstance(value["from"], str) else value["from"]
                new = value["to"]
                if new in names:
                    names = [name for name in names if name == new or name not in old]
                elif any(name in old for name in names):
                    first = next(name for name in names if name in old)
                    names = [new if name == first else name for name in names if name == first or name not in old]
                else:
                    names.append(new)
        used = {what[0] for what in self.answers().values() if what[0] is not None}
        return names + sorted(used - set(names))


def _renamed(value: Any, kind: str, what: dict[str, Any]) -> Any:
    if kind == "label-delete":
        return None if value == what["name"] else value
    old = [what["from"]] if isinstance(what["from"], str) else what["from"]
    return what["to"] if value in old else value
