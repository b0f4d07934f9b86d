"""How much of a teacher is left in its student: do their vectors agree, and how fast do both read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.learners.base import Stop
from alwidget.learners.encoder import Encoder

__all__ = ["agreement", "size_of", "speeds"]

NEIGHBOURS = 10
TURNS = 3


def agreement(teacher: np.ndarray, student: np.ndarray, *, neighbours: int = NEIGHBOURS) -> dict[str, float]:
    """Return how much two sets of vectors of the same texts agree.

    Parameters
    ----------
    teacher, student
        Vectors (n, d); n from 3 to some thousands, since every pair is looked at.
    neighbours
        How many nearest texts count.

    Returns
    -------
    dict
        ``cosine``: the mean over the texts of the cosine of both vectors;
        ``rank_correlation``: Spearman's, of the cosines of all pairs of texts, 0 where these are all the same;
        ``neighbours``: the share of the nearest texts of a text that are the same ones.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 8))
    >>> agreement(x, 3 * x)
    {'cosine': 1.0, 'rank_correlation': 1.0, 'neighbours': 1.0}
    """
    from scipy.stats import spearmanr

    a, b = (_unit(np.asarray(v, dtype=np.float64)) for v in (teacher, student))
    cosine = float((a * b).sum(axis=1).mean())
    near_a, near_b = a @ a.T, b @ b.T
    pairs = np.triu_indices(len(a), 1)
    flat = np.ptp(near_a[pairs]) == 0 or np.ptp(near_b[pairs]) == 0
    ranks = 0.0 if flat else float(spearmanr(near_a[pairs], near_b[pairs]).statistic)
    count = min(neighbours, len(a) - 1)
    both = zip(_nearest(near_a, count), _nearest(near_b, count), strict=True)
    same = float(np.mean([len(set(x) & set(y)) / count for x, y in both]))
    return {"cosine": round(cosine, 6), "rank_correlation": round(ranks, 6), "neighbours": round(same, 6)}


def speeds(models: Sequence[Encoder], texts: Sequence[str], *, stop: Stop | None = None) -> list[float]:
    """Return how many documents a second each model reads: the same texts in turns, the best turn of each."""
    best = [0.0] * len(models)
    for model in models:
        model.encode(texts[: max(1, len(texts) // 4)], stop=stop)
    for _ in range(TURNS):
        for i, model in enumerate(models):
            started = time.perf_counter()
            model.encode(texts, stop=stop)
            best[i] = max(best[i], len(texts) / max(time.perf_counter() - started, 1e-9))
    return [round(rate, 1) for rate in best]


def size_of(model: Any, folder: Path) -> dict[str, float]:
    """Return the number of parameters, of those that are no word vectors, and the size of the weights on disk."""
    parameters = sum(p.numel() for p in model.parameters())
    words = sum(p.numel() for p in model.get_input_embeddings().parameters())
    weights = sum(p.stat().st_size for p in folder.glob("*.safetensors"))
    return {
        "layers": int(model.config.num_hidden_layers),
        "parameters": parameters,
        "parameters_without_words": parameters - words,
        "megabytes": round(weights / 1e6, 1),
    }


def _unit(vectors: np.ndarray) -> np.ndarray:
    out: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return out


def _nearest(similarity: np.ndarray, count: int) -> list[list[int]]:
    others = similarity.copy()
    np.fill_diagonal(others, -np.inf)
    found: list[list[int]] = np.argsort(-others, axis=1, kind="stable")[:, :count].tolist()
    return found
