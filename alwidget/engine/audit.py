"""A stream of questions drawn at random, mixed into those that a strategy chose, so that quality can be measured.

What a strategy chooses is harder than the pool, and a model that is right on half of it may be right on nearly all
else. Only documents that were drawn by chance alone stand for the pool.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine.queue import Queued
from alwidget.log.events import Why

if TYPE_CHECKING:
    from alwidget.engine.openset import OpenSet

__all__ = ["DRAWN_TO_MEASURE", "bought", "mixed"]

DRAWN_TO_MEASURE = "drawn at random to measure"
AUDIT_STREAM = 1 << 48
"""Beyond the streams of rounds and of what fills the queue, so that an audit changes nothing of what they draw."""


def mixed(
    entries: Sequence[Queued], available: OpenSet, share: float, *, seed: int, number: int, model: str | None
) -> list[Queued]:
    """Return as many entries, of which each place has the chance `share` of going to a document drawn at random.

    The draw is from all open documents, those that the strategy chose too, whichever place they have: a draw from the
    others alone would make the model look better than it is. Each place is decided on its own, so that a person who
    answers only the first few of every round still answers that share.

    Parameters
    ----------
    entries
        What the strategy chose, best first.
    available
        The open documents.
    share
        0 … 1.
    seed, number
        Of the session and of the round; the same ones draw the same.
    model
        What the provenance says of the model.
    """
    rng = np.random.default_rng([seed, AUDIT_STREAM + number])
    places = rng.random(len(entries)) < share
    drawn = [int(i) for i in rng.permutation(available.draw(int(places.sum()), rng))]
    if not drawn:
        return list(entries)
    propensity, taken = len(drawn) / len(available), set(drawn)
    audits = [
        Queued(index, Why("random", number, rank, len(drawn), None, propensity, model, DRAWN_TO_MEASURE))
        for rank, index in enumerate(drawn, start=1)
    ]
    chosen = iter([entry for entry in entries if entry.index not in taken])
    out: list[Queued] = []
    for place in places:
        entry = audits.pop(0) if place and audits else next(chosen, None)
        if entry is not None:
            out.append(entry)
    return [*out, *audits]


def bought(share: float, answers: int, accuracy: float = 0.85) -> str:
    """Return in one line what an audit of this share tells after so many answers.

    >>> bought(0.05, 1000)
    'audit=0.05 draws one question in 20 at random; after 1,000 answers the accuracy is known to about ±10 points.'
    """
    n = max(share * answers, 1.0)
    z = 1.959964
    half = z / (1 + z * z / n) * math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    return (
        f"audit={share:g} draws one question in {round(1 / share):,} at random; after {answers:,} answers the "
        f"accuracy is known to about ±{100 * half:.0f} points."
    )
