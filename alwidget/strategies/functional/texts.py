"""Scores of documents from the texts that a model wrote for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alwidget.errors import MissingExtraError, StrategyError
from alwidget.strategies.functional.checks import as_choice, as_lengths, as_log_probs

__all__ = ["SPREADS", "TOKENISERS", "bleu_matrix", "bleuvar", "disagreement", "ensp", "nsp"]

SPREADS = ("mean", "var")
TOKENISERS = ("13a", "intl", "zh", "char", "none")
ORDER = 4
"""The longest n-gram that BLEU counts."""


def nsp(log_probs: Any, lengths: Any = None) -> np.ndarray:
    """Return one minus the normalised probability of what a model wrote (NSP, Ueffing & Ney 2007).

    Parameters
    ----------
    log_probs
        Log-probability of each token of the text, padded, shape (N, M), with `lengths`; or, already the mean over the
        tokens, shape (N,) (`alwidget.learners.Generated.log_probs`; what a beam search returns with length penalty 1).
    lengths
        How many tokens each text has, int (N,). A text without tokens is certain: it scores 0.

    Returns
    -------
    numpy.ndarray
        ``1 - exp(mean_t log p_t)``, float64, shape (N,), in [0, 1]; larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays do not fit together, or hold NaN or anything that is no log-probability.

    Examples
    --------
    >>> nsp(np.log([[0.5, 0.8, 0.4]]), [3]).round(6).tolist()
    [0.457116]
    """
    if lengths is None:
        means = as_log_probs(log_probs)
        if means.ndim != 1:
            message = f"log_probs of shape {means.shape} need lengths; without them one mean a text is due, (N,)."
            raise StrategyError(message)
        return _improbable(means)
    given = np.asarray(log_probs)
    if given.ndim != 2:  # noqa: PLR2004
        message = f"log_probs must have two axes (texts, tokens) where there are lengths, got shape {given.shape}."
        raise StrategyError(message)
    lengths = as_lengths(lengths, *given.shape)
    inside = np.arange(given.shape[1]) < lengths[:, None]
    total = as_log_probs(np.where(inside, given, 0)).sum(axis=1, dtype=np.float64)
    return _improbable(total / np.maximum(lengths, 1))


def ensp(mc_log_probs: Any, *, agg: str = "mean") -> np.ndarray:
    """Return how improbable, or how changeable, several passes find what they wrote (ENSP, Wang et al. 2019).

    Parameters
    ----------
    mc_log_probs
        Mean log-probability of the tokens of each text in T passes with dropout on, shape (T, N).
    agg
        ``"mean"``: one minus the mean of the probabilities, which is ENSP. ``"var"``: their variance (ENSV).

    Returns
    -------
    numpy.ndarray
        float64, shape (N,), larger = ask first.

    Raises
    ------
    alwidget.errors.StrategyError
        These are no log-probabilities (T, N), or there is one pass only for ``"var"``.

    Examples
    --------
    >>> ensp(np.log([[0.5, 0.9], [0.3, 0.9]])).round(6).tolist()
    [0.6, 0.1]
    """
    agg = as_choice(agg, "agg", SPREADS)
    given = as_log_probs(mc_log_probs, "mc_log_probs")
    if given.ndim != 2 or not len(given):  # noqa: PLR2004
        message = f"mc_log_probs must have two axes (passes, documents), got shape {given.shape}."
        raise StrategyError(message)
    probs = np.minimum(np.exp(given.astype(np.float64)), 1)
    if agg == "mean":
        return np.asarray(1 - probs.mean(axis=0))
    if len(given) < 2:  # noqa: PLR2004
        message = "One pass has no variance; pass two or more."
        raise StrategyError(message)
    return np.asarray(probs.var(axis=0))


def bleuvar(texts: Sequence[Sequence[str]], *, tokenize: str = "13a") -> np.ndarray:
    """Return how much the texts that several passes wrote differ (BLEUVar, Xiao, Gomez & Gal 2020).

    Parameters
    ----------
    texts
        For each document the T ≥ 2 texts of its passes with dropout on.
    tokenize
        How sacrebleu splits words: ``"13a"``, ``"intl"``, ``"zh"``, ``"char"`` (for languages that are written
        without spaces), ``"none"``.

    Returns
    -------
    numpy.ndarray
        ``1 / (T (T - 1)) · sum_{i≠j} (1 - BLEU(y_i, y_j))²`` with sentence BLEU (add-k smoothing, 0 … 1), float64,
        shape (N,), in [0, 1]; larger = ask first. Exactly 0 where all texts have the same words. An empty text
        has BLEU 0 with all but another empty one.

    Raises
    ------
    alwidget.errors.StrategyError
        A document has fewer than two texts, or something that is no text.
    alwidget.errors.MissingExtraError
        sacrebleu is not installed.

    Examples
    --------
    >>> bleuvar([["a cat sat", "a cat sat"], ["a cat sat", "dogs bark"]]).tolist()
    [0.0, 1.0]
    """
    split, score = _sacrebleu(as_choice(tokenize, "tokenize", TOKENISERS))
    return np.array([disagreement(_matrix(_texts(some, at), split, score)) for at, some in enumerate(texts)])


def bleu_matrix(texts: Sequence[str], *, tokenize: str = "13a") -> np.ndarray:
    """Return sentence BLEU of each text as a translation of each other, 0 … 1, float64 (T, T)."""
    split, score = _sacrebleu(as_choice(tokenize, "tokenize", TOKENISERS))
    return _matrix(_texts(texts, 0), split, score)


def disagreement(bleu: np.ndarray) -> float:
    """Return the mean of (1 - BLEU)² over the pairs of different texts, from BLEU (T, T).

    >>> round(disagreement(np.array([[1.0, 0.5], [0.4, 1.0]])), 6)
    0.305
    """
    t = len(bleu)
    apart = np.square(1 - bleu)
    np.fill_diagonal(apart, 0)
    return float(apart.sum() / (t * (t - 1)))


def _matrix(
    texts: Sequence[str], split: Callable[[str], str], score: Callable[[list[int], list[int], int, int], float]
) -> np.ndarray:
    """Return BLEU (T, T); n-grams are counted once a text, matches once a pair, equal texts once."""
    words = [tuple(split(text.rstrip()).split()) for text in texts]
    kinds = list(dict.fromkeys(words))
    grams = [_grams(kind) for kind in kinds]
    totals = [[max(len(kind) - n, 0) for n in range(ORDER)] for kind in kinds]
    bleu = np.eye(len(kinds))
    for i in range(len(kinds)):
        for j in range(i):
            matches = _matches(grams[i], grams[j])
            # compute_bleu adds the smoothing to the lists it is given
            bleu[i, j] = score(list(matches), list(totals[i]), len(kinds[i]), len(kinds[j]))
            bleu[j, i] = score(list(matches), list(totals[j]), len(kinds[j]), len(kinds[i]))
    at = [kinds.index(kind) for kind in words]
    return bleu[np.ix_(at, at)]


def _grams(words: tuple[str, ...]) -> Counter[tuple[str, ...]]:
    return Counter(words[i : i + n] for n in range(1, ORDER + 1) for i in range(len(words) - n + 1))


def _matches(first: Counter[tuple[str, ...]], second: Counter[tuple[str, ...]]) -> list[int]:
    """Return how many n-grams two texts share, for n = 1 … 4."""
    shared = [0] * ORDER
    if len(second) < len(first):
        first, second = second, first
    for gram, count in first.items():
        if other := second.get(gram):
            shared[len(gram) - 1] += min(count, other)
    return shared


def _sacrebleu(tokenize: str) -> tuple[Callable[[str], str], Callable[[list[int], list[int], int, int], float]]:
    """Return sacrebleu's way to split a text, and its sentence BLEU from counts, 0 … 1."""
    try:
        from sacrebleu import BLEU
    except ImportError as error:
        message = 'BLEUVar compares texts with sacrebleu, which is not installed: pip install "alwidget[text]"'
        raise MissingExtraError(message) from error
    split = BLEU(tokenize=tokenize, smooth_method="add-k", effective_order=True).tokenizer

    def score(matches: list[int], totals: list[int], length: int, other: int) -> float:
        found = BLEU.compute_bleu(matches, totals, length, other, smooth_method="add-k", effective_order=True)
        return min(float(found.score) / 100, 1.0)

    return split, score


def _texts(some: Any, at: int) -> Sequence[str]:
    if isinstance(some, str) or not all(isinstance(text, str) for text in some):
        message = f"texts must hold a list of texts for each document, but that of document {at} is {some!r}."
        raise StrategyError(message)
    if len(some) < 2:  # noqa: PLR2004
        message = f"Document {at} has {len(some)} texts; at least two are needed to tell how they differ."
        raise StrategyError(message)
    given: Sequence[str] = some
    return given


def _improbable(means: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(1 - np.exp(means.astype(np.float64)), 0, 1))
