"""Why a document is asked, in one line for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alwidget.engine.batches import words_at

if TYPE_CHECKING:
    from alwidget.engine.view import RoundView
    from alwidget.pool import Pool

__all__ = ["reason", "reason_of"]

TORN = 0.2
"""A lead of the first label over the second below this is a tie in a person's words."""
SURE = 0.9
LONGEST = 40


def reason_of(view: RoundView, position: int, pool: Pool, labels: Sequence[str], *, drawn: bool) -> str:
    """Return the line for one candidate, from what was computed to choose it and nothing else.

    Parameters
    ----------
    position
        Its place among the candidates.
    labels
        The label names.
    drawn
        Whether it was drawn at random.
    """
    if not drawn and view.fitted:
        if (tagged := view.computed("token_probs")) is not None:
            index = int(view.candidates[position])
            return _about_words(tagged.of(position), words_at(pool, index), pool[index].text)
        if (written := view.computed("generated")) is not None:
            unsure = np.exp(written.log_probs[position]) < SURE
            return "the model is not sure what to write" if unsure else "it stands for many documents like it"
        probs = view.known_probs(position)
        if view.multilabel and probs is not None and 0 < len(probs) == len(labels):
            return _about_labels(probs, labels)
    return reason(view.known_probs(position), labels, drawn=drawn, fitted=view.fitted)


def reason(probs: np.ndarray | None, labels: Sequence[str], *, drawn: bool, fitted: bool) -> str:
    """Return the line for one document with one label.

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


def _about_labels(probs: np.ndarray, labels: Sequence[str]) -> str:
    """Return the line for one document with any number of labels."""
    unsure = int(np.argmin(np.abs(probs - 0.5)))
    if max(probs[unsure], 1 - probs[unsure]) < SURE:
        return f"the model cannot tell whether it is {labels[unsure]}"
    return "it stands for many documents like it"


def _about_words(rows: np.ndarray, words: np.ndarray, text: str) -> str:
    """Return the line for one text whose words are tagged; a model may have seen only the first of them."""
    if not len(rows) or not len(words):
        return "it differs from what is labelled so far"
    best = rows.max(axis=1)
    at = int(best[: len(words)].argmin())
    if best[at] >= SURE:
        return "it stands for many documents like it"
    start, end = words[at]
    word = " ".join(text[start : min(end, start + LONGEST)].split())
    return f'the model is not sure what "{word}" is'
