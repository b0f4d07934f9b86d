"""``alwidget plasm``: from a labelled session to a model of another architecture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

__all__ = ["DEFAULTS", "plasm"]

DEFAULTS: dict[str, tuple[int | float, str]] = {
    "holdout": (0.2, "the share of people's labels to measure on"),
    "folds": (5, "parts in which the labeller is measured"),
    "confidence": (0.0, "leave out pseudo-labels below it"),
    "weight": (1.0, "what a pseudo-label counts beside a person's"),
    "smoothing": (0.1, "the share of a pseudo-label that is spread over the labels"),
    "most": (50_000, "documents to pseudo-label at most"),
    "seed": (0, "where chance begins"),
}
"""Numbers by name: what they are by default, and what they say."""
COLUMNS = ("task", "text", "label", "id")


def plasm(given: argparse.Namespace) -> int:
    """Train a successor and say what was trusted, what it is worth, and where it is."""
    from alwidget.reuse.run import plasm as make

    columns: dict[str, Any] = {name: getattr(given, name) for name in COLUMNS if getattr(given, name) is not None}
    made = make(
        Path(given.session),
        successor=given.successor,
        labeller=given.labeller,
        clean=not given.no_clean,
        influence=given.influence,
        data=None if given.data is None else Path(given.data),
        out=given.out,
        device=given.device,
        progress=not given.quiet,
        **{name: getattr(given, name) for name in DEFAULTS},
        **columns,
    )
    page = made.path / "report" / "report.html"
    shown = f"report: {page}\n" if page.is_file() else ""
    sys.stdout.write(f"{made.report.summary()}\n{shown}{made.path / 'successor' / 'model'}\n")
    return 0
