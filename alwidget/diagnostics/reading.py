"""What a session knows of its labelled documents, read once and in one order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine import TrainingSet
from alwidget.engine.audit import DRAWN_TO_MEASURE
from alwidget.errors import SessionError
from alwidget.log import Answer

if TYPE_CHECKING:
    from alwidget.pool import Pool
    from alwidget.session import Session

__all__ = ["Labels", "least", "only", "read"]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labelled documents of a session, in the pool's order.

    Attributes
    ----------
    training
        What there is to learn from.
    ids
        The id of each document.
    answers
        What the log knows of each: who, when, and why it was asked.
    sources
        The source of each, or None where the data has none.
    """

    training: TrainingSet
    ids: list[str]
    answers: list[Answer]
    sources: np.ndarray | None

    def __len__(self) -> int:
        """Return the number of labelled documents."""
        return len(self.ids)

    @property
    def rounds(self) -> np.ndarray:
        """The round that asked for each, int64 (n,); 0 before the first, -1 for answers that were never asked for."""
        return np.array([-1 if a.why is None else a.why.round for a in self.answers], dtype=np.int64)

    @property
    def measuring(self) -> np.ndarray:
        """Whether each was drawn at random to measure, among others that a strategy chose, bool (n,)."""
        return np.array([a.why is not None and a.why.text == DRAWN_TO_MEASURE for a in self.answers], dtype=bool)

    @property
    def names(self) -> list[Any]:
        """The answer to each, in the form of the task."""
        return [answer.value for answer in self.answers]


def read(session: Session) -> Labels:
    """Return the labelled documents of a session as they are now, whoever labelled them."""
    session.log.refresh()
    training = session.training_set
    pool: Pool = session.pool
    ids = [pool[int(i)].id for i in training.indices]
    known = session.log.state.answers
    answers = [known.get(doc) or Answer(id=doc) for doc in ids]  # somebody may just have taken one back
    sources = pool.sources(training.indices) if ids else None
    return Labels(training, ids, answers, sources)


def least(labels: Labels, n: int, what: str) -> None:
    """Raise `SessionError` where there are fewer than `n` labelled documents."""
    if len(labels) < n:
        message = f"{what} needs {n} labelled documents at least, and this session has {len(labels)}. Label some more."
        raise SessionError(message)


def only(labels: Labels, tasks: tuple[str, ...], what: str) -> None:
    """Raise `SessionError` for a session of another task."""
    if labels.training.task not in tasks:
        known = " or ".join(f'task="{task}"' for task in tasks)
        message = f'{what} is for {known}; this session has task="{labels.training.task}".'
        raise SessionError(message)
