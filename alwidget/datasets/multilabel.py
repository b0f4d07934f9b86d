"""The corpus with several labels: what kinds of value a parameter takes, to be told from its name and description."""

from __future__ import annotations

import re
from typing import Any

from alwidget.datasets.parameters import documented, parameters

__all__ = ["LABELS", "build", "kinds", "whole"]

LABELS = {
    "number": "A single number: whole, real or complex.",
    "text": "A string, also one out of a list of names.",
    "truth": "True or False.",
    "array": "An array or a matrix, or what can be made one.",
    "sequence": "A list, a tuple, a set or another sequence.",
    "mapping": "A dictionary.",
    "function": "Something to call.",
    "table": "A Series, a DataFrame or an Index.",
    "time": "A date, a time, or a span of time.",
    "none": "None, as a value with a meaning.",
}

SHORTEST = 30

_KINDS = {
    "number": r"(?:(?:(?:strictly )?positive|non-?negative|nonzero|finite) )?(?:python )?"
    r"(?:int|integer|float|complex|real|number|double|scalar|numeric)s?(?: (?:value|scalar|number))?|[-+]?[\d.]+",
    "text": r"str|string|text|choice|(?:str|string) choice|(?:a )?single-?character (?:str|string)",
    "truth": r"bool|boolean|true|false",
    "array": r"(?:(?:\d|n)-?d(?:imensional)? |dense |sparse |masked |numpy |label indicator |square |csr |csc )*"
    r"(?:ndarray|array[-_ ]?like|arraylike|array|matrix|masked_?array|sparse-matrix)",
    "sequence": r"(?:(?:\d|n)-)?(?:list|tuple|sequence|iterable|set|list-?like)",
    "mapping": r"dict|dictionary|mapping|dict-like",
    "function": r"callable|function|callable \w+|callable object",
    "table": r"(?:pandas )?(?:series|dataframe|index|multiindex)",
    "time": r"timedelta|datetime|timestamp|date|dateoffset|time|period|(?:datetime|dateutil|pytz)[.\w]*|tzinfo"
    r"|datetime-like|zoneinfo[.\w]*|offset",
    "none": r"none",
    "other": r"object|(?:numpy )?dtype|data-?type|type|file(?:-like)?(?: object)?|path(?:[- ]like)?(?: object)?"
    r"|pathlib\.path|hashable|label|level name|randomstate(?: instance)?|generator|bitgenerator|bounds|linearoperator"
    r"|(?:\w+ )?estimator(?: instance)?|cross-validation generator|(?:matplotlib )?axes|slice|buffer",
}
_RECOGNISED = re.compile("|".join(f"(?P<{name}>(?:{pattern}))\\Z" for name, pattern in _KINDS.items()))
_CHOICE = re.compile(r"\"[^\"]*\"|'[^']*'")
_BRACES = re.compile(r"\{([^{}]*)\}")
_BRACKETS = re.compile(r"\s*(?:\([^()]*\)|\[[^\[\]]*\])")
_SHAPE = re.compile(r",?\s*\b(?:of|with|in)?\s*\b(?:shape|length|size|dim)\b.*?(?=\s*(?:,|\bor\b)|\Z)")
_CONTENT = re.compile(r"\s+(?:of|between|in|with)\s.*|\s*[<>=]+.*")
_OR = re.compile(r"\s*(?:,\s*or\b|\bor\b|,|\||/)\s*")


def kinds(written: str) -> list[str] | None:
    """Return which kinds of value a numpydoc type names, in the labels' order; None if it cannot be told for sure.

    >>> kinds("{'auto', None} or tuple of int")
    ['text', 'sequence', 'none']
    """
    plain = _BRACES.sub(r" \1 ", _CHOICE.sub("choice", written))
    found = set()
    for part in _OR.split(_SHAPE.sub("", _BRACKETS.sub("", plain))):
        atom = _CONTENT.sub("", part.strip()).strip(" .").lower().removeprefix("a ").removeprefix("an ")
        if not atom:
            continue
        match = _RECOGNISED.match(atom)
        if match is None or match.lastgroup is None:
            return None
        found.add(match.lastgroup)
    return [name for name in LABELS if name in found] if found else None


def build() -> list[dict[str, Any]]:
    """Return records with ``id``, ``text`` and ``labels``, sorted by id.

    The text is the parameter's name and its description, never its type. Parameters that take none of the kinds, such
    as a dtype or a random generator, have an empty list. A description that stands under two sets of labels is left
    out, since nobody could say which is right; under one it is kept once.
    """
    first: dict[str, dict[str, Any]] = {}
    ambiguous: set[str] = set()
    for found in documented():
        for entry in parameters(found.doc):
            labels = kinds(entry.type)
            if labels is None or len(entry.description) < SHORTEST or len(entry.names) > 1:
                continue
            text = f"{entry.names[0]}: {entry.description}"
            record = first.setdefault(
                text, {"id": f"{found.qualname}({entry.names[0]})", "text": text, "labels": labels}
            )
            if record["labels"] != labels:
                ambiguous.add(text)
    return sorted((row for text, row in first.items() if text not in ambiguous), key=lambda row: str(row["id"]))


def whole(record: dict[str, Any]) -> bool:
    """Return whether a record has its texts, and labels that exist."""
    labels = record.get("labels")
    texts = isinstance(record.get("id"), str) and isinstance(record.get("text"), str)
    return texts and isinstance(labels, list) and all(label in LABELS for label in labels)
