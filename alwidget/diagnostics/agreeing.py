"""How far the people of a session agree, and whom to believe where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.diagnostics.drawing import STRONG, canvas
from alwidget.diagnostics.raters import NOBODY, Skill, as_votes, cohen_kappa, dawid_skene, fleiss_kappa
from alwidget.diagnostics.raters import krippendorff_alpha as alpha
from alwidget.errors import ArgumentError, SessionError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["Agreement", "agreement"]

TASKS = ("classification", "multilabel")
SETTLED = 0.8
DECISIONS = frozenset({"annotate", "skip", "clear"})


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of several annotators.

    Attributes
    ----------
    votes
        What each said: a row for each document (with several labels, for each document and label: yes or no), a column
        for each annotator, None where there is nothing.
    alpha
        Krippendorff's alpha, nominal: 1 where all agree, 0 as by chance. It takes documents with any number of votes.
    fleiss
        Fleiss' kappa over the documents that everybody answered; NaN where there are none.
    pairs
        A row for each two annotators: ``one``, ``other``, ``documents`` that both answered, ``agree`` (the share on
        which they said the same) and Cohen's ``kappa``; NaN where both answered none.
    annotators
        A row for each annotator: ``documents``, and ``accuracy``: how often they are right, as Dawid and Skene's model
        sees it.
    consensus
        A row for each document: the most probable ``answer``, its ``probability``, the number of ``votes``.
    skill
        That model, with a confusion matrix for each annotator.
    """

    votes: pd.DataFrame
    alpha: float
    fleiss: float
    pairs: pd.DataFrame
    annotators: pd.DataFrame
    consensus: pd.DataFrame
    skill: Skill

    @property
    def disputed(self) -> pd.DataFrame:
        """Documents to ask one more person about: no answer is as probable as 0.8; the least sure first."""
        unsure = self.consensus[self.consensus["probability"] < SETTLED]
        return unsure.sort_values("probability", kind="stable")

    def plot(self) -> Figure:
        """Return a figure: kappa of every two annotators, and how often each is right.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (matrix, bars) = canvas(2)
        names = list(self.annotators.index)
        kappa = np.eye(len(names))
        for row in self.pairs.itertuples():
            at = names.index(row.one), names.index(row.other)
            kappa[at] = kappa[at[::-1]] = row.kappa
        matrix.imshow(kappa, vmin=-1, vmax=1, cmap="RdBu")
        for i, j in np.ndindex(kappa.shape):
            shown = "–" if math.isnan(kappa[i, j]) else f"{kappa[i, j]:.2f}"
            matrix.text(j, i, shown, ha="center", va="center", fontsize=8)
        for ticks in (matrix.set_xticks, matrix.set_yticks):
            ticks(range(len(names)), names)
        matrix.set_title("Cohen's kappa", fontsize=10)
        bars.barh(range(len(names)), self.annotators["accuracy"], color=STRONG)
        bars.set_yticks(range(len(names)), names)
        bars.set(xlim=(0, 1), xlabel="probably right")
        return figure


def agreement(source: Any, *, smoothing: float = 0.01) -> Agreement:
    """Return how far several annotators agree.

    Parameters
    ----------
    source
        A session of one or several labels, of which all logs are read, whoever wrote them; or a DataFrame or dict of
        columns, one an annotator, whose rows are documents, None where there is no vote.
    smoothing
        Of `alwidget.diagnostics.raters.dawid_skene`.

    Returns
    -------
    Agreement
        The measures, a consensus, `disputed` documents, and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        Fewer than two people answered, no document was answered by two, or the task is another.
    alwidget.errors.ArgumentError
        The table has fewer than two columns, or no row with two votes.

    Examples
    --------
    >>> found = agreement({"ana": [0, 0, 1, 1], "ben": [0, 1, 1, 1]})
    >>> round(found.alpha, 6)
    0.533333
    """
    import pandas as pd

    if hasattr(source, "log"):
        return _measured(_votes(source), smoothing, SessionError)
    try:
        table = pd.DataFrame(source, dtype=object)
    except (TypeError, ValueError) as error:
        message = f"agreement takes a session, or a table with a column for each annotator: {error}"
        raise ArgumentError(message) from error
    return _measured(table.where(table.notna(), None), smoothing, ArgumentError)


def _votes(session: Session) -> pd.DataFrame:
    """Return what every annotator said last of every document, and has not taken back."""
    import pandas as pd

    task = session.task.name
    if task not in TASKS:
        message = f'agreement is for task="classification" or task="multilabel"; this session has task="{task}".'
        raise SessionError(message)
    session.log.refresh()
    last: dict[tuple[str, str], Any] = {}
    for entry in session.history(limit=None):
        if not entry.undone and entry.event in DECISIONS and entry.id is not None and entry.origin != "imported":
            last.setdefault((entry.id, entry.annotator), entry.value if entry.event == "annotate" else None)
    said: dict[Any, dict[str, Any]] = {}
    for (doc, who), value in last.items():
        if value is None:
            continue
        if task == "classification":
            said.setdefault(doc, {})[who] = value
            continue
        for label in session.labels:
            said.setdefault((doc, label), {})[who] = label in value
    people = sorted({who for votes in said.values() for who in votes})
    rows = [[votes.get(who) for who in people] for votes in said.values()]
    frame = pd.DataFrame(rows, index=_index(list(said)), columns=people, dtype=object)
    return frame.where(frame.notna(), None).sort_index(kind="stable")


def _index(keys: list[Any]) -> Any:
    import pandas as pd

    return pd.MultiIndex.from_tuples(keys, names=["id", "label"]) if keys and isinstance(keys[0], tuple) else keys


def _measured(votes: pd.DataFrame, smoothing: float, error: type[SessionError | ArgumentError]) -> Agreement:
    import pandas as pd

    votes = votes[votes.notna().any(axis=1)]
    if votes.shape[1] < 2 or not (votes.notna().sum(axis=1) > 1).any():  # noqa: PLR2004
        message = (
            f"Agreement needs documents that two people answered; {votes.shape[1]} answered here, and no document "
            "twice. Open the session with annotator=… for each, and let them answer some of the same documents."
        )
        raise error(message)
    codes, values = as_votes(votes.to_numpy())
    people, there = list(votes.columns), codes != NOBODY
    skill = dawid_skene(votes.to_numpy(), smoothing=smoothing)
    whole = codes[there.all(axis=1)]
    counts = np.stack([(whole == v).sum(axis=1) for v in range(len(values))], axis=1)
    accuracy = np.einsum("c,kcc->k", skill.prior, skill.confusion)
    annotators = pd.DataFrame({"documents": there.sum(axis=0), "accuracy": accuracy}, index=people)
    best = skill.posterior.max(axis=1)
    consensus = {"answer": skill.answers, "probability": best, "votes": there.sum(axis=1)}
    return Agreement(
        votes,
        alpha(votes.to_numpy()),
        fleiss_kappa(counts) if len(whole) else math.nan,
        pd.DataFrame([_pair(votes, codes, i, j) for i, j in combinations(range(len(people)), 2)]),
        annotators,
        pd.DataFrame(consensus, index=votes.index),
        skill,
    )


def _pair(votes: pd.DataFrame, codes: np.ndarray, i: int, j: int) -> dict[str, Any]:
    both = codes[(codes[:, [i, j]] != NOBODY).all(axis=1)][:, [i, j]]
    agree = float((both[:, 0] == both[:, 1]).mean()) if len(both) else math.nan
    kappa = cohen_kappa(both[:, 0].tolist(), both[:, 1].tolist()) if len(both) else math.nan
    names = votes.columns
    return {"one": names[i], "other": names[j], "documents": len(both), "agree": agree, "kappa": kappa}
