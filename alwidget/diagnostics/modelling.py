"""A session's model, borrowed between two rounds: it learns from parts of the labels, and finally from all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from alwidget.engine import TrainingSet, lazy_batch
from alwidget.engine.record import agreed
from alwidget.engine.suggest import suggestions
from alwidget.errors import ModelError, SessionError
from alwidget.learners.base import Batch, Dynamics, Labelled, Learner, Report, Stop

if TYPE_CHECKING:
    from alwidget.pool import Pool
    from alwidget.session import Session

__all__ = ["Model", "borrowed", "folds_of", "part"]

T = TypeVar("T")
ABILITIES = {"tagging": "tag", "generation": "generate"}


class Model:
    """The learner of a session with the labels of one moment.

    Parameters
    ----------
    training
        All labels; parts of them are trained on.
    """

    def __init__(self, pool: Pool, learner: Learner, training: TrainingSet, seed: int) -> None:
        self._pool, self._learner, self._training, self._seed = pool, learner, training, seed
        self.description = learner.description
        self._whole = False
        ability = ABILITIES.get(training.task, "predict_proba")
        if not callable(getattr(learner, ability, None)):
            message = (
                f'{learner.description} does not learn task="{training.task}". Open the session with its documents '
                "and a model that does: alw.open(path, data)."
            )
            raise SessionError(message)

    @property
    def training(self) -> TrainingSet:
        """All labels."""
        return self._training

    @property
    def learner(self) -> Any:
        """The learner itself."""
        return self._learner

    def fit(self, at: np.ndarray | None = None) -> Report:
        """Train on the labels at these positions only; on all where none are given."""
        training = self._training if at is None else part(self._training, at)
        self._whole = at is None
        return self.train(self.documents(training.indices), training.y)

    def train(self, documents: Batch, y: Any) -> Report:
        """Train on documents of anybody's, answered with today's labels."""
        self._whole = self._whole and y is self._training.y
        return self._learner.fit(Labelled(documents, y, self._training.classes), seed=self._seed, stop=Stop())

    def ready(self) -> None:
        """Train on all labels unless that is what it was trained on last."""
        if not self._whole:
            self.fit()

    def documents(self, indices: np.ndarray) -> Batch:
        """Return documents of the pool as the learner sees them."""
        return lazy_batch(self._pool, indices, words=self._training.words)

    def probs(self, indices: np.ndarray) -> np.ndarray:
        """Return class probabilities of documents of the pool, float64 (n, C)."""
        return self._learner.predict_proba(self.documents(indices))

    def vectors(self, indices: np.ndarray) -> np.ndarray:
        """Return vectors of documents of the pool, float32 (n, d)."""
        return self._learner.embed(self.documents(indices))

    def values(self, documents: Batch) -> list[Any]:
        """Return the model's answer to each document, in the form of the task."""
        if not len(documents):
            return []
        found = suggestions(self._learner, documents, self._training, Stop())
        return [None if each is None else each.value for each in found]

    def right(self, at: np.ndarray) -> np.ndarray:
        """Return whether its answers to the labelled documents at these positions are those that people gave, (k,)."""
        values = self.values(self.documents(self._training.indices[at]))
        return np.array([same(v, self._training, int(i)) for v, i in zip(values, at, strict=True)], dtype=bool)

    def held_out(self, folds: int, ask: Callable[[np.ndarray], Any], of: np.ndarray | None = None) -> Iterator[Any]:
        """Yield, for each part of the labels, its positions and what `ask` says of them after training on all others.

        Parameters
        ----------
        ask
            Called with positions.
        of
            The positions to split into parts, (k,), k ≥ 0; None for all. The rest is learnt from every time, so that
            the model is hardly worse than that of all labels.
        """
        every = np.arange(len(self._training))
        which = every if of is None else of
        for fold in folds_of(part(self._training, which), folds, self._seed):
            self.fit(np.setdiff1d(every, which[fold]))
            yield which[fold], ask(which[fold])


def borrowed(session: Session, training: TrainingSet, work: Callable[[Model], T]) -> T:
    """Return what `work` makes of the session's model; afterwards it has learnt from all labels, as before.

    Runs where the engine's rounds do, so the next round waits for it. Labelling does not: what is asked is queued.
    """
    if not training.teaches:
        message = f"The model can learn nothing from these answers yet; it needs {training.lacks}."
        raise SessionError(message)

    def job(learner: Learner) -> T:
        model = Model(session.pool, learner, training, session.engine.seed)
        try:
            return work(model)
        finally:
            model.ready()

    return session.engine.run(job)


def folds_of(training: TrainingSet, folds: int, seed: int) -> list[np.ndarray]:
    """Return the positions of each part of the labels, ascending; every label is spread over them evenly.

    >>> training = TrainingSet(np.arange(6), np.array([0, 0, 0, 1, 1, 1]), ("a", "b"))
    >>> [len(fold) for fold in folds_of(training, 3, seed=0)]
    [2, 2, 2]
    """
    n = len(training)
    order = np.random.default_rng([seed, n]).permutation(n)
    if training.task == "classification":
        order = order[np.argsort(np.asarray(training.y)[order], kind="stable")]
    count = min(max(folds, 2), n)  # none of no labels
    return [np.sort(order[start::count]) for start in range(count)]


def part(training: TrainingSet, at: np.ndarray) -> TrainingSet:
    """Return the labels at these positions only."""
    y = [training.y[int(i)] for i in at] if isinstance(training.y, list) else training.y[at]
    return TrainingSet(training.indices[at], y, training.classes, training.task)


def same(value: Any, training: TrainingSet, at: int) -> bool:
    """Return whether a predicted answer is the whole of what was answered: all labels, all spans, the same text."""
    if value is None:
        return False
    if training.task == "generation":
        return bool(value == training.y[at])
    return agreed(value, training.y[at], training) == 1


def dynamics_of(report: Report, keys: Sequence[bytes], description: str) -> Dynamics:
    """Return the dynamics of a fit, a column for each of these documents.

    Raises
    ------
    alwidget.errors.ModelError
        The learner keeps none.
    """
    found = None if report.dynamics is None else report.dynamics.along(keys)
    if found is None:
        message = f"{description} keeps no record of how it learnt, which a data map is made of. Take another model."
        raise ModelError(message)
    return found
