"""Precision, recall and F1 over whole entities, counted as seqeval counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alwidget.errors import ArgumentError

__all__ = ["EntityScores", "Score", "entity_scores"]


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall, F1, and `support`: how many entities there are. What divides by zero is zero."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class EntityScores:
    """The score over all entities, the mean over the labels, and each label's own.

    Attributes
    ----------
    micro
        Every entity counts the same.
    macro
        The mean of the labels' scores; labels that occur nowhere, neither in truth nor in a prediction, do not count.
    labels
        The labels that occur, in the order of their names.
    """

    micro: Score
    macro: Score
    labels: dict[str, Score]


def entity_scores(
    gold: Sequence[Iterable[Any]], predicted: Sequence[Iterable[Any]], *, classes: Sequence[str] | None = None
) -> EntityScores:
    """Return the scores of predicted entities: right are those whose start, end and label are all the same.

    Parameters
    ----------
    gold, predicted
        The entities of each document, one list a document in the same order. An entity is a triple of start, end and
        label (so also a row of int32 (k, 3), and what `alwidget.tasks.tags.spans_of` returns), a mapping with these
        keys (as answers are kept), or a `Span`. What is there twice counts once. All that matters is that both count
        in the same unit.
    classes
        The label names, where labels are numbers.

    Raises
    ------
    alwidget.errors.ArgumentError
        Both do not have the same number of documents.

    Examples
    --------
    >>> scores = entity_scores([[(0, 2, "PER"), (5, 6, "LOC")]], [[{"start": 0, "end": 2, "label": "PER"}]])
    >>> scores.micro.precision, scores.micro.recall, scores.labels["LOC"].f1
    (1.0, 0.5, 0.0)
    """
    if len(gold) != len(predicted):
        message = f"There are {len(gold)} documents with entities, but predictions for {len(predicted)}."
        raise ArgumentError(message)
    right, there, found = Counter[str](), Counter[str](), Counter[str]()
    for wanted, got in zip(gold, predicted, strict=True):
        true = {_triple(e, classes) for e in wanted}
        said = {_triple(e, classes) for e in got}
        there.update(label for _, _, label in true)
        found.update(label for _, _, label in said)
        right.update(label for _, _, label in true & said)
    each = {c: _score(right[c], found[c], there[c]) for c in sorted(there.keys() | found.keys())}
    total = sum(there.values())
    count = max(len(each), 1)
    macro = Score(
        sum(s.precision for s in each.values()) / count,
        sum(s.recall for s in each.values()) / count,
        sum(s.f1 for s in each.values()) / count,
        total,
    )
    return EntityScores(_score(sum(right.values()), sum(found.values()), total), macro, each)


def _score(right: int, found: int, there: int) -> Score:
    precision, recall = right / found if found else 0.0, right / there if there else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return Score(precision, recall, f1, there)


def _triple(entity: Any, classes: Sequence[str] | None) -> tuple[int, int, str]:
    if isinstance(entity, Mapping):
        start, end, label = entity["start"], entity["end"], entity["label"]
    elif hasattr(entity, "label"):
        start, end, label = entity.start, entity.end, entity.label
    else:
        start, end, label = entity
    name = label if isinstance(label, str) or classes is None else classes[int(label)]
    return int(start), int(end), str(name)
