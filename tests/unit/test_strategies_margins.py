"""Cluster-Margin: in turn from clusters, and the clusters themselves."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView
from alwidget.strategies.functional import cluster_margin
from alwidget.strategies.functional.margins import Dendrogram, in_turn


def probs(rng, n, classes=3):
    return rng.dirichlet(np.ones(classes), n)


def test_small_clusters_come_first_and_each_turn_begins_with_the_smallest_that_is_left():
    clusters = np.array([5, 2, 2, 9, 9, 9])
    p = np.tile([0.6, 0.4], (6, 1))
    for seed in range(20):
        picked = cluster_margin(p, clusters, 4, seed)
        assert clusters[picked].tolist() == [5, 2, 9, 2]  # one, two and one of them
        assert sorted(cluster_margin(p, clusters, 6, seed).tolist()) == list(range(6))
        assert clusters[cluster_margin(p, clusters, 6, seed)].tolist() == [5, 2, 9, 2, 9, 9]
    assert len({tuple(cluster_margin(p, clusters, 4, seed).tolist()) for seed in range(40)}) > 3


def test_within_a_cluster_the_smallest_margin_where_that_is_asked():
    p = np.array([[0.9, 0.1], [0.55, 0.45], [0.7, 0.3], [0.6, 0.4]])
    assert cluster_margin(p, [0, 0, 1, 1], 4, 0, within="margin").tolist() == [1, 3, 0, 2]


def test_the_size_of_a_cluster_is_that_among_what_is_looked_at():
    # cluster 0 is the largest of the pool, but only one of its documents has a small margin
    p = np.array([[0.5, 0.5]] + [[0.6, 0.4]] * 19 + [[1.0, 0.0]] * 60)
    clusters = np.array([0] + [1] * 19 + [0] * 60)
    assert clusters[cluster_margin(p, clusters, 2, 0)].tolist() == [0, 1]
    assert cluster_margin(p, clusters, 2, 0)[0] == 0


def naive(p, clusters, size, rng):
    first = np.sort(p, axis=1)[:, ::-1]
    margin = first[:, 0] - first[:, 1]
    n = len(p)
    most = 10 * size if 10 * size <= n else int(np.ceil(1.25 * size))
    looked_at = sorted(range(n), key=lambda i: (-(1 - margin[i]), i))[: min(max(most, size), n)]
    preference = rng.permutation(len(looked_at))
    groups = {}
    for rank, i in enumerate(looked_at):
        groups.setdefault(clusters[i], []).append((preference[rank], rank, i))
    order = sorted(groups.values(), key=lambda g: (len(g), min(rank for _, rank, _ in g)))
    queues = [sorted(group) for group in order]
    picked = []
    while len(picked) < min(size, n):
        for queue in queues:
            if queue and len(picked) < size:
                picked.append(queue.pop(0)[2])
    return picked


@given(n=st.integers(1, 50), size=st.integers(0, 55), kinds=st.integers(1, 8), seed=st.integers(0, 999))
def test_it_is_what_the_definition_says(n, size, kinds, seed):
    rng = np.random.default_rng(seed)
    p, clusters = probs(rng, n), rng.integers(0, kinds, n)
    expected = naive(p, clusters, size, np.random.default_rng(seed)) if size else []
    found = cluster_margin(p, clusters, size, seed)
    assert found.dtype == np.int64
    assert found.tolist() == expected


@given(seed=st.integers(0, 99))
def test_names_of_clusters_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    p, clusters = probs(rng, 40), rng.integers(0, 6, 40)
    renamed = rng.permutation(100)[:6][clusters] * 1000 - 7
    assert cluster_margin(p, clusters, 9, seed).tolist() == cluster_margin(p, renamed, 9, seed).tolist()


def test_it_asks_for_the_clusters_of_what_it_looks_at_alone():
    asked = []

    def cluster_of(at):
        asked.append(len(at))
        return np.zeros(len(at), dtype=int)

    in_turn(np.random.default_rng(0).random(5000), cluster_of, 20, np.random.default_rng(0))
    in_turn(np.random.default_rng(0).random(100), cluster_of, 20, np.random.default_rng(0))
    assert asked == [200, 25]


def test_it_refuses():
    p = probs(np.random.default_rng(0), 5)
    with pytest.raises(StrategyError, match="clusters must be one whole number"):
        cluster_margin(p, [0.5] * 5, 2, 0)
    with pytest.raises(StrategyError, match="same documents"):
        cluster_margin(p, [0] * 4, 2, 0)
    with pytest.raises(StrategyError, match="within must be one of"):
        cluster_margin(p, [0] * 5, 2, 0, within="margins")
    with pytest.raises(StrategyError, match="logits"):
        cluster_margin(p * 9, [0] * 5, 2, 0)


@given(n=st.integers(2, 40), d=st.integers(6, 9), least=st.integers(1, 45), seed=st.integers(0, 999))
def test_the_cut_is_that_of_average_linkage(n, d, least, seed):
    x = np.random.default_rng(seed).normal(size=(n, d))
    found = Dendrogram.of(x).cut(least)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = fcluster(linkage(unit, "average", metric="cosine"), min(least, n), "maxclust")
    assert len(set(found.tolist())) == min(least, n)
    pairs = set(zip(found.tolist(), expected.tolist(), strict=True))
    assert len(pairs) == len(set(expected.tolist())) == min(least, n)


def test_vectors_in_one_direction_are_in_one_cluster():
    x = np.repeat(np.random.default_rng(0).normal(size=(4, 5)), 3, axis=0) * np.arange(1, 13)[:, None]
    found = Dendrogram.of(x).cut(12)
    assert found.reshape(4, 3).tolist() == [[c] * 3 for c in found[::3]]
    assert len(set(found.tolist())) == 4
    assert Dendrogram.of(np.ones((1, 3))).cut(5).tolist() == [0]
    assert Dendrogram.of(np.zeros((3, 3))).cut(1).tolist() == [0, 0, 0]


def test_other_documents_go_to_the_nearest_centre():
    rng = np.random.default_rng(1)
    blobs = np.eye(3)[np.arange(60) % 3] + 0.05 * rng.normal(size=(60, 3))
    tree = Dendrogram.of(blobs[:30])
    clusters = tree.cut(3)
    again = tree.assign(clusters, blobs * rng.uniform(0.1, 10, (60, 1)))
    assert (again[:30] == clusters).all()
    assert [set(again[i::3].tolist()) for i in range(3)] == [{clusters[i]} for i in range(3)]


def test_the_strategy_clusters_once_and_embeds_what_it_looks_at_alone():
    rng = np.random.default_rng(0)
    x, made, seen = rng.normal(size=(400, 6)), [], []

    class Watched(ArrayView):
        def reference_embeddings(self, limit):
            made.append(limit)
            return super().reference_embeddings(limit)

        def take(self, positions):
            seen.append(len(positions))
            return super().take(positions)

    view = Watched(probs=probs(rng, 400), base_embeddings=x)
    strategy = strategies.get("cluster-margin", reference=100)
    first = strategy.select(view, 10, np.random.default_rng(0))
    strategy.select(view, 12, np.random.default_rng(0))
    assert made == [100]
    assert seen == [100, 120]
    assert np.isnan(first.scores).all()
    assert first.every.shape == (400,)
    assert set(first.indices.tolist()) <= set(np.argsort(-first.every, kind="stable")[:100].tolist())


def test_memory():
    rng = np.random.default_rng(0)
    p, clusters = probs(rng, 100_000, 4), rng.integers(0, 1000, 100_000)
    x = rng.normal(size=(5000, 384)).astype(np.float32)
    tracemalloc.start()
    try:
        assert len(cluster_margin(p, clusters, 100, 0)) == 100
        tree = Dendrogram.of(x)
        assert len(set(tree.cut(1000).tolist())) == 1000
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()
