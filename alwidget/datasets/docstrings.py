"""The docstrings of numpy, scipy, pandas and scikit-learn: a real corpus that is installed with alwidget."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

from alwidget.datasets import classification, generation, multilabel, tagging
from alwidget.datasets.store import Records, all_text, cached
from alwidget.datasets.subjects import SUBJECTS
from alwidget.errors import ArgumentError, near_miss

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["available", "docstrings", "labels"]


@dataclass(frozen=True, slots=True)
class _Corpus:
    """How the corpus of a task is built, what its labels are, and what a whole record is."""

    build: Callable[[], Records]
    labels: Callable[[], Mapping[str, str]]
    whole: Callable[[dict[str, Any]], bool]


def _subjects() -> dict[str, str]:
    return {subject.label: subject.definition for subject in SUBJECTS}


_CORPORA = {
    "classification": _Corpus(classification.build, _subjects, all_text),
    "multilabel": _Corpus(multilabel.build, lambda: multilabel.LABELS, multilabel.whole),
    "tagging": _Corpus(tagging.build, lambda: tagging.LABELS, tagging.whole),
    "generation": _Corpus(generation.build, dict, all_text),
}


def available() -> dict[str, tuple[str, ...]]:
    """Return the corpora by name, each with the tasks that it has gold labels for."""
    return {"docstrings": tuple(_CORPORA)}


def labels(task: str = "classification") -> dict[str, str]:
    """Return the labels of the corpus with a definition each, ready for ``alw.annotate(…, labels=…)``.

    There are none for ``"generation"``, where the answer is a text.

    >>> labels()["stats"]
    'Statistics: distributions, tests, summaries, resampling.'
    >>> list(labels("tagging"))
    ['name', 'type', 'default']
    """
    _check_task(task)
    return dict(_CORPORA[task].labels())


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
        ``"classification"``: which subpackage the docstring belongs to (see `labels`). ``"multilabel"``: which kinds
        of value a parameter takes, told from its name and description. ``"tagging"``: names, types and defaults of
        parameters. ``"generation"``: the summary line, written from the description that follows it.
    n
        At most so many rows; None for all of them, which are between 1,500 and 7,000, depending on the task and the
        versions of the libraries.
    seed
        The order of the rows. They are shuffled, so that every part of the frame is a fair sample; the same seed and
        the same versions of the libraries give the same frame.
    cache_dir
        Where the corpus is kept after the first call (which imports the libraries and takes a few seconds); by
        default the user's cache folder.

    Returns
    -------
    pandas.DataFrame
        Columns ``id`` (the object's full name, with the parameter or a number where there are several documents of
        one), ``text`` (at most 900 characters, without markup, code or module paths) and the gold answer in the form
        that a session records: ``label`` (a name), ``labels`` (a list of names, empty where none fits), ``spans`` (a
        list of ``{"start", "end", "label", "text"}`` in code points, sorted) or ``target`` (a text).

    Raises
    ------
    ArgumentError
        If the task does not exist, or `n` is not a positive number.

    Examples
    --------
    >>> from alwidget import datasets
    >>> list(datasets.docstrings("classification", n=100).columns)
    ['id', 'text', 'label']
    >>> row = datasets.docstrings("tagging", n=1).iloc[0]
    >>> all(row["text"][span["start"] : span["end"]] == span["text"] for span in row["spans"])
    True
    """
    _check_task(task)
    _check_rows(n)
    import pandas as pd

    corpus = _CORPORA[task]
    records = cached(f"docstrings-{task}", corpus.build, whole=corpus.whole, cache_dir=cache_dir)
    order = list(range(len(records)))
    random.Random(seed).shuffle(order)
    return pd.DataFrame([records[i] for i in order[:n]])


def _check_rows(n: Any) -> None:
    whole = isinstance(n, Integral) and not isinstance(n, bool)
    if n is not None and not (whole and n >= 1):
        message = f"n must be a whole number of at least 1, or None for the whole corpus; got {n!r}."
        raise ArgumentError(message)


def _check_task(task: str) -> None:
    if task not in _CORPORA:
        options = ", ".join(f'"{name}"' for name in _CORPORA)
        hint = near_miss(task, _CORPORA)
        message = f'There is no docstring corpus for "{task}"; choose from {options}.{hint}'
        raise ArgumentError(message)
