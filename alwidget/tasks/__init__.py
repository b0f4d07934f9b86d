"""What a label is: one class a task, with validation and the encoding to and from training form.

A task owns everything that depends on the kind of answer, so that the log, the engine and the widget need not know
it: which field of a record holds the answer, which values are valid, how they become a training target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from alwidget.errors import ArgumentError, LabelError, near_miss

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Classification", "Label", "Task", "get", "names", "read_labels"]


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

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in key order."""

    @property
    def open_labels(self) -> bool:
        """Whether an answer may use a label that is not there yet (labels are coined while labelling)."""

    def validate(self, value: Any, *, text: str | None = None) -> Any:
        """Return `value` in its normal form, or raise `LabelError`."""

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Return the training targets of valid `values`: for classification int64, shape (n,)."""

    def with_labels(self, labels: Iterable[str]) -> Task:
        """Return the same task over other labels."""


@dataclass(frozen=True, slots=True)
class Classification:
    """One label a document; a value is the label's name."""

    labels: tuple[str, ...] = ()
    open_labels: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)
    name: ClassVar[str] = "classification"
    key: ClassVar[str] = "label"

    def __post_init__(self) -> None:
        """Index the labels once; answers are encoded on every round."""
        self._index.update({label: i for i, label in enumerate(self.labels)})

    def validate(self, value: Any, *, text: str | None = None) -> str:  # noqa: ARG002  spans need the text
        """Return the label, or raise `LabelError` naming the nearest label."""
        if not isinstance(value, str):
            message = f"A classification answer is one label name, got {type(value).__name__}: {value!r}."
            raise LabelError(message)
        if value in self._index:
            return value
        if self.open_labels:
            return read_labels([value])[0].name
        shown = ", ".join(f'"{label}"' for label in self.labels[:12])
        more = ", …" if len(self.labels) > 12 else ""  # noqa: PLR2004
        message = f'"{value}" is not one of the labels ({shown}{more}).{near_miss(value, self.labels)}'
        raise LabelError(message)

    def encode(self, values: Sequence[str]) -> np.ndarray:
        """Return class indices, int64, shape (n,)."""
        import numpy as np

        return np.fromiter((self._index[v] for v in values), dtype=np.int64, count=len(values))

    def with_labels(self, labels: Iterable[str]) -> Classification:
        """Return the same task over other labels."""
        return Classification(tuple(labels), self.open_labels)


_TASKS: dict[str, type[Classification]] = {Classification.name: Classification}
_PLANNED = ("multilabel", "tagging", "generation")


def names() -> tuple[str, ...]:
    """Return the names of the tasks that this version can run."""
    return tuple(_TASKS)


def get(name: str, labels: Iterable[str] = (), *, open_labels: bool = False) -> Task:
    """Return the task called `name` over `labels`.

    >>> get("classification", ["yes", "no"]).encode(["no", "yes"]).tolist()
    [1, 0]
    """
    if name in _TASKS:
        return _TASKS[name](tuple(labels), open_labels)
    options = ", ".join(f'"{n}"' for n in _TASKS)
    if name in _PLANNED:
        message = f'task="{name}" is not in this version yet; it can run {options}.'
    else:
        message = f'There is no task "{name}"; choose from {options}.{near_miss(name, _TASKS)}'
    raise ArgumentError(message)


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
