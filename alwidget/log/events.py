"""One line of a log: an event, and its way to and from bytes."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

__all__ = ["EventKind", "Event", "Origin", "SCHEMA_VERSION", "Why", "StoredDocument", "decode", "encode"]

SCHEMA_VERSION = 1

EventKind = Literal[
    "annotate",
    "skip",
    "flag",
    "note",
    "clear",
    "undo",
    "redo",
    "label-add",
    "label-rename",
    "label-merge",
    "label-delete",
    "setting",
]
Origin = Literal["human", "accepted", "edited", "bulk", "imported"]
EVENT_KINDS: tuple[str, ...] = get_args(EventKind)


class Why(msgspec.Struct, omit_defaults=True, frozen=True):
    """Why a document was asked: the provenance of a queued item, copied into the decision."""

    strategy: str
    round: int = 0
    rank: int = 0
    of: int = 0
    score: float | None = None
    propensity: float | None = None
    model: str | None = None
    text: str = ""
    """One line for a person, such as ``torn between Business and World``."""


class StoredDocument(msgspec.Struct, omit_defaults=True, frozen=True):
    """The document itself, written with the first decision on it, so that a log can be read without its pool."""

    text: str
    text_pair: str | None = None
    source: str | None = None


class Event(msgspec.Struct, omit_defaults=True, frozen=True):
    """Something that was said. `seq` counts from 1 in each writer's file without gaps.

    `key` is the document's content hash in hex: an answer is never shown under another text, also when ids move.
    `group` ties the events of one bulk action, so that one undo takes all of them back. `target` is the `client`
    (or ``writer:seq``) of the event that an undo or redo is about.
    """

    v: int
    seq: int
    time: str
    annotator: str
    event: EventKind
    id: str | None = None
    value: Any = None
    key: str | None = None
    origin: Origin | None = None
    seconds: float | None = None
    client: str | None = None
    group: str | None = None
    target: str | None = None
    note: str | None = None
    seen: Any = None
    """What the model suggested when the person answered: ``{"value", "confidence"}``."""
    why: Why | None = None
    document: StoredDocument | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Return the event as one line of JSON, newline included."""
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """Return the event on this line; raises `msgspec.DecodeError` or `msgspec.ValidationError`."""
    return _decoder.decode(line)
