"""Written text: a summary, a translation, a correction; no labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from alwidget.errors import LabelError

__all__ = ["Generation"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One text a document, kept to the letter. It may not be empty: a document with nothing to write is skipped."""

    labels: tuple[str, ...] = ()
    open_labels: bool = False
    name: ClassVar[str] = "generation"
    key: ClassVar[str] = "target"
    takes_labels: ClassVar[bool] = False
    overlap: ClassVar[bool] = False

    def validate(self, value: Any, *, text: str | None = None) -> str:  # noqa: ARG002  spans need the text
        """Return the text, or raise `LabelError`."""
        if not isinstance(value, str):
            message = f"A written answer is a text, got {type(value).__name__}: {value!r}."
            raise LabelError(message)
        if not value.strip():
            message = "A written answer may not be empty; skip the document if there is nothing to write."
            raise LabelError(message)
        return str.__str__(value)

    def knows(self, value: Any) -> bool:
        """Return whether it is a text."""
        return isinstance(value, str)

    def encode(self, values: Sequence[str]) -> list[str]:
        """Return the texts."""
        return list(values)

    def with_labels(self, labels: Iterable[str]) -> Generation:
        """Return the same task: it has no labels."""
        del labels
        return self
