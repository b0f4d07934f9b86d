"""Whether to go on: criteria of the literature as numbers, and advice with its reason and price. Never automatic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alwidget.diagnostics.drawing import SOFT, STRONG, canvas
from alwidget.diagnostics.forecast import Forecast, forecast
from alwidget.diagnostics.intervals import wilson
from alwidget.diagnostics.modelling import Model, borrowed, folds_of, part
from alwidget.diagnostics.raters import cohen_kappa
from alwidget.diagnostics.reading import Labels, least, only, read
from alwidget.engine.warmup import reading_order
from alwidget.errors import ArgumentError, near_miss
from alwidget.strategies.functional import entropy
from alwidget.strategies.functional.checks import as_probs, as_sigmoids

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["Advice", "classification_change", "kappa_average", "overall_uncertainty", "should_stop"]

TASKS = ("classification", "multilabel")
CRITERIA = ("kappa", "change", "uncertainty", "plateau")
FEWEST = 30
WINDOW = 3
STEADY = 0.99
CERTAIN = 0.05
STOP_SET = 2000
POINTS = 6
ENOUGH_AT_RANDOM = 20
PAUSE = 300.0
"""Seconds between two answers that are no longer work on one document."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether more labels are worth it.

    Attributes
    ----------
    stop
        The suggestion.
    reason
        It in one sentence, with what it rests on and what going on would cost.
    kappa
        Mean Cohen's kappa between successive models on unlabelled documents; NaN where there are none.
    change
        The share of those documents to which the newest model gives another answer than the one before.
    uncertainty
        The mean entropy of its answers, 0 … 1.
    forecast
        What the next labels would bring; None where no curve could be measured.
    minutes
        What they would take at the pace of this session; None where it is not known.
    met
        Which criteria say stop.
    curve
        ``labels``, ``score``, ``low``, ``high``: how good models of so many labels were on documents held out.
    notes
        What a person should know when they read it.
    """

    stop: bool
    reason: str
    kappa: float
    change: float
    uncertainty: float
    forecast: Forecast | None
    minutes: float | None
    met: tuple[str, ...]
    curve: pd.DataFrame
    notes: tuple[str, ...] = ()

    def plot(self) -> Figure:
        """Return the learning curve, the law through it, and where it leads, as a figure.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (axes,) = canvas()
        n, score = self.curve["labels"], self.curve["score"]
        axes.errorbar(
            n, score, [score - self.curve["low"], self.curve["high"] - score], fmt="o", color=STRONG, capsize=2
        )
        if self.forecast is not None:
            line = np.linspace(float(n.min()), self.forecast.labels, 100)
            axes.plot(line, [float(self.forecast.law.at(x)[0]) for x in line], color=SOFT)
            ends = [[self.forecast.score - self.forecast.low], [self.forecast.high - self.forecast.score]]
            axes.errorbar([self.forecast.labels], [self.forecast.score], ends, fmt="s", color=SOFT, capsize=2)
        axes.set(xlabel="labels", ylabel="answers that the model foresees")
        return figure


def kappa_average(predictions: Sequence[Any], window: int = WINDOW) -> float:
    """Return how steady the answers of successive models are (Bloodgood & Vijay-Shanker 2009).

    Parameters
    ----------
    predictions
        What each model says of the same documents, oldest first: M lists of n answers, M ≥ 2.
    window
        How many of the newest agreements are averaged; fewer where there are no more.

    Returns
    -------
    float
        Mean Cohen's kappa; models that say the same of everything agree, 1.

    Examples
    --------
    >>> kappa_average([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]])
    1.0
    """
    if len(predictions) < 2:  # noqa: PLR2004
        message = f"kappa_average needs the answers of two models or more, got {len(predictions)}."
        raise ArgumentError(message)
    pairs = list(pairwise(predictions))[-window:]
    return float(np.mean([cohen_kappa(list(one), list(other)) for one, other in pairs]))


def classification_change(before: Any, after: Any) -> float:
    """Return the share of documents whose answer changed from one model to the next (Zhu, Wang & Hovy 2008).

    >>> classification_change(["a", "b", "b", "b"], ["a", "b", "b", "a"])
    0.25
    """
    if len(before) != len(after) or not len(before):
        message = f"Both models must have answered the same documents, got {len(before)} and {len(after)} answers."
        raise ArgumentError(message)
    return float(np.mean([one != other for one, other in zip(before, after, strict=True)]))


def overall_uncertainty(probs: Any, *, multilabel: bool = False) -> float:
    """Return the mean entropy of a model's answers, 0 (sure of all) … 1 (of nothing) (Zhu, Wang & Hovy 2008).

    Parameters
    ----------
    probs
        Class probabilities, (N, C); with `multilabel` a probability for each label on its own.

    Examples
    --------
    >>> round(overall_uncertainty([[0.9, 0.1], [0.99, 0.01]]), 6)
    0.274894
    """
    p = as_sigmoids(probs) if multilabel else as_probs(probs)
    if multilabel:
        return float(entropy(p, multilabel=True).mean() / (p.shape[1] * math.log(2)))
    return float(entropy(p).mean()) / math.log(p.shape[1]) if p.shape[1] > 1 else 0.0


def should_stop(
    session: Session,
    *,
    ahead: int | None = None,
    worth: float = 0.01,
    criteria: Sequence[str] = ("kappa", "plateau"),
    combine: str = "any",
    folds: int = 5,
) -> Advice:
    """Return advice whether to go on labelling, with its reason and what it would cost.

    Parameters
    ----------
    session
        Of one or several labels a document.
    ahead
        How many more labels to look ahead; by default a batch.
    worth
        The gain in score for which so many labels are worth it.
    criteria, combine
        What speaks for stopping, and whether ``"any"`` or ``"all"`` of it must. ``"kappa"``: successive models agree,
        0.99 on average over the last three; ``"change"``: no answer changed with the last batch; ``"uncertainty"``:
        mean entropy below 0.05; ``"plateau"``: `ahead` labels bring less than `worth`, even at the upper end of the
        interval.
    folds
        Into how many parts labels are split to measure the curve.

    Returns
    -------
    Advice
        The numbers, `reason`, and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        There are fewer than 30 labels.
    alwidget.errors.ArgumentError
        A criterion does not exist.

    Notes
    -----
    Models of the labels as they came in are trained anew: four for the agreement, and `folds` for each of six points
    of the curve, between the engine's rounds. The curve is measured on documents drawn at random where there are
    twenty, else on all labelled ones, which a strategy chose because they are hard: then it lies too low.
    """
    unknown = [name for name in criteria if name not in CRITERIA]
    if unknown or not criteria or combine not in ("any", "all"):
        hint = near_miss(unknown[0], CRITERIA) if unknown else ""
        message = f'criteria are some of {", ".join(CRITERIA)}, combined by "any" or "all"; got {criteria!r}.{hint}'
        raise ArgumentError(message)
    labels = read(session)
    only(labels, TASKS, "should_stop")
    least(labels, FEWEST, "should_stop")
    batch = session.batch_size if ahead is None else ahead
    order = np.argsort(np.array([a.time for a in labels.answers]), kind="stable")
    measured = borrowed(session, labels.training, lambda model: _measured(session, model, labels, order, batch, folds))
    found, notes = measured.forecast(len(labels), batch, session.engine.seed), list(measured.notes)
    holds = {
        "kappa": measured.kappa >= STEADY,
        "change": measured.change <= 0,
        "uncertainty": measured.uncertainty < CERTAIN,
        "plateau": found is not None and found.gain_high < worth,
    }
    met = tuple(name for name in CRITERIA if holds[name])
    stop = (any if combine == "any" else all)(holds[name] for name in criteria)
    pace = _pace(labels)
    minutes = None if pace is None else pace * batch / 60
    reason = _reason([n for n in criteria if holds[n]] if stop else [], measured, found, batch, minutes)
    advice = (stop, reason, measured.kappa, measured.change, measured.uncertainty, found, minutes, met)
    return Advice(*advice, measured.curve(), tuple(notes))


class _Measured(NamedTuple):
    kappa: float
    change: float
    uncertainty: float
    sizes: np.ndarray
    right: np.ndarray
    notes: tuple[str, ...]

    def forecast(self, now: int, batch: int, seed: int) -> Forecast | None:
        # a model of all labels has seen more than the last point, which left a part of them out
        points = len(np.unique(self.sizes)) >= 3 and self.right.size  # noqa: PLR2004
        return forecast(self.sizes, self.right, now, now + batch, seed=seed) if points else None

    def curve(self) -> pd.DataFrame:
        import pandas as pd

        rows = [wilson(int(hits.sum()), len(hits)) for hits in self.right if len(hits)]
        columns = {name: [row[i] for row in rows] for i, name in enumerate(("score", "low", "high"))}
        return pd.DataFrame({"labels": self.sizes[: len(rows)], **columns})


def _measured(session: Session, model: Model, labels: Labels, order: np.ndarray, batch: int, folds: int) -> _Measured:
    notes = []
    reading = reading_order(len(session.pool), session.engine.seed)
    stop_set = reading[~np.isin(reading, labels.training.indices)][:STOP_SET]
    kappa = change = uncertainty = math.nan
    if len(stop_set):
        documents, n = model.documents(stop_set), len(labels)
        step = max(1, min(batch, n // (WINDOW + 2)))
        answers = []
        for size in range(n - WINDOW * step, n + 1, step):
            model.fit(np.sort(order[:size]))
            answers.append([str(value) for value in model.values(documents)])
        kappa, change = kappa_average(answers), classification_change(*answers[-2:])
        model.fit()
        probs = model.probs(stop_set)
        uncertainty = overall_uncertainty(probs, multilabel=labels.training.task == "multilabel")
    else:
        notes.append("No unlabelled documents are at hand, so that successive models could not be compared.")
    drawn = np.array([a.why is not None and a.why.strategy == "random" for a in labels.answers])
    if drawn.sum() < ENOUGH_AT_RANDOM:
        notes.append("The curve is measured on documents that a strategy chose, too; on all documents it is higher.")
        drawn[:] = True
    return _Measured(kappa, change, uncertainty, *_curve(model, labels, order, drawn, folds), tuple(notes))


def _curve(
    model: Model, labels: Labels, order: np.ndarray, drawn: np.ndarray, folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many labels each point had, (P,), and who of the measured documents was foreseen there, (P, n)."""
    n, kept = len(labels), []
    for size in np.unique(np.geomspace(max(10, n // 10), n, POINTS).round().astype(int)):
        first = np.sort(order[:size])
        if part(labels.training, first).teaches:
            kept.append(first)
    right = np.zeros((len(kept), n), dtype=bool)
    seen = np.zeros(len(kept))
    parts = folds_of(labels.training, folds, 0)
    for fold in parts:
        asked = fold[drawn[fold]]
        for row, first in enumerate(kept):
            learnt = np.setdiff1d(first, fold)
            seen[row] += len(learnt) / len(parts)
            if len(asked) and len(learnt):
                model.fit(learnt)
                right[row, asked] = model.right(asked)
    return seen, right[:, drawn]


def _pace(labels: Labels) -> float | None:
    """Return the median of the seconds that an answer took; where nobody measured them, from the times of answers."""
    told = [a.seconds for a in labels.answers if a.seconds is not None and a.origin != "imported"]
    if told:
        return float(np.median(told))
    moments: dict[str, list[float]] = {}
    for answer in sorted(labels.answers, key=lambda a: a.time):
        if answer.origin != "imported" and answer.time:
            moments.setdefault(answer.annotator, []).append(datetime.fromisoformat(answer.time).timestamp())
    gaps = np.concatenate([np.diff(each) for each in moments.values()]) if moments else np.empty(0)
    gaps = gaps[(gaps > 0) & (gaps <= PAUSE)]
    return float(np.median(gaps)) if len(gaps) else None


def _reason(met: list[str], measured: _Measured, found: Forecast | None, batch: int, minutes: float | None) -> str:
    why = {
        "kappa": f"successive models agree (kappa {measured.kappa:.3f})",
        "change": "the last labels changed no answer",
        "uncertainty": f"the model is sure of its answers (mean entropy {measured.uncertainty:.3f})",
        "plateau": "the learning curve is flat",
    }
    cost = "an unknown time" if minutes is None else f"about {max(minutes, 0.1):.2g} minutes"
    price = f"{batch} more labels take {cost}"
    if found is not None:
        ends = f"{100 * found.gain_low:.1f} … {100 * found.gain_high:.1f}"
        price += f" and would bring about {100 * found.gain:.1f} points ({ends})"
    if met:
        return f"Stop: {' and '.join(why[name] for name in met)}; {price}."
    return f"Go on: {price}."
