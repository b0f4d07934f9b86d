"""Annotation records as rows and columns: which columns there are, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["ANSWERS", "FLAGS", "FLOATS", "INTEGERS", "STRUCTURED", "Record", "columns", "value"]

Record = Mapping[str, Any]

ANSWERS = ("label", "labels", "spans", "target")
"""The keys that hold an answer, one of them for each task."""
STRUCTURED = frozenset({"labels", "spans"})
"""The answers that are lists, and so need JSON inside a flat cell."""
FLOATS = frozenset({"seconds", "propensity"})
INTEGERS = frozenset({"round"})
FLAGS = frozenset({"flagged"})

_BEFORE = ("id", "text", "text_pair", "source")
_AFTER = ("status", "annotator", "updated", "seconds", "origin", "round", "strategy", "propensity", "flagged", "note")
_ALWAYS = frozenset({"id", "text", "status", "annotator", "updated", "seconds", "origin"}) | {
    "round",
    "strategy",
    "propensity",
}


def columns(records: Sequence[Record], answer: str | None = None) -> list[str]:
    """Return the columns of these records: the known ones in a fixed order, then any others by name.

    Parameters
    ----------
    records
        The annotations.
    answer
        The key that holds the task's answer, which is a column even where nothing is answered yet; by default the
        one that the records use, else ``"label"``.

    Examples
    --------
    >>> columns([{"id": "a", "text": "x", "label": "yes", "mine": 1}])[:3]
    ['id', 'text', 'label']
    """
    used: set[str] = set(_ALWAYS)
    for record in records:
        used.update(record)
    if answer is not None or used.isdisjoint(ANSWERS):
        used.add(answer or "label")
    known = [name for name in _chain(_BEFORE, ANSWERS, _AFTER) if name in used]
    return known + sorted(used.difference(known))


def value(record: Record, name: str) -> Any:
    """Return what a record has in this column: None, or False for a flag, where the record leaves it out."""
    found = record.get(name)
    return bool(found) if name in FLAGS else found


def _chain(*parts: Iterable[str]) -> list[str]:
    return [name for part in parts for name in part]
