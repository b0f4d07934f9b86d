"""Approximate nearest neighbours in a graph of the points (HNSW, Malkov & Yashunin 2018), by usearch.

Of the kept libraries usearch was chosen over faiss. Their graphs find as much of the true answer (0.99 on 23,000
vectors that all-MiniLM gives to news, where the inverted lists of faiss find 0.91), but faiss brings an OpenMP of its
own, and beside torch's that can end the process on macOS.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from alwidget.strategies.functional.checks import steps
from alwidget.strategies.functional.searching import SPARE, Neighbours, Rows, exactly, in_order

__all__ = ["has_graphs", "in_graph", "recall_of"]

DEGREE, WIDTH_MADE, WIDTH_SEARCHED = 16, 64, 256
"""Edges of a point; how many points are kept in view while one is added, and while one is looked for."""
CHUNK = 1 << 22
"""Numbers that are handed over at a time."""
SAMPLE = 100
"""Queries that are also answered exactly, to see how much of the true answer is found."""


def has_graphs() -> bool:
    """Return whether usearch is installed."""
    return importlib.util.find_spec("usearch") is not None


def in_graph(queries: np.ndarray, points: np.ndarray, k: int, *, unit: bool) -> Neighbours:
    """Return neighbours of checked arrays out of a graph, in exact order; see `nearest`.

    Points are added by one thread: with several the graph, and so the answer, would differ from run to run.
    """
    from usearch.index import Index

    held = Rows.of(points, unit=unit)
    width = min(k + SPARE, len(points))
    graph = Index(
        ndim=points.shape[1],
        metric="l2sq",
        dtype="f16",
        connectivity=DEGREE,
        expansion_add=WIDTH_MADE,
        expansion_search=max(WIDTH_SEARCHED, 2 * width),
    )
    for part in steps(len(points), points.shape[1], CHUNK):
        graph.add(np.arange(part.start, part.stop), held.at(part, np.float32), threads=1)
    indices, distances = np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k))
    for part in steps(len(queries), points.shape[1], CHUNK):
        some = Rows(queries[part], held.scale, held.offset)
        found = graph.search(some.at(slice(None), np.float32), width)
        keys = np.atleast_2d(np.asarray(found.keys)).astype(np.int64)
        counts = np.atleast_1d(np.asarray(found.counts if hasattr(found, "counts") else width))
        keys = np.where(np.arange(width) < counts[:, None], keys, -1)
        few = (keys >= 0).sum(axis=1) < k
        indices[part], distances[part] = in_order(some, held, k, keys)
        if few.any():
            exact = exactly(queries[part][few], points, k, unit=unit)
            indices[part][few], distances[part][few] = exact.indices, exact.distances
    return Neighbours(indices, distances, recall_of(queries, points, distances, unit=unit))


def recall_of(
    queries: np.ndarray, points: np.ndarray, distances: np.ndarray, *, unit: bool, sample: int = SAMPLE
) -> float:
    """Return the share of the true neighbours that was found, on an even sample of the queries.

    Parameters
    ----------
    queries, points
        What was searched for and among, checked.
    distances
        Exact distances to what was found, (m, k). A point as near as the true k-th counts as found.
    unit
        Whether the cosine was meant.
    sample
        How many queries are answered exactly to see it.
    """
    at = np.unique(np.linspace(0, len(queries) - 1, min(sample, len(queries))).astype(np.int64))
    true = exactly(queries[at], points, distances.shape[1], unit=unit).distances
    return float((distances[at] <= true[:, -1:] * (1 + 1e-12)).mean())
