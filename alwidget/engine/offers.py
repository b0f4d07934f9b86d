"""Which strategies can be picked now, and why the others cannot; told without loading or asking a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alwidget import strategies
from alwidget.engine.needs import known_missing
from alwidget.errors import AlwidgetError
from alwidget.strategies.base import Strategy, check_task

if TYPE_CHECKING:
    from alwidget.learners.base import Learner, Report

__all__ = ["Offer", "Offers"]


class Offer(NamedTuple):
    """A strategy, what it asks first, and why it cannot be picked; None where it can."""

    name: str
    line: str
    reason: str | None


class Offers:
    """The strategies of a session of one task, each made once.

    Parameters
    ----------
    task
        The name of the task.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._there: dict[str, str] = {}
        self._made: dict[str, Strategy | str] = {}

    def now(self, learner: Learner, report: Report | None, current: str) -> list[Offer]:
        """Return all strategies: first those that can be picked, then the others with the reason.

        Parameters
        ----------
        learner
            The session's. While it is not chosen yet, nothing is known to be missing.
        report
            What its last fit said, if there was one.
        current
            The name of the strategy in use; one of your own is listed too.
        """
        there = self._there = self._there or strategies.available(task=None)
        offers = [Offer(name, line, self._reason(name, learner, report)) for name, line in there.items()]
        if current not in there:
            offers.insert(0, Offer(current, "your own strategy", None))
        return sorted(offers, key=lambda offer: offer.reason is not None)

    def _reason(self, name: str, learner: Learner, report: Report | None) -> str | None:
        if name not in self._made:
            self._made[name] = self._make(name)
        made = self._made[name]
        return made if isinstance(made, str) else known_missing(made, learner, report)

    def _make(self, name: str) -> Strategy | str:
        """Return the strategy as it acts in this task, or why there is none."""
        try:
            strategy = strategies.get(name)
        except AlwidgetError as error:
            return str(error)
        try:
            check_task(strategy, self._task)
        except AlwidgetError:
            return f"for {' and '.join(strategy.tasks)} only"
        return strategy.at(strategies.ArrayView(size=0, task=self._task))
