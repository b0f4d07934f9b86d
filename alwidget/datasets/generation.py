"""The generation corpus: the summary line of a docstring, to be written from its extended description."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from alwidget.datasets.parameters import documented
from alwidget.datasets.prose import prose

__all__ = ["build"]

SHORTEST_BODY, LONGEST_BODY = 100, 900
FEWEST_WORDS, MOST_WORDS = 3, 25
MOST_COPIED = 0.9

_WORD = re.compile(r"\w+")
_RETIRED = re.compile(r"\A(?:deprecated|alias)\b|\balias of\b", re.IGNORECASE)


def build() -> list[dict[str, Any]]:
    """Return records with ``id``, ``text`` (the extended description) and ``target`` (the summary), sorted by id.

    Left out are descriptions that say too little to be summarised, summaries that are no sentence or hardly more than
    a piece of the description, and descriptions or summaries that stood before.
    """
    seen: set[str] = set()
    records = []
    for found in documented():
        target, _, text = prose(found.doc, modules=(), limit=LONGEST_BODY + 200).partition("\n\n")
        target, text = " ".join(target.split()), text.strip()
        if not SHORTEST_BODY <= len(text) <= LONGEST_BODY or text.endswith("…") or not _summary(target, text):
            continue
        if text in seen or target in seen:
            continue
        seen |= {text, target}
        records.append({"id": found.qualname, "text": text, "target": target})
    return sorted(records, key=lambda record: record["id"])


def _summary(target: str, text: str) -> bool:
    """Return whether a first paragraph sums up what follows, and is not a copy of a part of it."""
    words = [word.lower() for word in _WORD.findall(target)]
    if not FEWEST_WORDS <= len(words) <= MOST_WORDS or not target.endswith(".") or _RETIRED.search(target):
        return False
    if target.rstrip(".").lower() in text.lower():
        return False
    body = [word.lower() for word in _WORD.findall(text)]
    bigrams = set(pairwise(body))
    pairs = list(pairwise(words))
    return sum(pair in bigrams for pair in pairs) < MOST_COPIED * len(pairs)
