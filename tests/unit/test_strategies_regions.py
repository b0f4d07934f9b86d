"""AcTune: regions by weighted k-means, ranked by score and disagreement."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import actune, region_scores
from alwidget.strategies.functional.regions import by_regions, weighted_clusters


def test_known_values():
    scores = [0.6, 0.6, 0.4, 0.6, 0.5, 0.5]
    found = region_scores(scores, [0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(found, [0.6, 0.846574], atol=1e-6)
    picked = by_regions(np.array(scores), found, np.array([0, 0, 1, 1, 1, 1]), 2)
    assert picked.tolist() == [3, 4]  # B first, its highest scores


def test_a_region_of_as_many_of_each_is_the_most_mixed():
    # a count divided by the largest count would make this 0
    mixed = region_scores(np.zeros(10), [0] * 5 + [1] * 5, np.zeros(10, dtype=int), beta=1)
    assert mixed[0] == pytest.approx(np.log(2))
    assert region_scores(np.zeros(4), [0, 1, 2, 3], [0, 0, 0, 2], beta=1).tolist() == [
        pytest.approx(np.log(3)),
        -np.inf,
        0.0,
    ]


@given(n=st.integers(1, 40), kinds=st.integers(1, 4), k=st.integers(1, 6), seed=st.integers(0, 999))
def test_region_scores_are_what_the_definition_says(n, kinds, k, seed):
    rng = np.random.default_rng(seed)
    u, y, at = rng.normal(size=n), rng.integers(0, kinds, n), rng.integers(0, k, n)
    found = region_scores(u, y, at, beta=0.3)
    for region in range(at.max() + 1):
        inside = [i for i in range(n) if at[i] == region]
        if not inside:
            assert found[region] == -np.inf
            continue
        shares = [sum(y[i] == c for i in inside) / len(inside) for c in range(kinds)]
        expected = np.mean([u[i] for i in inside]) - 0.3 * sum(s * np.log(s) for s in shares if s)
        assert found[region] == pytest.approx(expected)


def naive(u, ranking, at, size):
    """Return the picks, the list of each region worked off by hand."""
    size = min(size, len(u))
    regions = sorted((r for r in range(len(ranking)) if (at == r).any()), key=lambda r: (-ranking[r], r))
    left = {r: sorted((i for i in range(len(u)) if at[i] == r), key=lambda i: (-u[i], i)) for r in regions}
    half = regions[: -(-len(regions) // 2)]
    due = {r: min(size // len(half) + (n < size % len(half)), len(left[r])) for n, r in enumerate(half)}
    picked = []
    while any(due.values()):
        for r in half:
            if due[r]:
                picked.append(left[r].pop(0))
                due[r] -= 1
    others = regions[len(half) :] + half
    while len(picked) < size:
        picked += [left[r].pop(0) for r in others if left[r]]
    return picked[:size]


@given(n=st.integers(1, 40), k=st.integers(1, 7), size=st.integers(0, 45), seed=st.integers(0, 999))
def test_the_picks_are_what_the_definition_says(n, k, size, seed):
    rng = np.random.default_rng(seed)
    u, at, ranking = rng.integers(0, 5, n) / 4, rng.integers(0, k, n), rng.normal(size=k)
    assert by_regions(u, ranking, at, size).tolist() == naive(u, ranking, at, size)


def test_every_pick_is_used_when_regions_are_too_small():
    u, at = np.arange(10.0), np.array([0] * 2 + [1] * 8)
    # region 0 gives its two, the rest comes from region 1: nothing of the budget is lost
    assert by_regions(u, np.array([1.0, 0.0]), at, 5).tolist() == [1, 0, 9, 8, 7]


def test_weights_draw_the_centres():
    rng = np.random.default_rng(0)
    # three groups; nothing weighs in the third, so that two clusters find the other two
    groups = np.arange(90) % 3
    x = np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 30.0]])[groups] + 0.1 * rng.normal(size=(90, 2))
    weights = np.where(groups == 2, 0.0, 1.0)
    for seed in range(10):
        found = weighted_clusters(x, weights, 2, np.random.default_rng(seed))
        assert len(set(found[groups == 0].tolist())) == len(set(found[groups == 1].tolist())) == 1
        assert found[0] != found[1]
        plain = weighted_clusters(x, np.ones(90), 2, np.random.default_rng(seed))
        assert plain[2] != plain[0]


@given(seed=st.integers(0, 99))
def test_a_whole_weight_is_as_many_copies(seed):
    """Lloyd's iterations end where every centre is the weighted mean of what is nearest to it."""
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=(60, 3)), rng.integers(1, 5, 60).astype(float)
    found = weighted_clusters(x, weights, 4, np.random.default_rng(seed))
    means = np.array([np.average(x[found == c], axis=0, weights=weights[found == c]) for c in range(4)])
    within = (weights * ((x - means[found]) ** 2).sum(axis=1)).sum()
    total = (weights * ((x - np.average(x, axis=0, weights=weights)) ** 2).sum(axis=1)).sum()
    assert within < 0.85 * total
    scaled = weighted_clusters(x, 7 * weights, 4, np.random.default_rng(seed))
    assert found.tolist() == scaled.tolist()


def test_odd_weights_and_points():
    x = np.repeat(np.eye(3), 10, axis=0)
    assert set(weighted_clusters(x, np.zeros(30), 3, np.random.default_rng(0)).tolist()) == {0, 1, 2}
    assert len(set(weighted_clusters(x, np.ones(30), 9, np.random.default_rng(0)).tolist())) == 3
    assert set(weighted_clusters(np.ones((30, 2)), np.ones(30), 4, np.random.default_rng(0)).tolist()) == {0}


def scenario(seed=0, n=300):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(3), n), rng.normal(size=(n, 4)), rng.uniform(size=n)


def test_negative_scores_are_shifted_and_order_is_kept():
    p, x, u = scenario()
    assert actune(u - 10, p, x, 20, 0).tolist() != []
    low = actune(u - u.min(), p, x, 20, 0)
    assert actune(u - u.min() - 5, p, x, 20, 0, beta=0.5).tolist() == low.tolist()


def test_minus_infinity_is_the_least_score():
    p, x, u = scenario()
    u[7] = -np.inf
    finite = np.where(np.isinf(u), u[np.isfinite(u)].min(), u)
    assert actune(u, p, x, 20, 0).tolist() == actune(finite, p, x, 20, 0).tolist()
    assert len(actune(np.full(300, -np.inf), p, x, 20, 0)) == 20


def test_scores_rule_the_regions_that_are_asked():
    """The region of large scores is asked, not the one of small scores (as an ascending sort would)."""
    rng = np.random.default_rng(3)
    side = np.arange(200) < 100
    x = np.where(side[:, None], 5.0, -5.0) + rng.normal(size=(200, 2))
    p = np.tile([0.7, 0.3], (200, 1))
    picked = actune(np.where(side, 0.9, 0.1) + 0.01 * rng.random(200), p, x, 10, 0, regions=2)
    assert side[picked].all()


def test_with_one_region_it_is_the_base():
    p, x, u = scenario()
    assert actune(u, p, x, 20, 0, regions=1).tolist() == np.argsort(-u, kind="stable")[:20].tolist()
    assert actune(u[:12], p[:12], x[:12], 5, 0).tolist() == np.argsort(-u[:12], kind="stable")[:5].tolist()


def test_it_refuses():
    p, x, u = scenario(n=20)
    with pytest.raises(StrategyError, match="holds NaN"):
        actune(u * np.nan, p, x, 3, 0)
    with pytest.raises(StrategyError, match="same documents"):
        actune(u[:3], p, x, 3, 0)
    with pytest.raises(StrategyError, match="beta is a weight"):
        actune(u, p, x, 3, 0, beta=-1)
    with pytest.raises(StrategyError, match="regions must be at least 1"):
        actune(u, p, x, 3, 0, regions=0)
    with pytest.raises(StrategyError, match="logits"):
        actune(u, 9 * p, x, 3, 0)
    with pytest.raises(StrategyError, match="labels must be"):
        region_scores(u, u, np.zeros(20, dtype=int))


def test_memory():
    rng = np.random.default_rng(0)
    p, x = rng.dirichlet(np.ones(4), 100_000), rng.normal(size=(100_000, 256)).astype(np.float32)
    u = rng.random(100_000)
    tracemalloc.start()
    try:
        assert len(actune(u, p, x, 100, 0)) == 100
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()
