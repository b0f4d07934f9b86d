"""The docstrings of numpy, scipy, pandas and scikit-learn: a real corpus that is installed with alwidget."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any

from alwidget.datasets.store import Records, cached
from alwidget.datasets.subjects import SUBJECTS
from alwidget.errors import ArgumentError, near_miss

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["available", "docstrings", "labels"]


def _classification() -> Records:
    from alwidget.datasets.classification import build

    return build()


_BUILDERS: dict[str, Callable[[], Records]] = {"classification": _classification}
_PLANNED = ("tagging", "generation")


def available() -> dict[str, tuple[str, ...]]:
    """Return the corpora by name, each with the tasks that it has gold labels for."""
    return {"docstrings": tuple(_BUILDERS)}


def labels(task: str = "classification") -> dict[str, str]:
    """Return the labels of the corpus with a definition each, ready for ``alw.annotate(…, labels=…)``.

    >>> labels()["stats"]
    'Statistics: distributions, tests, summaries, resampling.'
    """
    _check_task(task)
    return {subject.label: subject.definition for subject in SUBJECTS}


def docstrings(
    task: str = "classification",
    n: int | None = None,
    seed: int = 0,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Return docstrings of numpy, scipy, pandas and scikit-learn with gold labels; nothing is downloaded.

    Parameters
    ----------
    task
        ``"classification"``: which subpackage the docstring belongs to (see `labels`).
    n
        At most so many rows; None for all of them, which are between 2,000 and 4,000, depending on the versions of
        the libraries.
    seed
        The order of the rows. They are shuffled, so that every part of the frame is a fair sample; the same seed and
        the same versions of the libraries give the same frame.
    cache_dir
        Where the corpus is kept after the first call (which imports the libraries and takes a few seconds); by
        default the user's cache folder.

    Returns
    -------
    pandas.DataFrame
        Columns ``id`` (the object's full name), ``text`` (its own name and its prose, at most about 650 characters,
        without code, parameters or module paths) and ``label``.

    Raises
    ------
    ArgumentError
        If the task does not exist or is not in this version, or `n` is not a positive number.

    Examples
    --------
    >>> from alwidget import datasets
    >>> list(datasets.docstrings("classification", n=100).columns)
    ['id', 'text', 'label']
    """
    _check_task(task)
    _check_rows(n)
    import pandas as pd

    records = cached(f"docstrings-{task}", _BUILDERS[task], cache_dir=cache_dir)
    order = list(range(len(records)))
    random.Random(seed).shuffle(order)
    return pd.DataFrame([records[i] for i in order[:n]])


def _check_rows(n: Any) -> None:
    whole = isinstance(n, Integral) and not isinstance(n, bool)
    if n is not None and not (whole and n >= 1):
        message = f"n must be a whole number of at least 1, or None for the whole corpus; got {n!r}."
        raise ArgumentError(message)


def _check_task(task: str) -> None:
    if task in _BUILDERS:
        return
    options = ", ".join(f'"{name}"' for name in _BUILDERS)
    if task in _PLANNED:
        message = f'The docstring corpus for "{task}" is not in this version yet; there is {options}.'
    else:
        message = f'There is no docstring corpus for "{task}"; choose from {options}.{near_miss(task, _BUILDERS)}'
    raise ArgumentError(message)
