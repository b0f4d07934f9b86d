"""Mahalanobis distance is that of the definition, and does not depend on the coordinates."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import mahalanobis, novelty

# of two classes around (0, 0) and (4, 0), with covariance diag(4, 1) · 4 / 7 of n - 1 = 7
SPREAD = np.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]]) * np.sqrt(7 / 8)
LABELLED, CLASSES = np.concatenate([SPREAD, SPREAD + np.array([4, 0])]), np.repeat([0, 1], 4)


def naive(pool, known, y, margin=False, ridge=0.0, covariance=None):
    """Return the scores document by document and class by class, with the inverse of the covariance."""
    means = {c: known[y == c].mean(axis=0) for c in set(y.tolist())}
    if covariance is None:
        covariance = sum(np.outer(x - means[c], x - means[c]) for x, c in zip(known, y.tolist(), strict=True))
        covariance = covariance / (len(known) - 1)
        covariance = covariance + ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    inverse = np.linalg.inv(covariance)
    scores = []
    for x in pool:
        apart = sorted(float(np.sqrt((x - mean) @ inverse @ (x - mean))) for mean in means.values())
        scores.append(apart[0] - apart[1] if margin and len(apart) > 1 else apart[0])
    return np.array(scores)


def test_the_known_value():
    exact = {"shrink": False, "ridge": 0.0}
    assert mahalanobis([[2.0, 1.0]], LABELLED, CLASSES, **exact) ** 2 == pytest.approx([2.0])
    assert mahalanobis([[2.0, 1.0]], LABELLED, CLASSES, margin=True, **exact) == pytest.approx([0.0], abs=1e-12)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1), margin=st.booleans(), classes=st.integers(1, 4), ridge=st.sampled_from([1e-6, 0.1])
)
def test_it_is_the_naive_definition(seed, margin, classes, ridge):
    rng = np.random.default_rng(seed)
    pool, known, y = rng.normal(size=(20, 3)), rng.normal(size=(15, 3)), rng.integers(0, classes, 15)
    found = mahalanobis(pool, known, y, margin=margin, ridge=ridge)
    np.testing.assert_allclose(found, naive(pool, known, y, margin, ridge), rtol=1e-8, atol=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), margin=st.booleans())
def test_an_invertible_linear_map_changes_nothing(seed, margin):
    rng = np.random.default_rng(seed)
    pool, known, y = rng.normal(size=(20, 4)), rng.normal(size=(30, 4)), np.arange(30) % 3
    turned = np.linalg.qr(rng.normal(size=(4, 4)))[0] @ np.diag(rng.uniform(0.01, 100, 4)) @ rng.normal(size=(4, 4))
    given = {"margin": margin, "shrink": False, "ridge": 0.0}
    before, after = mahalanobis(pool, known, y, **given), mahalanobis(pool @ turned, known @ turned, y, **given)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(15, 10), (40, 10), (3, 6)])
def test_shrinking_is_that_of_ledoit_and_wolf(shape):
    covariance = pytest.importorskip("sklearn.covariance")
    rng = np.random.default_rng(0)
    known, y = rng.normal(size=shape) * rng.uniform(0.1, 3, shape[1]), np.arange(shape[0]) % 2
    means = np.stack([known[y == c].mean(axis=0) for c in (0, 1)])
    expected = covariance.ledoit_wolf(known - means[y], assume_centered=True)[0] * shape[0] / (shape[0] - 1)
    pool = rng.normal(size=(5, shape[1]))
    found = mahalanobis(pool, known, y, shrink=True, ridge=1e-12)
    np.testing.assert_allclose(found, naive(pool, known, y, covariance=expected), rtol=1e-6)


def test_few_documents_are_shrunk_and_many_are_not():
    rng = np.random.default_rng(0)
    pool, known, y = rng.normal(size=(9, 6)), rng.normal(size=(12, 6)), np.arange(12) % 2
    few = mahalanobis(pool, known[:11], y[:11])
    np.testing.assert_array_equal(few, mahalanobis(pool, known[:11], y[:11], shrink=True))
    np.testing.assert_array_equal(mahalanobis(pool, known, y), mahalanobis(pool, known, y, shrink=False))
    assert not np.allclose(few, mahalanobis(pool, known[:11], y[:11], shrink=False))


def test_classes_that_nobody_labelled_do_not_count():
    rng = np.random.default_rng(0)
    pool, known, y = rng.normal(size=(9, 2)), rng.normal(size=(12, 2)), np.arange(12) % 2
    np.testing.assert_array_equal(mahalanobis(pool, known, y * 5 + 1), mahalanobis(pool, known, y))


def test_of_documents_that_do_not_spread_distances_are_euclidean():
    pool = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert mahalanobis(pool, [[0.0, 0.0]], [2]).tolist() == [0, 5]
    assert mahalanobis(pool, [[0.0, 0.0], [0.0, 4.0]], [0, 1]).tolist() == [0, 3]
    assert mahalanobis(pool, [[0.0, 0.0]], [2], margin=True).tolist() == [0, 5]
    assert mahalanobis(pool * 1e200, [[0.0, 0.0]], [2]) == pytest.approx([0, 5e200])


def test_dimensions_that_never_vary_do_not_stop_it():
    rng = np.random.default_rng(0)
    known, y = np.pad(rng.normal(size=(40, 2)), ((0, 0), (0, 3))), np.arange(40) % 2
    pool = np.eye(5)
    assert np.isfinite(mahalanobis(pool, known, y)).all()
    assert mahalanobis(pool, known, y, shrink=False, ridge=0.0)[2:].min() > 1e3


def test_single_precision_is_near_double():
    rng = np.random.default_rng(0)
    pool, known, y = rng.normal(size=(200, 20)), rng.normal(size=(100, 20)), np.arange(100) % 4
    single = mahalanobis(pool.astype(np.float32), known.astype(np.float32), y)
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, mahalanobis(pool, known, y), rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_unit_of_measure_does_not_count(scale):
    rng = np.random.default_rng(0)
    pool, known, y = rng.normal(size=(20, 3)), rng.normal(size=(15, 3)), np.arange(15) % 2
    np.testing.assert_allclose(mahalanobis(pool * scale, known * scale, y), mahalanobis(pool, known, y), rtol=1e-9)


@pytest.mark.parametrize(
    ("pool", "known", "y", "said"),
    [
        ([[np.nan]], [[1.0]], [0], "embeddings holds NaN"),
        ([[1.0]], [[np.nan]], [0], "labelled_embeddings holds NaN"),
        ([[1.0]], [[1.0, 2.0]], [0], "labelled_embeddings have 2 dimensions"),
        ([[1.0]], [[1.0]], [0, 1], "their lengths differ"),
        ([[1.0]], [[1.0]], [0.5], "labelled_y must be one whole number"),
        ([[1.0]], [], [], "Nothing is labelled"),
    ],
)
def test_what_cannot_be_ranked_is_refused(pool, known, y, said):
    with pytest.raises(StrategyError, match=said):
        mahalanobis(pool, known, y)


def test_a_large_pool_stays_within_its_memory():
    rng = np.random.default_rng(0)
    pool, known = rng.standard_normal((100_000, 256), dtype=np.float32), rng.standard_normal((600, 256))
    tracemalloc.start()
    try:
        mahalanobis(pool, known, np.arange(600) % 77)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20


def test_the_factor_whitens():
    rng = np.random.default_rng(0)
    residuals = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4))
    factor, unit = novelty.precision_factor(residuals, ridge=0.0)
    assert not unit
    np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(residuals.T @ residuals / 499), rtol=1e-6)
