"""A round over arrays that you already have, without a session or a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_array, as_size

__all__ = ["ArrayView"]

_AXES = {
    "candidates": ("N",),
    "probs": ("N", "C"),
    "embeddings": ("N", "d"),
    "sources": ("N",),
    "labelled": ("n",),
    "labelled_y": ("n",),
    "labelled_probs": ("n", "C"),
    "labelled_embeddings": ("n", "d"),
}
_MEANING = {"N": "candidates", "n": "labelled documents", "C": "classes", "d": "dimensions"}


class _NotGivenError(StrategyError, AttributeError):
    """A strategy read what the view does not have; an `AttributeError` too, so that `hasattr` answers False."""


class ArrayView:
    """The `alwidget.strategies.View` over given arrays; they are not copied, and strategies cannot write to them.

    Parameters
    ----------
    probs, embeddings
        Class probabilities (N, C) and vectors (N, d) of the candidates.
    labelled_y, labelled_probs, labelled_embeddings
        Classes (n,), probabilities (n, C) and vectors (n, d) of the labelled documents.
    candidates, labelled
        Pool indices (N,) and (n,); without them the candidates are 0 … N-1 and the labelled documents follow.
    sources
        The source of every candidate, (N,).
    size
        The number of candidates, where no array says it.
    n_classes
        C, where no array says it.
    round
        The number of this round, from 0.
    fitted
        Whether `probs` come from a trained model; without it, whether they were given.
    dynamics
        Training dynamics of the last fit (`alwidget.learners.Dynamics`).
    others
        Whatever else a strategy of yours reads, by name.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are about different numbers of documents, classes or dimensions, or nothing says how many
        candidates there are. A strategy that reads what was not given gets the same error when it does.

    Examples
    --------
    >>> from alwidget import strategies
    >>> view = ArrayView(probs=[[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])
    >>> strategies.get("entropy").select(view, 2, np.random.default_rng(0)).indices.tolist()
    [2, 1]
    """

    size: int
    n_classes: int
    round: int
    fitted: bool
    candidates: np.ndarray
    labelled: np.ndarray
    labelled_y: np.ndarray
    probs: np.ndarray
    labelled_probs: np.ndarray
    embeddings: np.ndarray
    labelled_embeddings: np.ndarray
    sources: np.ndarray | None
    dynamics: Any

    def __init__(
        self,
        *,
        probs: Any = None,
        embeddings: Any = None,
        labelled_y: Any = None,
        labelled_probs: Any = None,
        labelled_embeddings: Any = None,
        candidates: Any = None,
        labelled: Any = None,
        sources: Any = None,
        size: int | None = None,
        n_classes: int | None = None,
        round: int = 0,  # noqa: A002  the name that a view has for it
        fitted: bool | None = None,
        dynamics: Any = None,
        **others: Any,
    ) -> None:
        given = {
            "candidates": candidates,
            "probs": probs,
            "embeddings": embeddings,
            "sources": sources,
            "labelled": labelled,
            "labelled_y": labelled_y,
            "labelled_probs": labelled_probs,
            "labelled_embeddings": labelled_embeddings,
        }
        arrays = {name: _read(name, value) for name, value in given.items() if value is not None}
        lengths = _lengths(arrays, {"N": size, "C": n_classes})
        if "N" not in lengths:
            message = "Nothing says how many candidates there are: give ArrayView probs, embeddings or size."
            raise StrategyError(message)
        self.size, n = lengths["N"], lengths.get("n", 0)
        y = arrays.setdefault("labelled_y", np.empty(0, dtype=np.int64)) if not n else arrays.get("labelled_y")
        self.n_classes = lengths.get("C", 0 if y is None or not len(y) else int(y.max()) + 1)
        self.round = as_size(round, "round")
        self.fitted = probs is not None if fitted is None else bool(fitted)
        self.dynamics, self.sources = dynamics, None
        self.candidates, self.labelled = np.arange(self.size), np.arange(self.size, self.size + n)
        self.__dict__.update(arrays)
        self.__dict__.update(others)

    def probs_at(self, positions: np.ndarray) -> np.ndarray:
        """Return class probabilities of some candidates only, (k, C)."""
        chosen: np.ndarray = self.probs[positions]
        return chosen

    def __getattr__(self, name: str) -> Any:
        """Say what is missing; called only for what was not given."""
        if name.startswith("_"):
            raise AttributeError(name)
        shape = f", shape ({', '.join(_AXES[name])})" if name in _AXES else ""
        message = f"This view has no {name}. Give it: ArrayView({name}=…{shape})."
        raise _NotGivenError(message)


def _read(name: str, value: Any) -> np.ndarray:
    array = np.asarray(value) if name == "sources" else as_array(value, name)
    axes = _AXES[name]
    if array.ndim != len(axes):
        due = ", ".join(f"{axis} {_MEANING[axis]}" for axis in axes)
        message = f"{name} must have {len(axes)} axes ({due}), got shape {array.shape}."
        raise StrategyError(message)
    if name in {"candidates", "labelled", "labelled_y"}:
        if array.dtype.kind not in "iu" and len(array):
            message = f"{name} must hold whole numbers, got {array.dtype}."
            raise StrategyError(message)
        array = array.astype(np.int64, copy=False)
    array = array.view()
    array.flags.writeable = False
    return array


def _lengths(arrays: dict[str, np.ndarray], said: dict[str, int | None]) -> dict[str, int]:
    """Return the length of every axis that something tells, or raise naming all that disagree."""
    told: dict[str, dict[str, int]] = {axis: {} for axis in _MEANING}
    for name, array in arrays.items():
        for axis, length in zip(_AXES[name], array.shape, strict=True):
            told[axis][name] = length
    for axis, length in said.items():
        if length is not None:
            name = {"N": "size", "C": "n_classes"}[axis]
            told[axis][name] = as_size(length, name)
    wrong = [
        f"{_MEANING[axis]}: " + ", ".join(f"{name} has {length}" for name, length in by_name.items())
        for axis, by_name in told.items()
        if len(set(by_name.values())) > 1
    ]
    if wrong:
        message = "These arrays do not fit together. " + "; ".join(wrong) + "."
        raise StrategyError(message)
    return {axis: next(iter(by_name.values())) for axis, by_name in told.items() if by_name}
