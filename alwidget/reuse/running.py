"""What distilling and adapting have in common: a folder, a run that can be taken up again, and a report at its end."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alwidget._version import __version__
from alwidget.errors import ArgumentError, Cancelled
from alwidget.learners.base import Progress, Stop
from alwidget.reuse.corpus import Corpus, Reading
from alwidget.reuse.folders import CHECKPOINTS, check_free, claim, locked, read_report, unlocked, write_report

if TYPE_CHECKING:
    from alwidget.reuse.training import Training

__all__ = ["Run", "steps_for"]


class Run(ABC):
    """One training without labels, whole or in slices.

    In slices: with its folder `claimed`, `prepare`, `advance` as often as it takes until it is `done`, and `finish`.

    Parameters
    ----------
    corpus, out
        The texts, and the folder of the model.
    fingerprint
        Stands for all that the outcome depends on.
    seed
        Where everything random comes from.
    """

    report_name: ClassVar[str]

    def __init__(self, corpus: Corpus, out: Path, fingerprint: str, seed: int) -> None:
        self.corpus, self.out, self.fingerprint, self.seed = corpus, out, fingerprint, seed
        self._training: Training | None = None

    @property
    def done(self) -> bool:
        """Whether the training is done; the model may still have to be written."""
        return self._training is not None and self._training.done

    def whole(self, stop: Stop | None, progress: Progress | None, *, resume: bool) -> dict[str, Any]:
        """Do all of it and return the report; what was done before it is cancelled is kept."""
        with self.claimed(resume=resume) as finished:
            if finished is not None:
                return finished
            self.prepare(stop, progress)
            try:
                self.advance(stop, progress)
            except Cancelled:
                self.keep()
                raise
            return self.finish(stop, progress)

    @contextmanager
    def claimed(self, *, resume: bool = True) -> Iterator[dict[str, Any] | None]:
        """Make the folder this run's own, for as long as this lasts; yield the report if it was finished before.

        Raises
        ------
        alwidget.errors.ArgumentError
            The folder holds something else.
        alwidget.errors.SessionError
            Another process makes the model.
        """
        check_free(self.out)
        done = read_report(self.out, self.report_name)
        if resume and done is not None and done["fingerprint"] == self.fingerprint:
            yield done
            return
        lock = locked(self.out)
        try:
            claim(self.out, self.fingerprint, resume=resume)
            yield None
        finally:
            unlocked(lock)

    def prepare(self, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load what is to be trained, and take up what was done before; idempotent."""
        if self._training is not None:
            return
        from alwidget.learners.checkpoints import loading
        from alwidget.reuse.training import Training

        with loading("the model", stop, progress):
            objective, tokenise, plan = self._loaded()
        read = Reading(self.corpus, tokenise, batch_size=plan.batch_size, seed=self.seed)
        training = Training(objective, read, plan, self.out / CHECKPOINTS, self.fingerprint)
        training.resume()
        self._training = training

    def advance(self, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Train until it is done; after `Cancelled` the next call goes on where this one ended."""
        self._ready().run(stop, progress)

    def keep(self) -> None:
        """Write a checkpoint now, if the disk takes it."""
        with suppress(OSError):
            self._ready().save()

    def finish(self, stop: Stop | None = None, progress: Progress | None = None) -> dict[str, Any]:
        """Write the model, measure it, and return the report."""
        training = self._ready()
        if progress is not None:
            progress("measuring", 0, 1)
        report = {
            "fingerprint": self.fingerprint,
            **self._written(stop),
            "pool": {
                "name": self.corpus.pool.name,
                "documents": len(self.corpus.pool),
                "trained": len(self.corpus.trained),
                "held_out": len(self.corpus.held_out),
            },
            "steps": training.plan.steps,
            "seed": self.seed,
            "losses": training.history.lines,
            "seconds": round(training.history.seconds, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "alwidget": __version__,
        }
        write_report(self.out, self.report_name, report)
        if progress is not None:
            progress("measuring", 1, 1)
        return report

    @abstractmethod
    def _loaded(self) -> tuple[Any, Any, Any]:
        """Return the objective, the tokeniser and the plan."""

    @abstractmethod
    def _written(self, stop: Stop | None) -> dict[str, Any]:
        """Write the model and return what the report says of it."""

    def _ready(self) -> Training:
        if self._training is None:
            message = "Nothing is loaded yet; call prepare first."
            raise RuntimeError(message)
        return self._training


def steps_for(corpus: Corpus, batch_size: int, epochs: float, steps: int | None) -> int:
    """Return the number of steps, given or for so many passes over the texts.

    Raises
    ------
    alwidget.errors.ArgumentError
        It would be less than one.
    """
    if steps is not None:
        if steps < 1:
            message = f"steps={steps}: there must be at least 1."
            raise ArgumentError(message)
        return steps
    if not 0 < epochs < math.inf or batch_size < 1:
        message = f"epochs={epochs}, batch_size={batch_size}: both must be positive."
        raise ArgumentError(message)
    return max(1, math.ceil(epochs * -(-len(corpus.trained) // batch_size)))
