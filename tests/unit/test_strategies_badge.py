"""BADGE: distances without outer products, and k-means++ by the square of the distance."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import badge, gradients
from alwidget.strategies.functional.gradients import spread, spread_rows

PROBS = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05]])
H = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])


def outer(probs, h):
    g = probs.copy()
    g[np.arange(len(g)), g.argmax(axis=1)] -= 1
    return (g[:, :, None] * h[:, None]).reshape(len(g), -1)


def test_known_values():
    e = outer(PROBS, H)
    np.testing.assert_allclose((e**2).sum(axis=1), [0.14, 1.09, 0.06])
    assert {int(badge(PROBS, H, 1, seed)[0]) for seed in range(20)} == {1}
    counts = np.bincount([int(badge(PROBS, H, 2, seed)[1]) for seed in range(4000)], minlength=3)
    assert counts[1] == 0
    expected = 4000 * np.array([0.4626, 0.5374])
    # by D⁴ it would be 1703 and 2297, and the statistic 18
    assert ((counts[[0, 2]] - expected) ** 2 / expected).sum() < 6.63  # chi-square, one degree of freedom


@given(
    n=st.integers(1, 25), classes=st.integers(1, 4), d=st.integers(1, 4), seed=st.integers(0, 999), bias=st.booleans()
)
def test_it_draws_as_from_the_outer_products_themselves(n, classes, d, seed, bias):
    rng = np.random.default_rng(seed)
    probs, h = rng.dirichlet(np.ones(classes), n), rng.normal(size=(n, d))
    seen = np.hstack([h, np.ones((n, 1))]) if bias else h
    e = outer(probs, seen)
    explicit = spread_rows(e, n, np.random.default_rng(seed))
    assert badge(probs, h, n, seed, bias=bias).tolist() == explicit.tolist()


@given(n=st.integers(1, 20), size=st.integers(0, 24), seed=st.integers(0, 999), kinds=st.integers(1, 6))
def test_what_is_left_without_distance_is_drawn_from_the_rest(n, size, seed, kinds):
    rows = np.random.default_rng(seed).normal(size=(kinds, 3))[np.random.default_rng(seed).integers(0, kinds, n)]
    found = spread_rows(rows, size, np.random.default_rng(seed))
    assert found.dtype == np.int64
    assert len(found) == min(n, size) == len(set(found.tolist()))
    distinct = len(np.unique(rows, axis=0))
    first = rows[found[:distinct]]
    assert len(np.unique(first, axis=0)) == len(first)


def test_one_hot_probabilities_have_no_gradient_and_are_drawn_uniformly():
    probs = np.eye(3)[[0, 1, 2, 0, 1]]
    counts = np.zeros(5)
    for seed in range(2000):
        counts[badge(probs, np.ones((5, 2)), 2, seed)] += 1
    assert ((counts - 800) ** 2 / 800).sum() < 13.3  # chi-square, 4 degrees of freedom


def test_lengths_count():
    # with gradients at unit length the first could be any; its length is what the model does not know
    probs = np.array([[0.99, 0.01], [0.5, 0.5], [0.98, 0.02]])
    assert badge(probs, np.ones((3, 4)), 1, 0).tolist() == [1]


def test_two_classes_are_no_special_case():
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9]])
    e = outer(probs, np.eye(3))
    assert badge(probs, np.eye(3), 3, 5).tolist() == spread_rows(e, 3, np.random.default_rng(5)).tolist()
    assert badge(probs, np.eye(3), 1, 5).tolist() == [1]


def test_prefixes_are_nested():
    rng = np.random.default_rng(0)
    probs, h = rng.dirichlet(np.ones(4), 100), rng.normal(size=(100, 8)).astype(np.float32)
    assert badge(probs, h, 30, 1)[:10].tolist() == badge(probs, h, 10, 1).tolist()
    assert spread(np.empty(0), lambda *_: np.empty((0, 0)), 3, rng).tolist() == []


def test_it_refuses():
    with pytest.raises(StrategyError, match="logits"):
        badge(PROBS * 9, H, 1, 0)
    with pytest.raises(StrategyError, match="same documents"):
        badge(PROBS, H[:2], 1, 0)
    with pytest.raises(StrategyError, match="holds NaN"):
        badge(PROBS, H * np.nan, 1, 0)


def expected_third(e):
    """Return the probability of each vector to be drawn third, by the definition."""
    apart = ((e[:, None] - e[None]) ** 2).sum(axis=-1)
    first = int((e**2).sum(axis=1).argmax())
    second = apart[first] / apart[first].sum()
    out = np.zeros(len(e))
    for j, p in enumerate(second):
        left = np.minimum(apart[first], apart[j])
        out += p * left / left.sum()
    return out


def test_seeds_that_are_not_settled_yet_count_all_the_same():
    # close pairs: after one of a pair is drawn the other is hardly ever, though its old distance is large
    rng = np.random.default_rng(0)
    e = rng.normal(size=(6, 3)).repeat(2, axis=0) + 0.2 * rng.normal(size=(12, 3))
    expected = 5000 * expected_third(e)
    counts = np.bincount([spread_rows(e, 3, np.random.default_rng(s))[2] for s in range(5000)], minlength=12)
    some = expected > 5
    assert ((counts - expected)[some] ** 2 / expected[some]).sum() < 31.3  # chi-square, at most 11 degrees, 0.1 %
    assert counts[~some].sum() < 40


@pytest.mark.parametrize(("pending", "refusals"), [(1, 1), (3, 2), (64, 500)])
def test_how_many_are_settled_together_does_not_change_the_draw(monkeypatch, pending, refusals):
    rng = np.random.default_rng(1)
    e = rng.normal(size=(5, 3)).repeat(3, axis=0) + 0.3 * rng.normal(size=(15, 3))
    monkeypatch.setattr(gradients, "PENDING", pending)
    monkeypatch.setattr(gradients, "REFUSALS", refusals)
    expected = 3000 * expected_third(e)
    counts = np.bincount([spread_rows(e, 3, np.random.default_rng(s))[2] for s in range(3000)], minlength=15)
    some = expected > 5
    assert ((counts - expected)[some] ** 2 / expected[some]).sum() < 36.2  # chi-square, at most 14 degrees, 0.1 %


@pytest.mark.parametrize("multilabel", [False, True])
def test_memory_at_a_hundred_thousand_documents(multilabel):
    rng = np.random.default_rng(0)
    probs, h = rng.dirichlet(np.ones(4), 100_000), rng.standard_normal((100_000, 256), dtype=np.float32)
    tracemalloc.start()
    try:
        found = badge(probs, h, 40, 0, multilabel=multilabel, bias=True)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(set(found.tolist())) == 40
    assert most < 64 << 20
