"""The tasks by name."""

from __future__ import annotations

from collections.abc import Iterable

from alwidget.errors import ArgumentError, near_miss
from alwidget.tasks.base import Task
from alwidget.tasks.classification import Classification
from alwidget.tasks.generation import Generation
from alwidget.tasks.multilabel import MultiLabel
from alwidget.tasks.tagging import Tagging

__all__ = ["get", "names"]

_TASKS: dict[str, type[Classification | MultiLabel | Tagging | Generation]] = {
    task.name: task for task in (Classification, MultiLabel, Tagging, Generation)
}


def names() -> tuple[str, ...]:
    """Return the names of the tasks.

    >>> names()
    ('classification', 'multilabel', 'tagging', 'generation')
    """
    return tuple(_TASKS)


def get(name: str, labels: Iterable[str] = (), *, open_labels: bool = False, overlap: bool = False) -> Task:
    """Return the task called `name` over `labels`.

    Parameters
    ----------
    name
        One of `names`.
    labels
        The label names in key order; a written text has none.
    open_labels
        Whether an answer may use a label that is not there yet.
    overlap
        For tagging, whether spans may overlap.

    Raises
    ------
    alwidget.errors.ArgumentError
        There is no such task, or it does not take labels or overlap.

    Examples
    --------
    >>> get("classification", ["yes", "no"]).encode(["no", "yes"]).tolist()
    [1, 0]
    """
    if name not in _TASKS:
        options = ", ".join(f'"{n}"' for n in _TASKS)
        message = f'There is no task "{name}"; choose from {options}.{near_miss(str(name), _TASKS)}'
        raise ArgumentError(message)
    known = tuple(labels)
    if overlap and name != Tagging.name:
        message = f'overlap=True is about spans, and task="{name}" has none; leave it out, or use task="tagging".'
        raise ArgumentError(message)
    if name == Tagging.name:
        return Tagging(known, open_labels, overlap)
    if name == Generation.name:
        if known:
            shown = ", ".join(f'"{label}"' for label in known[:3])
            message = (
                f'task="generation" is answered by writing, so it takes no labels, got {shown}; leave labels out.'
            )
            raise ArgumentError(message)
        return Generation()
    return _TASKS[name](known, open_labels)
