"""Getting a learner ready: loading it once, saying what it takes, showing it the words of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine.batches import lazy_batch
from alwidget.errors import Cancelled
from alwidget.learners.base import Learner, Stop

if TYPE_CHECKING:
    from alwidget.engine.status import Voice
    from alwidget.pool import Pool

__all__ = ["Loading"]

VOCABULARY_FROM = 5000


class Loading:
    """The learner, loaded at its first use. A failure is tried again at the next."""

    def __init__(self, pool: Pool, learner: Learner, voice: Voice, *, seed: int, words: bool) -> None:
        self._pool, self._voice, self._seed, self._words = pool, voice, seed, words
        self.learner = learner
        self.done = False

    def run(self, stop: Stop) -> None:
        """Load it.

        Raises
        ------
        alwidget.errors.Cancelled
            `stop` was set.
        """
        self._voice.say("starting", "loading the model")
        try:
            self.learner.prepare(stop=stop, progress=self._voice.progress)
        except Cancelled:
            self._voice.say("starting", "")
            raise
        self._read_vocabulary(stop)
        self.done = True
        self._voice.say("cold", self.why)
        if self.warning:
            self._voice.tell("warning")

    @property
    def why(self) -> str:
        """Why the model is this one, in one line; empty for a learner that does not say."""
        return str(getattr(self.learner, "why", "") or "")

    @property
    def warning(self) -> str | None:
        """One line when the model is not the one that was asked for."""
        found = getattr(self.learner, "warning", None)
        return str(found) if found else None

    def _read_vocabulary(self, stop: Stop) -> None:
        """Show a learner that counts words a part of the pool, so that its words are not those of the labelled few."""
        read = getattr(self.learner, "fit_vocabulary", None)
        if read is not None:
            rng = np.random.default_rng([self._seed, 0])
            drawn = rng.choice(len(self._pool), min(len(self._pool), VOCABULARY_FROM), replace=False, shuffle=False)
            read(lazy_batch(self._pool, np.sort(drawn), words=self._words), stop=stop)
