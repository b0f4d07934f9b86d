"""What a reader of one kind of data hands on: named columns, then cells with the line or row that they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from alwidget.pool.columns import Column
from alwidget.pool.problems import Problem, Problems

__all__ = ["CHUNK", "Broken", "Reader", "Rows"]

CHUNK = 4096
"""Rows that a reader hands on at a time."""


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


class Reader(Protocol):
    """One kind of data, opened far enough to know its columns."""

    header: ClassVar[bool]
    """Whether the column names were the first line of a file."""
    unit: ClassVar[str]
    """What `total` counts."""

    @property
    def name(self) -> str:
        """What a person calls it: ``"reviews.csv"``."""

    @property
    def stem(self) -> str:
        """What a session over it is called: ``"reviews"``."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns; more of them may turn up while the rows are read."""

    @property
    def total(self) -> int | None:
        """The size of it all, for the progress bar."""

    @property
    def notes(self) -> Sequence[Problem]:
        """What was noticed while opening."""

    def where(self, at: int) -> str:
        """Return a line or row number in words."""

    def rows(self, roles: Mapping[str, str], problems: Problems) -> Iterator[Rows]:
        """Yield the rows; lines that are none are reported to `problems`."""
