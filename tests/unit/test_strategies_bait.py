"""BAIT: the objective by direct inverses, and picks that are those of the definition."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import bait
from alwidget.strategies.functional.bait import Search, traces
from alwidget.strategies.functional.fisher import Documents, Information


def fisher(p, h):
    return np.kron(np.diag(p) - np.outer(p, p), np.outer(h, h))


def mean_fisher(p, h, lp, lh):
    return np.mean([fisher(*one) for one in [*zip(p, h, strict=True), *zip(lp, lh, strict=True)]], axis=0)


def objective(p, h, lp, lh, picked, lam=1.0, weights=(1.0, 1.0)):
    """Return tr(M⁻¹ F) by the definition, in all C · d coordinates."""
    needed = mean_fisher(p, h, lp, lh)
    known = lam * np.eye(len(needed))
    for i in range(len(lp)):
        known += weights[0] * fisher(lp[i], lh[i])
    for i in picked:
        known += weights[1] * fisher(p[i], h[i])
    return float(np.trace(np.linalg.inv(known) @ needed))


def naive(p, h, lp, lh, size, lam=1.0, oversample=2, weights=(1.0, 1.0)):
    def best(candidates, of):
        found = np.array([objective(p, h, lp, lh, of(i), lam, weights) for i in candidates])
        return found, found.min()

    picked: list[int] = []
    while len(picked) < min(int(np.ceil(oversample * size)), len(p)):
        free = [i for i in range(len(p)) if i not in picked]
        found, least = best(free, lambda i: [*picked, i])
        picked.append(free[int((found <= least * (1 + 1e-9)).argmax())])
    while len(picked) > size:
        found, least = best(picked, lambda i: [j for j in picked if j != i])
        del picked[int(np.flatnonzero(found <= least * (1 + 1e-9))[-1])]
    return picked


def arrays(n, classes, d, labelled, seed):
    rng = np.random.default_rng(seed)
    p, lp = rng.dirichlet(np.ones(classes), n), rng.dirichlet(np.ones(classes), labelled).reshape(labelled, classes)
    return p, rng.normal(size=(n, d)), lp, rng.normal(size=(labelled, d))


def searched(p, h, lp, lh, lam=1.0):
    return Search(Documents.of(p, h), Information.of((p, h), (lp, lh), lam, 1.0))


@st.composite
def pools(draw, most=7):
    return arrays(
        draw(st.integers(2, most)),
        draw(st.integers(2, 4)),
        draw(st.integers(1, 3)),
        draw(st.integers(0, 3)),
        draw(st.integers(0, 9999)),
    )


def test_known_values():
    # of one parameter I = p (1 - p) h²; a softmax over two classes has two of them, I twice as large in one direction
    p, h = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]]), np.array([[1.0], [3.0], [4.0]])
    none = np.empty((0, 2)), np.empty((0, 1))
    left = [objective(p, h, *none, [i], lam=2) for i in range(3)]
    np.testing.assert_allclose(left, [1.050667, 0.404103, 0.538251], atol=5e-7)
    assert objective(p, h, *none, [], lam=2) == pytest.approx(1.313333, abs=5e-7)
    np.testing.assert_allclose(1.3133333333 - searched(p, h, *none, lam=2).gains(), left, atol=1e-8)
    assert bait(p, h, None, None, 1, lam=2, oversample=1).tolist() == [1]
    assert bait(p, h, *none, 1, lam=2).tolist() == [1]


@given(pool=pools())
def test_factors_make_the_fisher_information(pool):
    p, h, lp, lh = pool
    information = Information.of((p, h), (lp, lh), 1.0, 1.0)
    documents = Documents.of(p, h)
    v = [documents.columns(np.array([i])) for i in range(len(p))]
    for i in range(len(p)):
        # the coordinates are orthonormal: every invariant of the information is the same
        own = np.sort(np.linalg.eigvalsh(fisher(p[i], h[i])))[::-1]
        np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(v[i] @ v[i].T))[::-1], own[: len(v[i])], atol=1e-10)
    needed = sum(one @ one.T for one in v)
    for i in range(len(lp)):
        one = Documents.of(lp[i : i + 1], lh[i : i + 1]).columns(np.array([0]))
        needed = needed + one @ one.T
    np.testing.assert_allclose(information.needed, needed / (len(p) + len(lp)), atol=1e-12)
    full = np.linalg.eigvalsh(mean_fisher(p, h, lp, lh))[::-1]
    np.testing.assert_allclose(np.linalg.eigvalsh(information.needed)[::-1], full[: len(needed)], atol=1e-10)


@given(pool=pools(), lam=st.sampled_from([0.1, 1.0, 10.0]), seed=st.integers(0, 99))
def test_gains_are_those_of_direct_inverses_after_every_pick(pool, lam, seed):
    p, h, lp, lh = pool
    search, known = searched(p, h, lp, lh, lam), []
    for at in np.random.default_rng(seed).permutation(len(p))[:4].tolist():
        before = objective(p, h, lp, lh, known, lam)
        expected = [objective(p, h, lp, lh, [*known, i], lam) for i in range(len(p))]
        np.testing.assert_allclose(before - search.gains(), expected, atol=1e-8)
        search.add(at)
        known.append(at)


@given(seed=st.integers(0, 999), rows=st.integers(1, 4), sign=st.sampled_from([1.0, -1.0]))
def test_traces_are_those_of_inverses(seed, rows, sign):
    rng = np.random.default_rng(seed)
    seen = [0.2 * (x @ x.T) / np.trace(x @ x.T) for x in rng.normal(size=(5, rows, rows))]
    worth = [x @ x.T for x in rng.normal(size=(5, rows, rows))]
    expected = [np.trace(np.linalg.inv(np.eye(rows) + sign * a) @ b) for a, b in zip(seen, worth, strict=True)]
    found = traces(np.stack(seen, axis=2), np.stack(worth, axis=2), sign)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(pool=pools(6), size=st.integers(1, 4), oversample=st.sampled_from([1, 2]))
def test_picks_are_those_of_the_definition(pool, size, oversample):
    p, h, lp, lh = pool
    found = bait(p, h, lp, lh, size, oversample=oversample).tolist()
    expected = naive(p, h, lp, lh, min(size, len(p)), oversample=oversample)
    if found != expected:  # only where nothing tells them apart
        assert objective(p, h, lp, lh, found) == pytest.approx(objective(p, h, lp, lh, expected), rel=1e-5)
    assert len(set(found)) == min(size, len(p))


@pytest.mark.parametrize("seed", range(6))
def test_picks_of_a_larger_pool(seed):
    p, h, lp, lh = arrays(25, 3, 3, 4, seed)
    assert bait(p, h, lp, lh, 5).tolist() == naive(p, h, lp, lh, 5)
    weights = (1 / 9, 5 / 9)
    assert bait(p, h, lp, lh, 5, reference_scaling=True).tolist() == naive(p, h, lp, lh, 5, weights=weights)


def test_taking_out_again_is_not_the_same_as_stopping_early():
    found = [
        (bait(*pool, 3).tolist(), bait(*pool, 3, oversample=1).tolist(), pool)
        for pool in (arrays(30, 3, 3, 2, seed) for seed in range(10))
    ]
    differ = [
        (objective(*pool, pruned), objective(*pool, greedy)) for pruned, greedy, pool in found if pruned != greedy
    ]
    assert differ
    assert np.mean([a <= b for a, b in differ]) > 0.5


def test_what_is_labelled_is_not_asked_again():
    # two kinds of documents; of one kind, much is labelled already
    rng = np.random.default_rng(0)
    h = np.repeat(np.eye(2) * 3, 20, axis=0) + 0.05 * rng.normal(size=(40, 2))
    p = np.full((40, 2), 0.5)
    assert set(bait(p, h, p[:19], h[:19], 3).tolist()) <= set(range(20, 40))
    assert set(bait(p, h, p[20:39], h[20:39], 3).tolist()) <= set(range(20))
    picked = bait(p, h, None, None, 2).tolist()
    assert len({i // 20 for i in picked}) == 2


@given(seed=st.integers(0, 99))
def test_names_of_classes_and_turns_of_vectors_do_not_matter(seed):
    p, h, lp, lh = arrays(20, 3, 3, 4, seed)
    rng = np.random.default_rng(seed)
    turn, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(3)
    before = searched(p, h, lp, lh).gains()
    np.testing.assert_allclose(searched(p[:, order], h @ turn, lp[:, order], lh @ turn).gains(), before, rtol=1e-8)


def test_single_precision_picks_as_well():
    p, h, lp, lh = arrays(300, 4, 12, 20, 1)
    exact = bait(p, h, lp, lh, 10)
    single = bait(*(one.astype(np.float32) for one in (p, h, lp, lh)), 10)
    assert objective(p, h, lp, lh, single) == pytest.approx(objective(p, h, lp, lh, exact), rel=1e-3)


def test_many_dimensions_are_projected_and_many_classes_cut():
    rng = np.random.default_rng(0)
    p, h, lp, lh = arrays(60, 5, 900, 6, 0)
    found = bait(p, h.astype(np.float32), lp, lh, 8)
    assert len(set(found.tolist())) == 8
    # of forty classes most are out of the question everywhere: what is cut is next to nothing
    p = rng.dirichlet(np.r_[np.ones(4), np.full(36, 1e-4)], 50)
    h = rng.normal(size=(50, 3))
    none = np.empty((0, 40)), np.empty((0, 3))
    assert Documents.of(p, h).rows.shape == (50, 8, 39)
    whole = objective(p, h, *none, [])
    np.testing.assert_allclose(
        whole - searched(p, h, *none).gains(), [objective(p, h, *none, [i]) for i in range(50)], rtol=1e-3
    )


def test_certain_documents_add_nothing():
    p, h = np.array([[1.0, 0, 0], [0, 1.0, 0], [0.4, 0.3, 0.3], [0, 0, 1.0]]), np.ones((4, 2))
    assert bait(p, h, None, None, 1).tolist() == [2]
    assert bait(p[[0, 1, 3]], h[:3], None, None, 2).tolist() == [0, 1]
    assert bait(np.ones((4, 1)), h, None, None, 2).tolist() == [0, 1]


@pytest.mark.parametrize("size", [0, 1, 19, 20, 21])
def test_sizes(size):
    found = bait(*arrays(20, 3, 2, 3, 0), size)
    assert found.dtype == np.int64
    assert len(set(found.tolist())) == min(size, 20) == len(found)


def test_duplicates_are_all_asked_in_the_end():
    p, h, lp, lh = arrays(4, 3, 2, 1, 0)
    found = bait(p.repeat(5, axis=0), h.repeat(5, axis=0), lp, lh, 13).tolist()
    assert len(set(found)) == 13


def test_memory_at_a_hundred_thousand_documents():
    rng = np.random.default_rng(0)
    p, h = rng.dirichlet(np.ones(4), 100_000), rng.standard_normal((100_000, 64), dtype=np.float32)
    tracemalloc.start()
    try:
        found = bait(p, h, p[:50], h[:50], 3)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(set(found.tolist())) == 3
    assert most < 128 << 20


def test_it_refuses():
    p, h, lp, lh = arrays(5, 3, 2, 3, 0)
    with pytest.raises(StrategyError, match="logits"):
        bait(p * 9, h, lp, lh, 1)
    with pytest.raises(StrategyError, match="same documents"):
        bait(p, h[:3], lp, lh, 1)
    with pytest.raises(StrategyError, match=r"labelled_probs \(3, 3\), labelled_embeddings \(2, 2\)"):
        bait(p, h, lp, lh[:2], 1)
    with pytest.raises(StrategyError, match="the 3 classes and 2 dimensions of the others"):
        bait(p, h, np.full((3, 2), 0.5), lh, 1)
    with pytest.raises(StrategyError, match="labelled_embeddings holds NaN"):
        bait(p, h, lp, lh * np.nan, 1)
    with pytest.raises(StrategyError, match="lam must be a number above 0"):
        bait(p, h, lp, lh, 1, lam=0)
    with pytest.raises(StrategyError, match="oversample must be a number of at least 1"):
        bait(p, h, lp, lh, 1, oversample=0.5)
