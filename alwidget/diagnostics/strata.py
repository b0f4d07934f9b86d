"""Tests apart by difficulty and by source: where a model is good, and whether it travels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.diagnostics.drawing import COLOURS, SOFT, STRONG, canvas
from alwidget.diagnostics.intervals import Estimate, wilson
from alwidget.diagnostics.maps import DIFFICULTIES, difficulty
from alwidget.diagnostics.modelling import Model, borrowed, dynamics_of
from alwidget.diagnostics.reading import least, only, read
from alwidget.errors import ArgumentError, SessionError
from alwidget.learners.base import Batch
from alwidget.pool import content_hash

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["Sources", "Strata", "leave_one_source_out", "stratified"]

TASKS = ("classification", "multilabel")
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Strata:
    """Test scores by difficulty.

    Attributes
    ----------
    frame
        A row for each difficulty, and for each source and difficulty where there are sources: ``source`` (``"all"``),
        ``difficulty``, ``documents``, ``accuracy``, ``low``, ``high`` (95 %, Wilson); NaN where there are none.
    documents
        A row for each test document: ``confidence``, ``difficulty``, ``right``, ``source``.
    """

    frame: pd.DataFrame
    documents: pd.DataFrame

    def plot(self) -> Figure:
        """Return the scores and their intervals as a figure.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (axes,) = canvas()
        rows = self.frame[self.frame["source"] == "all"]
        for at, row in enumerate(rows.itertuples()):
            axes.bar([at], [row.accuracy], color=COLOURS[row.difficulty])
            axes.plot([at, at], [row.low, row.high], color="black", linewidth=1)
        axes.set_xticks(range(len(rows)), [f"{row.difficulty}\n{row.documents}" for row in rows.itertuples()])
        axes.set(ylim=(0, 1), ylabel="accuracy")
        return figure


@dataclass(frozen=True, slots=True)
class Sources:
    """How well a model that never saw a source does on it.

    Attributes
    ----------
    frame
        A row for each source: ``documents``, ``learnt_from`` (how many of other sources), ``accuracy``, ``low``,
        ``high`` (95 %, Wilson) of the model that learnt from the others; ``within``: of one that learnt from all, by
        cross-validation.
    """

    frame: pd.DataFrame

    def plot(self) -> Figure:
        """Return both scores of every source as a figure.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (axes,) = canvas()
        places = np.arange(len(self.frame))
        axes.bar(places - 0.2, self.frame["within"], width=0.4, color=SOFT, label="learnt from all")
        axes.bar(places + 0.2, self.frame["accuracy"], width=0.4, color=STRONG, label="never saw it")
        axes.vlines(places + 0.2, self.frame["low"], self.frame["high"], color="black", linewidth=1)
        axes.set_xticks(places, list(self.frame.index), rotation=30, ha="right")
        axes.set(ylim=(0, 1), ylabel="answers that the model foresees")
        axes.legend(frameon=False, fontsize=8)
        return figure


def stratified(
    session: Session | None = None,
    texts: Sequence[str] | None = None,
    answers: Sequence[Any] | None = None,
    *,
    text_pair: Sequence[str] | None = None,
    confidence: Any = None,
    right: Any = None,
    sources: Sequence[Any] | None = None,
) -> Strata:
    """Return test scores by the difficulty of the test documents (Snijders, Kiela & Margatina 2023).

    Parameters
    ----------
    session
        Of classification; its model is tested.
    texts, answers, text_pair
        The test documents, second texts where documents are pairs, and their true labels.
    confidence, right
        In place of these: the mean confidence of each test document on its data map, (n,), and whether the model was
        right, bool (n,).
    sources
        The source of each test document.

    Returns
    -------
    Strata
        `frame` and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        There is nothing to learn from.
    alwidget.errors.ArgumentError
        Arrays do not fit, or a label is none of the session's.

    Notes
    -----
    How difficult a document is, a model tells that learns the test set itself; it is the session's, which afterwards
    learns from the session's labels again. Never choose documents by this: it has seen the answers.

    Examples
    --------
    >>> found = stratified(confidence=[0.9, 0.8, 0.3, 0.1], right=[True, True, True, False])
    >>> found.frame[["difficulty", "documents", "accuracy"]].values.tolist()[0]
    ['easy', 2, 1.0]
    """
    if session is None:
        if confidence is None or right is None:
            message = "stratified takes a session with texts and answers, or confidence= and right= of test documents."
            raise ArgumentError(message)
        return _strata(np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool), sources)
    if texts is None or answers is None or confidence is not None or right is not None:
        message = "stratified(session, texts, answers) takes both, and neither confidence= nor right= beside them."
        raise ArgumentError(message)
    labels = read(session)
    only(labels, ("classification",), "stratified")
    least(labels, 1, "stratified")
    classes = labels.training.classes
    unknown = sorted({str(answer) for answer in answers if answer not in classes})
    lengths = {len(texts), len(answers), len(text_pair if text_pair is not None else texts)}
    if unknown or len(lengths) != 1 or not len(texts):
        message = f"Each test document needs one of the session's labels {classes}: {len(texts)} texts, "
        message += f"{len(answers)} answers{', unknown: ' + ', '.join(unknown) if unknown else ''}."
        raise ArgumentError(message)
    y = np.array([classes.index(answer) for answer in answers], dtype=np.int64)
    pairs = None if text_pair is None else list(text_pair)
    keys = [content_hash(text, None if pairs is None else pairs[i] or None) for i, text in enumerate(texts)]
    batch = Batch(list(texts), keys, pairs)

    def work(model: Model) -> tuple[np.ndarray, np.ndarray]:
        model.fit()
        hits = model.learner.predict_proba(batch).argmax(axis=1) == y
        dynamics = dynamics_of(model.train(batch, y), keys, model.description)
        return dynamics.gold.astype(np.float64).mean(axis=0), hits

    mean, hits = borrowed(session, labels.training, work)
    return _strata(mean, hits, sources)


def leave_one_source_out(session: Session, *, folds: int = 5) -> Sources:
    """Return how well a model does on each source that learnt from all others only.

    Parameters
    ----------
    session
        Of one or several labels, whose documents have sources (``source=`` of `alwidget.annotate`).
    folds
        Of the cross-validation that the comparison within all sources comes from.

    Returns
    -------
    Sources
        `frame` and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        There are fewer than two sources, or too few labels.

    Notes
    -----
    Measured on the labelled documents, which a strategy may have chosen because they are hard: compare the two scores
    of a source, not sources with a test set.
    """
    import pandas as pd

    labels = read(session)
    only(labels, TASKS, "leave_one_source_out")
    least(labels, FEWEST, "leave_one_source_out")
    own = np.array([] if labels.sources is None else [str(s) if s is not None else "" for s in labels.sources])
    names = sorted(set(own.tolist()))
    if len(names) < 2:  # noqa: PLR2004  one to leave out and one to learn from
        message = f"The labelled documents are of {len(names) or 'no'} source; annotate(source=…) names their column."
        raise SessionError(message)

    def work(model: Model) -> dict[str, dict[str, float]]:
        within = np.zeros(len(labels), dtype=bool)
        for at, hits in model.held_out(folds, model.right):
            within[at] = hits
        rows = {}
        for name in names:
            mine, others = np.flatnonzero(own == name), np.flatnonzero(own != name)
            model.fit(others)
            found = wilson(int(model.right(mine).sum()), len(mine))
            rows[name] = {
                "documents": len(mine),
                "learnt_from": len(others),
                **dict(zip(("accuracy", "low", "high"), found[:3], strict=True)),
                "within": float(within[mine].mean()),
            }
        return rows

    frame = pd.DataFrame.from_dict(borrowed(session, labels.training, work), orient="index")
    return Sources(frame.astype({"documents": int, "learnt_from": int}))


def _strata(confidence: np.ndarray, right: np.ndarray, sources: Sequence[Any] | None) -> Strata:
    import pandas as pd

    n = len(confidence)
    own = np.array(["all"] * n if sources is None else [str(source) for source in sources], dtype=object)
    if right.shape != (n,) or confidence.shape != (n,) or len(own) != n or not n:
        message = f"confidence, right and sources must be of the same documents, got {n}, {len(right)}, {len(own)}."
        raise ArgumentError(message)
    names = difficulty(confidence)
    groups = [("all", np.ones(n, dtype=bool))]
    groups += [] if sources is None else [(name, own == name) for name in sorted(set(own.tolist()))]
    rows = []
    for source, members in groups:
        for name in DIFFICULTIES:
            some = right[members & (names == name)]
            found = wilson(int(some.sum()), len(some)) if len(some) else Estimate(math.nan, math.nan, math.nan, 0)
            rows.append([source, name, len(some), *found[:3]])
    frame = pd.DataFrame(rows, columns=["source", "difficulty", "documents", "accuracy", "low", "high"])
    documents = pd.DataFrame({"confidence": confidence, "difficulty": names, "right": right})
    documents["source"] = None if sources is None else own
    return Strata(frame, documents)
