"""The messages between page and kernel, declared once; ``js/src/protocol.ts`` is generated from here.

Every message has one discriminator, ``kind``, both ways. A message from the page that wants an answer carries a
``seq`` that its view made; the answer carries the same ``seq`` and ``view``. The field is never called ``id``:
ipykernel 7.4 keeps such ids for ever. Decisions are idempotent by ``client``. The loss of any message from the kernel
is repaired by the next `Hello`. Numbers are seconds and shares of one; offsets are Unicode code points.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "PROTOCOL_VERSION",
    "Ack",
    "Counts",
    "Decide",
    "FromPage",
    "Guidelines",
    "Hello",
    "HistoryEntry",
    "HistoryPage",
    "HistoryParams",
    "Item",
    "ItemParams",
    "ItemsParams",
    "LabelInfo",
    "ModelInfo",
    "Notice",
    "Option",
    "Problems",
    "Queue",
    "Reject",
    "Reply",
    "Request",
    "SetOption",
    "Snapshot",
    "Status",
    "StatusMessage",
    "Suggestion",
    "ToPage",
    "Why",
]

PROTOCOL_VERSION = 1

Action = Literal["annotate", "skip", "flag", "note", "clear", "undo", "redo", "label-add"]
EngineState = Literal["starting", "cold", "training", "scoring", "ready", "paused", "failed"]


class _Base(msgspec.Struct, kw_only=True, omit_defaults=False):
    """Every field is on the wire; missing optional ones are null."""


# What messages are made of ------------------------------------------------------------------------------------------


class LabelInfo(_Base):
    """A label with its definition and how many documents have it."""

    name: str
    definition: str = ""
    count: int = 0


class Suggestion(_Base):
    """What the model thinks: its answer, how sure, and the probability of every label in key order.

    A suggested span has a ``confidence`` of its own. `candidates` are texts that the model would write, best first.
    A `confidence` of None says that the suggestion, or the span, came with the data and not from the model.
    """

    value: Any
    confidence: float | None
    probs: list[float] | None = None
    candidates: list[str] | None = None


class Why(_Base):
    """Why this item is asked."""

    strategy: str
    round: int
    rank: int
    of: int
    score: float | None = None
    propensity: float | None = None
    text: str = ""


class Item(_Base):
    """A document to ask about, or one answered before with its present answer.

    `words` is for tagging: where each word begins and ends, start, end, start, end, …, in code points.
    """

    item: str
    text: str
    words: list[int] | None = None
    position: int | None = None
    text_pair: str | None = None
    source: str | None = None
    suggestion: Suggestion | None = None
    why: Why | None = None
    answer: Any = None
    status: Literal["labelled", "skipped", "flagged"] | None = None
    note: str | None = None


class HistoryEntry(_Base):
    """One decision, newest first in lists. `client` names it for undo and redo."""

    client: str
    item: str
    action: Action
    excerpt: str
    value: Any = None
    origin: str | None = None
    note: str | None = None
    time: str = ""
    seconds: float | None = None
    undone: bool = False
    annotator: str = ""


class Counts(_Base):
    """How far the session is. `saved` and `decisions` count this session's decisions on disk and in all."""

    total: int
    labelled: int
    skipped: int
    flagged: int
    remaining: int
    saved: int
    decisions: int


class Status(_Base):
    """What the engine does now, for the status line."""

    state: EngineState
    round: int
    model: str
    strategy: str
    message: str
    ahead: int
    paused: bool
    batch_size: int
    error: str | None = None
    storage_error: str | None = None


class Option(_Base):
    """A strategy that can be picked, or cannot and why."""

    name: str
    line: str
    reason: str | None = None


# What panels ask for, and what they get ------------------------------------------------------------------------------


class HistoryParams(_Base):
    """`Request.params` of ``history``: newest first, filtered by words in the text, label or note."""

    query: str = ""
    offset: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=500)] = 50


class ItemParams(_Base):
    """`Request.params` of ``item``: the id of one document, or its place in the pool where no id is meant."""

    item: str
    position: int | None = None


class ItemsParams(_Base):
    """`Request.params` of ``items``: how many more to ask about, and which the page holds already."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 20
    exclude: list[str] = []


class HistoryPage(_Base):
    """`Reply.data` of ``history``; `more` when older entries match too."""

    entries: list[HistoryEntry]
    more: bool


class Guidelines(_Base):
    """`Reply.data` of ``guidelines``: Markdown as it was given, and the labels' definitions."""

    text: str
    labels: list[LabelInfo]


class ModelInfo(_Base):
    """`Reply.data` of ``model``: what learns, what it has learnt from, and which strategies could choose."""

    labels: list[LabelInfo]
    status: Status
    strategies: list[Option]


class Problems(_Base):
    """`Reply.data` of ``problems``: what was set aside when the documents were read, a line each."""

    problems: list[str]


# Page to kernel -----------------------------------------------------------------------------------------------------


class Hello(_Base, tag_field="kind", tag="hello"):
    """A view is there; asks for a `Snapshot`. Sent on every render and after silence."""

    view: str
    seq: int
    protocol: int
    waiting: int = 0


class Decide(_Base, tag_field="kind", tag="decide"):
    """Something the person said. Resent with the same `client` until it is acknowledged.

    For undo and redo, `target` is the `client` of the decision meant; null means the newest one.
    `seen` is the suggestion that was on the card.
    """

    view: str
    seq: int
    client: str
    action: Action
    item: str | None = None
    value: Any = None
    target: str | None = None
    note: str | None = None
    origin: Literal["human", "accepted", "edited"] | None = None
    seconds: float | None = None
    seen: Suggestion | None = None
    why: Why | None = None
    at: str | None = None


class Request(_Base, tag_field="kind", tag="request"):
    """A panel wants data.

    ``history`` takes `HistoryParams` and gets a `HistoryPage`; ``item`` takes `ItemParams` and gets an `Item`;
    ``items`` takes `ItemsParams` and gets a list of `Item`; ``guidelines``, ``model`` and ``problems`` take
    nothing and get `Guidelines`, `ModelInfo` and `Problems`.
    """

    view: str
    seq: int
    what: Literal["history", "item", "items", "guidelines", "model", "problems"]
    params: dict[str, Any] = {}


class SetOption(_Base, tag_field="kind", tag="set"):
    """Change ``strategy``, ``paused``, or ``batch_size``; answered by `Ack` or `Reject`."""

    view: str
    seq: int
    name: Literal["strategy", "paused", "batch_size", "train"]
    value: Any = None


# Kernel to page -----------------------------------------------------------------------------------------------------


class Snapshot(_Base, tag_field="kind", tag="snapshot"):
    """All that a fresh view needs. Also the value of the ``_snapshot`` trait, so that a first card needs no kernel.

    `overlap` is for tagging: whether spans may overlap.
    """

    protocol: int
    revision: int
    session: str
    name: str
    task: str
    labels: list[LabelInfo]
    open_labels: bool
    counts: Counts
    status: Status
    queue: list[Item]
    history: list[HistoryEntry]
    pace: float | None = None
    guidelines: str = ""
    strategies: list[Option] = []
    problems: int = 0
    notice: str | None = None
    read_only: bool = False
    overlap: bool = False
    view: str | None = None
    seq: int | None = None


class Queue(_Base, tag_field="kind", tag="queue"):
    """The next items, best first; replaces what a view holds after the card that is shown."""

    items: list[Item]
    counts: Counts
    status: Status
    revision: int


class Ack(_Base, tag_field="kind", tag="ack"):
    """On disk, after fsync. Goes to every view: the one that asked drops it from its outbox, the others follow."""

    view: str
    seq: int
    revision: int
    counts: Counts
    client: str | None = None
    entry: HistoryEntry | None = None
    item: Item | None = None
    labels: list[LabelInfo] | None = None
    repeated: bool = False


class Reject(_Base, tag_field="kind", tag="reject"):
    """Not done. With `retry` the page keeps the decision and sends it again later; without, drops it and says why."""

    view: str
    seq: int
    reason: str
    retry: bool
    client: str | None = None


class Reply(_Base, tag_field="kind", tag="reply"):
    """The answer to a `Request`; its shape depends on ``what``."""

    view: str
    seq: int
    what: str
    data: Any


class StatusMessage(_Base, tag_field="kind", tag="status"):
    """The engine or the disk changed state; may be lost without harm."""

    status: Status
    counts: Counts
    revision: int


class Notice(_Base, tag_field="kind", tag="notice"):
    """Something a person should read once."""

    level: Literal["info", "warning", "error"]
    text: str


FromPage = Hello | Decide | Request | SetOption
ToPage = Snapshot | Queue | Ack | Reject | Reply | StatusMessage | Notice
