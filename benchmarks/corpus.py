"""The documents that benchmarks use, written once into the user's cache folder and used again by the next run."""

from __future__ import annotations

import gzip
import json
import os
from functools import cache
from pathlib import Path

import platformdirs

ROOT = Path(__file__).parents[1]
MILLION = 1_000_000
HEAD, TAIL = 120, 80


def folder() -> Path:
    """Return where files of the benchmarks lie; it can be deleted at any time."""
    path = Path(platformdirs.user_cache_dir("alwidget")) / "benchmarks"
    path.mkdir(parents=True, exist_ok=True)
    return path


def cache_folder() -> Path:
    """Return what benchmarks set ``ALWIDGET_CACHE`` to: converted pools and vectors, apart from the user's own."""
    return folder() / "cache"


@cache
def real() -> tuple[str, list[dict[str, str]]]:
    """Return rows with id, text and gold label, and their name: AG News where it is, else docstrings."""
    data = Path(os.environ.get("ALWIDGET_DATA", ROOT.parent / "shared" / "data")) / "agnews.jsonl.gz"
    if data.is_file():
        with gzip.open(data, "rt", encoding="utf-8") as lines:
            return "AG News", [{name: row[name] for name in ("id", "text", "label")} for row in map(json.loads, lines)]
    from alwidget import datasets

    return "docstrings", datasets.docstrings().to_dict("records")


def large(documents: int = MILLION) -> Path:
    """Return a JSONL file of distinct documents of some 190 characters, joined from halves of real ones."""
    name, rows = real()
    path = folder() / f"{name.replace(' ', '').lower()}-{documents}.jsonl"
    if path.exists():
        return path
    heads = [row["text"][:HEAD] for row in rows]
    tails = [row["text"][-TAIL:] for row in rows]
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        for i in range(documents):
            turn, at = divmod(i, len(rows))
            text = f"{heads[at]} {tails[(at + 1 + turn) % len(rows)]}"
            file.write(json.dumps({"id": f"doc-{i}", "text": text}) + "\n")
    part.replace(path)
    return path


def labels_of_large(documents: int) -> dict[str, str]:
    """Return what a person would answer to the documents of `large`, by id: the label of their first half."""
    rows = real()[1]
    return {f"doc-{i}": rows[i % len(rows)]["label"] for i in range(documents)}
