"""Labels that may be wrong: where a model that has not seen them is sure of another one (confident learning)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.diagnostics.drawing import SOFT, STRONG, canvas
from alwidget.diagnostics.modelling import Model, borrowed
from alwidget.diagnostics.reading import least, only, read
from alwidget.errors import ArgumentError
from alwidget.strategies.functional.checks import as_array, as_probs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["LabelIssues", "confident_thresholds", "label_issues"]

FEWEST = 20


@dataclass(frozen=True, slots=True)
class LabelIssues:
    """The labelled documents, those first whose label is most likely wrong.

    Attributes
    ----------
    frame
        ``id``, ``text`` (of a session), ``label``, ``suggested`` (the label that the model would give), ``confidence``
        (the probability of the label that it has, by a model that has not learnt it), ``margin`` (that of the
        suggested label minus that: larger is worse), ``candidate`` (whether confident learning takes it for an issue).
    thresholds
        By label, the mean confidence of the documents that have it: from there on the model counts as sure of it. NaN
        for labels that nobody gave.
    model
        What was asked.
    """

    frame: pd.DataFrame
    thresholds: dict[str, float]
    model: str = ""

    @property
    def candidates(self) -> pd.DataFrame:
        """Those that are worth another look."""
        return self.frame[self.frame["candidate"]]

    def __len__(self) -> int:
        """Return how many are worth another look."""
        return int(self.frame["candidate"].sum())

    def plot(self) -> Figure:
        """Return a figure: how confident the model is of the labels, candidates apart.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (axes,) = canvas()
        shown = [self.frame.loc[self.frame["candidate"] == kind, "confidence"].to_numpy() for kind in (False, True)]
        edges = np.linspace(0, 1, 21)
        axes.hist(shown, bins=edges, stacked=True, color=[SOFT, STRONG], label=["agrees", "candidate"])
        axes.set(xlabel="probability of the label that it has", ylabel="documents", xlim=(0, 1))
        axes.legend(frameon=False, fontsize=8)
        return figure


def label_issues(
    session: Session | None = None,
    *,
    folds: int = 5,
    probs: Any = None,
    y: Any = None,
    classes: Any = None,
    ids: Any = None,
) -> LabelIssues:
    """Return the labelled documents whose label is most likely wrong first (Northcutt, Jiang & Chuang 2021).

    Parameters
    ----------
    session
        Of classification. Its model learns from all labels but a part, is asked about that part, and so on, and
        afterwards from all of them again.
    folds
        Into how many parts the labels are split.
    probs, y
        In place of a session: class probabilities by a model that has not learnt these documents, (n, C), and the
        label of each, int (n,).
    classes, ids
        What the rows say, of C and n entries.

    Returns
    -------
    LabelIssues
        `frame`, `candidates` and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        There are fewer than 20 labels, only one that was used, or the task is another.
    alwidget.errors.ArgumentError
        Neither or both of a session and arrays were given, or they do not fit.

    Notes
    -----
    The model counts as sure of a label from the mean confidence that it has in the documents with that label. A
    candidate is a document of which it is sure of another label, and more so than of its own where it is sure of that
    too. Documents that are only hard are candidates as well: these are to be looked at, not changed.

    Examples
    --------
    >>> probs = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]]
    >>> label_issues(probs=probs, y=[0, 0, 1, 1, 1]).candidates[["id", "label", "suggested"]].values.tolist()
    [[4, 1, 0]]
    """
    if (session is None) == (probs is None) or (probs is None) != (y is None):
        message = "label_issues takes a session, or probs= and y= of a model that has not learnt these documents."
        raise ArgumentError(message)
    if session is None:
        return _issues(probs, y, classes, ids)
    labels = read(session)
    only(labels, ("classification",), "label_issues")
    least(labels, FEWEST, "label_issues")
    training = labels.training

    def work(model: Model) -> tuple[np.ndarray, str]:
        found = np.empty((len(labels), len(training.classes)))
        for at, part in model.held_out(folds, lambda at: model.probs(training.indices[at])):
            found[at] = part
        return found, model.description

    found, model = borrowed(session, training, work)
    texts = [document.text for document in session.pool.documents(training.indices)]
    return _issues(found, training.y, training.classes, labels.ids, texts, model)


def confident_thresholds(probs: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the mean confidence of the documents with each label, float64 (C,); NaN where there are none.

    >>> confident_thresholds(np.array([[0.9, 0.1], [0.5, 0.5], [0.4, 0.6]]), np.array([0, 0, 1])).tolist()
    [0.7, 0.6]
    """
    c = probs.shape[1]
    counts = np.bincount(y, minlength=c)
    sums = np.bincount(y, weights=probs[np.arange(len(y)), y], minlength=c)
    found = np.full(c, np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    return found


def _issues(
    probs: Any, y: Any, classes: Any, ids: Any, texts: list[str] | None = None, model: str = ""
) -> LabelIssues:
    import pandas as pd

    p = as_probs(probs).astype(np.float64)
    n, c = p.shape
    given = as_array(y, "y")
    names = np.arange(c) if classes is None else np.asarray(classes, dtype=object)
    keys = list(range(n)) if ids is None else list(ids)
    good = given.shape == (n,) and given.dtype.kind in "iu" and ((given >= 0) & (given < c)).all()
    if not good or len(names) != c or len(keys) != n:
        message = f"y must be {n} whole numbers within 0 … {c - 1}, classes {c} names and ids {n}."
        raise ArgumentError(message)
    given = given.astype(np.int64)
    thresholds = confident_thresholds(p, given)
    sure = np.where(p >= thresholds - 1e-12, p, -1.0)  # the comparison with NaN is false
    most = sure.argmax(axis=1)
    rows = np.arange(n)
    candidate = (sure[rows, most] >= 0) & (most != given)
    others = p.copy()
    others[rows, given] = -1
    suggested = np.where(candidate, most, others.argmax(axis=1)) if c > 1 else given
    frame = pd.DataFrame(
        {
            "id": keys,
            **({} if texts is None else {"text": texts}),
            "label": names[given],
            "suggested": names[suggested],
            "confidence": p[rows, given],
            "margin": p[rows, suggested] - p[rows, given],
            "candidate": candidate,
        }
    )
    order = np.lexsort((rows, -frame["margin"].to_numpy(), ~candidate))
    named = {str(name): float(value) for name, value in zip(names, thresholds, strict=True)}
    return LabelIssues(frame.iloc[order].reset_index(drop=True), named, model)
