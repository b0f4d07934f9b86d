"""The classification corpus: which subpackage a docstring belongs to."""

from __future__ import annotations

from typing import Any

from alwidget.datasets.harvest import Docstring, harvest
from alwidget.datasets.prose import prose
from alwidget.datasets.subjects import SUBJECTS

__all__ = ["build"]

SHORTEST_FUNCTION = 24
SHORTEST_METHOD = 45
"""A method must say more than a function to be of use: "Fit the model." stands in every subpackage."""


def build() -> list[dict[str, Any]]:
    """Return records with ``id`` (the full dotted name), ``text`` and ``label``, sorted by label and id.

    The text is the object's own name and its prose. Prose that stands under two labels is left out altogether, since
    nobody could say which is right; under one label it is kept once.
    """
    modules = {part for subject in SUBJECTS for place in subject.places for part in _parts(place)}
    first: dict[str, tuple[str, Docstring]] = {}
    ambiguous: set[str] = set()
    for subject in SUBJECTS:
        for place in subject.places:
            for found in harvest(place):
                body = prose(found.doc, modules=modules)
                if not _usable(found, body):
                    continue
                label, _ = first.setdefault(body, (subject.label, found))
                if label != subject.label:
                    ambiguous.add(body)
    records = {
        found.qualname: {"id": found.qualname, "text": f"{found.name}: {body}", "label": label}
        for body, (label, found) in first.items()
        if body not in ambiguous
    }
    return sorted(records.values(), key=lambda record: (record["label"], record["id"]))


def _usable(found: Docstring, body: str) -> bool:
    shortest = SHORTEST_METHOD if "." in found.name else SHORTEST_FUNCTION
    retired = (
        ".. deprecated::" in found.doc[:600] or "alias of" in body or body.lower().startswith(("deprecated", "alias"))
    )
    return len(body) >= shortest and not retired


def _parts(place: str) -> list[str]:
    """Return the names in a module's path that would give its label away."""
    return place.partition(":")[0].split(".")[1:]
