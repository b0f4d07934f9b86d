"""A bar that tells the truth: rounds that are done of rounds that there are, over all cells, and how many failed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from alwidget.bench.executors import Event

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Progress"]

QUIET_SECONDS = 5.0
"""How often the progress is written where it goes to a file, which keeps every line."""


class Progress:
    """Counts rounds over all cells.

    What an earlier run did counts as done and not as speed. A cell that ends early, because no documents are left or
    because it failed, takes the rounds that it will never have out of the total.

    Parameters
    ----------
    done, total
        Rounds that earlier runs did, and rounds that there are.
    cells, finished
        Cells that there are, and those that earlier runs finished.
    """

    def __init__(self, done: int, total: int, *, cells: int, finished: int, shown: bool = True) -> None:
        from tqdm import tqdm

        self.cells, self.finished, self.failed = cells, finished, 0
        seconds = 0.1 if sys.stderr.isatty() else QUIET_SECONDS
        self._steps: dict[str, int] = {}
        self.bar: tqdm = tqdm(
            total=total, initial=done, unit="round", disable=not shown, dynamic_ncols=True, mininterval=seconds
        )
        self._say()

    def tell(self, event: Event) -> None:
        """Take in what became of a cell."""
        key, steps = event.job.key, event.job.steps
        if event.kind == "step":
            self._steps[key] = self._steps.get(key, 0) + event.value
            self.bar.update(event.value)
            return
        missing = steps - self._steps.get(key, 0)
        if event.kind == "done":
            self.finished += 1
            # a machine far away tells of a cell only when it is over: its rounds are done now
            if key not in self._steps:
                self.bar.update(steps)
                missing = 0
        else:
            self.failed += 1
        if missing and self.bar.total is not None:
            self.bar.total -= missing
        self._say()

    def _say(self) -> None:
        failed = f", {self.failed} failed" if self.failed else ""
        self.bar.set_postfix_str(f"{self.finished}/{self.cells} cells{failed}")

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar."""
        self.bar.close()
