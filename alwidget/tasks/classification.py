"""Classification: one label a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from alwidget.errors import LabelError
from alwidget.tasks.base import known_label

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Classification"]


@dataclass(frozen=True, slots=True)
class Classification:
    """One label a document; a value is the label's name."""

    labels: tuple[str, ...] = ()
    open_labels: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)
    name: ClassVar[str] = "classification"
    key: ClassVar[str] = "label"
    takes_labels: ClassVar[bool] = True
    overlap: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Index the labels once; answers are encoded on every round."""
        self._index.update({label: i for i, label in enumerate(self.labels)})

    def validate(self, value: Any, *, text: str | None = None) -> str:  # noqa: ARG002  spans need the text
        """Return the label, or raise `LabelError` naming the nearest label."""
        if not isinstance(value, str):
            message = f"A classification answer is one label name, got {type(value).__name__}: {value!r}."
            raise LabelError(message)
        return known_label(value, self._index, open_labels=self.open_labels)

    def knows(self, value: Any) -> bool:
        """Return whether the label is one of today's."""
        return value in self._index

    def encode(self, values: Sequence[str]) -> np.ndarray:
        """Return class indices, int64, shape (n,)."""
        import numpy as np

        return np.fromiter((self._index[v] for v in values), dtype=np.int64, count=len(values))

    def with_labels(self, labels: Iterable[str]) -> Classification:
        """Return the same task over other labels."""
        return Classification(tuple(labels), self.open_labels)
