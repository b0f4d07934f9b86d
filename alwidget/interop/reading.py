"""Reading back what was exported, with the same texts and values."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from alwidget.errors import DataError
from alwidget.interop import cells
from alwidget.interop.formats import find

__all__ = ["read"]


def read(path: str | os.PathLike[str], format: str | None = None) -> list[dict[str, Any]]:  # noqa: A002
    """Return the records of a file that `export` wrote, in order; what was empty is None.

    Parameters
    ----------
    path
        The file (for ``"huggingface"`` the folder).
    format
        As for `export`; by default what the ending says.

    Raises
    ------
    DataError
        If the file is not what its format says.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from alwidget.interop import export
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "out.csv"
    >>> read(export([{"id": "a", "text": "=1+1", "label": "NA", "status": "labelled"}], file))[0]["text"]
    '=1+1'
    """
    where = Path(path)
    found = find(format, where)
    try:
        return _READERS[found.name](where)
    except FileNotFoundError as error:
        message = f'There is no file "{where}".'
        raise DataError(message) from error
    except (ValueError, KeyError, TypeError) as error:
        message = f'"{where}" is not a {found.name} file as alwidget writes it: {error}.'
        raise DataError(message) from error


def _json(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text(encoding="utf-8"))["annotations"])


def _jsonl(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file if line.strip()]


def _csv(path: Path) -> list[dict[str, Any]]:
    limit = csv.field_size_limit(2**31 - 1)  # the module's default refuses documents of 128 kB
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            names = [cells.unescape(name) for name in next(rows, [])]
            return [{n: cells.decode(n, cell) for n, cell in zip(names, row, strict=True)} for row in rows]
    except csv.Error as error:
        raise ValueError(str(error)) from error
    finally:
        csv.field_size_limit(limit)


def _parquet(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def _huggingface(path: Path) -> list[dict[str, Any]]:
    import datasets

    dataset = datasets.load_from_disk(str(path))
    rows: list[dict[str, Any]] = dataset.to_list()
    label = dataset.features.get("label")
    if isinstance(label, datasets.ClassLabel):
        for row in rows:
            row["label"] = None if row["label"] is None else label.int2str(row["label"])
    return rows


_READERS = {"json": _json, "jsonl": _jsonl, "csv": _csv, "parquet": _parquet, "huggingface": _huggingface}
