"""What a learner does for itself while nobody needs it: between rounds, ended by whatever else there is to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from alwidget.engine.batches import lazy_batch
from alwidget.learners.base import Batch, Learner, Stop, SupportsImproving

if TYPE_CHECKING:
    from alwidget.engine.warmup import Warmup
    from alwidget.pool import Pool

__all__ = ["improve", "improves"]

CHUNK = 64


def improves(learner: Learner) -> bool:
    """Return whether a learner could make itself better, as a small student that has not learned yet can."""
    return bool(getattr(learner, "improves", False))


def improve(learner: Learner, pool: Pool, warmup: Warmup, stop: Stop) -> bool:
    """Let it, until `stop` is set; return True once it has become another, which has read what was read before."""
    if not isinstance(learner, SupportsImproving):
        return False
    return learner.improve(pool, _read(pool, warmup), stop=stop)


def _read(pool: Pool, warmup: Warmup) -> Iterator[Batch]:
    rows = warmup.ready()
    if rows is None:
        return
    for start in range(0, len(rows), CHUNK):
        yield lazy_batch(pool, rows[start : start + CHUNK], words=warmup.words)
