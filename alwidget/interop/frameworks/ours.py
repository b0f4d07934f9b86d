"""Strategies of alwidget for users of small-text, scikit-activeml and modAL."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from alwidget.interop.frameworks.given import of_modal, of_skactiveml, of_small_text, passes_of, takes, view_of
from alwidget.interop.frameworks.theirs import imported
from alwidget.strategies.base import Ranked, Strategy
from alwidget.strategies.registry import get

__all__ = ["to_modal", "to_skactiveml", "to_small_text"]

PASSES = 10


def to_small_text(
    strategy: str | type[Strategy] | Strategy, /, *, embeddings: Any = None, seed: int = 0, **options: Any
) -> Any:
    """Return a strategy of alwidget as a query strategy of small-text.

    It reads what it needs of the classifier: ``predict_proba`` for probabilities, ``embed`` for vectors, and
    ``predict_proba(…, dropout_sampling=…)`` for passes with dropout.

    Parameters
    ----------
    strategy, options
        As in `alwidget.strategies.get`.
    embeddings
        Vectors of the whole data set, (documents, d), for a classifier that has no ``embed``; by default the ``x`` of
        the data set where that is dense.
    seed
        Where its randomness comes from; calls differ from each other, and a new object repeats them.

    Returns
    -------
    small_text.query_strategies.QueryStrategy
        For ``PoolBasedActiveLearner(clf_factory, query_strategy, dataset)``. After a query `scores_` holds the scores
        of all unlabelled documents, or None where the strategy has none.

    Raises
    ------
    alwidget.errors.MissingExtraError
        small-text is not installed.
    alwidget.errors.StrategyError
        There is no such strategy or option, or, in a query, the classifier has not what the strategy reads.
    """
    return _small_text_class()(get(strategy, **options), embeddings, seed)


def to_skactiveml(strategy: str | type[Strategy] | Strategy, /, *, random_state: Any = None, **options: Any) -> Any:
    """Return a strategy of alwidget as a query strategy of scikit-activeml.

    Its ``query(X, y, clf=None, fit_clf=True, candidates=None, batch_size=1, return_utilities=False)`` takes the
    samples for vectors and asks the classifier for probabilities.

    Parameters
    ----------
    strategy, options
        As in `alwidget.strategies.get`.
    random_state
        As in scikit-activeml: an int, a ``RandomState`` or None.

    Returns
    -------
    skactiveml.base.SingleAnnotatorPoolQueryStrategy
        Also for the wrappers of scikit-activeml. Utilities are the scores of the strategy; of one that scores no
        document on its own, 1 for the document that is chosen and 0 for the others.

    Raises
    ------
    alwidget.errors.MissingExtraError
        scikit-activeml is not installed.
    alwidget.errors.StrategyError
        There is no such strategy or option, or, in a query, nothing gives what the strategy reads.
    """
    return _skactiveml_class()(get(strategy, **options), random_state=random_state)


def to_modal(
    strategy: str | type[Strategy] | Strategy,
    /,
    *,
    embed: Callable[[Any], Any] | None = None,
    seed: int = 0,
    **options: Any,
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a strategy of alwidget as a query function of modAL.

    Parameters
    ----------
    strategy, options
        As in `alwidget.strategies.get`.
    embed
        Vectors of samples, (n, d); by default the samples themselves.
    seed
        Where its randomness comes from; calls differ from each other, and a new function repeats them.

    Returns
    -------
    Callable
        ``f(classifier, X, n_instances=1)`` for ``ActiveLearner(estimator, query_strategy=f)``; it answers positions
        in ``X``, best first, and their scores. A ``Committee`` is read as passes of one model.

    Raises
    ------
    alwidget.errors.StrategyError
        There is no such strategy or option, or, in a query, the classifier has not what the strategy reads.

    Examples
    --------
    >>> class Model:
    ...     def predict_proba(self, X):
    ...         return X
    >>> query = to_modal("breaking-ties")
    >>> query(Model(), np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]), n_instances=2)[0].tolist()
    [1, 2]
    """
    chosen, calls = get(strategy, **options), [0]

    def query(classifier: Any, X: Any, n_instances: int = 1) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, calls[0]])
        view = view_of(chosen, X.shape[0] if hasattr(X, "shape") else len(X), of_modal(classifier, X, embed), "modAL")
        calls[0] += 1
        ranked = chosen.at(view).select(view, n_instances, rng)
        return ranked.indices, ranked.scores

    query.__name__ = chosen.name.replace("-", "_")
    return query


@functools.cache
def _small_text_class() -> Any:
    base: Any = imported("small_text.query_strategies", "small-text", "small-text").QueryStrategy

    class SmallTextStrategy(base):  # type: ignore[misc]  # only the library knows what it is
        """A strategy of alwidget in small-text."""

        def __init__(self, strategy: Strategy, embeddings: Any, seed: int) -> None:
            self.strategy, self._embeddings, self._seed, self._calls = strategy, embeddings, seed, 0
            self.scores_: np.ndarray | None = None

        def query(
            self, clf: Any, dataset: Any, indices_unlabeled: Any, indices_labeled: Any, y: Any, n: int = 10
        ) -> np.ndarray:
            """Return `n` of the unlabelled indices, best first."""
            self._validate_query_input(indices_unlabeled, n)
            has = of_small_text(clf, dataset, indices_unlabeled, indices_labeled, y, self._embeddings)
            if takes(clf.predict_proba, "dropout_sampling"):
                passes = self.strategy.options().get("passes", PASSES)
                has["mc_probs"] = lambda: passes_of(clf, dataset[indices_unlabeled], passes)
            view = view_of(self.strategy, len(indices_unlabeled), has, "small-text")
            ranked = self.strategy.at(view).select(view, n, np.random.default_rng([self._seed, self._calls]))
            self._calls += 1
            self.scores_ = _every(ranked, len(indices_unlabeled))
            chosen: np.ndarray = np.asarray(indices_unlabeled)[ranked.indices]
            return chosen

        def __str__(self) -> str:
            return repr(self.strategy)

    return SmallTextStrategy


@functools.cache
def _skactiveml_class() -> Any:
    from sklearn.base import clone

    base: Any = imported("skactiveml.base", "scikit-activeml", "scikit-activeml").SingleAnnotatorPoolQueryStrategy
    utils = imported("skactiveml.utils", "scikit-activeml", "scikit-activeml")

    class SkactivemlStrategy(base):  # type: ignore[misc]  # as above
        """A strategy of alwidget in scikit-activeml."""

        def __init__(
            self, strategy: Strategy, missing_label: Any = utils.MISSING_LABEL, random_state: Any = None
        ) -> None:
            super().__init__(missing_label=missing_label, random_state=random_state)
            self.strategy = strategy

        def query(
            self,
            X: Any,
            y: Any,
            clf: Any = None,
            fit_clf: bool = True,  # noqa: FBT001, FBT002  as in scikit-activeml
            sample_weight: Any = None,
            candidates: Any = None,
            batch_size: int = 1,
            return_utilities: bool = False,  # noqa: FBT001, FBT002
        ) -> Any:
            """Return the samples to ask, best first, and with `return_utilities` the utilities of all."""
            X, y, candidates, batch_size, return_utilities = self._validate_data(
                X, y, candidates, batch_size, return_utilities, reset=True
            )
            samples, mapping = self._transform_candidates(candidates, X, y)
            if clf is not None and fit_clf:
                weights = () if sample_weight is None else (sample_weight,)
                clf = clone(clf).fit(X, y, *weights)
            labelled = utils.is_labeled(y, self.missing_label_)
            has = of_skactiveml(clf, samples, X[labelled], y[labelled])
            view = view_of(self.strategy, len(samples), has, "scikit-activeml")
            rng = np.random.default_rng(self.random_state_.randint(2**31 - 1))
            ranked = self.strategy.at(view).select(view, batch_size, rng)
            chosen = ranked.indices if mapping is None else mapping[ranked.indices]
            if not return_utilities:
                return chosen
            return chosen, _utilities(ranked, len(samples), mapping, len(X))

    return SkactivemlStrategy


def _utilities(ranked: Ranked, n: int, mapping: np.ndarray | None, total: int) -> np.ndarray:
    """Return a row for each choice: the scores when it was made, NaN for what was chosen before."""
    every = _every(ranked, n)
    rows = np.zeros((len(ranked.indices), n)) if every is None else np.tile(every, (len(ranked.indices), 1))
    for row, chosen in enumerate(ranked.indices):
        if every is None:
            rows[row, chosen] = 1
        rows[row + 1 :, chosen] = np.nan
    if mapping is None:
        return rows
    whole = np.full((len(rows), total), np.nan)
    whole[:, mapping] = rows
    return whole


def _every(ranked: Ranked, n: int) -> np.ndarray | None:
    """Return the score of every candidate, as far as there are any."""
    every = getattr(ranked, "every", None)
    if every is not None:
        return np.asarray(every)
    if np.isnan(ranked.scores).all():
        return None
    found = np.full(n, np.nan)
    found[ranked.indices] = ranked.scores
    return found
