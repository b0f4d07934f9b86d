"""A learner that is chosen when it is first needed, in the background, and that never leaves one without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Labelled, Learner, Progress, Report, Stop, Watch
from alwidget.learners.making import Found, build
from alwidget.learners.tokens import one_line

__all__ = ["Resolving"]


class Chooser(Protocol):
    """Finds a model; `alwidget.learners.auto` has the only one."""

    teacher: Path | None
    """Whose student was asked for, once it is found."""

    @property
    def may_fall_back(self) -> bool:
        """Whether another model may stand in for the one that was asked for."""

    def at_once(self) -> Found | None:
        """Return what can be said without asking anybody."""

    def thoroughly(self, stop: Stop | None, progress: Progress | None) -> Found:
        """Return the best there is."""

    def after(self, reason: str, failed: Found | None = None) -> Found:
        """Return the next best after `failed` did not load."""


class Resolving:
    """Stands for the learner that `prepare` settles on, and hands everything to it.

    What it takes to choose (importing torch to see a GPU, a connection to the hub, a download) happens in `prepare`,
    which the engine calls in its thread. A model that turns out not to load is replaced by the next best, with
    `warning` saying so. Attributes beyond those of a `Learner` are the chosen learner's own; its methods also for
    ``isinstance``, so that this one `SupportsTokens` or `SupportsGeneration` once the chosen one is known to.
    """

    def __init__(
        self, asked: str, chooser: Chooser, task: str, *, cache_dir: str | Path | None, device: str | None
    ) -> None:
        self._asked, self._chooser, self._task = asked, chooser, task
        self._cache_dir, self._device = cache_dir, device
        self._found: Found | None = None
        self._inner: Learner | None = None
        self._lent: tuple[str, ...] = ()
        self._ready = False
        found = chooser.at_once()
        if found is not None:
            self._settle(found)

    @property
    def name(self) -> str:
        """The short form a person types: what was asked for."""
        return self._asked

    @property
    def description(self) -> str:
        """What the status line shows."""
        return self._inner.description if self._inner is not None else "choosing a model…"

    @property
    def retrain_seconds(self) -> float:
        """Roughly how long a fit takes."""
        return self._inner.retrain_seconds if self._inner is not None else 1.0

    @property
    def why(self) -> str:
        """Why it is this model."""
        return self._found.why if self._found is not None else f'"{self._asked}" is looked up when it is first needed'

    @property
    def warning(self) -> str | None:
        """What to tell if it is not the model that was asked for."""
        return self._found.warning if self._found is not None else None

    @property
    def chosen(self) -> Learner | None:
        """The learner behind this one, once it is known."""
        return self._inner

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the last fit; empty before the first."""
        return self._inner.classes if self._inner is not None else ()

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Settle on a model and load it; idempotent.

        Raises
        ------
        alwidget.errors.ModelError
            The folder that the person named does not load; in every other case another model stands in.
        """
        if self._ready:
            return
        if self._inner is None:
            if progress is not None:
                progress("choosing a model", 0, 1)
            self._settle(self._chooser.thoroughly(stop, progress))
        while not self._ready:  # what was asked for, then the encoder on this machine, then what needs no weights
            failed = self._found
            try:
                self._chosen().prepare(stop=stop, progress=progress)
                self._ready = True
            except (ModelError, ImportError, OSError, MemoryError) as error:
                if failed is None or failed.folder is None or not self._chooser.may_fall_back:
                    raise
                found = self._chooser.after(one_line(error), failed)
                self._settle(replace(found, warning=failed.warning or found.warning))

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Train from all labels; `watch` is for a chosen learner that `SupportsWatching`."""
        self.prepare(stop=stop, progress=progress)
        watched = {} if watch is None else {"watch": watch}
        return self._chosen().fit(labelled, seed=seed, stop=stop, progress=progress, **watched)

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return probabilities, float64 (n, C)."""
        if self._inner is None:
            message = "The model has not been trained yet; label some documents first."
            raise ModelError(message)
        return self._inner.predict_proba(documents, stop=stop)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return vectors, float32 (n, d)."""
        self.prepare(stop=stop, progress=progress)
        return self._chosen().embed(documents, stop=stop, progress=progress)

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents `embed` would return at once."""
        return np.zeros(len(documents), dtype=bool) if self._inner is None else self._inner.embedded(documents)

    def save(self, path: Path) -> None:
        """Write a checkpoint of the chosen learner."""
        self._chosen().save(path)

    def load(self, path: Path) -> None:
        """Read what `save` wrote, into the learner that this one settles on."""
        self.prepare()
        self._chosen().load(path)

    def __getattr__(self, name: str) -> Any:
        """Return what only the chosen learner has, such as the weights of its head."""
        inner = self.__dict__.get("_inner")
        if inner is None or name.startswith("_"):
            message = f"The model that was chosen has no {name}."
            raise AttributeError(message)
        return getattr(inner, name)

    def _chosen(self) -> Learner:
        if self._inner is None:
            message = "No model has been chosen yet; call prepare first."
            raise ModelError(message)
        return self._inner

    def _settle(self, found: Found) -> None:
        self._found = found
        self._inner = build(found, self._task, cache_dir=self._cache_dir, device=self._device)
        self._lend()

    def _lend(self) -> None:
        """Put the methods that only the chosen learner has among this one's own, where ``isinstance`` looks."""
        for name in self._lent:
            del self.__dict__[name]
        kind = type(self._inner)
        own = [name for name in dir(kind) if not name.startswith("_") and not hasattr(type(self), name)]
        self._lent = tuple(name for name in own if callable(getattr(kind, name)))
        self.__dict__.update({name: getattr(self._inner, name) for name in self._lent})
