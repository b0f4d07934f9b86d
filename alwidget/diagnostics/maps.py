"""Data maps: what is easy, ambiguous and hard to learn among the labelled documents, and what to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.diagnostics.drawing import COLOURS, canvas
from alwidget.diagnostics.modelling import Model, borrowed, dynamics_of
from alwidget.diagnostics.reading import least, read
from alwidget.errors import ArgumentError, near_miss
from alwidget.learners.base import Dynamics
from alwidget.strategies.functional import data_map
from alwidget.strategies.functional.checks import as_array

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["DIFFICULTIES", "DocumentMap", "Outliers", "datamap", "difficulty"]

DIFFICULTIES = ("easy", "medium", "hard", "impossible")
BORDERS = (0.75, 0.5, 0.25)
RULES = ("product", "low_conf")
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Outliers:
    """What an ablation leaves out.

    Attributes
    ----------
    frame
        The rows of the map that fall, as they stand there.
    rule, share
        By what they were chosen.
    easy
        How many of them are easy. The product of confidence and variability is small also where a model was sure from
        the start, so that this rule removes documents that are no outliers at all.
    """

    frame: pd.DataFrame
    rule: str
    share: float
    easy: int

    def __len__(self) -> int:
        """Return how many documents fall."""
        return len(self.frame)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each difficulty fall."""
        return {name: int((self.frame["difficulty"] == name).sum()) for name in DIFFICULTIES}

    @property
    def note(self) -> str:
        """The same in one line."""
        fallen = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        return f'rule="{self.rule}" leaves out {len(self)} documents: {fallen or "none"}.'


@dataclass(frozen=True, slots=True)
class DocumentMap:
    """The data map of some labelled documents.

    Attributes
    ----------
    frame
        A row for each document: ``id``, ``label``, ``source``, ``confidence`` (mean probability of its label over the
        epochs), ``variability`` (its population standard deviation), ``correctness`` (the share of epochs in which the
        model was right), ``difficulty``.
    epochs
        How many measurements were made.
    model
        What learnt them.
    """

    frame: pd.DataFrame
    epochs: int
    model: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many documents are of each difficulty."""
        return {name: int((self.frame["difficulty"] == name).sum()) for name in DIFFICULTIES}

    def outliers(self, rule: str = "product", *, share: float = 0.25, by: str | None = "source") -> Outliers:
        """Return what an ablation of outliers would leave out (Karamcheti et al. 2021; Snijders et al. 2023).

        Parameters
        ----------
        rule
            ``"product"``, the papers': of each group the `share` with the smallest product of confidence and
            variability. ``"low_conf"``: all that are hard or impossible; `share` has no say.
        share
            0 … 1; of a group of n the ``int(share * n)`` smallest fall, equal ones in the order of the map.
        by
            The column whose values are groups of their own, ``None`` for one group of all.

        Raises
        ------
        alwidget.errors.ArgumentError
            The rule or the column does not exist, or the share is none.
        """
        import pandas as pd

        frame = self.frame
        if rule not in RULES:
            message = f'rule must be "product" or "low_conf", got {rule!r}.{near_miss(str(rule), RULES)}'
            raise ArgumentError(message)
        if not 0 <= share <= 1 or (by is not None and by not in frame):
            message = f"share must lie within 0 … 1 and by be a column of {', '.join(frame)}, got {share!r}, {by!r}."
            raise ArgumentError(message)
        if rule == "low_conf":
            at = np.flatnonzero(frame["difficulty"].isin(("hard", "impossible")))
        else:
            product = (frame["confidence"] * frame["variability"]).to_numpy()
            groups = pd.factorize(frame[by].fillna(""))[0] if by is not None else np.zeros(len(frame), dtype=int)
            fallen = [
                members[np.argsort(product[members], kind="stable")[: int(share * len(members))]]
                for members in (np.flatnonzero(groups == group) for group in np.unique(groups))
            ]
            at = np.sort(np.concatenate(fallen)) if fallen else np.empty(0, dtype=int)
        out = frame.iloc[at]
        return Outliers(out, rule, float(share), int((out["difficulty"] == "easy").sum()))

    def plot(self) -> Figure:
        """Return the map as a figure: variability to the right, confidence upwards, colours by difficulty.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (axes, shares) = canvas(2)
        for name in DIFFICULTIES:
            some = self.frame[self.frame["difficulty"] == name]
            axes.scatter(some["variability"], some["confidence"], s=9, alpha=0.6, color=COLOURS[name], label=name)
        axes.set(xlabel="variability", ylabel="confidence", ylim=(-0.02, 1.02))
        axes.set_title(f"{len(self.frame):,} labelled documents, {self.epochs} epochs", fontsize=10)
        axes.legend(frameon=False, fontsize=8)
        counts = self.counts
        shares.bar(range(len(counts)), counts.values(), color=[COLOURS[name] for name in counts])
        shares.set_xticks(range(len(counts)), list(counts))
        shares.set_ylabel("documents")
        return figure


def datamap(
    session: Session | None = None,
    *,
    gold: Any = None,
    correct: Any = None,
    ids: Any = None,
    labels: Any = None,
    sources: Any = None,
) -> DocumentMap:
    """Return the data map of the labelled documents (Swayamdipta et al. 2020).

    Parameters
    ----------
    session
        Of any task whose model keeps its training dynamics; those of its last round are taken where it learnt from
        just these labels, else it learns from them once more. Of a document with spans it is the mean over its words.
    gold, correct
        In place of a session: the probability of the right answer at the end of each epoch, dropout off, (E, n), and
        whether the model was right, bool (E, n).
    ids, labels, sources
        What the rows of the map say of each document, (n,).

    Returns
    -------
    DocumentMap
        `frame`, `counts`, `outliers()` and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        There is too little to learn from.
    alwidget.errors.ModelError
        The model keeps no dynamics.
    alwidget.errors.ArgumentError
        Neither or both of a session and arrays were given.

    Examples
    --------
    >>> found = datamap(gold=[[0.2], [0.6], [0.9]], correct=[[False], [True], [True]])
    >>> row = found.frame.iloc[0]
    >>> round(float(row["confidence"]), 6), round(float(row["variability"]), 6), row["difficulty"]
    (0.566667, 0.286744, 'medium')
    """
    if (session is None) == (gold is None) or (gold is None) != (correct is None):
        message = "datamap takes a session, or gold= and correct= of a training run."
        raise ArgumentError(message)
    if session is None:
        return _map(gold, correct, ids, labels, sources, "")
    known = read(session)
    least(known, FEWEST, "A data map")
    training = known.training
    keys = session.pool.keys(training.indices)
    report = session.engine.report_on(training)
    if report is not None and report.dynamics is not None:
        dynamics, model = dynamics_of(report, keys, ""), session.status.model
    else:

        def learn(model: Model) -> tuple[Dynamics, str]:
            return dynamics_of(model.fit(), keys, model.description), model.description

        dynamics, model = borrowed(session, training, learn)
    return _map(dynamics.gold, dynamics.correct, known.ids, known.names, known.sources, model)


def difficulty(confidence: Any) -> np.ndarray:
    """Return the class of each document by its mean confidence, as text (n,).

    Easy from .75, medium from .5, hard from .25, impossible below: every border belongs to the class above it.

    Examples
    --------
    >>> difficulty([0.75, 0.5, 0.25, 0.2499]).tolist()
    ['easy', 'medium', 'hard', 'impossible']
    """
    values = as_array(confidence, "confidence")
    if not bool(((values >= 0) & (values <= 1 + 1e-3)).all()):
        message = "confidence must be mean probabilities within [0, 1]."
        raise ArgumentError(message)
    names: np.ndarray = np.array(DIFFICULTIES)[np.sum([values < border for border in BORDERS], axis=0)]
    return names


def _map(gold: Any, correct: Any, ids: Any, labels: Any, sources: Any, model: str) -> DocumentMap:
    import pandas as pd

    found = data_map(gold, correct)
    n = len(found.confidence)
    columns: dict[str, Any] = {
        "id": list(range(n)) if ids is None else list(ids),
        "label": [None] * n if labels is None else list(labels),
        "source": [None] * n if sources is None else list(sources),
        "confidence": found.confidence,
        "variability": found.variability,
        "correctness": found.correctness,
        "difficulty": difficulty(found.confidence),
    }
    wrong = [name for name, column in columns.items() if len(column) != n]
    if wrong:
        message = f"{', '.join(wrong)} must have one entry for each of the {n} documents."
        raise ArgumentError(message)
    return DocumentMap(pd.DataFrame(columns), len(np.asarray(gold)), model)
