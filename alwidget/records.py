"""What the session hands to people: items to ask, annotations, its status. Plain, frozen, printable."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["Annotation", "Item", "Status"]


@dataclass(frozen=True, slots=True)
class Item:
    """A document to ask about.

    Attributes
    ----------
    suggestion, confidence
        What the model would answer and how sure it is (0 … 1); None before there is a model. How sure a suggestion
        is that came with the data (`prelabel`) is not known: its `confidence` is None.
    why
        Its provenance: strategy, round, rank, score, propensity and a line for a person.
    candidates
        Texts that the model would write, best first; `suggestion` is the first of them.
    origin
        Where the suggestion comes from: ``"model"``, or ``"given"`` with the data.
    """

    id: str
    text: str
    text_pair: str | None = None
    source: str | None = None
    suggestion: Any = None
    confidence: float | None = None
    why: dict[str, Any] | None = None
    candidates: tuple[str, ...] | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is said of a document now: one record of ``annotations.json``.

    `value` is the answer in the form of the task; in the file it stands under the task's own key.
    """

    id: str
    text: str
    value: Any
    status: str
    annotator: str
    updated: str
    seconds: float | None = None
    origin: str | None = None
    round: int | None = None
    strategy: str | None = None
    propensity: float | None = None
    note: str | None = None
    flagged: bool = False
    text_pair: str | None = None
    source: str | None = None

    @classmethod
    def from_record(cls, record: dict[str, Any], key: str) -> Annotation:
        """Return a record of ``annotations.json`` as an object; `key` is where its task keeps the answer."""
        known = {f.name for f in fields(cls)} - {"value"}
        return cls(value=record.get(key), **{name: record[name] for name in known if name in record})

    @property
    def label(self) -> Any:
        """The answer, by the name it has in classification."""
        return self.value


@dataclass(frozen=True, slots=True)
class Status:
    """How far the session is and what the engine does.

    Attributes
    ----------
    state
        ``starting``, ``cold``, ``training``, ``scoring``, ``ready``, ``paused`` or ``failed``.
    error, storage_error
        Why the last round failed; why nothing is being saved. None when all is well.
    """

    state: str
    round: int
    labelled: int
    skipped: int
    flagged: int
    remaining: int
    total: int
    model: str
    strategy: str
    message: str
    error: str | None
    storage_error: str | None
    ahead: int
    paused: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the same as a dict of JSON values."""
        return asdict(self)
