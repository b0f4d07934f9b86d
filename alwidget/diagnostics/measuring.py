"""How good the model is, honestly: from documents that chance alone chose, whose answers it had not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.diagnostics.drawing import SOFT, STRONG, canvas
from alwidget.diagnostics.intervals import Estimate, wilson
from alwidget.diagnostics.modelling import Model, borrowed, same
from alwidget.diagnostics.reading import Labels, least, only, read
from alwidget.engine.audit import bought
from alwidget.errors import ArgumentError, SessionError, near_miss

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["Quality", "estimate", "quality"]

TASKS = ("classification", "multilabel", "tagging")
WAYS = ("cross-validation", "prequential")
FEWEST = 10
HORIZON = 1000


@dataclass(frozen=True, slots=True)
class Quality:
    """How often the model gives the answer that a person gives: the whole answer, all labels and all spans of it.

    Attributes
    ----------
    random
        The share among documents that were drawn at random, with its 95 % interval (Wilson). It is about the documents
        that were open when they were drawn.
    weighted
        The same for all documents of the pool: each that a strategy chose stands for itself, and those drawn at random
        stand for the others, by their logged propensities.
    chosen
        The share among those that a strategy chose. They are harder than the rest, and it says nothing of the pool;
        None where there are none.
    by
        ``"cross-validation"`` or ``"prequential"``: how the model was kept from answers that it had learnt.
    unknown
        How many documents were drawn at random with a probability that nobody knows; they are left out.
    skipped
        How many of those drawn at random were skipped. Nothing is known of them.
    model
        What was measured.
    notes
        What a person should know when they read it.
    """

    random: Estimate
    weighted: Estimate
    chosen: Estimate | None
    by: str
    unknown: int = 0
    skipped: int = 0
    model: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in a few lines."""
        lines = [f"drawn at random: {self.random} of {self.random.n:.0f} documents"]
        lines.append(f"all documents:   {self.weighted}")
        if self.chosen is not None:
            lines.append(f"chosen:          {self.chosen} of {self.chosen.n:.0f} documents, harder than the rest")
        return "\n".join([*lines, *self.notes])

    def plot(self) -> Figure:
        """Return the shares and their intervals as a figure.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, (axes,) = canvas(height=2.4)
        shown = {"chosen by a strategy": self.chosen, "drawn at random": self.random, "all documents": self.weighted}
        known = [(name, each) for name, each in shown.items() if each is not None]
        for at, (name, each) in enumerate(known):
            colour = SOFT if name.startswith("chosen") else STRONG
            axes.plot([each.low, each.high], [at, at], color=colour, linewidth=3, solid_capstyle="round")
            axes.plot([each.value], [at], "o", color=colour)
        axes.set_yticks(range(len(known)), [name for name, _ in known])
        axes.set(xlim=(0, 1), ylim=(-0.6, len(known) - 0.4), xlabel="answers that the model foresees")
        return figure


def quality(session: Session, *, by: str = "cross-validation", folds: int = 5) -> Quality:
    """Return an honest estimate of how often the model is right on the documents of the pool.

    Parameters
    ----------
    session
        With some answers to documents drawn at random: those before the first round, of ``strategy="random"``, or of
        ``annotate(audit=0.05)``.
    by
        ``"cross-validation"``: the model learns anew from all labels but a part of those drawn at random, and is held
        against that part; the present model has seen a few more. Then the same with those that were chosen.
        ``"prequential"``: what the model of that time expected of a document before it was answered, which costs
        nothing, and is about earlier, weaker models.
    folds
        Into how many parts either are split.

    Returns
    -------
    Quality
        Estimates with intervals, and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        There are too few labels, or none that was drawn at random with a known probability.

    Notes
    -----
    Let b documents be answered before a document was drawn at random from the N - b others. Then the answers to the b,
    known as they are, and its own in place of the N - b estimate the share of all N without bias; `weighted` is the
    mean of that over all documents drawn at random (the idea of Farquhar et al. 2021). Documents that were drawn
    together with different probabilities p count by 1/p. The interval is Wilson's, for the documents that stand for
    others, with the effective number of them; that the parts of a cross-validation share documents is left out of it.
    """
    if by not in WAYS:
        message = f'by must be "cross-validation" or "prequential", got {by!r}.{near_miss(str(by), WAYS)}'
        raise ArgumentError(message)
    labels = read(session)
    only(labels, TASKS, "quality")
    least(labels, FEWEST, "quality")
    drawn, propensity = _drawn(labels)
    known = drawn & np.isfinite(propensity)
    if not known.any():
        message = (
            "None of these labels was drawn at random with a known probability, so that nothing honest can be said of "
            f"the pool. Open the session with an audit stream: {bought(0.05, HORIZON)}"
        )
        raise SessionError(message)
    right, model = (
        _foreseen(session, labels) if by == "prequential" else _cross_validated(session, labels, known, folds)
    )
    if not (known & (right >= 0)).any():
        message = 'No answer to a document drawn at random was foreseen by a model; take by="cross-validation".'
        raise SessionError(message)
    rounds, seen = labels.rounds, right >= 0
    found = estimate(
        right[seen] == 1,
        known[seen],
        propensity[seen],
        rounds[seen],
        _size(session),
        answered=np.sort(rounds),
        left_out=drawn[seen],
    )
    unknown, skipped = int((drawn & ~known).sum()), _skipped(session)
    notes = _notes(session, unknown, skipped, int((known & ~seen).sum()))
    return Quality(*found, by, unknown, skipped, model, notes)


def estimate(
    right: Any,
    drawn: Any,
    propensity: Any,
    rounds: Any,
    size: int,
    *,
    answered: Any = None,
    left_out: Any = None,
) -> tuple[Estimate, Estimate, Estimate | None]:
    """Return the estimates of `quality` from what is known of each answer.

    Parameters
    ----------
    right
        Whether the model had it, bool (n,).
    drawn
        Whether chance alone chose the document, bool (n,).
    propensity
        With which probability it was chosen in its round, (n,); looked at where `drawn`.
    rounds
        The round that asked for it, int (n,); -1 for none, 0 before the first.
    size
        How many documents there are in all.
    answered
        The rounds of all answers, ascending, where those given are not all of them.
    left_out
        Which are not to count as chosen by a strategy though they were not `drawn`, bool (n,).

    Returns
    -------
    tuple of Estimate or None
        Of those drawn at random; of all documents; of those that were chosen.

    Raises
    ------
    alwidget.errors.ArgumentError
        Nothing was drawn, or a propensity is none.
    """
    right, drawn = np.asarray(right, dtype=bool), np.asarray(drawn, dtype=bool)
    p, rounds = np.asarray(propensity, dtype=float), np.asarray(rounds)
    if not drawn.any() or not bool(((p[drawn] > 0) & (p[drawn] <= 1)).all()):
        message = "An estimate needs documents that were drawn at random, each with a probability above 0 and up to 1."
        raise ArgumentError(message)
    weights = np.zeros(len(right))
    for number in np.unique(rounds[drawn]):
        among = drawn & (rounds == number)
        weights[among] = (1 / p[among]) / (1 / p[among]).mean()
    random = _weighted(right, weights)

    every = np.sort(rounds) if answered is None else np.asarray(answered)
    before = np.searchsorted(every, rounds, side="left")
    rest = np.maximum(size - before, 0) / size
    sorted_rounds = np.sort(rounds)
    hits = np.concatenate([[0], np.cumsum(right[np.argsort(rounds, kind="stable")])])
    measured = np.searchsorted(sorted_rounds, rounds, side="left")
    share = np.divide(hits[measured], measured, out=np.zeros(len(right)), where=measured > 0)
    # where some earlier answers were not measured, those that were stand for them
    rest = np.where(measured > 0, rest, 1.0)
    settled = float(np.average((1 - rest) * share, weights=weights))
    open_share = float(np.average(rest, weights=weights))
    around = _weighted(right, weights * rest) if open_share > 0 else Estimate(0.0, 0.0, 0.0, 0.0)
    ends = [min(settled + open_share * value, 1.0) for value in around[:3]]
    pool = Estimate(ends[0], ends[1], ends[2], around.n)

    others = ~drawn if left_out is None else ~drawn & ~np.asarray(left_out, dtype=bool)
    chosen = wilson(int(right[others].sum()), int(others.sum())) if others.any() else None
    return random, pool, chosen


def _weighted(right: np.ndarray, weights: np.ndarray) -> Estimate:
    total = float(weights.sum())
    n = total**2 / float((weights**2).sum())
    return wilson(float(weights[right].sum()) / total * n, n)


def _drawn(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    whys = [answer.why for answer in labels.answers]
    drawn = np.array([why is not None and why.strategy == "random" for why in whys], dtype=bool)
    p = [math.nan if why is None or why.propensity is None else why.propensity for why in whys]
    return drawn, np.array(p, dtype=float)


def _cross_validated(session: Session, labels: Labels, drawn: np.ndarray, folds: int) -> tuple[np.ndarray, str]:
    def work(model: Model) -> tuple[np.ndarray, str]:
        right = np.full(len(labels), -1)
        for group in (np.flatnonzero(drawn), np.flatnonzero(~drawn)):
            for at, hits in model.held_out(folds, model.right, group):
                right[at] = hits
        return right, model.description

    return borrowed(session, labels.training, work)


def _foreseen(session: Session, labels: Labels) -> tuple[np.ndarray, str]:
    """Return whether the model that asked for each document expected its answer; -1 where it said nothing of it."""
    expected: dict[tuple[int, str], Any] = {}
    for record in session.rounds:
        expected.update({(record.round, doc): value for doc, value in record.foreseen.items()})
    right = np.full(len(labels), -1)
    for at, (doc, number) in enumerate(zip(labels.ids, labels.rounds, strict=True)):
        if (int(number), doc) in expected:
            right[at] = same(expected[int(number), doc], labels.training, at)
    return right, "the models of their time"


def _size(session: Session) -> int:
    """Return how many documents the session is about; one that is read without its data knows their number."""
    there = session.engine.desk.open.asked_from
    kept = (session.log.settings.get("pool") or {}).get("documents")
    return max(there, int(kept)) if session.log.read_only and kept else there


def _skipped(session: Session) -> int:
    answers = session.log.state.answers.values()
    return sum(a.value is None and a.why is not None and a.why.strategy == "random" for a in answers)


def _notes(session: Session, unknown: int, skipped: int, unseen: int) -> tuple[str, ...]:
    notes = []
    if unknown:
        notes.append(f"{unknown} documents were drawn with probabilities that are not known; they are left out.")
    if skipped:
        notes.append(f"{skipped} documents that were drawn at random were skipped; nothing is known of them.")
    if unseen:
        notes.append(f"{unseen} documents were drawn at random before a model could foresee them; they are left out.")
    if session.log.read_only:
        notes.append(f"Without its data the session is measured with {session.status.model}.")
    elif not session.engine.audit:
        notes.append(f"No documents are drawn to measure: {bought(0.05, HORIZON)}")
    return tuple(notes)
