"""Nearest neighbours: exact, or out of a graph where that is much faster."""

from __future__ import annotations

from typing import Any

from alwidget.strategies.functional import device
from alwidget.strategies.functional.checks import as_embeddings, as_size
from alwidget.strategies.functional.graphs import has_graphs, in_graph
from alwidget.strategies.functional.searching import METRICS, Neighbours, as_metric, as_queries, exactly

__all__ = ["METRICS", "Neighbours", "nearest", "pays"]

LARGE, MANY = 200_000, 100_000
"""From so many points and queries on a graph is made; see `pays`."""


def nearest(
    queries: Any, points: Any, k: int, *, metric: str = "euclidean", approximate: bool | None = None
) -> Neighbours:
    """Return the `k` points nearest to each query.

    Parameters
    ----------
    queries
        Vectors, shape (m, d), finite; m may be 0.
    points
        Vectors among which neighbours are looked for, shape (n, d), finite, n ≥ 1.
    k
        How many for each query; with ``k > n`` there are n.
    metric
        ``"euclidean"``, or ``"cosine"``: one minus the cosine of the angle, which is half the squared distance of the
        vectors at unit length; a vector of zeros, which has no direction, is 0.5 from all others.
    approximate
        Whether to search in a graph of the points (HNSW), which takes usearch: ``pip install "alwidget[ann]"``. None
        does so where there are so many points and queries that it is much faster; see `pays`. Without usearch the
        search is exact whatever is said.

    Returns
    -------
    Neighbours
        The nearest first; equally near points in the order of their positions. A query that is among the points is
        its own nearest neighbour.

    Raises
    ------
    alwidget.errors.StrategyError
        The arrays are no vectors of as many dimensions, there are no points, or `k` is not at least 1.

    Notes
    -----
    Costs O(m · n · d) in matrix products of single precision; memory O(m · k) and chunks of some 60 MB. A graph takes
    2 d + 300 bytes a point and some tenths of a millisecond to add one; its answer is put in order exactly, and what
    share of the true answer it holds is measured on a sample and returned as `recall`. It is the same in every run.
    Where `points` is a tensor on a CUDA device the search runs there, exactly but where `approximate` asks for a
    graph, and a copy of the points in single precision is held meanwhile.

    Examples
    --------
    >>> nearest([[0.0], [5.0]], [[1.0], [4.0], [-2.0]], 2).indices.tolist()
    [[0, 2], [1, 0]]
    """
    p = as_embeddings(points, "points")
    q, k = as_queries(queries, p.shape[1]), min(as_size(k, "k", least=1), len(p))
    unit = as_metric(metric) == "cosine"
    tensor = device.held(points)
    quick = tensor is None and pays(len(q), len(p)) if approximate is None else approximate
    if quick and len(q) and has_graphs():
        return in_graph(q, p, k, unit=unit)
    return exactly(q, p, k, unit=unit, tensor=tensor)


def pays(queries: int, points: int) -> bool:
    """Return whether a graph is so much faster that its answer may be less than exact.

    Measured on two busy cores (d = 384, blends of vectors that all-MiniLM gives to news): among 50,000 points an exact
    query takes 1.2 ms and one of the graph 0.5 … 1.2 ms, among 200,000 it takes 2.8 ms and 0.7 ms. Adding a point to
    the graph takes 0.3 and 0.7 ms. So below `LARGE` points there is little to win, and below `MANY` queries a graph
    costs more to make than it saves.

    >>> pays(100, 1_000_000), pays(1_000_000, 1_000_000)
    (False, True)
    """
    return points >= LARGE and queries >= MANY
