"""Scores of documents from the tags of their words: what is annotated is the document, so words are summed up.

Words of all documents lie one after the other in one array; `offsets` int64 (N + 1,) says where each document begins,
as in `alwidget.learners.TokenProbs`. A document without words has nothing to tag and scores minus infinity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from alwidget.errors import StrategyError
from alwidget.strategies.functional.checks import (
    as_array,
    as_choice,
    as_lengths,
    as_log_probs,
    as_offsets,
    as_size,
    steps,
)
from alwidget.strategies.functional.passes import mutual_information
from alwidget.strategies.functional.scores import by_chunks, entropy

__all__ = ["AGGREGATES", "log_confidence", "mnlp", "pooled", "token_bald", "token_budget", "token_entropy"]

AGGREGATES = ("mean", "max", "sum", "top")
"""How the scores of words become the score of a document."""


def mnlp(token_log_probs: Any, lengths: Any, *, skip_all_O: Any = None) -> np.ndarray:
    """Return the length-normalised improbability of the predicted tags (MNLP, Shen et al. 2017).

    Parameters
    ----------
    token_log_probs
        Log-probability of the likeliest tag of every word, padded, shape (N, M). What lies behind a document's length
        is not looked at.
    lengths
        How many words each document has, int (N,), at most M.
    skip_all_O
        Which documents are tagged O throughout, bool (N,): they are asked last. None (the default of the strategy,
        too) asks them like others; leaving them out starves recall in the first rounds, when a model finds nothing.

    Returns
    -------
    numpy.ndarray
        ``-(1/L) sum_t log max_c p_tc``, float64, shape (N,), at least 0, larger = ask first. Minus infinity for a
        document without words, or left out.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays do not fit together, or hold NaN or anything that is no log-probability.

    Examples
    --------
    >>> mnlp(np.log([[0.9, 0.6], [0.5, 1.0]]), [2, 1]).round(6).tolist()
    [0.308093, 0.693147]
    """
    given = as_array(token_log_probs, "token_log_probs")
    if given.ndim != 2:  # noqa: PLR2004
        message = f"token_log_probs must have two axes (documents, words), got shape {given.shape}."
        raise StrategyError(message)
    n, most = given.shape
    lengths = as_lengths(lengths, n, most)
    total = np.zeros(n)
    for rows in steps(n, most):
        within = np.arange(most) < lengths[rows, None]
        part = np.where(within, given[rows], 0).astype(np.float64)
        total[rows] = as_log_probs(part, "token_log_probs").sum(axis=1)
    scores = np.maximum(-total / np.maximum(lengths, 1), 0)
    return _left_out(np.where(lengths > 0, scores, -np.inf), skip_all_O)


def token_entropy(token_probs: Any, offsets: Any, *, agg: str = "mean", k: int = 3) -> np.ndarray:
    """Return the entropy of the tags of the words of each document, in nats.

    Parameters
    ----------
    token_probs
        Tag probabilities of all words, shape (sum L, K), rows sum to one.
    offsets
        Where each document begins, int (N + 1,).
    agg
        ``"mean"`` over words; ``"max"``, the least certain word; ``"sum"``, which prefers long documents; ``"top"``,
        the mean of the `k` least certain words.
    k
        For ``"top"``; of a shorter document all words count.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), larger = ask first; minus infinity without words.

    Raises
    ------
    alwidget.errors.StrategyError
        These are no probabilities, `offsets` do not cover them, or there is no such `agg`.

    Examples
    --------
    >>> words = [[0.9, 0.1], [0.5, 0.5], [1, 0]]
    >>> token_entropy(words, [0, 3]).round(6).tolist(), token_entropy(words, [0, 1, 3], agg="max").round(6).tolist()
    ([0.33941], [0.325083, 0.693147])
    """
    agg, k = as_choice(agg, "agg", AGGREGATES), as_size(k, "k", least=1)
    given = _tags(token_probs)
    offsets = as_offsets(offsets, len(given))
    each = entropy(given, name="token_probs") if len(given) else np.empty(0)
    return pooled(each, offsets, agg, k)


def token_bald(passes: Iterable[tuple[Any, Any]], *, agg: str = "mean", k: int = 3) -> np.ndarray:
    """Return how much the passes of a tagger disagree about each document (BALD, Houlsby et al. 2011).

    Parameters
    ----------
    passes
        For each pass with dropout on, tag probabilities (sum L, K) and offsets (N + 1,) of the same words. They are
        read one after the other and only sums are kept, so that the passes may be computed while they are read.
    agg, k
        As for `token_entropy`, of the mutual information of each word.

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), larger = ask first; minus infinity without words.

    Raises
    ------
    alwidget.errors.StrategyError
        There are fewer than two passes, they are about different words, or hold no probabilities.

    Examples
    --------
    >>> first, second = [[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]
    >>> token_bald([(first, [0, 1, 2]), (second, [0, 1, 2])]).round(6).tolist()
    [0.368064, 0.0]
    """
    agg, k = as_choice(agg, "agg", AGGREGATES), as_size(k, "k", least=1)
    kept: list[np.ndarray] = []

    def flats() -> Iterable[np.ndarray]:
        for given, offsets in passes:
            flat = _tags(given)
            found = as_offsets(offsets, len(flat))
            if kept and not np.array_equal(kept[0], found):
                message = "The passes are about different words; every pass must see the documents as the first did."
                raise StrategyError(message)
            kept[:] = [found]
            yield flat

    each = mutual_information(flats(), "token_probs")
    return pooled(each, kept[0], agg, k)


def token_budget(indices: Any, lengths: Any, budget: int) -> np.ndarray:
    """Return the documents of a batch that is counted in words: the first that together reach `budget`.

    Parameters
    ----------
    indices
        Positions, best first, int (k,).
    lengths
        How many words each document has, int (N,), by position.
    budget
        Words to ask for. The document that crosses it is included; where all have fewer words, all are returned.

    Returns
    -------
    numpy.ndarray
        The beginning of `indices`, int64.

    Examples
    --------
    >>> token_budget([2, 0, 1], [5, 9, 4], 6).tolist()
    [2, 0]
    """
    budget, given = as_size(budget, "budget"), as_array(lengths, "lengths")
    chosen = as_array(indices, "indices").astype(np.int64, copy=False)
    lengths = as_lengths(given, len(given))
    before = np.cumsum(lengths[chosen]) - lengths[chosen]
    return np.asarray(chosen[before < budget])


def log_confidence(token_probs: Any) -> np.ndarray:
    """Return the log-probability of the likeliest tag of every word, float64 (sum L,)."""
    given = _tags(token_probs)
    if not len(given):
        return np.empty(0)
    return -by_chunks(given, lambda p: -np.log(np.minimum(p.max(axis=0), 1)), name="token_probs")


def pooled(values: np.ndarray, offsets: np.ndarray, agg: str, k: int = 3) -> np.ndarray:
    """Return one number a document from one a word: mean, max, sum, or the mean of the `k` largest.

    >>> pooled(np.array([1.0, 2.0, 6.0]), np.array([0, 3, 3]), "mean").tolist()
    [3.0, -inf]
    """
    lengths = np.diff(offsets)
    out = np.full(len(lengths), -np.inf)
    some = lengths > 0
    if not some.any():
        return out
    starts = offsets[:-1][some]  # documents without words lie between the others and hold nothing
    if agg == "max":
        out[some] = np.maximum.reduceat(values, starts)
    elif agg == "top":
        document = np.repeat(np.arange(len(starts)), lengths[some])
        order = np.lexsort((-values, document))
        kept = order[np.arange(len(values)) - np.repeat(starts, lengths[some]) < k]
        out[some] = np.bincount(document[kept], values[kept]) / np.minimum(lengths[some], k)
    else:
        total = np.add.reduceat(values, starts)
        out[some] = total / lengths[some] if agg == "mean" else total
    return out


def _tags(token_probs: Any) -> np.ndarray:
    """Return `token_probs` as a matrix; unlike elsewhere it may have no rows, where no document has a word."""
    array = as_array(token_probs, "token_probs")
    if array.ndim != 2 or not array.shape[1]:  # noqa: PLR2004
        message = f"token_probs must have two axes (words of all documents, tags), got shape {array.shape}."
        raise StrategyError(message)
    return array


def _left_out(scores: np.ndarray, which: Any) -> np.ndarray:
    if which is None:
        return scores
    given = as_array(which, "skip_all_O")
    if given.shape != scores.shape:
        message = f"skip_all_O must be bool, one a document ({scores.shape}), got shape {given.shape}."
        raise StrategyError(message)
    return np.where(given != 0, -np.inf, scores)
