"""A small student as the acquirer, which learns from its teacher while nobody needs anything else."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alwidget.errors import AlwidgetError, Cancelled, ModelError
from alwidget.learners.base import Batch, Learner, Progress, Stop
from alwidget.learners.making import Found, build, how
from alwidget.learners.resolving import Resolving

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["Distilled"]

UNTRAINED = "untrained"
"""The name of the folder of a student before any training, as `alwidget.reuse.acquirer` makes it."""

logger = logging.getLogger(__name__)


class Distilled(Resolving):
    """Stands for a student of a teacher: a trained one from the cache, else some of the teacher's layers as they are.

    In the latter case `improve` trains one, a piece at a time, has it read what the session has read, and then takes
    it: from one moment to the next, between two rounds. Nothing else changes what stands behind this learner, so that
    a session without a background thread keeps the model with which it began.
    """

    _run: Any = None
    _next: Learner | None = None
    _given_up = False

    @property
    def improves(self) -> bool:
        """Whether there is a better student to be made; False before `prepare`."""
        found = self._found
        raw = found is not None and found.folder is not None and found.folder.name == UNTRAINED
        return raw and self._ready and not self._given_up

    def improve(self, pool: Pool, read: Iterable[Batch], *, stop: Stop, progress: Progress | None = None) -> bool:
        """Train the student and let it read; return True once it is what stands behind this learner.

        Where that fails, or another process trains the same one, the model stays what it is.

        Parameters
        ----------
        pool
            The texts to learn from, without labels.
        read
            Documents that are to be read before the change, so that no round waits for it afterwards.

        Raises
        ------
        alwidget.errors.Cancelled
            `stop` was set; the next call goes on where this one ended.
        """
        try:
            student = self._student(pool, stop, progress)
            self._read(student, read, stop)
        except Cancelled:
            raise
        except (AlwidgetError, OSError, MemoryError, ImportError) as error:
            logger.warning("no student of %s was made for this session: %s", self._asked, error)
            self._given_up = True
            return False
        return True

    def _student(self, pool: Pool, stop: Stop, progress: Progress | None) -> Found:
        """Return the trained student."""
        from alwidget.reuse import acquirer

        teacher, found = self._chooser.teacher, self._found
        if teacher is None or found is None:
            message = "No teacher has been found yet."
            raise ModelError(message)
        if self._run is None:
            self._run = acquirer.begun(teacher, pool, device=self._device)
        with self._run.claimed() as finished:
            if finished is None:
                self._run.prepare(stop)
                self._run.advance(stop, progress)
                self._run.finish(stop)
        way = how(found.kind, self._task)
        return replace(found, folder=self._run.out, why=f"{found.name}, {way}: it has learned from this pool")

    def _read(self, found: Found, read: Iterable[Batch], stop: Stop) -> None:
        """Have the student read, and put it in the place of the other model."""
        if self._next is None:
            self._next = build(found, self._task, cache_dir=self._cache_dir, device=self._device)
        student = self._next
        student.prepare(stop=stop)
        for part in read:
            student.embed(part, stop=stop)
            if not student.embedded(part).all():  # it keeps no vectors, so reading ahead brings nothing
                break
        self._found, self._inner = found, student
        self._run = self._next = None
        self._lend()
