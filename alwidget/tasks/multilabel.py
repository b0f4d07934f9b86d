"""Several labels a document, or none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from alwidget.errors import LabelError
from alwidget.tasks.base import known_label

if TYPE_CHECKING:
    import numpy as np

__all__ = ["MultiLabel"]


@dataclass(frozen=True, slots=True)
class MultiLabel:
    """Any number of labels a document; a value is the list of their names in key order.

    The empty list says that none of the labels applies; it is an answer like any other.
    """

    labels: tuple[str, ...] = ()
    open_labels: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)
    name: ClassVar[str] = "multilabel"
    key: ClassVar[str] = "labels"
    takes_labels: ClassVar[bool] = True
    overlap: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Index the labels once; answers are encoded on every round."""
        self._index.update({label: i for i, label in enumerate(self.labels)})

    def validate(self, value: Any, *, text: str | None = None) -> list[str]:  # noqa: ARG002  spans need the text
        """Return the labels in key order, new ones last; or raise `LabelError`.

        >>> MultiLabel(("a", "b")).validate(["b", "a"])
        ['a', 'b']
        """
        if isinstance(value, str):
            message = f'Several labels are a list of names, got the text "{value}". Write ["{value}"].'
            raise LabelError(message)
        if not isinstance(value, list | tuple | set | frozenset):
            message = f"Several labels are a list of names, got {type(value).__name__}: {value!r}."
            raise LabelError(message)
        names = [known_label(name, self._index, open_labels=self.open_labels) for name in value]
        twice = [f'"{name}"' for name, count in Counter(names).items() if count > 1]
        if twice:
            message = f"{', '.join(twice)} is there more than once; name every label once."
            raise LabelError(message)
        if isinstance(value, set | frozenset):
            names.sort()
        return sorted(names, key=lambda name: self._index.get(name, len(self._index)))

    def knows(self, value: Any) -> bool:
        """Return whether all labels are among today's."""
        return isinstance(value, list) and all(name in self._index for name in value)

    def encode(self, values: Sequence[Sequence[str]]) -> np.ndarray:
        """Return which label each document has, bool, shape (n, C)."""
        import numpy as np

        out = np.zeros((len(values), len(self.labels)), dtype=bool)
        for row, names in enumerate(values):
            out[row, [self._index[name] for name in names]] = True
        return out

    def with_labels(self, labels: Iterable[str]) -> MultiLabel:
        """Return the same task over other labels."""
        return MultiLabel(tuple(labels), self.open_labels)
