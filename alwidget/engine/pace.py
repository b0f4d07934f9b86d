"""How much a round asks, and how many new labels are worth one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["QUEUE_SIZE", "Pace"]

QUEUE_SIZE = 50
CHEAP_SECONDS = 2.0


@dataclass(slots=True)
class Pace:
    """The size of a batch, in documents or in words.

    Attributes
    ----------
    batch_size, batch_unit
        How many ``"documents"``, or how many ``"tokens"`` (words).
    last
        How many documents the last batch was; 0 before the first.
    """

    batch_size: int
    batch_unit: str = "documents"
    last: int = 0

    @property
    def tokens(self) -> int | None:
        """How many words a round asks; None when it counts documents."""
        return self.batch_size if self.batch_unit == "tokens" else None

    @property
    def step(self) -> int:
        """How many documents a round asks at least when somebody waits for it alone."""
        return 0 if self.tokens is not None else self.batch_size

    @property
    def live(self) -> int:
        """How many documents a round in the background asks at least, so that nobody waits."""
        return max(self.step, QUEUE_SIZE)

    def patience(self, answered: int, retrain_seconds: float) -> int:
        """Return how many new labels are worth a round: few while rounds are cheap, a batch when they are not."""
        batch = self.batch_size if self.tokens is None else self.last or QUEUE_SIZE
        if retrain_seconds > CHEAP_SECONDS:
            return batch
        return int(np.clip(answered // 10, 5, max(batch, 5)))
