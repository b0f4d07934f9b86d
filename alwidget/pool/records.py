"""Records of a delimited file, each with the line it begins on; a broken one takes no good one with it."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alwidget.pool.reader import portion

__all__ = ["Dialect", "Records", "sniff", "take"]

DELIMITERS = (",", "\t", ";", "|")

_LONGEST = 1 << 25
"""Characters of one record; a quote that is never closed would otherwise take in the rest of the file."""
_TANGLE = 100
"""Lines of a broken record that are given up together; beyond it only the first is."""
_NO_LIMIT = 2**31 - 1

_limit_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a line are told apart."""

    delimiter: str = ","
    quoted: bool = True


class Records:
    r"""Iterates over ``(line, cells)``, or ``(line, what is wrong)`` where a record is broken.

    A quote that is opened and never closed swallows the lines after it. When that comes to light, the line that opened
    it is given up and reading goes on with the next one. Only where the quotes of the last line do not make sense on
    their own either, the lines in between belong together and are given up together.

    Parameters
    ----------
    lines
        The lines with their ends.
    dialect
        How the cells are told apart.
    first
        The number of the first line.

    Examples
    --------
    >>> list(Records(["a,b\n", '1,"x\n', "2,y\n"], Dialect()))
    [(1, ['a', 'b']), (2, 'a quote is opened here and never closed'), (3, ['2', 'y'])]
    """

    def __init__(self, lines: Iterable[str], dialect: Dialect, first: int = 1) -> None:
        self._feed = _Feed(lines)
        self._next = first
        self.size = 0
        """Characters of the good records so far."""
        self._suspect = False
        self._whole = _well_formed(dialect.delimiter)
        self._reader = csv.reader(
            self._feed,
            delimiter=dialect.delimiter,
            quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
            strict=True,
        )

    def __iter__(self) -> Iterator[tuple[int, list[str] | str]]:
        return self

    def __next__(self) -> tuple[int, list[str] | str]:
        """Return the number of a record's first line, and its cells or what is wrong with them."""
        start, feed = self._next, self._feed
        feed.begin()
        try:
            row = next(self._reader)
        except csv.Error as error:
            return start, self._resume(str(error))
        self._next += len(feed.record)
        self.size += feed.length
        if self._suspect:
            self._suspect = self._whole.fullmatch("".join(feed.record)) is None
            if self._suspect:
                return start, "this seems to be the end of the broken record above"
        return start, row

    def _resume(self, error: str) -> str:
        """Give up as little of the broken record as makes sense, and return what was wrong with it."""
        rest = self._feed.record[1:]
        if error.startswith("new-line character"):
            self._next += len(self._feed.record)
            return "a carriage return stands in the middle of a cell that is not in quotes"
        if error.startswith("unexpected end"):
            self._give_back(rest)
            return "a quote is opened here and never closed"
        self._suspect = True
        if rest and (len(rest) > _TANGLE or self._whole.fullmatch(rest[-1])):
            self._give_back(rest)
            self._suspect = False
            return "a quote is opened here and not closed"
        self._next += len(self._feed.record)
        lines = f", up to line {self._next - 1}" if rest else ""
        return f"a quote stands in the middle of a cell{lines}; inside a quoted cell it must be doubled"

    def _give_back(self, lines: list[str]) -> None:
        self._feed.again(lines)
        self._next += 1


class _Feed:
    """Hands lines to the csv module and remembers those of the record that it is in the middle of.

    It may stop and go on again, which a generator cannot.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: list[str] = []
        self.length = 0
        self.record: list[str] = []

    def begin(self) -> None:
        """Forget the lines of the last record."""
        self.record = []
        self.length = 0

    def again(self, lines: list[str]) -> None:
        """Hand these out once more."""
        self._again.extend(reversed(lines))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.length > _LONGEST:
            raise StopIteration
        line = self._again.pop() if self._again else next(self._lines)
        self.record.append(line)
        self.length += len(line)
        return line


def take(records: Records) -> list[tuple[int, list[str] | str]]:
    """Return the next records, however long their cells are."""
    with _long_cells():
        return portion(records, lambda: records.size)


@contextmanager
def _long_cells() -> Iterator[None]:
    """Lift the csv module's limit on the length of a cell, which is one for the whole process, and put it back."""
    with _limit_lock:
        before = csv.field_size_limit(_NO_LIMIT)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def sniff(sample: list[str], *, tabs: bool = False) -> Dialect:
    r"""Return the delimiter that makes the first lines as wide as the first of them, and whether quotes mean anything.

    >>> sniff(["id;text\n", "1;well, well\n"])
    Dialect(delimiter=';', quoted=True)
    """
    order = ("\t", ",", ";", "|") if tabs else DELIMITERS
    best, score = Dialect(order[0]), (0.0, 0)
    for delimiter in order:
        width, fitting, total = _fit(sample, Dialect(delimiter))
        if width > 1 and (round(fitting / total, 2), width) > score:
            best, score = Dialect(delimiter), (round(fitting / total, 2), width)
    if best.delimiter == "\t":
        # many programs write tab-separated text without quoting, and then a quote is just a character
        plain = Dialect("\t", quoted=False)
        _, as_quoted, of_quoted = _fit(sample, best)
        _, as_plain, of_plain = _fit(sample, plain)
        if as_plain * of_quoted > as_quoted * of_plain:
            return plain
    return best


def _fit(sample: list[str], dialect: Dialect) -> tuple[int, int, int]:
    """Return the width of the first record, how many are as wide, and how many there are."""
    records = take(Records(sample, dialect))
    rows = [row for _, row in records if row]
    if not rows or isinstance(rows[0], str):
        return 0, 0, 1
    width = len(rows[0])
    return width, sum(1 for row in rows if not isinstance(row, str) and len(row) == width), len(rows)


def _well_formed(delimiter: str) -> re.Pattern[str]:
    """Return a pattern for a line in which every quote opens, closes or is doubled; the last cell may stay open."""
    d = re.escape(delimiter)
    quoted, plain = r'"(?:[^"]++|"")*+"', rf'[^"{d}\r\n]*+'
    cell = rf"(?:{quoted}|{plain})"
    return re.compile(rf'(?:{cell}{d})*+(?:{cell}\r?\n?|"(?:[^"]++|"")*+)')
