"""One line of a log: an event, and its way to and from bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, get_args

import msgspec

__all__ = [
    "DECISIONS",
    "EVENT_KINDS",
    "LABEL_KINDS",
    "SCHEMA_VERSION",
    "Event",
    "EventKind",
    "Line",
    "Origin",
    "Place",
    "Said",
    "StoredDocument",
    "Why",
    "decode",
    "encode",
    "flaw",
    "read_time",
    "settle",
    "write_time",
]

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
DECISIONS = frozenset({"annotate", "skip", "flag", "note", "clear"})
"""What is said of one document; these need an ``id``."""
LABEL_KINDS = frozenset({"label-add", "label-rename", "label-merge", "label-delete"})
"""What is said of the labels. Values: ``{"name", "definition"}`` or the name alone; ``{"from", "to"}``; ``{"from":
[names], "to"}``; ``{"name"}`` or the name alone."""


class Why(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
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


class StoredDocument(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """The document itself, written with the first decision on it, so that a log can be read without its pool."""

    text: str
    text_pair: str | None = None
    source: str | None = None


class Event(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
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
    """What was suggested when the person answered: ``{"value", "confidence"}``; the data's suggestions have none."""
    why: Why | None = None
    document: StoredDocument | None = None


# What these structs hold is JSON, which has no cycles, so the garbage collector need not look at all of them.

Place = tuple[str, str, int]
"""``(time, writer, seq)``: the one order that all writers agree on."""


class Said(msgspec.Struct, frozen=True, gc=False):
    """An event and its place among the events of all writers.

    The time in `place` is the event's own, never earlier than that of the event before it in the same file, so that
    what one writer said stays in the order in which it was said.
    """

    place: Place
    event: Event

    @property
    def name(self) -> str:
        """What an undo calls it by: its client id, or ``writer:seq``."""
        return self.event.client or f"{self.place[1]}:{self.place[2]}"

    @property
    def unit(self) -> str:
        """What is undone as one: its bulk action, else the event alone."""
        return f"\0{self.event.group}" if self.event.group else self.name


class Line(NamedTuple):
    """An event and the bytes that stand for it in the file."""

    said: Said
    data: bytes


def _plain(value: Any) -> Any:
    """Turn NumPy scalars and arrays, and subclasses of text, into what JSON has."""
    if isinstance(value, str):
        return str.__str__(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(Event)


def encode(event: Event) -> bytes:
    """Return the event as one line of JSON, newline included."""
    return _encoder.encode(event) + b"\n"


def decode(line: bytes) -> Event:
    """Return the event on this line; raises `msgspec.DecodeError` or `msgspec.ValidationError`."""
    return _decoder.decode(line)


def settle(event: Event) -> tuple[Event, bytes]:
    """Return the event exactly as it will be read again, and its line.

    Memory and disk hold the same thing because the event in memory is read from the line. Half a surrogate pair, which
    UTF-8 cannot hold, becomes U+FFFD: no decision is refused for the text that it is about.

    Raises
    ------
    TypeError
        A value has no JSON form.
    """
    try:
        line = encode(event)
    except UnicodeEncodeError:
        line = _encoder.encode(_whole_text(msgspec.to_builtins(event, enc_hook=_plain))) + b"\n"
    return decode(line), line


def _whole_text(value: Any) -> Any:
    """Join surrogate pairs that stand as two characters, and replace lone halves, in all text of a JSON value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_whole_text(k): _whole_text(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_whole_text(v) for v in value]
    return value


def flaw(event: Event) -> str | None:
    """Return what is wrong with a line that is JSON of the right shape, or None; a fold can use it when nothing is."""
    if not 1 <= event.v <= SCHEMA_VERSION:
        return f"its version is {event.v}"
    kind = event.event
    if kind in DECISIONS:
        return f'"{kind}" names no document' if event.id is None else None
    value = event.value
    if kind == "setting":
        return None if isinstance(value, dict) else "a setting is not an object"
    if kind in {"label-add", "label-delete"}:
        name = value.get("name") if isinstance(value, dict) else value
        return None if isinstance(name, str) else f'"{kind}" names no label'
    if kind in LABEL_KINDS:
        parts = value if isinstance(value, dict) else {}
        old = parts.get("from")
        names = old if isinstance(old, list) else [old]
        fine = isinstance(parts.get("to"), str) and all(isinstance(name, str) for name in names)
        return None if fine else f'"{kind}" does not say from what to what'
    return None


def read_time(text: str) -> str:
    """Return a time in the one form that sorts as text: ``2026-01-05T10:11:12.345Z``.

    >>> read_time("2026-01-05T11:11:12+01:00")
    '2026-01-05T10:11:12.000Z'

    Raises
    ------
    ValueError
        It is not a time, or one so far ahead that nothing could be said after it.
    """
    moment = datetime.fromisoformat(text)
    if text.translate(_DIGITS) == _FORM and text < _LAST:
        return text
    moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    normal = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if normal >= _LAST:
        message = f"the time {text} is too far ahead"
        raise ValueError(message)
    return normal


def write_time(milliseconds: int) -> str:
    """Return milliseconds since 1970 as ISO 8601 in UTC.

    >>> write_time(1_767_607_872_345)
    '2026-01-05T10:11:12.345Z'
    """
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


_FORM = "0000-00-00T00:00:00.000Z"
_DIGITS = str.maketrans("123456789", "000000000")
_LAST = "9000"
