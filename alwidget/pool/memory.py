"""Documents that are in memory already: texts, dicts, a dict of columns, anything that can be iterated over."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence, Sized
from itertools import chain, islice
from typing import Any

from alwidget.errors import DataError
from alwidget.pool.columns import Column, kind_of
from alwidget.pool.mappings import SAMPLE, columns_of, not_a_row, row_of
from alwidget.pool.problems import Problems, excerpt
from alwidget.pool.reader import CHUNK, Reader, Rows

__all__ = ["MemoryReader"]


class MemoryReader(Reader):
    """Reads texts or dicts from a list, a tuple, an array, a generator or anything else that yields them.

    Parameters
    ----------
    data
        The texts or the dicts.
    """

    name = "the data"
    stem = "documents"

    def __init__(self, data: Iterable[Any]) -> None:
        self.total = len(data) if isinstance(data, Sized) else None
        values = iter(data)
        sample = list(islice(values, SAMPLE))
        known = [value for value in sample if isinstance(value, str | Mapping)]
        if not sample:
            message = "There are no documents: the data is empty."
            raise DataError(message)
        if not known:
            message = (
                f"The data is made of {type(sample[0]).__name__} ({excerpt(sample[0])}); documents are texts, or "
                'dicts with a text each, such as {"text": "…", "label": "…"}.'
            )
            raise DataError(message)
        self._texts = isinstance(known[0], str)
        self._values: Iterable[Any] = data if isinstance(data, Sequence) else chain(sample, values)
        self.columns = columns_of([_with_names(value) for value in known])
        if not self._texts and isinstance(data, Sequence):
            self.columns = [*self.columns, *_late(data, {column.name for column in self.columns})]

    def where(self, at: int) -> str:
        """Return the place in Python's words."""
        return f"data[{at}]"

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:
        """Yield the rows; `Rows.at` counts from 0, as Python does."""
        values = enumerate(self._values)
        while chunk := list(islice(values, CHUNK)):
            if self._texts:
                yield Rows({"text": [value for _, value in chunk]}, [at for at, _ in chunk], chunk[-1][0] + 1)
                continue
            good: list[Mapping[str, Any]] = []
            places: list[int] = []
            for at, value in chunk:
                row = row_of(_with_names(value), texts=False)
                if row is None:
                    problems.add("broken", at, not_a_row(value, texts=False))
                else:
                    good.append(row)
                    places.append(at)
            cells = {role: [row.get(name) for row in good] for role, name in roles.items()}
            yield Rows(cells, places, chunk[-1][0] + 1)


def _late(rows: Sequence[Any], names: set[str]) -> list[Column]:
    """Return the columns that only appear behind the sample, such as labels of a few rows at the end."""
    late: dict[str, list[Any]] = {}
    for row in islice(rows, SAMPLE, None):
        if isinstance(row, Mapping) and not row.keys() <= names:
            for key, value in row.items():
                if str(key) not in names:
                    late.setdefault(str(key), []).append(value)
    return [Column(name, kind_of(values)) for name, values in late.items()]


def _with_names(row: Any) -> Any:
    """Return a dict whose keys are text, as column names are."""
    if not isinstance(row, Mapping) or all(isinstance(key, str) for key in row):
        return row
    return {str(key): value for key, value in row.items()}
