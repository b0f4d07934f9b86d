"""What several passes are unsure of together, and what they disagree about, which is not the same."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alwidget.errors import StrategyError
from alwidget.strategies.functional import bald, entropy, mc_entropy, top


def h(row):
    return -sum(p * math.log(p) for p in row if p > 0)


def binary(p):
    return h((p, 1 - p))


@st.composite
def stacks(draw, *, several=False):
    """Return probabilities (T, N, C) with ties and certainties among them."""
    shape = (draw(st.integers(2, 4)), draw(st.integers(1, 8)), draw(st.integers(1, 4)))
    weights = draw(hnp.arrays(np.float64, shape, elements=st.integers(0, 8)))
    if several:
        return weights / 8
    weights[weights.sum(axis=2) == 0] = 1
    return weights / weights.sum(axis=2, keepdims=True)


@given(stack=stacks())
def test_they_are_the_naive_definitions(stack):
    passes, n, _ = stack.shape
    for i in range(n):
        mean = h(stack[:, i].mean(axis=0))
        assert mc_entropy(stack)[i] == pytest.approx(mean, abs=1e-12)
        assert bald(stack)[i] == pytest.approx(max(mean - sum(map(h, stack[:, i])) / passes, 0), abs=1e-12)


@given(stack=stacks(several=True))
def test_labels_are_questions_of_their_own(stack):
    passes, n, labels = stack.shape
    for i in range(n):
        mean = stack[:, i].mean(axis=0)
        apart = [binary(mean[c]) - sum(binary(p) for p in stack[:, i, c]) / passes for c in range(labels)]
        assert bald(stack, multilabel=True)[i] == pytest.approx(max(sum(apart), 0), abs=1e-12)
        each = [binary(p) for p in mean]
        for agg, expected in (("sum", sum(each)), ("mean", sum(each) / labels), ("max", max(each))):
            assert mc_entropy(stack, multilabel=True, agg=agg)[i] == pytest.approx(expected, abs=1e-12)


def test_being_unsure_is_not_disagreeing():
    # two passes that shrug, and two that are sure of opposite answers: the mean is the same
    stack = np.array([[[0.5, 0.5], [1.0, 0.0], [0.9, 0.1]], [[0.5, 0.5], [0.0, 1.0], [0.9, 0.1]]])
    np.testing.assert_allclose(mc_entropy(stack), [math.log(2), math.log(2), 0.325083], atol=5e-7)
    np.testing.assert_allclose(bald(stack), [0, math.log(2), 0], atol=1e-12)
    assert top(mc_entropy(stack), 1).tolist() == [0]
    assert top(bald(stack), 1).tolist() == [1]


def test_probabilities_are_averaged_and_not_their_logarithms():
    stack = np.array([[[0.99, 0.01]], [[0.2, 0.8]]])
    assert mc_entropy(stack)[0] == pytest.approx(h((0.595, 0.405)))
    geometric = np.exp(np.log(stack).mean(axis=0))
    assert abs(mc_entropy(stack)[0] - h((geometric / geometric.sum())[0])) > 0.05


@given(stack=stacks(), seed=st.integers(0, 99))
def test_the_order_of_passes_documents_and_classes_does_not_matter(stack, seed):
    rng = np.random.default_rng(seed)
    passes, documents, classes = (rng.permutation(n) for n in stack.shape)
    mixed = stack[passes][:, documents][:, :, classes]
    for score in (bald, mc_entropy):
        np.testing.assert_allclose(score(mixed), score(stack)[documents], atol=1e-12)


def test_one_pass_is_entropy():
    probs = np.random.default_rng(0).dirichlet(np.ones(4), 9)
    np.testing.assert_array_equal(mc_entropy([probs]), entropy(probs))


@pytest.mark.parametrize("score", [bald, mc_entropy])
def test_passes_are_read_one_at_a_time(score):
    n, classes = 100_000, 10

    def stream():
        rng = np.random.default_rng(0)
        for _ in range(12):
            probs = rng.random((n, classes), dtype=np.float32)
            probs /= probs.sum(axis=1, keepdims=True)
            yield probs

    tracemalloc.start()
    try:
        found = score(stream())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.shape == (n,)
    assert most < 5 * n * classes * 4 + (8 << 20)  # all passes together are twelve


def test_they_refuse():
    probs = [[0.5, 0.5], [0.9, 0.1]]
    with pytest.raises(StrategyError, match="at least one pass, got 0"):
        mc_entropy([])
    with pytest.raises(StrategyError, match="at least two passes"):
        bald([probs])
    for score in (bald, mc_entropy):
        with pytest.raises(StrategyError, match="same shape"):
            score([probs, probs[:1]])
        with pytest.raises(StrategyError, match=r"mc_probs.*logits"):
            score([probs, [[5.0, 1.0], [2.0, 3.0]]])
        with pytest.raises(StrategyError, match="two axes"):
            score(probs)
        with pytest.raises(StrategyError, match="sigmoid"):
            score([probs, [[5.0, 1.0], [2.0, 3.0]]], multilabel=True)
        with pytest.raises(StrategyError, match="NaN"):
            score([probs, np.array(probs) * np.nan])
    with pytest.raises(StrategyError, match='agg must be one of "sum", "mean", "max"'):
        mc_entropy([probs], agg="median")
