"""One strategy after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alwidget.errors import StrategyError, near_miss
from alwidget.strategies.base import Past, Ranked, Strategy, View
from alwidget.strategies.functional.checks import as_size
from alwidget.strategies.registry import changed_options, get

__all__ = ["Schedule", "Until"]

Predicate = Callable[[View], Any]
CONDITIONS = ("rounds", "labels", "plateau", "predicate")
_LISTED = "rounds, labels, plateau (with gain) and predicate"
GAIN = 0.005
LEAST_COMPARED = 5
"""Answers that a model must have foreseen, or not, for a round to count in a plateau."""


@dataclass(frozen=True, slots=True)
class Until:
    """When a part of a `Schedule` ends: as soon as one of its conditions holds.

    Attributes
    ----------
    rounds
        It acts in rounds before this one; rounds count from 0.
    labels
        It acts while there are fewer labelled documents than this.
    predicate
        It acts until this, called with the view of a round, is true. Candidates are not drawn yet when it is called:
        it may read `round`, `labelled`, `labelled_y`, `n_classes`, `history` and `fitted`.
    plateau, gain
        It acts until the model has stopped getting better: until the best agreement of the last `plateau` finished
        rounds of this part is less than `gain` above the best of its rounds before. Agreement is how well
        the model of the round before had foreseen the answers of a round (`alwidget.engine.record.agreement`); rounds
        with fewer than 5 such answers are passed over. It is read from the written rounds, so a resumed session
        decides the same.
    """

    rounds: int | None = None
    labels: int | None = None
    predicate: Predicate | None = None
    plateau: int | None = None
    gain: float = GAIN

    def __post_init__(self) -> None:
        """Refuse what could never hold."""
        for name in ("rounds", "labels", "plateau"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, as_size(value, name, least=1))
        self._check_gain()
        if self.predicate is not None and not callable(self.predicate):
            message = f"predicate must be a function of the view, got {self.predicate!r}."
            raise StrategyError(message)
        if all(getattr(self, name) is None for name in CONDITIONS):
            message = f"A condition needs one of {_LISTED}; write None for a part that does not end."
            raise StrategyError(message)

    def _check_gain(self) -> None:
        gain: Any = self.gain
        if isinstance(gain, bool) or not isinstance(gain, int | float) or not 0 <= gain < 1:
            message = f"gain must be a number from 0 to below 1, a part of what is measured, got {gain!r}."
            raise StrategyError(message)
        if gain != GAIN and self.plateau is None:
            message = "gain says how much better is better for a plateau; give plateau, too."
            raise StrategyError(message)

    @classmethod
    def read(cls, value: Any) -> Until | None:
        """Return a condition from what a person wrote: a round, a dict of conditions, a function, or None.

        >>> Until.read({"labels": 100})
        Until(rounds=None, labels=100, predicate=None, plateau=None, gain=0.005)
        """
        if value is None or isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            names = (*CONDITIONS, "gain")
            unknown = [str(name) for name in value if name not in names]
            if unknown:
                shown = ", ".join(f'"{name}"{near_miss(name, names)}' for name in unknown)
                message = f"There is no condition {shown}; there are {_LISTED}."
                raise StrategyError(message)
            return cls(**value)
        if callable(value):
            return cls(predicate=value)
        return cls(rounds=as_size(value, "the round at which a part ends", least=1))

    def over(self, view: View, since: int = 0) -> bool:
        """Whether the part, which began in the round `since`, has ended in the round of `view`."""
        return (
            (self.rounds is not None and view.round >= self.rounds)
            or (self.labels is not None and len(view.labelled) >= self.labels)
            or self._level_at(view, since) is not None
            or (self.predicate is not None and bool(self.predicate(view)))
        )

    def ended(self, view: View, since: int, name: str) -> int:
        """Return the first round in which the part, which began in `since`, did not act any more.

        When a predicate began to hold is not written down, but when the strategy called `name` acted last.
        """
        ends = [view.round]
        if self.predicate is not None:
            ends.append(max((past.round for past in _history(view) if past.acting == name), default=since))
        if self.rounds is not None:
            ends.append(self.rounds)
        if self.labels is not None:
            ends += [past.round - 1 for past in _history(view) if past.labels >= self.labels]
        if (level := self._level_at(view, since)) is not None:
            ends.append(level)
        return max(min(ends), since)

    def _level_at(self, view: View, since: int) -> int | None:
        """Return the round that a plateau is seen in for the first time: the one after its last."""
        if self.plateau is None:
            return None
        best: list[float] = []
        for past in _history(view):
            if past.round - 1 < since or past.agreement is None or past.compared < LEAST_COMPARED:
                continue
            best.append(past.agreement)
            before, last = best[: -self.plateau], best[-self.plateau :]
            if before and max(last) < max(before) + self.gain:
                return int(past.round)
        return None

    def written(self) -> str:
        """Return what a person would write for it."""
        if self.labels is None and self.predicate is None and self.plateau is None:
            return str(self.rounds)
        parts = {**self.kept(), "predicate": _named(self.predicate)}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in parts.items() if value is not None) + "}"

    def kept(self) -> dict[str, int | float]:
        """Return all of it but the predicate, as JSON holds it."""
        found = {name: value for name in ("rounds", "labels", "plateau") if (value := getattr(self, name)) is not None}
        return {**found, "gain": self.gain} if self.plateau is not None and self.gain != GAIN else found

    def said(self) -> str:
        """Return it in words."""
        parts = [
            f"round {self.rounds}" if self.rounds is not None else "",
            f"{self.labels} labels" if self.labels is not None else "",
            f"no gain in {self.plateau} rounds" if self.plateau is not None else "",
            str(_named(self.predicate)) if self.predicate is not None else "",
        ]
        return " or ".join(part for part in parts if part)


class Schedule(Strategy):
    """Strategies one after another; each acts until its condition holds.

    Which part acts is read from the round alone (its number, how many labels there are) and from the rounds that are
    written down, so that a resumed session goes on with the strategy that an uninterrupted one would use.

    Parameters
    ----------
    parts
        Pairs of a strategy (a name, a class, an instance, another schedule) and when it ends: a round ``2``
        (half-open: it acts in rounds 0 and 1), ``{"labels": 100}``, ``{"plateau": 3}``, ``{"predicate": function}`` of
        the view, several of these (the first that holds ends it), or None in the last pair.

    Raises
    ------
    alwidget.errors.StrategyError
        A part cannot be read, could never act, or the last one ends; all that is wrong is named together.

    Examples
    --------
    >>> Schedule([("bert-km", 2), ("breaking-ties", None)])
    Schedule([("bert-km", 2), ("breaking-ties", None)])
    >>> print(Schedule([("tyrogue", {"labels": 100}), ("entropy", None)]))
    tyrogue until 100 labels, then entropy
    """

    name = "schedule"

    def __init__(self, parts: Sequence[tuple[Any, Any]]) -> None:
        self.parts = _read(parts)
        self.needs = frozenset[str]().union(*(strategy.needs for strategy, _ in self.parts))
        self.needs_labelled = any(strategy.needs_labelled for strategy, _ in self.parts)
        self.tasks = tuple(t for t in self.parts[0][0].tasks if all(t in s.tasks for s, _ in self.parts))
        if not self.tasks:
            shown = "; ".join(f"{strategy.name}: {', '.join(strategy.tasks)}" for strategy, _ in self.parts)
            message = f"No task can be run by all parts of this schedule ({shown})."
            raise StrategyError(message)
        brought = {strategy.subsample for strategy, _ in self.parts}
        self.subsample = brought.pop() if len(brought) == 1 else None

    def at(self, view: View) -> Strategy:
        """Return the strategy that acts in this round; schedules inside this one have been followed."""
        return _acting(self, view, 0)

    def select(self, view: View, size: int, rng: np.random.Generator) -> Ranked:
        """Return what the acting strategy selects."""
        return self.at(view).select(view, size, rng)

    def __repr__(self) -> str:
        """Return the call that makes this schedule."""
        shown = (
            f"({_written(strategy)}, {'None' if until is None else until.written()})" for strategy, until in self.parts
        )
        return f"Schedule([{', '.join(shown)}])"

    def __str__(self) -> str:
        """Return the schedule as a sentence."""
        return ", then ".join(
            str(strategy.name if not isinstance(strategy, Schedule) else f"({strategy})")
            + (f" until {until.said()}" if until else "")
            for strategy, until in self.parts
        )


def _read(parts: Any) -> tuple[tuple[Strategy, Until | None], ...]:
    """Return the parts, or raise one error that names everything that is wrong with them."""
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not len(parts):
        message = f'A schedule is a list of pairs such as [("bert-km", 2), ("breaking-ties", None)], got {parts!r}.'
        raise StrategyError(message)
    read: list[tuple[Strategy, Until | None]] = []
    problems: list[str] = []
    for number, part in enumerate(parts, start=1):
        try:
            read.append(_read_part(part))
        except StrategyError as error:
            problems.append(f"part {number}: {error}")
    if not problems:
        problems = _unreachable(read)
    if problems:
        raise StrategyError("This schedule cannot be used. " + " ".join(problems))
    return tuple(read)


def _read_part(part: Any) -> tuple[Strategy, Until | None]:
    if isinstance(part, str) or not isinstance(part, Sequence) or len(part) != 2:  # noqa: PLR2004
        message = f"a part is a pair (strategy, when it ends), got {part!r}."
        raise StrategyError(message)
    return get(part[0]), Until.read(part[1])


def _unreachable(parts: list[tuple[Strategy, Until | None]]) -> list[str]:
    problems = []
    if parts[-1][1] is not None:
        problems.append("The last part must end with None, so that a strategy acts in every later round.")
    latest = {"rounds": 0, "labels": 0}
    for number, (strategy, until) in enumerate(parts, start=1):
        if until is None:
            if number < len(parts):
                problems.append(f"Part {number} ({strategy.name}) never ends, so no later part can act.")
            continue
        problems += [
            f"Part {number} ({strategy.name}) can never act: it ends at {name} {value}, an earlier part at {before}."
            for name, before in latest.items()
            if (value := getattr(until, name)) is not None and value <= before
        ]
        # a part with several conditions may end before this one does, so that later parts can still act
        alone = sum(getattr(until, name) is not None for name in CONDITIONS) == 1
        if alone:
            latest = {name: max(before, getattr(until, name) or 0) for name, before in latest.items()}
    return problems


def _written(strategy: Strategy) -> str:
    if isinstance(strategy, Schedule):
        return repr(strategy)
    options = "".join(f", {name}={value!r}" for name, value in changed_options(strategy).items())
    return f'strategies.get("{strategy.name}"{options})' if options else f'"{strategy.name}"'


def _acting(schedule: Schedule, view: View, since: int) -> Strategy:
    """Return the strategy that acts in the round of `view`, of a schedule that began in the round `since`."""
    for strategy, until in schedule.parts:
        if until is None or not until.over(view, since):
            break
        since = until.ended(view, since, strategy.name)
    return _acting(strategy, view, since) if isinstance(strategy, Schedule) else strategy.at(view)


def _history(view: View) -> list[Past]:
    """Return the finished rounds before that of `view`; one whose choice was made anew is there with each choice."""
    return [past for past in getattr(view, "history", ()) if past.round <= view.round]


def _named(predicate: Predicate | None) -> str | None:
    return None if predicate is None else getattr(predicate, "__name__", repr(predicate))
