"""What an acquired set looks like: known values, naive definitions, and what public code got wrong."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import (
    acquisition_factor,
    batch_redundancy,
    input_diversity,
    representation_diversity,
    representativeness,
)


def test_thirty_of_fifty_from_a_third_of_the_pool_is_1_8_and_an_empty_source_is_nan():
    sources = ["a"] * 30 + ["b"] * 20 + ["gone"]
    found = acquisition_factor(sources, np.arange(50), ["a"] * 100 + ["b"] * 200)
    assert found["a"] == pytest.approx(1.8)
    assert found["b"] == pytest.approx(0.6)
    assert math.isnan(found["gone"])
    assert all(math.isnan(value) for value in acquisition_factor(["a"], [], ["a"]).values())


@given(st.data())
def test_the_factor_is_the_ratio_of_shares_and_chance_is_one_on_average(data):
    pool = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30))
    picked = data.draw(st.lists(st.integers(0, len(pool) - 1), unique=True, max_size=len(pool)))
    found = acquisition_factor(pool, picked, pool)
    for name in set(pool):
        if not picked:
            assert math.isnan(found[name])
            continue
        taken = sum(pool[i] == name for i in picked) / len(picked)
        assert found[name] == pytest.approx(taken / (pool.count(name) / len(pool)))
    if picked:  # weighted by the shares of the pool, the factors average to one
        assert sum(found[n] * pool.count(n) / len(pool) for n in set(pool)) == pytest.approx(1)


def test_more_picked_than_there_were_is_refused():
    with pytest.raises(StrategyError, match="before the round"):
        acquisition_factor(["a", "a"], [0, 1], ["a", "b"])
    for picked in ([0, 0], [2], [-1], [0.5]):
        with pytest.raises(StrategyError, match="different positions"):
            acquisition_factor(["a", "a"], picked, ["a", "a"])


def test_input_diversity_is_jaccard_without_case_and_punctuation():
    assert input_diversity([["a", "b", "c"]], [["b", "c", "d"]]) == 0.5
    assert input_diversity(["A (b), c!"], ["b... C d"]) == 0.5
    assert input_diversity(["the don't"], ["don't"]) == 0.5
    assert input_diversity([], ["a"]) == 0
    with pytest.raises(StrategyError, match="any word"):
        input_diversity(["..."], [""])


def test_representation_diversity_takes_the_nearest_and_not_the_second_nearest():
    assert representation_diversity([[0.0], [4.0]], [[1.0], [2.0], [5.0]]) == pytest.approx(0.75)
    assert representation_diversity([[1.0]], [[1.0]]) == math.inf


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.integers(1, 12), st.booleans())
def test_they_are_their_naive_definitions(seed, n, k, cosine):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, 3))
    picked = rng.permutation(n)[: rng.integers(1, n)]
    rest = np.setdiff1d(np.arange(n), picked)

    def apart(i, j):
        if cosine:
            return points[i] @ points[j] / np.linalg.norm(points[i]) / np.linalg.norm(points[j])
        return np.linalg.norm(points[i] - points[j])

    expected = []
    for i in picked:
        near = sorted((apart(i, j) for j in range(n) if j != i), reverse=cosine)[:k]
        expected.append(np.mean(near) if cosine else 1 / np.mean(near))
    found = representativeness(points, picked, k=k, metric="cosine" if cosine else "euclidean")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    spread = 1 / np.mean([min(np.linalg.norm(points[i] - points[j]) for j in picked) for i in rest])
    assert representation_diversity(points[picked], points[rest]) == pytest.approx(spread, rel=1e-6)


def test_copies_do_not_count_the_document_itself():
    same = np.ones((30, 2))
    assert np.isinf(representativeness(same, k=3)).all()
    # the ten nearest others, never nine and itself at distance zero
    line = np.arange(12.0)[:, None]
    assert representativeness(line, [0])[0] == pytest.approx(1 / np.mean(np.arange(1, 11)))
    with pytest.raises(StrategyError, match="alone"):
        representativeness([[1.0]])


def test_redundancy_of_copies_is_one_and_of_a_batch_of_one_nan():
    copies = batch_redundancy([[1.0, 0.0], [2.0, 0.0]], [[5.0, 0.0]])
    assert copies == pytest.approx((1, 1))
    alone = batch_redundancy([[1.0, 0.0]])
    assert math.isnan(alone.within)
    assert math.isnan(alone.to_labelled)


def test_a_large_pool_stays_within_its_memory():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(100_000, 32)).astype(np.float32)
    tracemalloc.start()
    found = representativeness(points, np.arange(50))
    representation_diversity(points[:100], points[100:])
    batch_redundancy(points[:100], points[100:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (50,)
    assert peak < 256e6
