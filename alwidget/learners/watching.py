"""Looking at a learner while it trains: a few times on the way, and at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alwidget.learners.head import HeadFit, LinearHead

__all__ = ["LOOKS", "fit_head", "look_after"]

LOOKS = 3
"""How many times, as in the paper of TracIn's use on pseudo-labels (Tsvigun et al. 2022)."""
ON_THE_WAY = (4, 12)
"""Iterations of L-BFGS, or epochs, after which a head is looked at; it is done after some dozens."""


def fit_head(head: LinearHead, *data: Any, watch: Callable[[], None] | None, **options: Any) -> HeadFit:
    """Fit a head, with a look at it on its way.

    A fit is a matter of milliseconds, so it is begun again rather than interrupted. Where the look or the fit fails,
    the head is as it was.
    """
    if watch is None:
        return head.fit(*data, **options)
    before = dict(vars(head))
    try:
        for iterations in ON_THE_WAY:
            head.fit(*data, iterations=iterations, **options)
            watch()
        fit = head.fit(*data, **options)
        watch()
    except BaseException:
        vars(head).clear()
        vars(head).update(before)
        raise
    return fit


def look_after(epoch: int, epochs: int) -> bool:
    """Return whether a training of at most so many epochs is looked at after this one, counted from 1.

    >>> [epoch for epoch in range(1, 11) if look_after(epoch, 10)]
    [4, 7, 10]
    """
    return epoch in {-(-epochs * look // LOOKS) for look in range(1, LOOKS + 1)}
