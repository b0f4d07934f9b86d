"""What the log amounts to: answers, labels, counts and history, kept up to date as events come in."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any

from alwidget.log.answers import Answer, Answers, Entry, names_in
from alwidget.log.events import Said, StoredDocument
from alwidget.log.fold import Fold
from alwidget.tasks import Label

__all__ = ["State"]

EXCERPT = 200
_STATUS_OF = {"annotate": "labelled", "skip": "skipped", "flag": "flagged"}
_place = attrgetter("place")


class State:
    """The fold of a session's events. Only the log changes it; reading it is safe from any thread.

    Parameters
    ----------
    labels
        The labels that the session began with.
    key
        The task's key in ``annotations.json``.

    Examples
    --------
    >>> from alwidget.log.events import Event, Said
    >>> time = "2026-01-05T10:11:12.345Z"
    >>> state = State([Label("good"), Label("bad")])
    >>> state.apply(Said((time, "ana", 1), Event(1, 1, time, "ana", "annotate", id="a", value="good")))
    ['a']
    >>> state.answer("a").value, state.n_labelled, state.can_undo("ana")
    ('good', 1, True)
    """

    def __init__(self, labels: Iterable[Label] = (), *, key: str = "label") -> None:
        self._base = tuple(labels)
        self._fold = Fold(self._base, key)

    # What there is ---------------------------------------------------------------------------------------------------

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels in key order; those that are in use without having been declared come last, by name."""
        fold = self._fold
        declared = dict(fold.book.declared)
        others = sorted(name for name in fold.tally.labels.copy() if name not in declared)
        return (*(Label(name, text) for name, text in declared.items()), *(Label(name) for name in others))

    @property
    def label_counts(self) -> dict[str, int]:
        """How many documents have each label; labels that none has are missing."""
        return self._fold.tally.labels.copy()

    @property
    def answers(self) -> Mapping[str, Answer]:
        """The documents of which something is said, by id; see `Answers` about looping."""
        return Answers(self._fold.tally.answers)

    @property
    def labelled(self) -> frozenset[str]:
        """The ids of the documents that have an answer."""
        return self._with("labelled")

    @property
    def skipped(self) -> frozenset[str]:
        """The ids of the documents that were skipped."""
        return self._with("skipped")

    @property
    def flagged(self) -> frozenset[str]:
        """The ids of the documents that are flagged and have no answer."""
        return self._with("flagged")

    @property
    def n_labelled(self) -> int:
        """How many documents have an answer."""
        return self._fold.tally.statuses["labelled"]

    @property
    def n_skipped(self) -> int:
        """How many documents were skipped."""
        return self._fold.tally.statuses["skipped"]

    @property
    def n_flagged(self) -> int:
        """How many documents are flagged and have no answer."""
        return self._fold.tally.statuses["flagged"]

    @property
    def n_events(self) -> int:
        """How many things were said, by all writers, undone ones and undos included; settings are not counted."""
        return self._fold.counted

    @property
    def newest_time(self) -> str:
        """The latest time at which something was said; empty when nothing was."""
        return max((said[-1].place[0] for said in self._fold.writers.values() if said), default="")

    @property
    def settings(self) -> dict[str, Any]:
        """What was set since the session began; the newest wins."""
        return {name: value for said in self._fold.settings for name, value in said.event.value.items()}

    def answer(self, doc: str) -> Answer | None:
        """Return what is said of a document, None when it is unanswered."""
        return self._fold.tally.answers.get(doc)

    def note(self, doc: str) -> str | None:
        """Return the note on a document, answered or not."""
        return self._fold.note(doc)

    def document(self, doc: str, key: str | None) -> StoredDocument | None:
        """Return the document with this id and content hash as the log keeps it, None when it was not written yet."""
        return self._fold.document(doc, key)

    @property
    def ever_added(self) -> frozenset[str]:
        """The labels that were ever added since the session began, whatever became of them."""
        return frozenset(self._fold.book.added)

    # History ---------------------------------------------------------------------------------------------------------

    def history(
        self,
        limit: int | None = 50,
        offset: int = 0,
        query: str | None = None,
        *,
        status: str | None = None,
        label: str | None = None,
        annotator: str | None = None,
    ) -> list[Entry]:
        """Return decisions, newest first, those that were undone included.

        Parameters
        ----------
        limit, offset
            Which part of what fits; ``limit=None`` is all.
        query
            Only decisions with this text in their document, id, value or note; case does not matter.
        status
            ``labelled``, ``skipped`` or ``flagged``: only decisions that said so.
        label
            Only answers with this label, as it is called now.
        annotator
            Only what this person said.
        """
        fold = self._fold
        wanted = query.casefold() if query else None
        found = (
            said
            for said in reversed(fold.history.copy())
            if (annotator is None or said.event.annotator == annotator)
            and (status is None or _STATUS_OF.get(said.event.event) == status)
            and (label is None or _uses(fold, said, label))
            and (wanted is None or wanted in _searchable(fold, said))
        )
        stop = None if limit is None else offset + limit
        return [self.entry(said) for said in islice(found, offset, stop)]

    def entry(self, said: Said) -> Entry:
        """Return an event as a line of the history."""
        fold, event = self._fold, said.event
        document = None if event.id is None else event.document or fold.document(event.id, event.key)
        value = fold.value_now(said)
        if event.event in {"label-add", "label-delete"} and isinstance(value, dict):
            value = value["name"]
        return Entry(
            client=said.name,
            id=event.id,
            event=event.event,
            value=value,
            note=event.note,
            origin=event.origin,
            seconds=event.seconds,
            time=said.place[0],
            undone=fold.undone(said),
            annotator=event.annotator,
            excerpt=" ".join(document.text[: 2 * EXCERPT].split())[:EXCERPT] if document is not None else "",
        )

    def find(self, target: str) -> Said | None:
        """Return the event with this client id, or at this ``writer:seq``."""
        return self._fold.find(target)

    def undone(self, said: Said) -> bool:
        """Return whether this is taken back."""
        return self._fold.undone(said)

    def together(self, said: Said) -> list[Said]:
        """Return all events of the same bulk action, oldest first."""
        return list(self._fold.members(said.unit)) or [said]

    def can_undo(self, writer: str) -> bool:
        """Return whether this writer has something left to undo."""
        return self.next_turn(writer, "undo") is not None

    def can_redo(self, writer: str) -> bool:
        """Return whether this writer has something left to redo; a new decision clears it."""
        return self.next_turn(writer, "redo") is not None

    def next_turn(self, writer: str, kind: str) -> Said | None:
        """Return the newest event of what this writer would ``undo``, or ``redo``, now."""
        members = (self._fold.members(unit) for unit in self._fold.turns.candidates(writer, kind))
        return next((events[-1] for events in members if events), None)

    # Taking in -------------------------------------------------------------------------------------------------------

    def said_by(self, writer: str) -> Sequence[Said]:
        """Return all that this writer said, in order."""
        return self._fold.writers.get(writer, ())

    def apply(self, said: Said) -> list[str]:
        """Take in one event; return the ids of the documents of which something else may be said now."""
        changed = self._fold.apply(said)
        return self.refold() if changed is None else list(changed)

    def replace(self, writer: str, said: Sequence[Said]) -> list[str]:
        """Take in what stands in a writer's file now, in place of what was known of it; return as `apply`."""
        if writer not in self._fold.writers:
            return list(dict.fromkeys(doc for one in said for doc in self.apply(one)))
        self._fold.writers[writer] = list(said)
        return self.refold()

    def refold(self) -> list[str]:
        """Fold everything anew, in order; return the ids of the documents of which something else is said now."""
        old = self._fold
        said = list(heapq.merge(*(self._sorted(one) for one in old.writers.values()), key=_place))
        fold = Fold(self._base, old.key, ahead=said)
        for one in said:
            fold.apply(one)
        self._fold = fold
        before, after = old.tally.answers, fold.tally.answers
        return [doc for doc in {**before, **after} if before.get(doc) != after.get(doc)]

    @staticmethod
    def _sorted(said: Iterable[Said]) -> list[Said]:
        return sorted(said, key=_place)

    def _with(self, status: str) -> frozenset[str]:
        return frozenset(answer.id for answer in self._fold.tally.answers.copy().values() if answer.status == status)

    def __iter__(self) -> Iterator[Said]:
        """Loop over all events in the order in which they count."""
        return heapq.merge(*(list(one) for one in self._fold.writers.values()), key=_place)


def _searchable(fold: Fold, said: Said) -> str:
    event = said.event
    document = None if event.id is None else event.document or fold.document(event.id, event.key)
    parts = [event.id, event.note, str(fold.value_now(said) or "")]
    if document is not None:
        parts += [document.text, document.text_pair, document.source]
    return "\n".join(part for part in parts if part).casefold()


def _uses(fold: Fold, said: Said, label: str) -> bool:
    return said.event.event == "annotate" and label in names_in(fold.value_now(said), fold.key)
