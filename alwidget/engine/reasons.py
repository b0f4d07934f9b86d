"""Why a document is asked, in one line for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine.batches import words_at

if TYPE_CHECKING:
    from alwidget.engine.view import RoundView
    from alwidget.pool import Pool
    from alwidget.strategies.base import Strategy

__all__ = ["reason", "reason_of"]

TORN = 0.2
"""A lead of the first label over the second below this is a tie in a person's words."""
SURE = 0.9
LONGEST = 40
ALIKE = 0.01
"""Passes that differ by less than this say the same to a person."""
DIFFERS = "it differs from what is labelled so far"
STANDS = "it stands for many documents like it"


def reason_of(
    view: RoundView, position: int, pool: Pool, labels: Sequence[str], *, strategy: Strategy, score: float
) -> str:
    """Return the line for one candidate, from what was computed to choose it and nothing else.

    Parameters
    ----------
    position
        Its place among the candidates.
    labels
        The label names.
    strategy, score
        What chose it, and the score that it gave; NaN where it gave none.
    """
    drawn = strategy.name == "random"
    own = type(strategy).__module__.startswith("alwidget.strategies.")
    if own and (line := LINES.get(strategy.name)) is not None:
        return line(view, strategy, score)
    probs = view.known_probs(position)
    if not drawn and view.fitted:
        if (tagged := view.computed("token_probs")) is not None:
            index = int(view.candidates[position])
            return _about_words(tagged.of(position), words_at(pool, index), pool[index].text)
        if (written := view.computed("generated")) is not None:
            return _sure_of_text(float(np.exp(written.log_probs[position])))
        if view.multilabel and probs is not None and 0 < len(probs) == len(labels):
            return _about_labels(probs, labels)
        if own and probs is None and (line := WITHOUT_PROBS.get(strategy.name)) is not None:
            return line(view, strategy, score)
    return reason(probs, labels, drawn=drawn, fitted=view.fitted)


# Strategies that look at something else than one answer of the model to each document --------------------------------


def _sure_of_text(p: float) -> str:
    return f"the model is {_share(p)} sure of the words that it would write"


def _nsp(_view: RoundView, _strategy: Any, score: float) -> str:
    return _sure_of_text(1 - score)


def _ensp(_view: RoundView, strategy: Any, score: float) -> str:
    if strategy.agg == "var":
        return f"the model is not equally sure of what it writes in {_passes(strategy)}"
    return f"the model is {_share(1 - score)} sure of the words that it writes in {_passes(strategy)}"


def _bleuvar(_view: RoundView, strategy: Any, score: float) -> str:
    same = "much the same" if score < ALIKE else "something else"
    return f"the model writes {same} in each of {_passes(strategy)}"


def _bald(_view: RoundView, strategy: Any, score: float) -> str:
    agrees = "agrees" if score < ALIKE else "disagrees"
    return f"the model {agrees} with itself in {_passes(strategy)}"


def _idds(view: RoundView, _strategy: Any, _score: float) -> str:
    return "it is like much of the pool" + (" and unlike what is answered" if len(view.labelled) else "")


def _alps(_view: RoundView, _strategy: Any, _score: float) -> str:
    return "it stands for documents that surprise a language model in the same places"


def _tyrogue(_view: RoundView, strategy: Any, _score: float) -> str:
    unsure = ", and the model is less sure of it than of those that stand for others"
    return "it stands for documents like it" + (unsure if strategy.r != 1 else "")


def _badge(_view: RoundView, _strategy: Any, _score: float) -> str:
    return "the model would learn much from it, and something else than from the others"


def _passes(strategy: Any) -> str:
    return f"{strategy.passes} passes with parts of it left out"


def _share(p: float) -> str:
    return f"{100 * p:.0f} %"


LINES: dict[str, Callable[[RoundView, Any, float], str]] = {
    "nsp": _nsp,
    "ensp": _ensp,
    "bleuvar": _bleuvar,
    "bald": _bald,
    "idds": _idds,
    "alps": _alps,
}
"""What they say, whatever else was computed."""
WITHOUT_PROBS: dict[str, Callable[[RoundView, Any, float], str]] = {
    "tyrogue": _tyrogue,
    "badge": _badge,
    "bert-km": lambda *_: STANDS,
}
"""What they say where the answers that they looked at are not kept."""


# One answer of the model to each document ----------------------------------------------------------------------------


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
        return DIFFERS
    first, second = np.argsort(-probs, kind="stable")[:2]
    if probs[first] - probs[second] < TORN:
        return f"the model is torn between {labels[first]} and {labels[second]}"
    if probs[first] < SURE:
        return f"the model leans to {labels[first]} but is not sure"
    return STANDS


def _about_labels(probs: np.ndarray, labels: Sequence[str]) -> str:
    """Return the line for one document with any number of labels."""
    unsure = int(np.argmin(np.abs(probs - 0.5)))
    if max(probs[unsure], 1 - probs[unsure]) < SURE:
        return f"the model cannot tell whether it is {labels[unsure]}"
    return STANDS


def _about_words(rows: np.ndarray, words: np.ndarray, text: str) -> str:
    """Return the line for one text whose words are tagged; a model may have seen only the first of them."""
    if not len(rows) or not len(words):
        return DIFFERS
    best = rows.max(axis=1)
    at = int(best[: len(words)].argmin())
    start, end = words[at]
    word = " ".join(text[start : min(end, start + LONGEST)].split())
    if best[at] >= SURE:
        return f'the model is least sure what "{word}" is, at {_share(best[at])}'
    return f'the model is not sure what "{word}" is'
