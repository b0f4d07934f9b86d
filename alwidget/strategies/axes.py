"""The axes of the arrays of a view: what they are called, whether they agree, and positions along them."""

from __future__ import annotations

from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_array, as_size

__all__ = ["AXES", "MEANING", "as_positions", "lengths_of", "with_stand_ins"]

AXES = {
    "candidates": ("N",),
    "probs": ("N", "C"),
    "embeddings": ("N", "d"),
    "base_embeddings": ("N", "b"),
    "features": ("N", "f"),
    "mc_probs": ("T", "N", "C"),
    "sources": ("N",),
    "lengths": ("N",),
    "labelled": ("n",),
    "labelled_y": ("n",),
    "labelled_probs": ("n", "C"),
    "labelled_embeddings": ("n", "d"),
    "labelled_base_embeddings": ("n", "b"),
    "labelled_features": ("n", "f"),
    "reference_embeddings": ("r", "b"),
    "head_weights": ("C", "f"),
    "head_bias": ("C",),
}
MEANING = {
    "N": "candidates",
    "n": "labelled documents",
    "C": "classes",
    "d": "dimensions",
    "b": "dimensions of the pretrained vectors",
    "f": "features",
    "r": "reference documents",
    "T": "passes",
}
_FAMILY = {"b": ("base_embeddings", "labelled_base_embeddings"), "f": ("features", "labelled_features")}
"""What vectors stand for where none of it was given: of a frozen encoder with a linear head they are the same."""


def with_stand_ins(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays, with vectors in place of pretrained vectors and of features where none of those was given."""
    found = dict(arrays)
    for family in _FAMILY.values():
        if not any(name in arrays for name in family):
            pairs = zip(family, ("embeddings", "labelled_embeddings"), strict=True)
            found |= {name: arrays[other] for name, other in pairs if other in arrays}
    return found


def as_positions(values: Any, size: int) -> np.ndarray:
    """Return positions among `size` candidates as int64, each once, in the order given.

    >>> as_positions([2, 0], 3).tolist()
    [2, 0]
    """
    array = as_array(values, "positions") if np.size(values) else np.empty(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        message = f"positions must be whole numbers of shape (k,), got {array.dtype} of shape {array.shape}."
        raise StrategyError(message)
    if len(array) and (int(array.min()) < 0 or int(array.max()) >= size):
        message = f"positions must be among the {size} candidates, got {int(array.min())} to {int(array.max())}."
        raise StrategyError(message)
    return array.astype(np.int64, copy=False)


def lengths_of(
    arrays: dict[str, np.ndarray], answers: Any, counts: dict[str, int | None], n_classes: int | None
) -> dict[str, int]:
    """Return the length of every axis that something tells, or raise naming all that disagree."""
    told: dict[str, dict[str, int]] = {axis: {} for axis in MEANING}
    for name, array in arrays.items():
        for axis, length in zip(AXES[name], array.shape, strict=True):
            told[axis][name] = length
    for axis in ("b", "f"):  # where only the last layer, or a reference, says what vectors stand for
        own = [name for name in _FAMILY[axis] if name in arrays]
        if told[axis] and not own and "embeddings" in arrays:
            told[axis]["embeddings"] = arrays["embeddings"].shape[1]
    told["N"] |= {name: as_size(length, name) for name, length in counts.items() if length is not None}
    if n_classes is not None:
        told["C"]["n_classes"] = as_size(n_classes, "n_classes")
    if answers is not None:
        told["n"]["labelled_y"] = len(answers)
        if isinstance(answers, np.ndarray) and answers.ndim == 2 and answers.size:  # noqa: PLR2004
            told["C"]["labelled_y"] = answers.shape[1]
    wrong = [
        f"{MEANING[axis]}: " + ", ".join(f"{name} has {length}" for name, length in by_name.items())
        for axis, by_name in told.items()
        if len(set(by_name.values())) > 1
    ]
    if wrong:
        message = "These arrays do not fit together. " + "; ".join(wrong) + "."
        raise StrategyError(message)
    if not told["N"]:
        message = "Nothing says how many candidates there are: give ArrayView probs, embeddings or size."
        raise StrategyError(message)
    return {axis: next(iter(by_name.values())) for axis, by_name in told.items() if by_name}
