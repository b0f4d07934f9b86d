"""How good answers are that a model gave to documents whose true answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.reuse.cleaning import FEW, UNKNOWN, ErrorRate, bootstrapped, error_rate

if TYPE_CHECKING:
    from alwidget.reuse.labelling import Said
    from alwidget.reuse.material import Material
    from alwidget.tasks import Task

__all__ = ["AGREEMENT_OF", "Score", "by_confidence", "calibration", "labeller_error", "right_answers", "score"]

AGREEMENT_OF = 2000
"""Documents that agreement is read from at most."""
BINS = 10
FIFTHS = 5


@dataclass(frozen=True, slots=True)
class Score:
    """A score and its 95 % interval: accuracy in classification, else micro F1."""

    value: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def right_answers(task: Task, given: Sequence[Any], found: Sequence[Any]) -> np.ndarray:
    """Return what of each answer is right: int64 (n, 3), how much is right, was found, and was given.

    In classification each is one label; several labels and spans are counted.
    """
    rows = [_counted(task.name, one, other) for one, other in zip(given, found, strict=True)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def errors(
    task: Task, given: Sequence[Any], said: Sequence[Said | None], rng: np.random.Generator, weights: Any = None
) -> ErrorRate:
    """Return the error of answers with its interval: the share that is wrong, or one minus the micro F1.

    `weights` say how much each document stands for, (n,), known or not.
    """
    known = [i for i, one in enumerate(said) if one is not None]
    counts = right_answers(task, [given[i] for i in known], [one.value for one in said if one is not None])
    each = None if weights is None else np.asarray(weights)[known]
    if task.name == "classification":
        return error_rate(counts[:, 0] == 1, each)
    scaled = counts if each is None else counts * each[:, None]
    return bootstrapped(scaled[:, 0], scaled[:, 1], scaled[:, 2], rng)


def score(task: Task, given: Sequence[Any], said: Sequence[Said | None], rng: np.random.Generator) -> Score:
    """Return how much is right, with its interval."""
    error = errors(task, given, said, rng)
    return Score(1 - error.share, 1 - error.high, 1 - error.low, error.n)


def labeller_error(
    material: Material, said: Sequence[Said | None], pool: np.ndarray, rng: np.random.Generator
) -> ErrorRate:
    """Return the error of a labeller on the pool, from its answers to documents that it was not trained on.

    Documents that a strategy chose are harder than others. Where at least 30 were drawn at random, those alone are
    counted. Else all are, each for as many as the pool has of its confidence: of the same confidence the labeller is
    taken to be right as often there as here.

    Parameters
    ----------
    pool
        How sure it is of the documents that nobody has answered, (m,).
    """
    known = np.array([one is not None for one in said], dtype=bool)
    drawn = np.flatnonzero(known & material.drawn)
    which = drawn if len(drawn) >= FEW else np.flatnonzero(known)
    if not len(which):
        return ErrorRate(UNKNOWN, 0.0, 1.0, 0, "unknown")
    some, given = [said[int(i)] for i in which], [material.answers[int(i)] for i in which]
    if len(which) == len(drawn) or not len(pool):
        return errors(material.task, given, some, rng)
    weights = by_confidence(np.array([one.confidence for one in some if one is not None]), pool)
    error = errors(material.task, given, some, rng, weights)
    return replace(error, method=f"{error.method}, weighted by confidence")


def by_confidence(here: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return how many documents of the pool each document stands for, on average one, by fifths of the pool.

    >>> by_confidence(np.array([0.1, 0.1, 0.1, 0.9]), np.array([0.1, 0.9])).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    """
    edges = np.quantile(pool, np.linspace(0, 1, FIFTHS + 1)[1:-1])
    mine, theirs = (np.searchsorted(edges, sure, side="right") for sure in (here, pool))
    has, wants = (np.bincount(bins, minlength=FIFTHS) / len(bins) for bins in (mine, theirs))
    weights: np.ndarray = wants[mine] / has[mine]
    return weights / weights.mean() if weights.any() else np.ones(len(here))


def calibration(material: Material, said: Sequence[Said | None]) -> list[dict[str, float]]:
    """Return for each tenth of confidence its mean, and how often all of an answer is right."""
    known = [(material.answers[i], one) for i, one in enumerate(said) if one is not None]
    if not known:
        return []
    counts = right_answers(material.task, [given for given, _ in known], [one.value for _, one in known])
    right = (counts[:, 0] == counts[:, 1]) & (counts[:, 0] == counts[:, 2])
    sure = np.array([one.confidence for _, one in known])
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    out = []
    for number in np.unique(bins):
        here = bins == number
        rate = error_rate(right[here])
        row = {"confidence": sure[here].mean(), "right": 1 - rate.share, "low": 1 - rate.high, "high": 1 - rate.low}
        out.append({**{name: float(value) for name, value in row.items()}, "n": int(here.sum())})
    return out


def _counted(task: str, given: Any, found: Any) -> tuple[int, int, int]:
    if task == "classification":
        return int(given == found), 1, 1
    one, other = (set(map(_part, value)) for value in (given, found))
    return len(one & other), len(other), len(one)


def _part(value: Any) -> Any:
    return (value["start"], value["end"], value["label"]) if isinstance(value, dict) else value
