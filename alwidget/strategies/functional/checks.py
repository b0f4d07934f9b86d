"""What every function here asks of its arguments, with errors that say what was wrong and what to do.

Arrays come in as NumPy arrays, lists or torch tensors; torch itself is never imported.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from alwidget.errors import StrategyError, near_miss

__all__ = [
    "as_array",
    "as_choice",
    "as_embeddings",
    "as_generator",
    "as_lengths",
    "as_log_probs",
    "as_matrix",
    "as_number",
    "as_offsets",
    "as_probs",
    "as_scores",
    "as_sigmoids",
    "as_size",
    "checked_chunks",
    "same_length",
    "steps",
]

ROW_TOLERANCE = 1e-3
"""How far the sum of a row of probabilities may be from one."""
CHUNK_CELLS = 1 << 17
"""Cells of a matrix that are worked on at a time: one float64 chunk stays in a core's cache."""
WIDE = 24
"""From so many classes on, sums and maxima over rows are quicker where they lie than after turning them."""


def as_array(values: Any, name: str) -> np.ndarray:
    """Return `values` as a NumPy array of real numbers, without a copy where that is possible.

    Parameters
    ----------
    values
        A NumPy array, a nested list, or a torch tensor on any device.
    name
        What the error calls it.

    Raises
    ------
    alwidget.errors.StrategyError
        `values` is not a rectangular array of real numbers.
    """
    if hasattr(values, "detach"):
        values = _from_tensor(values)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        message = f"{name} cannot be read as an array of numbers: {error}"
        raise StrategyError(message) from error
    if array.dtype.kind not in "fiub":
        message = f"{name} must hold real numbers, got an array of {array.dtype}."
        raise StrategyError(message)
    return array


def as_matrix(values: Any, name: str, rows: str, columns: str) -> np.ndarray:
    """Return `values` as a 2-D array that is not empty; the numbers themselves are not looked at.

    >>> as_matrix([[1.0, 2.0]], "embeddings", "documents", "dimensions").shape
    (1, 2)
    """
    array = as_array(values, name)
    if array.ndim != 2:  # noqa: PLR2004
        message = f"{name} must have two axes ({rows}, {columns}), got shape {array.shape}."
        raise StrategyError(message)
    if not all(array.shape):
        message = f"{name} is empty: shape {array.shape}, where ({rows}, {columns}) are due."
        raise StrategyError(message)
    return array


def as_probs(values: Any, name: str = "probs") -> np.ndarray:
    """Return `values` as a matrix of class probabilities, in the type it came in.

    Parameters
    ----------
    values
        Class probabilities, shape (N, C): finite, not negative, each row summing to 1 ± 0.001.
    name
        What the error calls it.

    Raises
    ------
    alwidget.errors.StrategyError
        The array is empty or not 2-D, holds NaN, infinity or negative numbers, or a row does not sum to one: scores,
        logits and log-probabilities are refused, because they would be ranked, only wrongly.
    """
    array = as_matrix(values, name, "documents", "classes")
    for _ in checked_chunks(array, name, turned=array.shape[1] < WIDE):
        pass
    return array


def checked_chunks(array: np.ndarray, name: str, *, turned: bool) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield class probabilities some rows at a time, float64, after each chunk has been held against `as_probs`.

    Parameters
    ----------
    array
        Shape (N, C), as `as_matrix` returns it.
    name
        What the error calls it.
    turned
        Whether chunks are copied class by class, (C, n): reductions over a short last axis are slow in NumPy, over the
        first they run at the speed of memory. Otherwise they are (n, C), and may be the array itself.
    """
    for rows in steps(*array.shape):
        if turned:
            part = np.array(array[rows].T, dtype=np.float64, order="C")
        else:
            part = array[rows].astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            total = part.sum(axis=0) if turned else np.einsum("ij->i", part)
        # one pass tells good from bad: NaN and infinity reach the sum, and the comparison with NaN is false
        if not bool((np.abs(total - 1) <= ROW_TOLERANCE).all()) or part.min() < -1e-9:  # noqa: PLR2004
            raise StrategyError(_why_not_probs(array[rows].astype(np.float64), rows.start, name))
        yield rows, part


def as_sigmoids(values: Any, name: str = "probs") -> np.ndarray:
    """Return `values` as independent probabilities of several labels, in the type it came in.

    Parameters
    ----------
    values
        Shape (N, C): finite and within [0, 1]; rows need not sum to one.
    name
        What the error calls it.

    Raises
    ------
    alwidget.errors.StrategyError
        The array is empty or not 2-D, or holds NaN, infinity or numbers outside of [0, 1].
    """
    array = as_matrix(values, name, "documents", "labels")
    for rows in steps(len(array), array.shape[1]):
        part = array[rows]
        # the comparison with NaN is false
        if bool(((part >= -1e-9) & (part <= 1 + 1e-6)).all()):  # noqa: PLR2004
            continue
        bad = ~((part >= -1e-9) & (part <= 1 + 1e-6)).all(axis=1)  # noqa: PLR2004
        at = int(bad.argmax())
        if not np.isfinite(part[at]).all():
            message = f"{name} holds NaN or infinity, first in row {rows.start + at}: {_shown(part[at])}."
            raise StrategyError(message)
        hint = "These look like raw scores (logits): apply a sigmoid first."
        message = (
            f"{name} must be probabilities within [0, 1], but row {rows.start + at} is {_shown(part[at])}. {hint}"
        )
        raise StrategyError(message)
    return array


def as_log_probs(values: Any, name: str = "log_probs") -> np.ndarray:
    """Return `values` as an array of log-probabilities: no NaN, nothing above zero; minus infinity is allowed."""
    array = as_array(values, name)
    if array.size and not bool((array <= 1e-6).all()):  # noqa: PLR2004  false for NaN
        if np.isnan(array).any():
            message = f"{name} holds NaN, which cannot be ranked."
            raise StrategyError(message)
        hint = " Pass np.log of them." if bool(((array >= 0) & (array <= 1)).all()) else ""
        message = f"{name} must be log-probabilities, none above 0; the largest is {float(array.max()):.6g}.{hint}"
        raise StrategyError(message)
    return array


def as_lengths(values: Any, n: int, most: int | None = None, name: str = "lengths") -> np.ndarray:
    """Return `values` as int64 (n,), none negative and none above `most`."""
    array = as_array(values, name)
    if array.shape != (n,) or (array.dtype.kind not in "iu" and n):
        message = f"{name} must be {n} whole numbers, one a document, got shape {array.shape} of {array.dtype}."
        raise StrategyError(message)
    array = array.astype(np.int64, copy=False)
    if n and (array.min() < 0 or (most is not None and array.max() > most)):
        message = f"{name} must lie between 0 and {most}" if most is not None else f"{name} must not be negative"
        message += f", got {int(array.min())} … {int(array.max())}."
        raise StrategyError(message)
    return array


def as_offsets(values: Any, rows: int, name: str = "offsets") -> np.ndarray:
    """Return `values` as int64 (N + 1,): where each document begins among `rows` rows, and where the last one ends.

    >>> as_offsets([0, 2, 2, 5], 5).tolist()
    [0, 2, 2, 5]
    """
    array = as_array(values, name)
    good = array.ndim == 1 and len(array) > 0 and array.dtype.kind in "iu"
    if not good or array[0] != 0 or array[-1] != rows or bool((np.diff(array.astype(np.int64)) < 0).any()):
        shown = f"shape {array.shape} of {array.dtype}" if not good else _shown(array)
        message = f"{name} must be N + 1 whole numbers that rise from 0 to the {rows} rows there are, got {shown}."
        raise StrategyError(message)
    return array.astype(np.int64, copy=False)


def as_choice(value: Any, name: str, options: tuple[str, ...]) -> str:
    """Return `value` if it is one of `options`.

    >>> as_choice("mean", "agg", ("mean", "max"))
    'mean'
    """
    if isinstance(value, str) and value in options:
        return value
    shown = ", ".join(f'"{option}"' for option in options)
    message = f"{name} must be one of {shown}, got {value!r}.{near_miss(str(value), options)}"
    raise StrategyError(message)


def as_embeddings(values: Any, name: str = "embeddings") -> np.ndarray:
    """Return `values` as a matrix of finite numbers, shape (N, d), in the type it came in."""
    array = as_matrix(values, name, "documents", "dimensions")
    for rows in steps(len(array), array.shape[1], 1 << 20):
        with np.errstate(over="ignore", invalid="ignore"):
            quick = array[rows].sum()
        if np.isfinite(quick):
            continue
        finite = np.isfinite(array[rows]).all(axis=1)  # large numbers may have overflowed the sum alone
        if not finite.all():
            at = int((~finite).argmax())
            message = f"{name} holds NaN or infinity, first in row {rows.start + at}: {_shown(array[rows][at])}."
            raise StrategyError(message)
    return array


def as_scores(values: Any, name: str = "scores") -> np.ndarray:
    """Return `values` as float64 of shape (N,) without NaN; infinities are allowed, they sort first or last."""
    array = as_array(values, name)
    if array.ndim != 1:
        message = f"{name} must have one axis, one number a document, got shape {array.shape}."
        raise StrategyError(message)
    array = array.astype(np.float64, copy=False)
    bad = np.isnan(array)
    if bad.any():
        at = int(bad.argmax())
        message = f"{name} holds NaN ({int(bad.sum())} of {len(array)}, the first at {at}), which cannot be ranked."
        raise StrategyError(message)
    return array


def as_size(value: Any, name: str = "size", least: int = 0) -> int:
    """Return `value` as a whole number of at least `least`.

    >>> as_size(np.int32(5))
    5
    """
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        message = f"{name} must be a whole number, got {value!r} ({type(value).__name__})."
        raise StrategyError(message)
    number = operator.index(value)
    if number < least:
        message = f"{name} must be at least {least}, got {number}."
        raise StrategyError(message)
    return number


def as_number(value: Any, name: str, *, least: float | None = None, above: float | None = None) -> float:
    """Return `value` as a finite number of at least `least`, or above `above`.

    >>> as_number(np.float32(0.5), "lam", above=0)
    0.5
    """
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if good and math.isfinite(value) and (least is None or value >= least) and (above is None or value > above):
        return float(value)
    due = f" of at least {least}" if least is not None else f" above {above}" if above is not None else ""
    message = f"{name} must be a number{due}, got {value!r}."
    raise StrategyError(message)


def as_generator(value: Any) -> np.random.Generator:
    """Return a Generator as it is, or one seeded with a whole number."""
    if isinstance(value, np.random.Generator):
        return value
    if value is None or isinstance(value, np.random.RandomState):
        message = f"rng must be a numpy.random.Generator or a seed, got {value!r}: the same seed gives the same picks."
        raise StrategyError(message)
    return np.random.default_rng(as_size(value, "rng"))


def same_length(**arrays: np.ndarray) -> int:
    """Return the common number of documents of named arrays, or raise naming all of their shapes."""
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        message = f"These arrays must be about the same documents, row by row, but their lengths differ: {shapes}."
        raise StrategyError(message)
    return lengths.pop()


def steps(rows: int, columns: int, cells: int = CHUNK_CELLS) -> list[slice]:
    """Return the slices that cut `rows` into chunks of about `cells` cells."""
    step = max(1, cells // max(columns, 1))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _from_tensor(tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # bfloat16 has no NumPy type
        return tensor.float().numpy()


def _why_not_probs(rows: np.ndarray, start: int, name: str) -> str:
    """Return the sentence for the first bad row: what it is, and what it most likely should have been."""
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        at = int((~finite).argmax())
        return f"{name} holds NaN or infinity, first in row {start + at}: {_shown(rows[at])}."
    with np.errstate(over="ignore", invalid="ignore"):
        total = rows.sum(axis=1)
    bad = (np.abs(total - 1) > ROW_TOLERANCE) | (rows.min(axis=1) < -1e-9)  # noqa: PLR2004
    at = int(bad.argmax())
    row = rows[at]
    with np.errstate(over="ignore"):
        exponents = float(np.exp(row).sum())
    if row.max() <= 0 and abs(exponents - 1) <= ROW_TOLERANCE:
        hint = "These look like log-probabilities: pass np.exp of them."
    elif row.min() < 0 or row.max() > 1 + ROW_TOLERANCE:
        hint = "These look like raw scores (logits): apply a softmax first."
    else:
        hint = (
            "Divide each row by its sum if these are counts; independent probabilities of several labels are read "
            "with multilabel=True by the functions that have it."
        )
    return (
        f"{name} must be class probabilities: row {start + at} sums to {total[at]:.6g} "
        f"(1 ± {ROW_TOLERANCE} is due) and its least value is {row.min():.6g}: {_shown(row)}. {hint}"
    )


def _shown(row: np.ndarray) -> str:
    values = ", ".join(f"{value:.4g}" for value in row[:6])
    return f"[{values}, …]" if len(row) > 6 else f"[{values}]"  # noqa: PLR2004
