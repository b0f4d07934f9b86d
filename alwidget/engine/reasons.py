"""Why a document is asked, in one line for a person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["reason"]

TORN = 0.2
"""A lead of the first label over the second below this is a tie in a person's words."""
SURE = 0.9


def reason(probs: np.ndarray | None, labels: Sequence[str], *, drawn: bool, fitted: bool) -> str:
    """Return the line for one document.

    Parameters
    ----------
    probs
        Its class probabilities, shape (C,), or None where nobody computed them.
    drawn
        Whether it was drawn at random.
    fitted
        Whether `probs` come from a trained model.
    """
    if drawn:
        return "drawn at random"
    if not fitted:
        return "it stands for a part of the pool that has no answers yet"
    if probs is None or len(probs) < 2 or len(labels) != len(probs):  # noqa: PLR2004  a pair of labels
        return "it differs from what is labelled so far"
    first, second = np.argsort(-probs, kind="stable")[:2]
    if probs[first] - probs[second] < TORN:
        return f"the model is torn between {labels[first]} and {labels[second]}"
    if probs[first] < SURE:
        return f"the model leans to {labels[first]} but is not sure"
    return "it stands for many documents like it"
