"""Rows that are mappings or bare texts, whether they come from JSON or from Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alwidget.errors import DataError
from alwidget.pool.columns import Column, kind_of
from alwidget.pool.problems import excerpt

__all__ = ["SAMPLE", "columns_of", "not_a_row", "row_of", "unstack"]

SAMPLE = 1000
"""Rows that are looked at to learn the columns."""


def columns_of(sample: Sequence[Any]) -> list[Column]:
    """Return the columns of some rows, in the order in which they appear; bare texts have one, called ``text``."""
    if sample and isinstance(sample[0], str):
        return [Column("text")]
    rows = [row for row in sample if isinstance(row, Mapping)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    if len(columns) == 1:
        return [
            Column(name, "text" if any(isinstance(v, str) for v in values) else kind_of(values))
            for name, values in columns.items()
        ]
    return [Column(name, kind_of(values)) for name, values in columns.items()]


def row_of(value: Any, *, texts: bool) -> Mapping[str, Any] | None:
    """Return `value` as a row, or None if it is not of the kind that the others are."""
    if texts:
        return {"text": value} if isinstance(value, str) else None
    return value if isinstance(value, Mapping) else None


def not_a_row(value: Any, *, texts: bool) -> str:
    """Return what is wrong with a value that is no row."""
    return f"this is {excerpt(value)}, not {'a text' if texts else 'an object with columns'}"


def unstack(value: Mapping[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of an object of columns, ``{"text": ["a", "b"], "label": [0, 1]}``.

    Columns may also be objects from row number to cell, which is what pandas writes by default.

    Raises
    ------
    alwidget.errors.DataError
        The columns differ in length, or no cell is in them.
    """
    columns = {str(key): _cells(cells) for key, cells in value.items() if isinstance(cells, Sequence | Mapping)}
    stacked = {key: cells for key, cells in columns.items() if cells is not None}
    lengths = {key: len(cells) for key, cells in stacked.items()}
    if len(set(lengths.values())) != 1:
        shown = ", ".join(f'"{key}" has {length}' for key, length in lengths.items()) or "there are none"
        message = (
            f"{name}: rows were expected as a list of objects, or as lists of cells of the same length: {shown}. "
            "Write one JSON object a line, or one list of objects."
        )
        raise DataError(message)
    for cells in zip(*stacked.values(), strict=True):
        yield 1, dict(zip(stacked, cells, strict=True))


def _cells(cells: Sequence[Any] | Mapping[str, Any]) -> list[Any] | None:
    if isinstance(cells, Mapping):
        return list(cells.values()) if all(str(key).isdigit() for key in cells) else None
    return None if isinstance(cells, str | bytes) else list(cells)
