"""What a caller asks of a session, checked: all that is wrong comes in one error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from alwidget import strategies, tasks
from alwidget.errors import AlwidgetError, ArgumentError, near_miss

if TYPE_CHECKING:
    from alwidget.strategies import Strategy

__all__ = ["Arguments", "read_arguments", "whole_number"]

T = TypeVar("T")
UNITS = ("documents", "tokens")
SPAN_UNITS = ("words", "characters")
MOST_AUDITED = 0.5
"""Who wants more drawn at random has strategy="random"."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a session is opened with."""

    labels: tuple[tasks.Label, ...]
    strategy: Strategy


def read_arguments(
    *,
    labels: Any,
    task: Any,
    overlap: Any,
    span_unit: Any,
    strategy: Any,
    subsample: Any,
    batch_size: Any,
    batch_unit: Any,
    seed: Any,
    annotator: Any,
    audit: Any = 0.0,
) -> Arguments:
    """Return labels and strategy, or raise one `ArgumentError` with everything that is wrong."""
    problems: list[str] = []
    given = _tried(problems, lambda: tasks.read_labels(labels)) or ()
    if not isinstance(overlap, bool):
        problems.append(f"overlap={overlap!r}: it must be True or False.")
    if span_unit not in SPAN_UNITS:
        hint = near_miss(str(span_unit), SPAN_UNITS)
        problems.append(f'span_unit={span_unit!r}: it must be "words" or "characters".{hint}')
    known = _tried(problems, lambda: tasks.get(task, [label.name for label in given], overlap=overlap is True))
    chosen = _tried(problems, lambda: _strategy(strategy, known.name)) if known is not None else None
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        problems.append(f"batch_size={batch_size!r}: it must be a whole number, 1 or more.")
    if batch_unit not in UNITS:
        hint = near_miss(str(batch_unit), UNITS)
        problems.append(f'batch_unit={batch_unit!r}: it must be "documents" or "tokens".{hint}')
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        problems.append(f"seed={seed!r}: it must be a whole number, 0 or more.")
    if isinstance(audit, bool) or not isinstance(audit, int | float) or not 0 <= audit <= MOST_AUDITED:
        problems.append(f"audit={audit!r}: it must be a share from 0 to {MOST_AUDITED:g}, such as 0.05.")
    if annotator is not None and (not isinstance(annotator, str) or not annotator.strip()):
        problems.append(f"annotator={annotator!r}: it must be a name.")
    _tried(problems, lambda: strategies.subsampler(subsample))
    if problems or chosen is None:
        raise ArgumentError("\n".join(problems))
    return Arguments(given, chosen)


def _strategy(asked: Any, task: str) -> Strategy:
    chosen = strategies.get(strategies.default(task) if asked == "auto" else asked)
    strategies.check_task(chosen, task)
    return chosen


def _tried(problems: list[str], attempt: Callable[[], T]) -> T | None:
    try:
        return attempt()
    except AlwidgetError as error:
        problems.append(str(error))
        return None


def whole_number(value: object, what: str, *, least: int) -> int:
    """Return a whole number that is large enough.

    Raises
    ------
    alwidget.errors.ArgumentError
        It is none, or too small; the message names it.
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least:
        return int(value)
    message = f"{what} must be a whole number, {least} or more, got {value!r}."
    raise ArgumentError(message)
