"""What every task answers, and what a label is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from alwidget.errors import ArgumentError, LabelError, near_miss

__all__ = ["Label", "Task", "known_label", "read_labels"]

SHOWN = 12
"""Labels that a message lists."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label: its name, shown to people and written to disk as it is, and an optional definition."""

    name: str
    definition: str = ""


@runtime_checkable
class Task(Protocol):
    """What every task answers. Values are plain JSON; nothing here touches a model."""

    name: ClassVar[str]
    key: ClassVar[str]
    """The key of ``annotations.json`` that holds the answer."""
    takes_labels: ClassVar[bool]
    """Whether answers are made of labels; a written text is not."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in key order."""

    @property
    def open_labels(self) -> bool:
        """Whether an answer may use a label that is not there yet (labels are coined while labelling)."""

    @property
    def overlap(self) -> bool:
        """Whether spans may overlap; False for tasks without spans."""

    def validate(self, value: Any, *, text: str | None = None) -> Any:
        """Return `value` in its normal form, or raise `LabelError`.

        Parameters
        ----------
        value
            The answer.
        text
            The document's text, which spans are held against.
        """

    def knows(self, value: Any) -> bool:
        """Return whether a value that was valid once is made of today's labels, so that it can be encoded."""

    def encode(self, values: Sequence[Any]) -> Any:
        """Return the training targets of valid `values`, in the form of `alwidget.learners.base.Labelled.y`."""

    def with_labels(self, labels: Iterable[str]) -> Task:
        """Return the same task over other labels."""


def known_label(value: Any, index: Mapping[str, int], *, open_labels: bool) -> str:
    """Return a label's name, or raise `LabelError` naming the nearest label.

    Parameters
    ----------
    value
        What stands where a label is due.
    index
        The labels in key order.
    open_labels
        Whether a new one may be coined.
    """
    if not isinstance(value, str):
        message = f"A label is a name, got {type(value).__name__}: {value!r}."
        raise LabelError(message)
    if value in index:
        return value
    if open_labels:
        try:
            return read_labels([value])[0].name
        except ArgumentError as error:
            raise LabelError(str(error)) from error
    shown = ", ".join(f'"{label}"' for label in list(index)[:SHOWN])
    more = ", …" if len(index) > SHOWN else ""
    message = f'"{value}" is not one of the labels ({shown}{more}).{near_miss(value, index)}'
    raise LabelError(message)


def read_labels(labels: Sequence[str] | Mapping[str, str] | None) -> tuple[Label, ...]:
    """Return `labels` as `Label` objects, or raise `ArgumentError` naming every label that cannot be used.

    Parameters
    ----------
    labels
        Names, or names with their definitions. Names are kept to the letter; empty ones, ones that repeat, and ones
        that are not text are refused, together in one error.
    """
    if labels is None:
        return ()
    if isinstance(labels, str):
        message = f'labels must be a list of names, got the text "{labels}". Write labels=["{labels}"].'
        raise ArgumentError(message)
    pairs = list(labels.items()) if isinstance(labels, Mapping) else [(name, "") for name in labels]
    problems, seen, out = [], set[str](), []
    for name, definition in pairs:
        if not isinstance(name, str):
            problems.append(f"{name!r} is {type(name).__name__}, not text")
        elif not name.strip():
            problems.append("a label is empty")
        elif name in seen:
            problems.append(f'"{name}" is there twice')
        else:
            seen.add(name)
            out.append(Label(name, str(definition or "")))
    if problems:
        message = "These labels cannot be used: " + "; ".join(problems) + "."
        raise ArgumentError(message)
    return tuple(out)
