"""What an acquired set looks like beside the pool that it was acquired from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import as_array, as_choice, as_embeddings, as_size
from alwidget.strategies.functional.neighbours import nearest
from alwidget.strategies.functional.searching import METRICS

__all__ = [
    "Redundancy",
    "acquisition_factor",
    "batch_redundancy",
    "input_diversity",
    "representation_diversity",
    "representativeness",
]

AT_ONCE = 4096
"""Queries whose neighbours are held at a time."""


def acquisition_factor(sources: Any, picked: Any, pool_sources: Any) -> dict[Any, float]:
    """Return how much more often each source was picked than by chance (Snijders et al. 2023).

    Parameters
    ----------
    sources
        The source of every document, (N,).
    picked
        Positions in `sources` that were picked, whole numbers (b,).
    pool_sources
        The source of every document that they were picked from, the picked ones included, (m,); or how many there were
        of each source, a dict.

    Returns
    -------
    dict
        A factor for every source of either, in the order of first mention: the share of the source among the picked,
        divided by its share of the pool. 1 is what chance gives, NaN a source of which the pool had nothing, or that
        nothing was picked.

    Raises
    ------
    alwidget.errors.StrategyError
        A position is out of range, or a source was picked that the pool does not have.

    Examples
    --------
    >>> sources = ["news"] * 30 + ["wiki"] * 20
    >>> pool = ["news"] * 100 + ["wiki"] * 200
    >>> {name: round(factor, 6) for name, factor in acquisition_factor(sources, range(50), pool).items()}
    {'news': 1.8, 'wiki': 0.6}
    """
    names = _names(sources)
    there = Counter(pool_sources if isinstance(pool_sources, Mapping) else _names(pool_sources))
    at = _positions(picked, len(names))
    taken = Counter(names[int(i)] for i in at)
    unknown = [name for name, count in taken.items() if count > there[name]]
    if unknown:
        message = (
            f"{taken[unknown[0]]} documents were picked from {unknown[0]!r}, of which the pool has "
            f"{there[unknown[0]]}. pool_sources are those before the round, the picked documents included."
        )
        raise StrategyError(message)
    n = sum(there.values())
    return {
        name: (taken[name] / len(at)) / (there[name] / n) if len(at) and there[name] else math.nan
        for name in dict.fromkeys([*names, *there])
    }


def input_diversity(picked: Iterable[Any], rest: Iterable[Any]) -> float:
    """Return what share of the words of picked and remaining documents both have (Yuan et al. 2020).

    Parameters
    ----------
    picked, rest
        Texts, or a list of words for each document. Texts are split at spaces, lower-cased, and lose the punctuation
        around their words; where words are not set apart by spaces, bring lists.

    Returns
    -------
    float
        The Jaccard similarity of both vocabularies, 0 … 1; high where the picked documents say what the others say.
        It grows with the number of documents: compare sets of equal size only.

    Raises
    ------
    alwidget.errors.StrategyError
        Neither has any word.

    Examples
    --------
    >>> input_diversity(["A, b.", "c"], ["b c", "D!"])
    0.5
    """
    ours, theirs = _vocabulary(picked), _vocabulary(rest)
    both = ours | theirs
    if not both:
        message = "Neither the picked documents nor the others have any word."
        raise StrategyError(message)
    return len(ours & theirs) / len(both)


def representation_diversity(picked: Any, rest: Any) -> float:
    """Return how near every remaining document has a picked one (Ein-Dor et al. 2020).

    Parameters
    ----------
    picked
        Vectors of the picked documents, (b, d).
    rest
        Vectors of the others, without those that were picked, (m, d).

    Returns
    -------
    float
        One divided by the mean distance of the others to their nearest picked one; larger covers better, infinity
        where all are copies of picked ones.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, or one is empty.

    Examples
    --------
    >>> round(representation_diversity([[0.0], [4.0]], [[1.0], [2.0], [5.0]]), 6)
    0.75
    """
    near, others = as_embeddings(picked, "picked"), as_embeddings(rest, "rest")
    parts = [nearest(others[i : i + AT_ONCE], near, 1).distances.sum() for i in range(0, len(others), AT_ONCE)]
    return _inverse(float(np.sum(parts)) / len(others))


def representativeness(embeddings: Any, picked: Any = None, k: int = 10, metric: str = "euclidean") -> np.ndarray:
    """Return how densely each document's surroundings are filled, itself not counted.

    Parameters
    ----------
    embeddings
        Vectors of the pool, (N, d), N ≥ 2.
    picked
        The positions to tell of; None for all, which costs O(N² · d).
    k
        How many neighbours, fewer where the pool has no more.
    metric
        ``"euclidean"``: one divided by the mean distance to the neighbours (infinity among copies); ``"cosine"``: the
        mean cosine with them.

    Returns
    -------
    numpy.ndarray
        float64 (b,), larger = stands for more documents.

    Raises
    ------
    alwidget.errors.StrategyError
        `embeddings` are no vectors of at least two documents, or a position is out of range.

    Examples
    --------
    >>> representativeness([[0.0], [1.0], [3.0]], k=2).round(3).tolist()
    [0.5, 0.667, 0.4]
    """
    vectors = as_embeddings(embeddings)
    if len(vectors) == 1:
        message = "A document alone has no neighbours; embeddings must have two rows at least."
        raise StrategyError(message)
    cosine = as_choice(metric, "metric", METRICS) == "cosine"
    at = np.arange(len(vectors)) if picked is None else _positions(picked, len(vectors))
    most = min(as_size(k, "k", least=1), len(vectors) - 1)
    out = np.empty(len(at))
    for start in range(0, len(at), AT_ONCE):
        rows = at[start : start + AT_ONCE]
        mean = _without_self(vectors, rows, most, metric).mean(axis=1)
        out[start : start + AT_ONCE] = 1 - mean if cosine else _inverses(mean)
    return out


class Redundancy(NamedTuple):
    """The mean cosine of each picked document with the nearest of the batch, and with the nearest labelled one."""

    within: float
    to_labelled: float


def batch_redundancy(embeddings: Any, labelled_embeddings: Any = None) -> Redundancy:
    """Return how much the documents of a batch repeat one another, and what was labelled before.

    Parameters
    ----------
    embeddings
        Vectors of the batch, (b, d).
    labelled_embeddings
        Vectors of what was labelled before it, (n, d); None or empty where nothing was.

    Returns
    -------
    Redundancy
        `within` and `to_labelled`, mean cosines to the nearest, 1 for copies; NaN where there is no other.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions.

    Examples
    --------
    >>> found = batch_redundancy([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]], [[3.0, 0.0]])
    >>> round(found.within, 3), round(found.to_labelled, 3)
    (0.667, 0.333)
    """
    batch = as_embeddings(embeddings)
    everyone = np.arange(len(batch))
    within = math.nan if len(batch) == 1 else 1 - float(_without_self(batch, everyone, 1, "cosine").mean())
    if labelled_embeddings is None or not len(labelled_embeddings):
        return Redundancy(within, math.nan)
    known = as_embeddings(labelled_embeddings, "labelled_embeddings")
    return Redundancy(within, 1 - float(nearest(batch, known, 1, metric="cosine").distances.mean()))


def _without_self(vectors: np.ndarray, rows: np.ndarray, k: int, metric: str) -> np.ndarray:
    """Return distances to the `k` nearest others, (b, k); among more than `k` copies any of them may stand for it."""
    found = nearest(vectors[rows], vectors, k + 1, metric=metric)
    own = found.indices == rows[:, None]
    own[~own.any(axis=1), -1] = True
    kept: np.ndarray = found.distances[~own].reshape(len(rows), -1)
    return kept


def _names(values: Any) -> list[Hashable]:
    return list(values.tolist()) if isinstance(values, np.ndarray) else list(values)


def _positions(values: Any, n: int) -> np.ndarray:
    at = as_array(list(values) if isinstance(values, range) else values, "picked")
    good = at.ndim == 1 and (at.dtype.kind in "iu" or not at.size)
    if not good or (at.size and (at.min() < 0 or at.max() >= n)) or len(np.unique(at)) != len(at):
        message = f"picked must be different positions within 0 … {n - 1}, got {at.dtype} of shape {at.shape}."
        raise StrategyError(message)
    return at.astype(np.int64)


def _vocabulary(documents: Iterable[Any]) -> set[str]:
    words: set[str] = set()
    for document in documents:
        parts: Sequence[str] = document.split() if isinstance(document, str) else document
        words.update(part.lower() if part.isalnum() else _stripped(part.lower()) for part in parts)
    words.discard("")
    return words


def _stripped(word: str) -> str:
    """Return a word without what is neither letter nor digit at its ends."""
    start, end = 0, len(word)
    while start < end and not word[start].isalnum():
        start += 1
    while end > start and not word[end - 1].isalnum():
        end -= 1
    return word[start:end]


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else math.inf


def _inverses(values: np.ndarray) -> np.ndarray:
    out = np.full(len(values), math.inf)
    np.divide(1.0, values, out=out, where=values > 0)
    return out
