"""JSON: one object a line, an array of objects or of texts, ``{"data": [...]}``, or an object of columns."""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from alwidget.errors import DataError
from alwidget.pool.jsonstream import JsonBreak, JsonStream
from alwidget.pool.mappings import SAMPLE, columns_of, not_a_row, row_of, unstack
from alwidget.pool.problems import Problems, excerpt
from alwidget.pool.reader import Reader, Rows, portion
from alwidget.pool.textfile import TextFile

__all__ = ["JsonReader"]

_FIRST_LINE = 1 << 20

Shape = Literal["lines", "array", "sequence", "inside", "columns"]


class JsonReader(Reader):
    """Reads JSON in the shapes that people give it; which one it is, the file's beginning says.

    Parameters
    ----------
    path
        The file.
    stem
        What a session over it is called.
    encoding
        A codec's name; found when left out.
    lines
        The ending says one value a line.
    """

    unit = "B"

    def __init__(self, path: Path, stem: str, encoding: str | None = None, *, lines: bool = False) -> None:
        self._file = TextFile(path, encoding)
        self.name, self.stem, self.total, self.notes = path.name, stem, self._file.total, self._file.notes
        self._inside = ""
        self._taken = 0
        self._shape: Shape = self._find_shape(lines=lines)
        quiet = Problems(self.name, self.where)
        sample = [value for _, value in islice(self._values(quiet), SAMPLE)]
        if not sample:
            message = (
                f"{self.name} holds no rows."
                if not quiet.all()
                else f"{self.name} cannot be read:\n  {quiet.all()[0]}"
            )
            raise DataError(message)
        self._texts = isinstance(sample[0], str)
        self.columns = columns_of(sample)
        if not self.columns:
            message = (
                f"{self.name} holds no rows: its first value is {excerpt(sample[0])}, not an object with columns."
            )
            raise DataError(message)

    def where(self, at: int) -> str:
        """Return the line in words."""
        return f"{self.name}, line {at}"

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:
        """Yield the rows; `Rows.at` is the physical line that a value begins on."""
        self._taken = 0
        seen = {column.name for column in self.columns}
        with closing(self._values(problems)) as values:
            while chunk := portion(values, lambda: self._taken):
                good: list[Mapping[str, Any]] = []
                at: list[int] = []
                for line, value in chunk:
                    row = row_of(value, texts=self._texts)
                    if row is None:
                        problems.add("broken", line, not_a_row(value, texts=self._texts))
                    else:
                        good.append(row)
                        at.append(line)
                for row in good:
                    if not row.keys() <= seen:
                        self.columns = [*self.columns, *columns_of([{k: v for k, v in row.items() if k not in seen}])]
                        seen.update(row)
                yield Rows(
                    {role: [row.get(name) for row in good] for role, name in roles.items()}, at, self._file.done
                )

    def learn(self) -> bool:
        """Read the whole file for columns that only late rows have."""
        before = len(self.columns)
        for _ in self.rows({}, Problems(self.name, self.where)):
            pass
        return len(self.columns) > before

    def _find_shape(self, *, lines: bool) -> Shape:
        with self._file.text() as text:
            first, is_whole = "", False
            for first in self._file.guarded(lambda: _line(text), Problems(self.name, str)):
                if first.strip():
                    is_whole = first.endswith("\n") and _is_json(first)
                    break
            more = any(line.strip() for line in self._file.guarded(lambda: _line(text), Problems(self.name, str)))
        if not first.strip():
            message = f"{self.name} is empty."
            raise DataError(message)
        starts = first.lstrip()[0]
        if lines and starts != "[":
            return "lines"
        if is_whole and more:
            return "lines"
        if starts == "[":
            return "array"
        return self._object_shape() if starts == "{" else "sequence"

    def _object_shape(self) -> Shape:
        """Return where the rows of a top-level object are: in the first array of objects, or in arrays of cells."""
        try:
            with self._file.text() as text:
                stream = JsonStream(_reading(text.read))
                stacked = False
                for key in stream.members():
                    start = stream.peek()
                    if start == "[" and stream.second() == "{":
                        self._inside = key
                        return "inside"
                    value = stream.value()
                    stacked = stacked or isinstance(value, list | dict)
                if stream.peek() or not stacked:
                    return "sequence"
        except JsonBreak as error:
            message = f"{self.name}, line {error.line}: {error.what}."
            raise DataError(message) from None
        return "columns"

    def _values(self, problems: Problems) -> Generator[tuple[int, Any]]:
        """Yield the values that ought to be rows with their lines."""
        if self._shape == "lines":
            with closing(self._file.lines(problems)) as lines:
                yield from self._lines(lines, problems)
            return
        with self._file.text() as text:
            stream = JsonStream(_reading(text.read))
            try:
                for line, value in self._shaped(stream):
                    self._taken = stream.taken
                    yield line, value
                if self._shape != "inside":
                    stream.finish()
            except JsonBreak as error:
                problems.add("broken", error.line or stream.line, f"{error.what}; what follows could not be read")

    def _shaped(self, stream: JsonStream) -> Iterator[tuple[int, Any]]:
        if self._shape == "array":
            return stream.elements()
        if self._shape == "sequence":
            return stream.sequence()
        return self._array_inside(stream) if self._shape == "inside" else unstack(stream.value(), self.name)

    def _array_inside(self, stream: JsonStream) -> Iterator[tuple[int, Any]]:
        for key in stream.members():
            if key == self._inside:
                yield from stream.elements()
                return
            stream.value()

    def _lines(self, lines: Iterable[str], problems: Problems) -> Iterator[tuple[int, Any]]:
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                problems.add("broken", number, f"not JSON ({error.msg}, character {error.pos + 1}): {excerpt(line)}")
            except (RecursionError, ValueError) as error:
                problems.add("broken", number, f"not JSON that can be read ({error})")
            else:
                self._taken += len(line)
                yield number, value


def _line(text: Any) -> str:
    line: str = text.readline(_FIRST_LINE)
    if not line:
        raise StopIteration
    return line


def _reading(read: Any) -> Any:
    """Return `read`, with damage to the file told as the end of the JSON."""

    def guarded(size: int) -> str:
        try:
            return str(read(size))
        except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:
            raise JsonBreak(0, f"the file is damaged ({error})") from None

    return guarded


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
