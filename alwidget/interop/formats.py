"""The formats that annotations are exported to: their names, file endings and writers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from alwidget.errors import ArgumentError, near_miss
from alwidget.interop import cells, frames
from alwidget.interop.table import Record, columns, value

__all__ = ["FORMATS", "PLANNED", "Content", "Format", "available", "find"]


@dataclass(frozen=True, slots=True)
class Content:
    """What is exported: the records, and what the session says about them."""

    records: Sequence[Record]
    task: str
    labels: tuple[str, ...]
    answer: str
    """The key of a record that holds the answer, such as ``"label"``."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name, one line about it, its file endings (none for a folder) and what writes it."""

    name: str
    about: str
    endings: tuple[str, ...]
    write: Callable[[Content, Path], None]
    folder: bool = False


def _json(content: Content, path: Path) -> None:
    whole = {
        "format": "alwidget/1",
        "task": content.task,
        "labels": list(content.labels),
        "annotations": list(content.records),
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n")


def _jsonl(content: Content, path: Path) -> None:
    encoder = msgspec.json.Encoder()
    with path.open("wb") as file:
        for record in content.records:
            file.write(encoder.encode(record) + b"\n")


def _csv(content: Content, path: Path) -> None:
    names = columns(content.records, content.answer)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)  # \r\n between rows, so that a text with a lone \r is quoted too
        writer.writerow(cells.escape(name) for name in names)
        for record in content.records:
            writer.writerow(cells.encode(value(record, name)) for name in names)


def _parquet(content: Content, path: Path) -> None:
    import pyarrow.parquet as pq

    table = frames.to_arrow(content.records, answer=content.answer)
    about = json.dumps({"format": "alwidget/1", "task": content.task, "labels": content.labels})
    pq.write_table(table.replace_schema_metadata({"alwidget": about}), path)


def _huggingface(content: Content, path: Path) -> None:
    import datasets

    was_on = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        dataset = frames.to_dataset(content.records, content.labels, answer=content.answer)
        dataset.save_to_disk(str(path))
    finally:
        if was_on:
            datasets.enable_progress_bars()


FORMATS: dict[str, Format] = {
    found.name: found
    for found in (
        Format("json", "one JSON file, as annotations.json", (".json",), _json),
        Format("jsonl", "one JSON record a line", (".jsonl", ".ndjson"), _jsonl),
        Format("csv", "a table for spreadsheets, safe against formulas", (".csv",), _csv),
        Format("parquet", "a typed table", (".parquet", ".pq"), _parquet),
        Format("huggingface", "a folder for datasets.load_from_disk", (), _huggingface, folder=True),
    )
}
PLANNED = ("prodigy", "doccano", "label-studio", "spacy", "conll")


def available() -> dict[str, str]:
    """Return the export formats of this version with one line about each.

    >>> list(available())
    ['json', 'jsonl', 'csv', 'parquet', 'huggingface']
    """
    return {name: found.about for name, found in FORMATS.items()}


def find(name: str | None, path: Path) -> Format:
    """Return the format called `name`, or the one that the ending of `path` means; else raise `ArgumentError`."""
    options = ", ".join(FORMATS)
    if name is None:
        ending = path.suffix.lower()
        for found in FORMATS.values():
            if ending in found.endings:
                return found
        known = ", ".join(ending for found in FORMATS.values() for ending in found.endings)
        wrong = f'"{path.name}" has the ending "{ending}"' if ending else f'"{path.name}" has no ending'
        message = f"{wrong}, which names no format ({known} do). Say which with format=; there are {options}."
        raise ArgumentError(message)
    if name in FORMATS:
        return FORMATS[name]
    if name in PLANNED:
        message = f'Export to "{name}" is not in this version yet; there are {options}.'
    else:
        message = f'There is no export format "{name}"; there are {options}.{near_miss(name, FORMATS)}'
    raise ArgumentError(message)
