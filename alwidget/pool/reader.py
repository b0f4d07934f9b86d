"""What a reader of one kind of data hands on: named columns, then cells with the line or row that they came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from alwidget.pool.columns import Column
from alwidget.pool.problems import Problem, Problems

__all__ = ["CHUNK", "PORTION", "Broken", "Reader", "Rows", "portion"]

CHUNK = 4096
"""Rows that a reader hands on at a time, at most …"""
PORTION = 1 << 23
"""… and characters, as far as single rows are not longer."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands in a cell that could not be read; the row is set aside for this reason."""

    what: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows.

    Attributes
    ----------
    cells
        For each role that has a column, one value a row: text, or whatever stood there.
    at
        The physical line or the row number of each row.
    done
        How much of the reader's `total` has been read.
    """

    cells: Mapping[str, Sequence[Any]]
    at: Sequence[int]
    done: int


class Reader(ABC):
    """One kind of data, opened far enough to know its columns."""

    header: ClassVar[bool] = False
    """Whether the column names were the first line of a file."""
    unit: ClassVar[str] = "rows"
    """What `total` counts."""
    name: str
    """What a person calls it: ``"reviews.csv"``."""
    stem: str
    """What a session over it is called: ``"reviews"``."""
    columns: Sequence[Column]
    """The columns; more of them may turn up while the rows are read."""
    total: int | None
    """The size of it all, for the progress bar."""
    notes: Sequence[Problem] = ()
    """What was noticed while opening."""

    @abstractmethod
    def where(self, at: int) -> str:
        """Return a line or row number in words."""

    @abstractmethod
    def rows(self, roles: Mapping[str, str], problems: Problems) -> Generator[Rows]:
        """Yield the rows; lines that are none are reported to `problems`."""

    def learn(self) -> bool:
        """Look at all rows for columns that the beginning did not show; return whether there are any."""
        return False


def portion(items: Iterator[T], size: Callable[[], int]) -> list[T]:
    """Return the next items: as many as stay in memory without being noticed.

    Parameters
    ----------
    items
        Where they come from.
    size
        Returns how many characters have come from there so far.
    """
    out: list[T] = []
    before = size()
    for item in items:
        out.append(item)
        if len(out) >= CHUNK or size() - before > PORTION:
            break
    return out
