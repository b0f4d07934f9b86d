"""Nearest neighbours are those of the definition, ties by position included, at any scale and within their memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alwidget.errors import StrategyError
from alwidget.strategies.functional import graphs, nearest, neighbours, searching


def naive(queries, points, k, metric="euclidean"):
    """Return positions and distances by sorting all of them, query by query, in double precision."""
    found, distances = [], []
    for query in np.asarray(queries, dtype=float):
        apart = []
        for at, point in enumerate(np.asarray(points, dtype=float)):
            if metric == "euclidean":
                apart.append((float(np.sqrt(((query - point) ** 2).sum())), at))
            else:
                lengths = np.linalg.norm(query) * np.linalg.norm(point)
                cosine = float(query @ point) / lengths if lengths else 0.0
                apart.append((round(1 - cosine, 14) + 0.0, at))
        apart.sort()
        found.append([at for _, at in apart[:k]])
        distances.append([distance for distance, _ in apart[:k]])
    return np.array(found), np.array(distances)


def same(queries, points, k, metric="euclidean"):
    found = nearest(queries, points, k, metric=metric)
    indices, distances = naive(queries, points, k, metric)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-11)
    assert found.recall == 1.0
    assert (found.indices.dtype, found.distances.dtype) == (np.int64, np.float64)


# whole numbers make ties, and squares of them are exact
GRID = st.integers(-3, 3).map(float)


@settings(max_examples=80)
@given(
    queries=hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(2)), elements=GRID),
    points=hnp.arrays(np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=GRID),
    k=st.integers(1, 45),
)
def test_it_is_the_naive_definition_with_ties(queries, points, k):
    same(queries, points, k)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12), metric=st.sampled_from(neighbours.METRICS))
def test_it_is_the_naive_definition_on_vectors(seed, k, metric):
    rng = np.random.default_rng(seed)
    same(rng.normal(size=(5, 4)), rng.normal(size=(60, 4)), k, metric)


@pytest.mark.parametrize("metric", neighbours.METRICS)
@pytest.mark.parametrize("k", [1, 10, 70])
def test_it_is_the_same_over_many_chunks(monkeypatch, metric, k):
    rng = np.random.default_rng(0)
    queries, points = rng.normal(size=(90, 8)).astype(np.float32), rng.normal(size=(1500, 8)).astype(np.float32)
    for name, value in {"QUERIES": 32, "POINTS": 200, "CELLS": 100, "HELD": 0, "GROUPS": 8}.items():
        monkeypatch.setattr(searching, name, value)
    same(queries, points, k, metric)


@pytest.mark.parametrize("metric", neighbours.METRICS)
def test_of_equal_points_the_first_come_first(monkeypatch, metric):
    monkeypatch.setattr(searching, "POINTS", 64)
    points = np.repeat(np.random.default_rng(0).normal(size=(3, 16)), 100, axis=0).astype(np.float32)
    found = nearest(points[[0, 100, 200]], points, 60, metric=metric)
    assert found.indices.tolist() == [[*range(s, s + 60)] for s in (0, 100, 200)]
    np.testing.assert_allclose(found.distances, 0, atol=1e-12)


def test_points_closer_than_single_precision_can_tell_are_told_apart():
    rng = np.random.default_rng(0)
    # squared distances are 1e-10 of squared lengths, and far more of them than are kept
    points = np.concatenate([np.ones((400, 32)), -np.ones((400, 32))]) + 1e-5 * rng.normal(size=(800, 32))
    same(points[::80], points, 5)


def test_directions_closer_than_single_precision_can_tell_are_told_apart():
    rng = np.random.default_rng(0)
    points = np.concatenate([np.ones((400, 32)), -np.ones((400, 32))]) + 1e-4 * rng.normal(size=(800, 32))
    same(points[::80], points, 5, "cosine")


@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6])
def test_vectors_far_from_the_origin_keep_their_digits(shift):
    rng = np.random.default_rng(0)
    same(rng.normal(size=(4, 6)) + shift, rng.normal(size=(300, 6)) + shift, 5)


@pytest.mark.parametrize("metric", neighbours.METRICS)
@pytest.mark.parametrize("scale", [1e-300, 1e-37, 1e-12, 1e12, 1e37, 1e150])
def test_very_large_and_very_small_numbers(scale, metric):
    rng = np.random.default_rng(0)
    kind = np.float32 if 1e-38 < scale < 1e38 else np.float64
    queries, points = (rng.normal(size=(n, 6)) for n in (4, 300))
    expected = nearest(queries.astype(kind), points.astype(kind), 5, metric=metric)
    found = nearest((queries * scale).astype(kind), (points * scale).astype(kind), 5, metric=metric)
    np.testing.assert_array_equal(found.indices, expected.indices)
    factor = scale if metric == "euclidean" else 1.0
    np.testing.assert_allclose(found.distances, expected.distances * factor, rtol=1e-5)


def test_the_length_of_vectors_does_not_count_by_cosine():
    rng = np.random.default_rng(0)
    points, lengths = rng.normal(size=(50, 4)), rng.uniform(0.1, 10, 50)
    expected = nearest(points[:5], points, 8, metric="cosine").indices
    assert nearest(points[:5] * 3, points * lengths[:, None], 8, metric="cosine").indices.tolist() == expected.tolist()


def test_vectors_of_zeros_have_no_direction():
    found = nearest([[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [-1.0, 0.0], [2.0, 0.0]], 3, metric="cosine")
    assert found.indices.tolist() == [[0, 1, 2], [2, 0, 1]]
    np.testing.assert_allclose(found.distances, [[0, 0.5, 0.5], [0, 0.5, 2]])


def test_kinds_of_arrays():
    points = np.random.default_rng(0).normal(size=(40, 3))
    expected = nearest(points, points, 4).indices.tolist()
    assert [row[0] for row in expected] == list(range(40))
    for given_as in (points.tolist(), np.asfortranarray(points), np.repeat(points, 2, axis=0)[::2]):
        assert nearest(given_as, given_as, 4).indices.tolist() == expected
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(points, requires_grad=True)
    assert nearest(tensor, tensor, 4).indices.tolist() == expected
    assert nearest([[1], [5]], np.array([[2], [6], [9]]), 1).indices.tolist() == [[0], [1]]


def test_no_queries_and_more_neighbours_than_points():
    assert nearest(np.empty((0, 3)), np.eye(3), 2).indices.shape == (0, 2)
    assert nearest([], np.eye(3), 2).distances.shape == (0, 2)
    assert nearest(np.eye(3)[:1], np.eye(3), 10).indices.tolist() == [[0, 1, 2]]


def test_what_it_was_given_is_not_modified():
    queries, points = (np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32) for n in (5, 9))
    before = queries.copy(), points.copy()
    for metric in neighbours.METRICS:
        nearest(queries, points, 2, metric=metric)
    np.testing.assert_array_equal(queries, before[0])
    np.testing.assert_array_equal(points, before[1])


@pytest.mark.parametrize(
    ("queries", "points", "k", "metric", "said"),
    [
        ([[1.0, np.nan]], np.eye(2), 1, "euclidean", "queries holds NaN"),
        (np.eye(2), [[1.0, np.inf]], 1, "euclidean", "points holds NaN or infinity"),
        (np.eye(2), np.eye(3), 1, "euclidean", "queries have 2 dimensions, but .* 3"),
        (np.eye(2), np.empty((0, 2)), 1, "euclidean", "points is empty"),
        (np.eye(2), np.eye(2), 0, "euclidean", "k must be at least 1"),
        (np.eye(2), np.eye(2), 1.5, "euclidean", "k must be a whole number"),
        (np.eye(2), np.eye(2), 1, "cosin", 'metric must be one of .* Did you mean "cosine"'),
    ],
)
def test_what_cannot_be_searched_is_refused(queries, points, k, metric, said):
    with pytest.raises(StrategyError, match=said):
        nearest(queries, points, k, metric=metric)


@pytest.mark.parametrize(("m", "n"), [(100_000, 500), (200, 100_000)])
@pytest.mark.parametrize("metric", neighbours.METRICS)
def test_a_large_pool_stays_within_its_memory(m, n, metric):
    rng = np.random.default_rng(0)
    queries, points = rng.standard_normal((m, 256), dtype=np.float32), rng.standard_normal((n, 256), dtype=np.float32)
    tracemalloc.start()
    try:
        nearest(queries, points, 10, metric=metric)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20


@pytest.fixture(scope="module")
def texts():
    """Return vectors that lie as those of texts do: around many places, in far fewer dimensions than they have."""
    rng = np.random.default_rng(0)
    places, basis = rng.normal(size=(60, 12)), rng.normal(size=(12, 48))
    rows = (places[rng.integers(0, 60, 3000)] + 0.6 * rng.normal(size=(3000, 12))) @ basis
    return (rows + 0.05 * rng.normal(size=rows.shape)).astype(np.float32)


@pytest.mark.parametrize("metric", neighbours.METRICS)
def test_a_graph_finds_nearly_all_and_says_how_many(texts, metric):
    pytest.importorskip("usearch")
    exact = nearest(texts[:200], texts, 10, metric=metric)
    found = nearest(texts[:200], texts, 10, metric=metric, approximate=True)
    share = np.mean(
        [len(set(a) & set(b)) / 10 for a, b in zip(found.indices.tolist(), exact.indices.tolist(), strict=True)]
    )
    assert share > 0.95
    assert found.recall == pytest.approx(share, abs=0.03)
    hit = found.indices == exact.indices
    np.testing.assert_array_equal(found.distances[hit], exact.distances[hit])
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_a_graph_is_the_same_each_time(texts):
    pytest.importorskip("usearch")
    first, again = (nearest(texts[:50], texts, 5, approximate=True) for _ in range(2))
    np.testing.assert_array_equal(first.indices, again.indices)


def test_recall_is_the_share_that_was_found(texts):
    exact = nearest(texts[:40], texts, 10)
    worse = exact.distances.copy()
    worse[:20, 7:] *= 2
    assert graphs.recall_of(texts[:40], texts, worse, unit=False) == pytest.approx(0.85)
    assert graphs.recall_of(texts[:40], texts, exact.distances, unit=False) == 1.0


def test_a_graph_of_few_points_and_of_equal_ones():
    pytest.importorskip("usearch")
    found = nearest(np.eye(3), np.eye(3), 3, approximate=True)
    assert sorted(found.indices[0].tolist()) == [0, 1, 2]
    assert found.indices[:, 0].tolist() == [0, 1, 2]
    same = nearest(np.ones((2, 3)), np.ones((50, 3)), 5, approximate=True)
    assert same.recall == 1.0
    assert all(len(set(row)) == 5 for row in same.indices.tolist())


def test_without_the_extra_the_search_is_exact(monkeypatch, texts):
    monkeypatch.setattr(neighbours, "has_graphs", lambda: False)
    found = nearest(texts[:5], texts, 4, approximate=True)
    np.testing.assert_array_equal(found.indices, nearest(texts[:5], texts, 4).indices)
    assert found.recall == 1.0


def test_small_searches_are_exact():
    assert not neighbours.pays(100_000, 100_000)
    assert not neighbours.pays(1000, 10_000_000)
    assert neighbours.pays(neighbours.MANY, neighbours.LARGE)
