"""The tagging corpus: names, types and defaults in the entries of numpydoc ``Parameters`` sections."""

from __future__ import annotations

import re
from typing import Any

from alwidget.datasets.parameters import Parameter, documented, parameters

__all__ = ["LABELS", "build", "whole"]

LABELS = {
    "name": "What a parameter is called, where its entry begins; stars are not part of it.",
    "type": "What may be given for it, with everything said about shape or choices.",
    "default": "What it is when nothing is given, in the first line or where the text states it.",
}

LONGEST = 420
MOST_ENTRIES = 3
INDENT = "\n    "

_SAID = re.compile(
    r"""\b[Dd]efaults?(?:\ value)?(?:\ is|\ to|:|\ ?=)\ ?
    (?P<value>"[^"\n]+"|'[^'\n]+'|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|True|False|None|nan|inf)
    (?=\.?(?:\s|\Z)|[,;)])""",
    re.VERBOSE,
)
_MENTIONED = re.compile(r"default", re.IGNORECASE)


def build() -> list[dict[str, Any]]:
    """Return records with ``id``, ``text`` and ``spans``, sorted by id.

    A document is up to three entries of one docstring, in their order. An entry that stands in several docstrings
    word for word is taken once; one whose description speaks of a default without giving it in a fixed form is left
    out, because its gold spans would be a matter of opinion.
    """
    seen: set[tuple[str, str]] = set()
    records = []
    for found in documented():
        fresh = []
        for entry in parameters(found.doc):
            key = (entry.head, entry.description)
            if entry.description and entry.type and key not in seen and _clear(entry.description):
                fresh.append(entry)
            seen.add(key)
        for number, group in enumerate(_grouped([_rendered(entry) for entry in fresh]), start=1):
            records.append(_joined(f"{found.qualname}#{number}", group))
    return sorted(records, key=lambda record: str(record["id"]))


def whole(record: dict[str, Any]) -> bool:
    """Return whether every span of a record is within the text and says what stands there."""
    text, spans = record.get("text"), record.get("spans")
    if not isinstance(record.get("id"), str) or not isinstance(text, str) or not isinstance(spans, list):
        return False
    return all(
        isinstance(span, dict)
        and set(span) == {"start", "end", "label", "text"}
        and span["label"] in LABELS
        and isinstance(span["start"], int)
        and isinstance(span["end"], int)
        and 0 <= span["start"] < span["end"] <= len(text)
        and text[span["start"] : span["end"]] == span["text"]
        for span in spans
    )


def _clear(description: str) -> bool:
    return len(_MENTIONED.findall(description)) == len(_SAID.findall(description))


def _rendered(entry: Parameter) -> tuple[str, list[tuple[int, int, str]]]:
    """Return an entry as text, and where its parts are in it."""
    found, at = [], 0
    for name in entry.names:
        at = entry.head.index(name, at)
        found.append((at, at + len(name), "name"))
        at += len(name)
    for part, label in ((entry.type, "type"), (entry.default, "default")):
        if part:
            at = entry.head.index(part, at)
            found.append((at, at + len(part), label))
            at += len(part)
    below = INDENT + INDENT.join(line for line in entry.description.splitlines() if line)
    found += [
        (len(entry.head) + said.start("value"), len(entry.head) + said.end("value"), "default")
        for said in _SAID.finditer(below)
    ]
    return entry.head + below, found


def _grouped(
    entries: list[tuple[str, list[tuple[int, int, str]]]],
) -> list[list[tuple[str, list[tuple[int, int, str]]]]]:
    groups: list[list[tuple[str, list[tuple[int, int, str]]]]] = []
    for entry in entries:
        last = groups[-1] if groups else []
        if last and len(last) < MOST_ENTRIES and sum(len(text) for text, _ in last) + len(entry[0]) <= LONGEST:
            last.append(entry)
        else:
            groups.append([entry])
    return groups


def _joined(id: str, group: list[tuple[str, list[tuple[int, int, str]]]]) -> dict[str, Any]:
    text, spans = "", []
    for part, found in group:
        offset = len(text) + bool(text)
        text += ("\n" if text else "") + part
        spans += [
            {"start": offset + start, "end": offset + end, "label": label, "text": part[start:end]}
            for start, end, label in found
        ]
    return {"id": id, "text": text, "spans": spans}
