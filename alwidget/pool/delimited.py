"""CSV and its relatives: every cell is text, and every record that does not fit is reported and left behind."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from alwidget.errors import DataError
from alwidget.pool.columns import Column, kind_of
from alwidget.pool.problems import Problems, excerpt, one_line
from alwidget.pool.reader import Reader, Rows
from alwidget.pool.records import Dialect, Records, sniff, take
from alwidget.pool.textfile import TextFile

__all__ = ["DelimitedReader"]

_EXCEL_HINT = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)


class DelimitedReader(Reader):
    """Reads CSV, TSV and the like.

    Parameters
    ----------
    path
        The file.
    stem
        What a session over it is called.
    encoding
        A codec's name; found when left out.
    tabs
        Prefer tabs when the first lines leave a choice.
    """

    unit = "B"
    header = True

    def __init__(self, path: Path, stem: str, encoding: str | None = None, *, tabs: bool = False) -> None:
        self._file = TextFile(path, encoding)
        self.name, self.stem, self.total, self.notes = path.name, stem, self._file.total, self._file.notes
        lines = self._file.head()
        hint = _EXCEL_HINT.fullmatch(lines[0]) if lines else None
        self._skip = 0 if hint is None else 1
        sample = lines[self._skip :]
        if not any(line.strip() for line in sample):
            message = f"{self.name} is empty."
            raise DataError(message)
        self._dialect = sniff(sample, tabs=tabs) if hint is None else Dialect(hint[1])
        rows = [(line, row) for line, row in take(Records(sample, self._dialect)) if row]
        at, names = rows[0]
        if isinstance(names, str):
            message = (
                f"{self.name}, line {at + self._skip}: the column names cannot be read: {names}: {excerpt(sample[0])}."
            )
            raise DataError(message)
        self.columns = _columns(names, [row for _, row in rows[1:] if not isinstance(row, str)])

    def where(self, at: int) -> str:
        """Return the line in words."""
        return f"{self.name}, line {at}"

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:
        """Yield the rows; `Rows.at` is the physical line that a record begins on."""
        names = [column.name for column in self.columns]
        width, at = len(names), {role: names.index(name) for role, name in roles.items()}
        past_header = False
        with closing(self._file.lines(problems)) as lines:
            records = Records(islice(lines, self._skip, None), self._dialect, first=1 + self._skip)
            while chunk := take(records):
                good: list[list[str]] = []
                starts: list[int] = []
                for line, row in chunk:
                    if isinstance(row, str):
                        problems.add("broken", line, row)
                    elif not row:
                        continue  # a blank line
                    elif not past_header:
                        past_header = True
                    elif len(row) != width and (len(row) < width or any(row[width:])):
                        problems.add("broken", line, _ragged(len(row), width))
                    else:
                        good.append(row)
                        starts.append(line)
                yield Rows({role: [row[i] for row in good] for role, i in at.items()}, starts, self._file.done)


def _ragged(found: int, wanted: int) -> str:
    fields = "1 field" if found == 1 else f"{found} fields"
    hint = "; a text that holds the delimiter must stand in quotes" if found > wanted else ""
    return f"{fields} where the line of column names has {wanted}{hint}"


def _columns(names: list[str], rows: list[list[str]]) -> list[Column]:
    titles = [one_line(name.strip()) or f"column {i}" for i, name in enumerate(names, start=1)]
    if len(titles) == 1:
        return [Column(titles[0])]
    return [Column(title, kind_of([row[i] for row in rows if i < len(row)])) for i, title in enumerate(titles)]
