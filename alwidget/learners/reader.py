"""What learns nothing and only reads: for writing tasks where no model that writes can be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Labelled, Learner, Progress, Report, Stop

__all__ = ["Reader"]


class Reader:
    """Turns documents into vectors by another learner and writes no drafts.

    Strategies that look at vectors alone (IDDS, clustering) choose as well with it as with a model that writes.

    Parameters
    ----------
    inner
        What makes the vectors, such as a `FrozenEncoder`.
    """

    retrain_seconds = 0.0
    classes: tuple[str, ...] = ()

    def __init__(self, inner: Learner) -> None:
        self.inner = inner
        self.name = inner.name

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"all-MiniLM-L6-v2, reads only"``."""
        return f"{self.inner.description.removesuffix(' + head')}, reads only"

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load what makes the vectors; idempotent."""
        self.inner.prepare(stop=stop, progress=progress)

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        """Learn nothing, and say so."""
        del seed, stop, progress
        return Report(len(labelled), 0.0, notes=("no model that writes; documents are chosen by their vectors",))

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Raise: written text has no classes.

        Raises
        ------
        alwidget.errors.ModelError
            Always.
        """
        del documents, stop
        message = "Written text has no probabilities of labels."
        raise ModelError(message)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return vectors, float32 (n, d)."""
        return self.inner.embed(documents, stop=stop, progress=progress)

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents `embed` would return at once."""
        return self.inner.embedded(documents)

    def save(self, path: Path) -> None:
        """Write nothing but the folder: there is nothing that was learned."""
        Path(path).mkdir(parents=True, exist_ok=True)

    def load(self, path: Path) -> None:
        """Read nothing."""

    def __getattr__(self, name: str) -> Any:
        """Hand on the one thing beyond a learner that reading needs, the vocabulary of counted words."""
        if name == "fit_vocabulary" and "inner" in self.__dict__:
            return getattr(self.inner, name)
        message = f"A model that only reads has no {name}."
        raise AttributeError(message)
