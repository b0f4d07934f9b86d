"""What is said of one document now, and how one more event changes it."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any, Literal

import msgspec

from alwidget.log.events import Said, StoredDocument, Why

__all__ = ["Answer", "Answers", "Entry", "Tally", "names_in", "rename", "step"]

Status = Literal["labelled", "skipped", "flagged", ""]
Names = Callable[[str], str | None]
"""What a label is called now; None when it was deleted."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is said of a document now.

    Attributes
    ----------
    value
        In the form of the task; None when there is no answer.
    status
        ``labelled`` when there is a value, else ``flagged`` when it is flagged, else ``skipped``.
    time
        When it was last touched, also by a note or a flag. The other details are those of the decision that gave the
        status.
    key
        The content hash of the document that was answered, in hex.
    document
        The document itself, as the log keeps it.
    client
        The name of the decision, for undo.
    """

    id: str
    value: Any = None
    status: Status = ""
    flagged: bool = False
    skipped: bool = False
    note: str | None = None
    annotator: str = ""
    time: str = ""
    seconds: float | None = None
    origin: str | None = None
    why: Why | None = None
    key: str | None = None
    document: StoredDocument | None = None
    client: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision in the history. `client` names it for undo; `value` uses the labels as they are called now."""

    client: str
    id: str | None
    event: str
    value: Any = None
    note: str | None = None
    origin: str | None = None
    seconds: float | None = None
    time: str = ""
    undone: bool = False
    annotator: str = ""
    excerpt: str = ""


class Answers(Mapping[str, Answer]):
    """The answers by document id: a live view that may be looped over while other threads go on labelling."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers = answers

    def __getitem__(self, key: str) -> Answer:
        return self._answers[key]

    def __contains__(self, key: object) -> bool:
        return key in self._answers

    def __len__(self) -> int:
        return len(self._answers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._answers.copy())

    def values(self) -> ValuesView[Answer]:
        """Return the answers of this moment."""
        return self._answers.copy().values()

    def items(self) -> ItemsView[str, Answer]:
        """Return ids and answers of this moment."""
        return self._answers.copy().items()


class Tally:
    """All answers, counted as they come."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.answers: dict[str, Answer] = {}
        self.statuses: dict[str, int] = {"labelled": 0, "skipped": 0, "flagged": 0}
        self.labels: dict[str, int] = {}

    def put(self, document: str, answer: Answer | None) -> None:
        """Set what is said of a document; a note alone is no answer."""
        old = self.answers.get(document)
        if old is not None:
            self._count(old, -1)
        if answer is None or not answer.status:
            self.answers.pop(document, None)
            return
        self.answers[document] = answer
        self._count(answer, 1)

    def _count(self, answer: Answer, by: int) -> None:
        self.statuses[answer.status] += by
        for name in names_in(answer.value, self._key):
            now = self.labels.get(name, 0) + by
            if now:
                self.labels[name] = now
            else:
                del self.labels[name]


def step(old: Answer | None, said: Said, document: StoredDocument | None) -> Answer | None:
    """Return what is said of a document after one more event; `document` is the text that the event is about."""
    event = said.event
    if event.event == "clear":
        return None
    before = old or Answer(id=event.id or "")
    note = before.note if event.note is None else event.note or None
    if event.event == "note":
        return _touched(before, said.place[0], note=note)
    if event.event == "flag":
        flagged = event.value is not False
        if before.value is not None or before.skipped or not flagged:
            return _touched(before, said.place[0], note=note, flagged=flagged)
        value, skipped = None, False
    else:
        value = event.value if event.event == "annotate" else None
        flagged, skipped = before.flagged, event.event == "skip"
    return Answer(
        id=before.id,
        value=value,
        status=_status(value, flagged=flagged, skipped=skipped),
        flagged=flagged,
        skipped=skipped,
        note=note,
        annotator=event.annotator,
        time=said.place[0],
        seconds=event.seconds,
        origin=event.origin,
        why=event.why,
        key=event.key,
        document=document,
        client=said.name,
    )


def rename(answer: Answer | None, names: Names, key: str) -> Answer | None:
    """Return the answer with its labels called as they are called now."""
    if answer is None or answer.value is None:
        return answer
    value = renamed(answer.value, names, key)
    if value == answer.value:
        return answer
    status = _status(value, flagged=answer.flagged, skipped=answer.skipped)
    return msgspec.structs.replace(answer, value=value, status=status)


def renamed(value: Any, names: Names, key: str) -> Any:
    """Return a value with its labels called as they are called now; None when its only label was deleted.

    >>> renamed(["a", "b", "c"], {"a": "x", "b": "x", "c": None}.get, "labels")
    ['x']
    """
    if key == "label" and isinstance(value, str):
        return names(value)
    if key == "labels" and isinstance(value, list):
        kept = [names(name) if isinstance(name, str) else name for name in value]
        return [name for i, name in enumerate(kept) if name is not None and name not in kept[:i]]
    if key == "spans" and isinstance(value, list):
        return _renamed_spans(value, names)
    return value


def _renamed_spans(spans: list[Any], names: Names) -> list[Any]:
    """Return spans with their labels called as now; two labels that became one may be on the same characters."""
    out: dict[object, Any] = {}
    for number, span in enumerate(spans):
        if not _is_span(span):
            out[number] = span
        elif (label := names(span["label"])) is not None:
            out.setdefault((span.get("start"), span.get("end"), label), {**span, "label": label})
    return list(out.values())


def names_in(value: Any, key: str) -> set[str]:
    """Return the labels that a value of a task uses; `key` is the task's key in ``annotations.json``."""
    if key == "label" and isinstance(value, str):
        return {value}
    if key == "labels" and isinstance(value, list):
        return {name for name in value if isinstance(name, str)}
    if key == "spans" and isinstance(value, list):
        return {span["label"] for span in value if _is_span(span) and isinstance(span["label"], str)}
    return set()


def _is_span(value: Any) -> bool:
    return isinstance(value, dict) and "label" in value


def _touched(before: Answer, time: str, *, note: str | None, flagged: bool | None = None) -> Answer:
    mark = before.flagged if flagged is None else flagged
    status = _status(before.value, flagged=mark, skipped=before.skipped)
    return msgspec.structs.replace(before, time=time, note=note, flagged=mark, status=status)


def _status(value: Any, *, flagged: bool, skipped: bool) -> Status:
    if value is not None:
        return "labelled"
    return "flagged" if flagged else "skipped" if skipped else ""
