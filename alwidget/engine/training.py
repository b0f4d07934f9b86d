"""What there is to train from, in the form of the task, and whether it is enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["TrainingSet"]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """The labelled documents of this moment.

    Attributes
    ----------
    indices
        Pool indices, int64 (n,).
    y
        The answers in the form of the task, as `alwidget.learners.base.Labelled` has them.
    classes
        The label names; empty for a task without labels.
    task
        The name of the task.
    """

    indices: np.ndarray
    y: Any
    classes: tuple[str, ...]
    task: str = "classification"

    def __len__(self) -> int:
        """Return the number of labelled documents."""
        return len(self.indices)

    def same_as(self, other: TrainingSet | None) -> bool:
        """Return whether the answers are those of `other`: choosing again from them is no new round."""
        return (
            other is not None
            and (self.task, self.classes) == (other.task, other.classes)
            and np.array_equal(self.indices, other.indices)
            and _equal(self.y, other.y)
        )

    @property
    def seen(self) -> int:
        """Return how many different labels were used; for written text, how many texts there are."""
        match self.task:
            case "multilabel":
                return int(self.y.any(axis=0).sum()) if len(self) else 0
            case "tagging":
                return len(np.unique(np.concatenate(self.y)[:, 2])) if len(self) else 0
            case "generation":
                return len(self)
        return len(np.unique(self.y))

    @property
    def teaches(self) -> bool:
        """Whether there is something to learn.

        Classification needs two labels that were used, since one teaches nothing about the others; several labels
        need one that some documents have and others have not; tagging a span; written text a text.
        """
        match self.task:
            case "multilabel":
                return bool(len(self) and (self.y.any(axis=0) & ~self.y.all(axis=0)).any())
            case "tagging" | "generation":
                return self.seen > 0
        return self.seen >= 2  # noqa: PLR2004

    @property
    def lacks(self) -> str:
        """What an answer must bring before anything can be learnt, in words."""
        match self.task:
            case "multilabel":
                return "a label that some answers have and others have not"
            case "tagging":
                return "an answer with a span"
            case "generation":
                return "a written text"
        return "answers with two different labels"

    @property
    def words(self) -> bool:
        """Whether documents are looked at word by word."""
        return self.task == "tagging"


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(np.array_equal(one, other))
