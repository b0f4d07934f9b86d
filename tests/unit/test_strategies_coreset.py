"""Coreset picks what the definition picks, covers as well as promised, and survives duplicates."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alwidget.errors import StrategyError
from alwidget.strategies.functional import coreset, covering
from alwidget.strategies.functional.kmeans import unit_rows


def distances(a, b):
    return np.sqrt(((np.asarray(a, dtype=float)[:, None] - np.asarray(b, dtype=float)[None]) ** 2).sum(axis=2))


def naive(pool, known, size):
    """Return the picks until no distance is left, recomputing everything each time."""
    pool, chosen, picked = np.asarray(pool, dtype=float), [np.asarray(row, dtype=float) for row in known], []
    while len(picked) < min(size, len(pool)):
        if not chosen:
            apart = distances(pool, pool.mean(axis=0)[None])[:, 0]
            at = min(range(len(pool)), key=lambda i: (round(apart[i], 9), i))
        else:
            apart = distances(pool, chosen).min(axis=1)
            apart[picked] = -1
            at = max(range(len(pool)), key=lambda i: (round(apart[i], 9), -i))
            if apart[at] <= 0:
                break
        picked.append(at)
        chosen.append(pool[at])
    return picked


def test_the_known_value():
    assert coreset([[1.0], [2.0], [6.0], [10.0]], [[0.0]], 2).tolist() == [3, 2]
    assert coreset([[1.0], [2.0], [6.0], [10.0]], [[0.0]], 4).tolist() == [3, 2, 1, 0]


def test_without_labels_the_first_is_nearest_to_the_mean():
    assert coreset([[0.0], [1.0], [4.0], [11.0]], None, 2).tolist() == [2, 3]
    assert coreset([[0.0], [1.0], [4.0], [11.0]], [], 1).tolist() == [2]


# whole numbers make ties and duplicates
GRID = st.integers(-4, 4).map(float)


@settings(max_examples=100)
@given(
    pool=hnp.arrays(np.float64, st.tuples(st.integers(1, 25), st.just(2)), elements=GRID),
    known=hnp.arrays(np.float64, st.tuples(st.integers(0, 4), st.just(2)), elements=GRID),
    size=st.integers(0, 30),
)
def test_it_is_the_naive_definition_with_ties(pool, known, size):
    found, expected = coreset(pool, known, size).tolist(), naive(pool, known, size)
    assert found[: len(expected)] == expected
    assert len(set(found)) == len(found) == min(size, len(pool))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), labelled=st.integers(0, 5))
def test_it_is_the_naive_definition_on_vectors(seed, labelled):
    rng = np.random.default_rng(seed)
    pool, known = rng.normal(size=(50, 4)), rng.normal(size=(labelled, 4))
    assert coreset(pool, known, 50).tolist() == naive(pool, known, 50)


@pytest.mark.parametrize("looked_at", [1, 3, 1000])
def test_bounds_that_do_not_settle_a_pick_are_looked_at_again(monkeypatch, looked_at):
    monkeypatch.setattr(covering, "LOOKED_AT", looked_at)
    monkeypatch.setattr(covering, "CELLS", 40)
    rng = np.random.default_rng(0)
    pool, known = rng.normal(size=(200, 3)), rng.normal(size=(7, 3))
    assert coreset(pool, known, 60).tolist() == naive(pool, known, 60)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_left_is_at_most_twice_the_optimum(seed):
    pool = np.random.default_rng(seed).normal(size=(10, 2))
    apart = distances(pool, pool)
    best = min(apart[list(some)].min(axis=0).max() for some in itertools.combinations(range(10), 3))
    assert apart[coreset(pool, None, 3)].min(axis=0).max() <= 2 * best + 1e-9


def test_a_larger_answer_extends_a_smaller_one():
    pool = np.random.default_rng(0).normal(size=(100, 5))
    assert coreset(pool, pool[:3] + 1, 40)[:15].tolist() == coreset(pool, pool[:3] + 1, 15).tolist()


@pytest.mark.parametrize("shift", [0.0, 1e4, 1e7])
def test_small_distances_far_from_the_origin_and_from_each_other(shift):
    rng = np.random.default_rng(0)
    # two places, 1e4 times as far from each other as what lies in them
    pool = np.concatenate([rng.normal(size=(40, 3)), rng.normal(size=(40, 3)) + 1e4]) + shift
    assert coreset(pool, pool[:1], 50).tolist() == naive(pool, pool[:1], 50)


@pytest.mark.parametrize("scale", [1e-300, 1e-37, 1e37, 1e150])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_very_large_and_very_small_numbers(scale, metric):
    pool = np.random.default_rng(0).normal(size=(80, 4))
    expected = coreset(pool, pool[:2] * 1.1, 20, metric=metric).tolist()
    assert coreset(pool * scale, pool[:2] * 1.1 * scale, 20, metric=metric).tolist() == expected


def test_angles_by_cosine_and_no_nan_where_rounding_passes_one():
    rng = np.random.default_rng(0)
    pool, lengths = rng.normal(size=(60, 5)), rng.uniform(0.1, 10, 60)
    expected = naive(unit_rows(pool), unit_rows(pool[:2]), 20)
    assert coreset(pool * lengths[:, None], pool[:2] * 7, 20, metric="cosine").tolist() == expected
    same = np.full((6, 3), 0.1) * np.arange(1, 7)[:, None]  # a cosine of 1 + 1e-16
    assert sorted(coreset(same, same[:1], 6, metric="cosine").tolist()) == [0, 1, 2, 3, 4, 5]


def test_duplicates_come_last_and_at_random():
    pool = np.repeat(np.eye(4), 5, axis=0)
    answers = {tuple(coreset(pool, pool[:1], 20, seed).tolist()) for seed in range(6)}
    assert {answer[:3] for answer in answers} == {(5, 10, 15)}
    assert len(answers) == 6
    assert all(sorted(answer) == list(range(20)) for answer in answers)
    assert coreset(np.zeros((5, 2)), None, 5)[0] == 0
    assert coreset(pool, pool, 3, 7).tolist() == coreset(pool, pool, 3, np.random.default_rng(7)).tolist()


def test_kinds_of_arrays():
    pool = np.random.default_rng(0).normal(size=(40, 3))
    expected = coreset(pool, pool[:2], 9).tolist()
    torch = pytest.importorskip("torch")
    for kind in (np.asfortranarray, torch.tensor, lambda x: x.tolist()):
        assert coreset(kind(pool), kind(pool[:2]), 9).tolist() == expected
    assert coreset(pool.astype(np.float32), pool[:2].astype(np.float32), 9).tolist() == expected


@pytest.mark.parametrize(
    ("pool", "known", "size", "metric", "said"),
    [
        ([[np.nan]], None, 1, "euclidean", "embeddings holds NaN"),
        (np.eye(2), [[np.inf, 1]], 1, "euclidean", "labelled_embeddings holds NaN or infinity"),
        (np.eye(2), np.eye(3), 1, "euclidean", "labelled_embeddings have 3 dimensions, but .* 2"),
        (np.eye(2), None, -1, "euclidean", "size"),
        (np.eye(2), None, 1, "manhattan", "metric must be one of"),
    ],
)
def test_what_cannot_be_ranked_is_refused(pool, known, size, metric, said):
    with pytest.raises(StrategyError, match=said):
        coreset(pool, known, size, metric=metric)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_large_pool_stays_within_its_memory(metric):
    rng = np.random.default_rng(0)
    pool, known = rng.standard_normal((100_000, 256), dtype=np.float32), rng.standard_normal((300, 256))
    tracemalloc.start()
    try:
        coreset(pool, known, 20, metric=metric)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
