"""What was acquired beside what was there: by source, by label, and round by round."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.diagnostics.drawing import SOFT, STRONG, canvas
from alwidget.diagnostics.modelling import Model, borrowed
from alwidget.diagnostics.reading import Labels, least, read
from alwidget.engine.batches import words_at
from alwidget.engine.warmup import reading_order
from alwidget.errors import ArgumentError
from alwidget.strategies.functional import (
    acquisition_factor,
    batch_redundancy,
    entropy,
    input_diversity,
    representation_diversity,
    representativeness,
)
from alwidget.strategies.functional.checks import as_embeddings, as_probs, as_sigmoids, as_size

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.session import Session

__all__ = ["Profile", "divergence", "profile"]

FEWEST = 2
EVERYTHING = "all"
WITH_PROBS = ("classification", "multilabel")


@dataclass(frozen=True, slots=True)
class Profile:
    """The profile of an acquired set.

    Attributes
    ----------
    frame
        A row for ``"all"`` and one for each source; NaN where something is not known:
        ``documents``, how many were acquired;
        ``input_diversity``, the share of words that acquired and other documents both have;
        ``uncertainty`` and ``pool_uncertainty``, the mean entropy of the model's answers to either;
        ``representation_diversity``, one divided by the mean distance of the others to the nearest acquired;
        ``representativeness``, the median over the acquired of one divided by the mean distance to the nearest others;
        ``redundancy``, the mean cosine with the nearest acquired;
        ``kl``, how far the shares of labels are from those of the pool, in nats.
    classes
        By label its share among the ``acquired`` and in the ``pool``; see `pool_is`.
    factors
        Acquisition factors: a row for each round, a column for each source; 1 is what chance gives, NaN a source that
        had run out. None without sources.
    batches
        By round: ``documents``, ``redundancy`` within it, ``redundancy_to_labelled`` before it.
    pool_is
        Where the shares of the pool come from: ``"predicted"`` by the model for documents that nobody has labelled, or
        ``"given"``.
    sample
        How many of the other documents were looked at.
    """

    frame: pd.DataFrame
    classes: pd.DataFrame
    factors: pd.DataFrame | None
    batches: pd.DataFrame
    pool_is: str
    sample: int

    def plot(self) -> Figure:
        """Return a figure: the shares of labels, and acquisition factors over the rounds where there are sources.

        Raises
        ------
        alwidget.errors.MissingExtraError
            There is no matplotlib.
        """
        figure, axes = canvas(1 if self.factors is None else 2)
        places = np.arange(len(self.classes))
        axes[0].bar(places - 0.2, self.classes["acquired"], width=0.4, color=STRONG, label="acquired")
        axes[0].bar(places + 0.2, self.classes["pool"], width=0.4, color=SOFT, label=f"pool ({self.pool_is})")
        axes[0].set_xticks(places, list(self.classes.index), rotation=30, ha="right")
        axes[0].set_ylabel("share")
        axes[0].legend(frameon=False, fontsize=8)
        if self.factors is not None:
            for name in self.factors:
                axes[1].plot(self.factors.index, self.factors[name], marker="o", markersize=3, label=str(name))
            axes[1].axhline(1, color=SOFT, linewidth=1)
            axes[1].set(xlabel="round", ylabel="acquisition factor")
            axes[1].legend(frameon=False, fontsize=8)
        return figure


def profile(
    session: Session | None = None,
    *,
    sample: int = 2000,
    embeddings: Any = None,
    picked: Any = None,
    probs: Any = None,
    texts: Sequence[Any] | None = None,
    y: Any = None,
    sources: Any = None,
    rounds: Any = None,
    multilabel: bool = False,
) -> Profile:
    """Return what was labelled beside what was there to be labelled.

    Parameters
    ----------
    session
        Of any task. Probabilities are its model's after all labels, which is surer of what it learnt.
    sample
        How many unlabelled documents to look at, drawn uniformly.
    embeddings, picked
        In place of a session: vectors of all documents, (N, d), and the positions of the acquired, (b,).
    probs, texts, y, sources, rounds
        Optional, of all N documents: class probabilities (with `multilabel`, of each label on its own), texts or lists
        of words, true classes int (N,), sources; and the round of each acquired document, (b,).

    Returns
    -------
    Profile
        Tables, and `plot()`.

    Raises
    ------
    alwidget.errors.SessionError
        Fewer than two documents are labelled, or there is nothing to learn from.
    alwidget.errors.ArgumentError
        Neither or both of a session and arrays were given, or they do not fit.

    Notes
    -----
    Input diversity: Yuan, Lin & Boyd-Graber 2020; it grows with the number of documents. Representation diversity:
    Ein-Dor et al. 2020, over documents that were not acquired. Density by ten neighbours, a document itself not
    counted: Zhu et al. 2008. Acquisition factor: Snijders, Kiela & Margatina 2023; an audit's documents are left
    out of it.
    """
    if (session is None) == (embeddings is None) or (embeddings is None) != (picked is None):
        message = "profile takes a session, or embeddings= of all documents and the picked= positions."
        raise ArgumentError(message)
    if session is not None:
        return _of_session(session, as_size(sample, "sample", least=1))
    whole = {"probs": probs, "texts": texts, "y": y, "sources": sources}
    return _of_arrays(as_embeddings(embeddings), np.asarray(picked), whole, rounds, multilabel=multilabel)


def divergence(shares: Any, reference: Any) -> float:
    """Return the Kullback-Leibler divergence of shares from those of a reference, in nats.

    Parameters
    ----------
    shares, reference
        Two distributions over the same labels, (C,). Infinity where something occurs that the reference does not have.

    Examples
    --------
    >>> round(divergence([0.5, 0.5], [0.25, 0.75]), 6)
    0.143841
    """
    from scipy.special import rel_entr

    p, q = np.asarray(shares, dtype=float), np.asarray(reference, dtype=float)
    if p.shape != q.shape or p.ndim != 1:
        message = f"Both must be shares of the same labels, got {p.shape} and {q.shape}."
        raise ArgumentError(message)
    return float(rel_entr(p, q).sum())


@dataclass(frozen=True, slots=True, kw_only=False)
class _Seen:
    """The documents that are looked at: all by position, of which some were acquired and some are the rest."""

    vectors: np.ndarray
    picked: np.ndarray
    rest: np.ndarray
    probs: np.ndarray | None
    texts: Sequence[Any] | None
    sources: np.ndarray | None
    multilabel: bool = False

    def row(self, picked: np.ndarray, rest: np.ndarray) -> dict[str, float]:
        """Return the numbers of some of the acquired beside some of the rest."""
        nan, both = math.nan, len(picked) > 0 and len(rest) > 0
        near = nan
        if both:
            among = np.concatenate([picked, rest])
            near = float(np.median(representativeness(self.vectors[among], np.arange(len(picked)))))
        return {
            "documents": len(picked),
            "input_diversity": self._words(picked, rest) if both else nan,
            "uncertainty": self._entropy(picked),
            "pool_uncertainty": self._entropy(rest),
            "representation_diversity": (
                representation_diversity(self.vectors[picked], self.vectors[rest]) if both else nan
            ),
            "representativeness": near,
            "redundancy": batch_redundancy(self.vectors[picked]).within if len(picked) else nan,
        }

    def _words(self, picked: np.ndarray, rest: np.ndarray) -> float:
        if self.texts is None:
            return math.nan
        texts = self.texts
        return input_diversity((texts[i] for i in picked), (texts[i] for i in rest))

    def _entropy(self, at: np.ndarray) -> float:
        if self.probs is None or not len(at):
            return math.nan
        return float(entropy(self.probs[at], multilabel=self.multilabel).mean())


@dataclass(frozen=True, slots=True)
class _Told:
    """What was said of them: label names, answers by position of the acquired, and those of the pool."""

    names: list[Any]
    answers: Any
    pool: Any
    pool_is: str
    rounds: np.ndarray
    by_audit: np.ndarray
    pool_sources: np.ndarray | None
    """The source of every document of the pool, acquired ones too."""

    def shares(self, answers: Any) -> np.ndarray:
        """Return the share of each label: of classes (n,), or of all labels given (n, C)."""
        c, a = len(self.names), None if answers is None else np.asarray(answers)
        if a is None or not len(a):
            return np.full(c, math.nan)
        counts = np.bincount(a, minlength=c) if a.ndim == 1 else a.sum(axis=0)
        total: np.ndarray = counts / max(counts.sum(), 1)
        return total


def _profile(seen: _Seen, told: _Told) -> Profile:
    import pandas as pd

    acquired, pool = told.shares(told.answers), told.shares(told.pool)
    everyone = np.arange(len(seen.picked))
    rows = {EVERYTHING: {**seen.row(seen.picked, seen.rest), "kl": _kl(acquired, pool)}}
    own = None if seen.sources is None else seen.sources[seen.picked]
    if seen.sources is not None and own is not None:
        for name in sorted(set(seen.sources.tolist())):
            mine = everyone[own == name]
            row = seen.row(seen.picked[mine], seen.rest[seen.sources[seen.rest] == name])
            answers = None if told.answers is None else np.asarray(told.answers)[mine]
            rows[name] = {**row, "kl": _kl(told.shares(answers), pool)}
    classes = pd.DataFrame({"acquired": acquired, "pool": pool}, index=told.names)
    factors = None if own is None or told.pool_sources is None else _factors(own, told)
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return Profile(frame, classes, factors, _batches(seen, told.rounds), told.pool_is, len(seen.rest))


def _kl(shares: np.ndarray, reference: np.ndarray) -> float:
    return math.nan if np.isnan(shares).any() or np.isnan(reference).any() else divergence(shares, reference)


def _factors(own: np.ndarray, told: _Told) -> pd.DataFrame:
    """Return the acquisition factor of every source in every round; what was acquired before is no longer there."""
    import pandas as pd

    names = Counter([] if told.pool_sources is None else told.pool_sources.tolist())
    rows, gone = {}, Counter(own[told.rounds < 0].tolist())
    for number in np.unique(told.rounds[told.rounds >= 0]):
        batch = own[(told.rounds == number) & ~told.by_audit]
        factors = acquisition_factor(batch, np.arange(len(batch)), names - gone)
        rows[int(number)] = {name: factors.get(name, math.nan) for name in sorted(names)}
        gone.update(own[told.rounds == number].tolist())
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=sorted(names))
    frame.index.name = "round"
    return frame


def _batches(seen: _Seen, rounds: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    rows = {}
    for number in np.unique(rounds):
        batch, before = seen.vectors[seen.picked[rounds == number]], seen.vectors[seen.picked[rounds < number]]
        found = batch_redundancy(batch, before)
        rows[int(number)] = {
            "documents": len(batch),
            "redundancy": found.within,
            "redundancy_to_labelled": found.to_labelled,
        }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "round"
    return frame


def _of_arrays(
    vectors: np.ndarray, at: np.ndarray, whole: dict[str, Any], rounds: Any, *, multilabel: bool
) -> Profile:
    n = len(vectors)
    wrong = [name for name, value in whole.items() if value is not None and len(value) != n]
    good = at.ndim == 1 and len(at) and at.dtype.kind in "iu" and len(np.unique(at)) == len(at)
    if wrong or not good or at.min() < 0 or at.max() >= n or (rounds is not None and len(rounds) != len(at)):
        message = f"picked must be different positions of the {n} documents, with a round for each if any; "
        message += f"{', '.join(wrong) or 'no array'} has another length than embeddings."
        raise ArgumentError(message)
    probs, y = whole["probs"], None if whole["y"] is None else np.asarray(whole["y"])
    p = None if probs is None else as_sigmoids(probs) if multilabel else as_probs(probs)
    sources = None if whole["sources"] is None else _named(whole["sources"])
    c = 0 if y is None else p.shape[1] if p is not None else int(y.max()) + 1
    numbers = np.zeros(len(at), dtype=np.int64) if rounds is None else np.asarray(rounds)
    seen = _Seen(vectors, at, np.setdiff1d(np.arange(n), at), p, whole["texts"], sources, multilabel=multilabel)
    answers = None if y is None else y[at]
    return _profile(seen, _Told(list(range(c)), answers, y, "given", numbers, np.zeros(len(at), dtype=bool), sources))


def _of_session(session: Session, sample: int) -> Profile:
    labels = read(session)
    least(labels, FEWEST, "profile")
    training, pool = labels.training, session.pool
    reading = reading_order(len(pool), session.engine.seed)
    rest = np.sort(reading[~np.isin(reading, training.indices)][:sample])
    indices = np.concatenate([training.indices, rest])
    multilabel, asked = training.task == "multilabel", training.task in WITH_PROBS

    def work(model: Model) -> tuple[np.ndarray, np.ndarray | None]:
        if asked:
            model.fit()
        return model.vectors(indices), model.probs(indices) if asked else None

    vectors, probs = borrowed(session, training, work)
    sources = pool.sources(np.arange(len(pool)))
    at = np.arange(len(labels))
    texts: list[Any] = [pool[int(i)].text for i in indices]
    if training.words:
        texts = [[text[a:b] for a, b in words_at(pool, int(i))] for i, text in zip(indices, texts, strict=True)]
    named = None if sources is None else _named(sources)
    own = None if named is None else named[indices]
    seen = _Seen(vectors, at, np.arange(len(at), len(indices)), probs, texts, own, multilabel=multilabel)
    answers, expected = _answers(labels, probs, len(at))
    told = (list(training.classes), answers, expected, "predicted", labels.rounds, labels.measuring, named)
    return _profile(seen, _Told(*told))


def _answers(labels: Labels, probs: np.ndarray | None, n: int) -> tuple[Any, Any]:
    """Return the answers to the acquired, and those that the model expects of the others."""
    training = labels.training
    if training.task == "tagging":
        found = np.zeros((n, len(training.classes)), dtype=np.int64)
        for row, spans in enumerate(training.y):
            np.add.at(found[row], spans[:, 2], 1)
        return found, None
    if probs is None:
        return None, None
    expected = probs[n:].argmax(axis=1) if training.task == "classification" else probs[n:] >= 0.5  # noqa: PLR2004
    return training.y, expected if len(expected) else None


def _named(sources: Any) -> np.ndarray:
    names = [value if isinstance(value, str) else "" if value is None else str(value) for value in sources]
    return np.array(names, dtype=object)
