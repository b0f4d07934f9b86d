"""What is asked next, and why each document is asked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from alwidget.log.events import Why

__all__ = ["Queue", "Queued", "Suggested"]


@dataclass(frozen=True, slots=True)
class Suggested:
    """What the model thinks of a queued document: its answer, how sure, and what else it considered.

    Attributes
    ----------
    value
        In the form of the task; a suggested span has a ``confidence`` of its own.
    confidence
        How sure the model is, 0 … 1 (see `alwidget.engine.suggest.suggestions`); None of what came with the data.
    probs
        Every label's probability, in key order.
    candidates
        Texts that the model would write, best first.
    """

    value: Any
    confidence: float | None
    probs: tuple[float, ...] | None = None
    candidates: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Queued:
    """A document that waits to be asked: its pool index, its provenance and the model's suggestion."""

    index: int
    why: Why
    suggestion: Suggested | None = None

    def with_suggestion(self, suggestion: Suggested | None) -> Queued:
        """Return the same entry with a newer suggestion."""
        return replace(self, suggestion=suggestion)


class Queue:
    """An ordered set of queued documents. Not locked: its owner is.

    Answered documents leave it at once; reopened ones (undo, clear) come back to the front, so that what was taken
    back is asked again first.
    """

    def __init__(self, entries: Iterable[Queued] = ()) -> None:
        self._entries: dict[int, Queued] = {}
        self.replace(entries)

    def __len__(self) -> int:
        """Return how many documents wait."""
        return len(self._entries)

    def __contains__(self, index: object) -> bool:
        """Return whether this document waits."""
        return index in self._entries

    def replace(self, entries: Iterable[Queued]) -> None:
        """Put these in place of all that waited."""
        self._entries = {entry.index: entry for entry in entries}

    def extend(self, entries: Iterable[Queued]) -> None:
        """Add entries at the end; a document that waits already keeps its place."""
        for entry in entries:
            self._entries.setdefault(entry.index, entry)

    def update(self, entry: Queued) -> None:
        """Put an entry in the place of the same document's, if it waits."""
        if entry.index in self._entries:
            self._entries[entry.index] = entry

    def discard(self, index: int) -> Queued | None:
        """Take a document out."""
        return self._entries.pop(index, None)

    def put_first(self, entry: Queued) -> None:
        """Ask this document next."""
        rest = {i: e for i, e in self._entries.items() if i != entry.index}
        self._entries = {entry.index: entry, **rest}

    def head(self, limit: int, skip: Iterable[int] = ()) -> list[Queued]:
        """Return the first `limit` entries that are not in `skip`."""
        out: list[Queued] = []
        without = frozenset(skip)
        for entry in self._entries.values():
            if len(out) >= limit:
                break
            if entry.index not in without:
                out.append(entry)
        return out

    def get(self, index: int) -> Queued | None:
        """Return a document's entry, if it waits."""
        return self._entries.get(index)

    def entries(self) -> list[Queued]:
        """Return all entries, next first."""
        return list(self._entries.values())


def save(path: Path, number: int, entries: list[Queued], ids: list[str]) -> None:
    """Write the queue as JSON so that a resumed session asks the same documents at once. Derived; loss is harmless."""
    rows = [
        {"id": doc, "why": _plain(entry.why), "suggestion": asdict(entry.suggestion) if entry.suggestion else None}
        for doc, entry in zip(ids, entries, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps({"round": number, "items": rows}), encoding="utf-8")
    temporary.replace(path)


def load(path: Path) -> tuple[int, list[tuple[str, Why, Suggested | None]]]:
    """Return what `save` wrote, or round 0 and nothing when it is missing or cannot be read."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        items = [(str(row["id"]), Why(**row["why"]), _suggested(row["suggestion"])) for row in stored["items"]]
        return int(stored["round"]), items
    except (OSError, ValueError, KeyError, TypeError):
        return 0, []


def _suggested(stored: dict[str, Any] | None) -> Suggested | None:
    if not stored:
        return None
    probs, candidates = (tuple(stored[name]) if stored.get(name) else None for name in ("probs", "candidates"))
    return Suggested(stored["value"], float(stored["confidence"]), probs, candidates)


def _plain(why: Why) -> dict[str, Any]:
    return {name: getattr(why, name) for name in why.__struct_fields__}
