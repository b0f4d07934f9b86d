"""What classifiers of small-text, scikit-activeml and modAL give, as a round for strategies of alwidget."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.arrays import ArrayView
from alwidget.strategies.base import Strategy, check_task

__all__ = ["of_modal", "of_skactiveml", "of_small_text", "passes_of", "takes", "view_of"]

_ALWAYS = frozenset({"labelled_y", "sources", "lengths"})
"""What a strategy may name among its needs, and every view has as far as there is any."""
_SAME = {
    "features": "embeddings",
    "base_embeddings": "embeddings",
    "labelled_features": "labelled_embeddings",
    "labelled_base_embeddings": "labelled_embeddings",
    "reference_embeddings": "embeddings",
}
"""What stands for what where a framework has vectors of one kind only."""


def view_of(strategy: Strategy, size: int, has: Mapping[str, Callable[[], Any]], library: str) -> ArrayView:
    """Return a view of `size` candidates with what the strategy reads, computed; nothing else is.

    Parameters
    ----------
    has
        What there is and how to get it: arrays of a view by their names, and ``"n_classes"``.
    """
    given: dict[str, Any] = {"size": size}
    answers = has["labelled_y"]() if "labelled_y" in has else None
    if answers is not None:
        given["labelled_y"] = answers
        given["multilabel"] = getattr(answers, "ndim", 1) == 2  # noqa: PLR2004  a column for each label
    check_task(strategy, "multilabel" if given.get("multilabel") else "classification")
    if strategy.needs_labelled and (answers is None or not len(answers)):
        message = f'"{strategy.name}" needs labelled documents, and {library} has none yet.'
        raise StrategyError(message)
    unlabelled = answers is None or not len(answers)
    for need in sorted(strategy.needs - _ALWAYS, key=lambda name: name.startswith("labelled_")):
        of = need.removeprefix("labelled_")
        if need != of and unlabelled:
            like = given[of] if of in given else _made(of, strategy, has, library)
            given[need] = np.empty((0, *np.shape(like)[1:]), dtype=np.float32)
        else:
            given[need] = _made(need, strategy, has, library)
    if "n_classes" in has and "probs" not in given and (classes := has["n_classes"]()) is not None:
        given["n_classes"] = classes
    return ArrayView(**given)


def _made(need: str, strategy: Strategy, has: Mapping[str, Callable[[], Any]], library: str) -> Any:
    """Return an array that a strategy reads, or raise saying what there is in its place."""
    made = has.get(need) or has.get(_SAME.get(need, need))
    if made is None:
        there = ", ".join(sorted(has.keys() - {"n_classes"})) or "no arrays"
        message = f'"{strategy.name}" reads {need}, which {library} does not give here; there are {there}.'
        raise StrategyError(message)
    return made()


# small-text ----------------------------------------------------------------------------------------------------------


def of_small_text(
    clf: Any, dataset: Any, unlabelled: Any, labelled: Any, y: Any, embeddings: Any
) -> dict[str, Callable[[], Any]]:
    """Return what a classifier of small-text gives."""
    has: dict[str, Callable[[], Any]] = {
        "probs": lambda: clf.predict_proba(dataset[unlabelled]),
        "labelled_probs": lambda: clf.predict_proba(dataset[labelled]),
        "labelled_y": lambda: y.toarray() > 0 if hasattr(y, "toarray") else np.asarray(y),
        "n_classes": lambda: getattr(clf, "num_classes", None),
    }
    vectors = embeddings
    if vectors is None and not hasattr(clf, "embed"):
        x = getattr(dataset, "x", None)
        vectors = x if isinstance(x, np.ndarray) and x.ndim == 2 else None  # noqa: PLR2004  texts are no vectors
    if vectors is not None:
        has["embeddings"] = lambda: vectors[unlabelled]
        has["labelled_embeddings"] = lambda: vectors[labelled]
    elif hasattr(clf, "embed"):
        has["embeddings"] = lambda: clf.embed(dataset[unlabelled])
        has["labelled_embeddings"] = lambda: clf.embed(dataset[labelled])
    return has


def passes_of(clf: Any, documents: Any, passes: int) -> np.ndarray:
    """Return what passes with dropout say, (T, N, C); small-text has documents first."""
    return np.swapaxes(clf.predict_proba(documents, dropout_sampling=passes), 0, 1)


# scikit-activeml -----------------------------------------------------------------------------------------------------


def of_skactiveml(clf: Any, samples: np.ndarray, labelled: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Return what samples and a classifier of scikit-activeml give."""
    classes = np.unique(y) if clf is None else clf.classes_
    has: dict[str, Callable[[], Any]] = {
        "embeddings": lambda: samples,
        "labelled_embeddings": lambda: labelled,
        "labelled_y": lambda: np.searchsorted(classes, y),
        "n_classes": lambda: len(classes),
    }
    if clf is not None:
        has["probs"] = lambda: clf.predict_proba(samples)
        has["labelled_probs"] = lambda: clf.predict_proba(labelled)
        if (head := _head(clf)) is not None:
            has["head"] = lambda: head
        if members := getattr(getattr(clf, "estimator_", clf), "estimators_", None):
            has["mc_probs"] = lambda: np.stack([member.predict_proba(samples) for member in members])
    return has


# modAL ---------------------------------------------------------------------------------------------------------------


def of_modal(classifier: Any, X: Any, embed: Callable[[Any], Any] | None) -> dict[str, Callable[[], Any]]:
    """Return what samples and a learner or committee of modAL give."""
    vectors = embed or _dense
    known, answers = getattr(classifier, "X_training", None), getattr(classifier, "y_training", None)
    classes = getattr(classifier, "classes_", None)
    if classes is None:
        classes = getattr(getattr(classifier, "estimator", None), "classes_", None)
    has: dict[str, Callable[[], Any]] = {
        "probs": lambda: classifier.predict_proba(X),
        "embeddings": lambda: vectors(X),
    }
    if classes is not None:
        has["n_classes"] = lambda: len(classes)
    if known is not None and answers is not None:
        has["labelled_embeddings"] = lambda: vectors(known)
        has["labelled_probs"] = lambda: classifier.predict_proba(known)
        has["labelled_y"] = lambda: _classes_of(np.asarray(answers), classes)
    if callable(getattr(classifier, "vote_proba", None)):
        has["mc_probs"] = lambda: np.swapaxes(classifier.vote_proba(X), 0, 1)
    if (head := _head(getattr(classifier, "estimator", None))) is not None and embed is None:
        has["head"] = lambda: head
    return has


def _classes_of(answers: np.ndarray, classes: Any) -> np.ndarray:
    if answers.ndim == 2:  # noqa: PLR2004  a column for each label
        return answers > 0
    found: np.ndarray = np.searchsorted(np.unique(answers) if classes is None else classes, answers)
    return found


def _dense(X: Any) -> np.ndarray:
    if hasattr(X, "toarray"):
        message = "These samples are sparse; pass embed=, a function of samples that returns vectors (n, d)."
        raise StrategyError(message)
    vectors = np.asarray(X)
    if vectors.dtype.kind not in "fiu" or vectors.ndim != 2:  # noqa: PLR2004  vectors are rows
        message = f"These samples are no vectors ({vectors.dtype} of shape {vectors.shape}); pass embed=, a function."
        raise StrategyError(message)
    return vectors


# What they share -----------------------------------------------------------------------------------------------------


def _head(model: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weights and bias of a linear model over the samples, one row for each class; else None."""
    inner = getattr(model, "estimator_", model)
    weights, bias = getattr(inner, "coef_", None), getattr(inner, "intercept_", None)
    if weights is None or bias is None or getattr(weights, "ndim", 0) != 2:  # noqa: PLR2004  a matrix
        return None
    if len(weights) == 1:  # one logit for two classes
        return np.concatenate([np.zeros_like(weights), weights]), np.concatenate([np.zeros(1), np.atleast_1d(bias)])
    return weights, np.atleast_1d(bias)


def takes(function: Any, name: str) -> bool:
    """Return whether a function has an argument of this name."""
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
