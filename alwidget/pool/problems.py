"""What was wrong with the data: collected while reading, shown once, refused where the caller wants it strict."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from alwidget.errors import DataError

__all__ = ["Kind", "Problem", "Problems", "excerpt", "first_of"]

Kind = Literal["broken", "empty", "not-text", "id", "encoding", "changed", "words", "label"]
"""What a problem is about. Rows of the first three kinds are set aside; the other kinds are notes."""

KEPT = 1000
"""Problems of one kind that are kept in words; beyond it they are counted."""

LONGEST = 600
"""Characters of a problem's words."""

SHOWN = 10
"""Problems that an error lists."""

_SET_ASIDE = ("broken", "empty", "not-text")
_NAMES = {
    "broken": "rows that are broken",
    "empty": "rows without text",
    "not-text": "rows whose text is not text",
    "id": "notes about ids",
    "words": "notes about words",
    "label": "notes about labels",
    "encoding": "notes about the encoding",
    "changed": "notes about a file that changed",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that was wrong with the data.

    Attributes
    ----------
    where
        The file and the physical line, or the row: ``"reviews.csv, line 12"``.
    what
        What was wrong there, and what became of it.
    kind
        ``"broken"``, ``"empty"`` and ``"not-text"``: the row was set aside. The others are notes: ``"id"``,
        ``"encoding"``, ``"changed"``, and ``"words"`` and ``"label"`` where what the data says of a document was left
        out, or read by a rule that it names.

    Examples
    --------
    >>> str(Problem("reviews.csv, line 12", "2 fields where the header has 3", "broken"))
    'reviews.csv, line 12: 2 fields where the header has 3'
    """

    where: str
    what: str
    kind: Kind = "broken"

    def __str__(self) -> str:
        """Return the problem as one readable line."""
        return f"{self.where}: {self.what}"


class Problems:
    """Collects problems while documents are read: all are counted, the first of each kind are kept in words.

    Parameters
    ----------
    name
        What is read, as a person knows it: ``"reviews.csv"``.
    where
        Turns a reader's line or row number into words.
    strict
        Raise `DataError` once the first `SHOWN` problems are known, in place of collecting them.
    """

    def __init__(self, name: str, where: Callable[[int], str], *, strict: bool = False) -> None:
        self._name, self._where, self._strict = name, where, strict
        self._kept: list[tuple[int, Problem]] = []
        self.counts: Counter[str] = Counter()

    def add(self, kind: Kind, at: int, what: str) -> None:
        """Report the row at `at`, a line or row number of the reader."""
        self.counts[kind] += 1
        if self.counts[kind] <= KEPT:
            self._keep(at, Problem(self._where(at), what, kind))

    def note(self, kind: Kind, what: str, where: str | None = None, *, last: bool = False) -> None:
        """Report something that is not about one row; it is listed before the rows, or behind them."""
        self.counts[kind] += 1
        if self.counts[kind] <= KEPT:
            self._keep(sys.maxsize if last else -1, Problem(where or self._name, what, kind))

    @property
    def set_aside(self) -> int:
        """How many rows were set aside, also those that are not kept in words."""
        return sum(self.counts[kind] for kind in _SET_ASIDE)

    def all(self) -> list[Problem]:
        """Return the problems in the order of the rows, and one line for each kind that was too many to keep."""
        kept = sorted(self._kept, key=lambda pair: pair[0])
        return [*(problem for _, problem in kept), *_overflow(self._name, self.counts)]

    def refuse(self) -> None:
        """Raise `DataError` if there is any problem and the caller wants none."""
        if self._strict:
            refuse(self._name, self.all(), self.counts)

    def _keep(self, at: int, problem: Problem) -> None:
        self._kept.append((at, Problem(one_line(problem.where), one_line(problem.what), problem.kind)))
        if self._strict and len(self._kept) > SHOWN:
            self.refuse()


def refuse(name: str, problems: list[Problem], counts: Mapping[str, int]) -> None:
    """Raise `DataError` naming the first of `problems`; without any, do nothing."""
    if not problems:
        return
    total = sum(counts.values())
    more = f"\n  and more: at least {total:,} in all" if total > SHOWN else ""
    message = (
        f"{name} has problems, and strict=True accepts none:\n{first_of(problems)}{more}\n"
        "Mend them, or load with strict=False: rows that cannot be used are then set aside and listed in .problems."
    )
    raise DataError(message)


def first_of(problems: list[Problem]) -> str:
    """Return the first problems as indented lines."""
    return "\n".join(f"  {problem}" for problem in problems[:SHOWN])


def excerpt(value: object, limit: int = 40) -> str:
    r"""Return the beginning of `value` as one printable line.

    >>> excerpt("a\nb")
    "'a\\nb'"
    """
    if isinstance(value, str) and len(value) > limit:
        return repr(value[:limit]) + "…"
    shown = repr(value)
    return shown if len(shown) <= 2 * limit else shown[:limit] + "…"


def one_line(text: str) -> str:
    r"""Return `text` as something that can be shown and stored: one line, not too long, no half characters.

    >>> one_line('the id "a\nb"')
    'the id "a\\nb"'
    """
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def to_json(problems: list[Problem]) -> list[dict[str, Any]]:
    """Return plain dicts; `from_json` reads them."""
    return [asdict(problem) for problem in problems]


def from_json(rows: list[dict[str, Any]]) -> list[Problem]:
    """Return what `to_json` was given."""
    return [Problem(**row) for row in rows]


def _overflow(name: str, counts: Mapping[str, int]) -> list[Problem]:
    return [
        Problem(name, f"and {count - KEPT:,} more {_NAMES[kind]} ({count:,} in all)", kind)  # type: ignore[arg-type]
        for kind, count in counts.items()
        if count > KEPT
    ]
