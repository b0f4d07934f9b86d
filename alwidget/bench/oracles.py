"""Who answers in a simulation: from gold labels, with mistakes, with gaps, for money, or several of these.

What somebody answers to a document depends on the document and the seed only, never on when it is asked: strategies
that ask the same get the same, so their differences are theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError, near_miss

__all__ = ["Annotator", "Answers", "answer_all", "described", "read_oracle"]


@dataclass(frozen=True, slots=True)
class Annotator:
    """Somebody who answers.

    Attributes
    ----------
    error
        How often the answer is another label, each other one as often; classification only.
    confusion
        In place of `error`: for a true label how often which label is given, ``{"spam": {"ham": 0.2}}``. What is left
        of a row is the truth.
    skip
        How often a document is skipped; that costs as much as an answer.
    cost
        What an answer costs.
    share
        How often somebody gets a document, in proportion to the shares of the others.
    """

    name: str = "oracle"
    error: float = 0.0
    confusion: Mapping[str, Mapping[str, float]] | None = None
    skip: float = 0.0
    cost: float = 1.0
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What is answered to every document by id (None: it is skipped), by whom, and what it costs."""

    said: dict[str, Any]
    by: dict[str, str]
    costs: dict[str, float]


def read_oracle(given: Any) -> tuple[Annotator, ...]:
    """Return who answers: ``"gold"``, the options of one, or several.

    Raises
    ------
    alwidget.errors.ArgumentError
        An option does not exist or is out of range.

    Examples
    --------
    >>> read_oracle("gold")[0].error, [each.name for each in read_oracle([{"name": "a"}, {"name": "b", "error": 0.1}])]
    (0.0, ['a', 'b'])
    """
    if given is None or given == "gold":
        return (Annotator(),)
    if isinstance(given, Mapping) and set(given) == {"annotators"}:
        given = given["annotators"]
    parts = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    found = tuple(each if isinstance(each, Annotator) else _annotator(each) for each in parts)
    names = [each.name for each in found]
    if not found or len(set(names)) < len(names):
        message = f"oracle: annotators need different names, got {names}."
        raise ArgumentError(message)
    for each in found:
        _check(each)
    return found


def _annotator(given: Any) -> Annotator:
    if not isinstance(given, Mapping):
        message = f'oracle={given!r}: it is "gold", options such as {{"error": 0.1}}, or a list of annotators.'
        raise ArgumentError(message)
    known = [each.name for each in fields(Annotator)]
    for name in given:
        if name not in known:
            message = (
                f'oracle: there is no option "{name}".{near_miss(str(name), known)} There are: {", ".join(known)}.'
            )
            raise ArgumentError(message)
    return Annotator(**given)


def _check(annotator: Annotator) -> None:
    for name in ("error", "skip"):
        value = getattr(annotator, name)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            message = f'oracle: {name}={value!r} of "{annotator.name}" must be between 0 and 1.'
            raise ArgumentError(message)
    for name, least in (("cost", 0.0), ("share", 1e-12)):
        value = getattr(annotator, name)
        if not isinstance(value, int | float) or not np.isfinite(value) or value < least:
            message = f'oracle: {name}={value!r} of "{annotator.name}" must be a number of at least {least:g}.'
            raise ArgumentError(message)
    for truth, row in (annotator.confusion or {}).items():
        if any(share < 0 for share in row.values()) or sum(row.values()) > 1 + 1e-9:
            message = f'oracle: the confusion of "{truth}" must be shares of at least 0 that add to at most 1: {row}.'
            raise ArgumentError(message)
    if annotator.skip >= 1:
        message = f'oracle: "{annotator.name}" would skip everything.'
        raise ArgumentError(message)


def described(annotators: Sequence[Annotator]) -> list[dict[str, Any]]:
    """Return who answers as plain JSON."""
    return [asdict(each) for each in annotators]


def answer_all(
    annotators: Sequence[Annotator], gold: Mapping[str, Any], task: str, labels: Sequence[str], seed: int
) -> Answers:
    """Return what is answered to every document.

    Raises
    ------
    alwidget.errors.ArgumentError
        Mistakes are asked for in a task that has none here, or a confusion names labels that there are not.

    Examples
    --------
    >>> answer_all(read_oracle({"error": 1}), {"1": "a", "2": "b"}, "classification", ["a", "b"], 0).said
    {'1': 'b', '2': 'a'}
    """
    for each in annotators:
        _check_labels(each, task, labels)
    edges = np.cumsum([each.share for each in annotators])
    found = Answers({}, {}, {})
    for doc, truth in gold.items():
        who, skips, wrong, which = _draws(seed, doc)
        at = min(int(np.searchsorted(edges, who * edges[-1], side="right")), len(annotators) - 1)
        annotator = annotators[at]
        found.by[doc], found.costs[doc] = annotator.name, float(annotator.cost)
        found.said[doc] = None if skips < annotator.skip else _said(annotator, truth, labels, wrong, which)
    return found


def _check_labels(annotator: Annotator, task: str, labels: Sequence[str]) -> None:
    if task != "classification" and (annotator.error or annotator.confusion):
        message = f'oracle: "{annotator.name}" makes mistakes, which there are for task="classification" only.'
        raise ArgumentError(message)
    rows = annotator.confusion or {}
    unknown = [name for name in (*rows, *(given for row in rows.values() for given in row)) if name not in labels]
    if unknown:
        hint = near_miss(unknown[0], labels)
        message = f'oracle: the confusion of "{annotator.name}" names "{unknown[0]}", which is no label.{hint}'
        raise ArgumentError(message)


def _said(annotator: Annotator, truth: Any, labels: Sequence[str], wrong: float, which: float) -> Any:
    """Return the answer of somebody: `wrong` and `which` are uniform draws of this document."""
    if annotator.confusion is not None:
        reached = 0.0
        for given, share in annotator.confusion.get(truth, {}).items():
            reached += share
            if wrong < reached:
                return given
        return truth
    if wrong >= annotator.error:
        return truth
    others = [label for label in labels if label != truth]
    return others[int(which * len(others))] if others else truth


def _draws(seed: int, doc: str) -> tuple[float, float, float, float]:
    """Return four uniform draws of a document, the same on every machine, in 0 … 1 without 1."""
    key = f"{seed}\0{doc}".encode("utf-8", "surrogatepass")
    words = np.frombuffer(hashlib.blake2b(key, digest_size=32).digest(), dtype="<u8")
    who, skips, wrong, which = ((words >> np.uint64(11)) * 2.0**-53).tolist()
    return who, skips, wrong, which
