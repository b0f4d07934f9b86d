"""The fold: from events to what they amount to, one event at a time, whatever file each of them comes from."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from alwidget.log.answers import Answer, Tally, rename, renamed, step
from alwidget.log.events import DECISIONS, Place, Said, StoredDocument
from alwidget.log.labelling import LabelBook
from alwidget.log.turns import Turns
from alwidget.tasks import Label

__all__ = ["Fold"]

_place = attrgetter("place")


class Fold:
    """What a set of events amounts to.

    The result is that of folding them in the order of their places, whatever the order in which they come, as long as
    each writer's own come in order. An event that comes last costs the same however many there are. One that belongs
    further back, as happens when two people label at once, costs a look at its own document. In the few cases where
    that would not be enough, `apply` answers None, and all is to be folded anew in order: a repeated event turned out
    to be the earlier one, or an undo was read before what it undoes.

    Parameters
    ----------
    labels
        The labels that the session began with.
    key
        The task's key in ``annotations.json``; it says where a value holds labels.
    ahead
        All events that are going to come, when they are known.
    """

    def __init__(self, labels: Iterable[Label], key: str, ahead: Sequence[Said] = ()) -> None:
        self.key = key
        self._ahead = {said.name: said for said in reversed(ahead)}
        self.writers: dict[str, list[Said]] = {}
        self.book = LabelBook(labels)
        self.tally = Tally(key)
        self.turns = Turns()
        self.history: list[Said] = []
        self.settings: list[Said] = []
        self.named: dict[str, Said] = {}
        self.counted = 0
        """How many things were said, settings left out."""
        self._groups: dict[str, list[Said]] = {}
        self._orphans: set[str] = set()
        self._events: dict[str, list[Said]] = {}
        self._now: dict[str, Answer] = {}
        self._documents: dict[tuple[str, str | None], StoredDocument] = {}

    # Asking ----------------------------------------------------------------------------------------------------------

    def undone(self, said: Said) -> bool:
        """Return whether this is taken back."""
        return self.turns.undone(said.place, said.unit)

    def members(self, unit: str) -> list[Said]:
        """Return the events that are undone as one."""
        if unit in self._groups:
            return self._groups[unit]
        return [self.named[unit]] if unit in self.named else []

    def find(self, target: str) -> Said | None:
        """Return the event of this name; ``writer:seq`` works for all."""
        known = self.named.get(target) or self._ahead.get(target)
        writer, _, number = target.rpartition(":")
        if known is not None or not number.isdecimal():
            return known
        seq, said = int(number), self.writers.get(writer, [])
        if 0 < seq <= len(said) and said[seq - 1].place[2] == seq:
            return said[seq - 1]
        coming = (one for one in self._ahead.values() if one.place[1] == writer)
        return next((one for one in (*said, *coming) if one.place[2] == seq), None)

    def document(self, doc: str, key: str | None) -> StoredDocument | None:
        """Return the document as the log keeps it, in the version that has this content hash."""
        return self._documents.get((doc, key))

    def note(self, doc: str) -> str | None:
        """Return the note on a document, answered or not."""
        now = self._now.get(doc)
        return now.note if now is not None else None

    def value_now(self, said: Said) -> Any:
        """Return the value of an event with its labels called as they are called now."""
        value = said.event.value
        if said.event.event != "annotate":
            return value
        for renaming in self.book.after(said.place):
            value = renamed(value, renaming, self.key)
        return said.event.value if value is None else value

    # Taking in -------------------------------------------------------------------------------------------------------

    def apply(self, said: Said) -> Iterable[str] | None:
        """Take in one event; return the documents that it may have changed, or None: fold anew."""
        self.writers.setdefault(said.place[1], []).append(said)
        name = said.name
        known = self.named.get(name)
        if known is not None and _repeats(said, known):
            return () if known.place <= said.place else None
        if self._orphans and (name in self._orphans or f"{said.place[1]}:{said.place[2]}" in self._orphans):
            return None
        self.named.setdefault(name, said)
        kind = said.event.event
        if kind == "setting":
            insort(self.settings, said, key=_place)
            return ()
        self.counted += 1
        if kind in {"undo", "redo"}:
            return self._turn(said)
        self._remember(said, unit := said.unit)
        return self._document_event(said, unit) if kind in DECISIONS else self._label_event(said)

    def _remember(self, said: Said, unit: str) -> None:
        """Make it part of the history, of its bulk action, and of what its writer can undo."""
        event = said.event
        if not self.history or self.history[-1].place < said.place:
            self.history.append(said)
        else:
            insort(self.history, said, key=_place)
        if event.group is not None:
            insort(self._groups.setdefault(unit, []), said, key=_place)
        # labels that came with the call that opened the session are nobody's last action
        if event.event != "label-add" or event.origin != "imported":
            self.turns.decided(said.place[1], unit)

    def _turn(self, said: Said) -> Iterable[str]:
        event = said.event
        if event.target is None:
            unit = self.turns.top(said.place[1], event.event)
            if unit is None:
                return ()
        else:
            target = self.find(event.target)
            if target is not None:
                unit = target.unit
            else:
                self._orphans.add(event.target)
                unit = f"\0{event.group}" if event.group else event.target
        self.turns.turned(said, unit)
        members = self.members(unit)
        if any(one.event.event not in DECISIONS for one in members):
            return [*self._revise_labels(), *self._refold(members)]
        return self._refold(members)

    def _label_event(self, said: Said) -> Iterable[str]:
        if not self.book.add(said) or self.undone(said):
            return self._revise_labels()
        return self._rename_all() if self.book.take(said) else ()

    def _revise_labels(self) -> Iterable[str]:
        return self._rename_all() if self.book.revise(self.undone) else ()

    def _rename_all(self) -> list[str]:
        before = {doc: answer.value for doc, answer in self._now.items()}
        for doc in before:
            self._refold_document(doc)
        return [doc for doc, value in before.items() if _value(self._now.get(doc)) != value]

    def _document_event(self, said: Said, unit: str) -> Iterable[str]:
        event = said.event
        doc = event.id or ""
        rows = self._events.setdefault(doc, [])
        in_order = not rows or rows[-1].place < said.place
        if in_order:
            rows.append(said)
        else:
            insort(rows, said, key=_place)
        late = False
        if event.document is not None:
            late = self._documents.setdefault((doc, event.key), event.document) is event.document and len(rows) > 1
        if late or not in_order or self.book.changed_after(said.place) or self.turns.undone(said.place, unit):
            self._refold_document(doc)
        else:
            self._put(doc, step(self._now.get(doc), said, self._documents.get((doc, event.key))))
        return (doc,)

    def _refold(self, members: Iterable[Said]) -> list[str]:
        docs = list(dict.fromkeys(one.event.id for one in members if one.event.id is not None))
        for doc in docs:
            self._refold_document(doc)
        return docs

    def _refold_document(self, doc: str) -> None:
        answer: Answer | None = None
        last: Place | None = None
        for said in self._events.get(doc, ()):
            if self.undone(said):
                continue
            if last is not None:
                for renaming in self.book.between(last, said.place):
                    answer = rename(answer, renaming, self.key)
            answer = step(answer, said, self._documents.get((doc, said.event.key)))
            last = said.place
        if last is not None:
            for renaming in self.book.after(last):
                answer = rename(answer, renaming, self.key)
        self._put(doc, answer)

    def _put(self, doc: str, answer: Answer | None) -> None:
        if answer is None:
            self._now.pop(doc, None)
        else:
            self._now[doc] = answer
        self.tally.put(doc, answer)


def _repeats(said: Said, known: Said) -> bool:
    """Two events of one name are the same one, unless neither brought the name along and they differ.

    That happens when a merge of two copies of a session leaves two events with one sequence number in a file.
    """
    return said.event.client is not None or known.event.client is not None or said.event == known.event


def _value(answer: Answer | None) -> Any:
    return None if answer is None else answer.value
