"""BatchBALD: joint information by its definition, the same picks with less looking, and draws that come near."""

from __future__ import annotations

import itertools
import logging
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import bald, batchbald, entropy, top
from alwidget.strategies.functional.batchbald import Answers, Passes

A = [[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]]
C = [[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.2, 0.8]]
SHAPES = ((2000, 8), (10, 8, 3))
STACK = np.stack([A, A, C], axis=1)


def h(values):
    return -sum(v * math.log(v) for v in values if v > 0)


def joint(stack, batch):
    """Return the information of the answers to a batch by the definition, every sequence of answers in turn."""
    k, _, classes = stack.shape
    mean = [
        sum(math.prod(stack[t, i, y] for i, y in zip(batch, answers, strict=True)) for t in range(k)) / k
        for answers in itertools.product(range(classes), repeat=len(batch))
    ]
    return h(mean) - sum(h(stack[t, i]) for t in range(k) for i in batch) / k


def greedy(stack, size):
    picked = []
    while len(picked) < size:
        found = {i: joint(stack, [*picked, i]) for i in range(stack.shape[1]) if i not in picked}
        best = max(found.values())
        picked.append(min(i for i, value in found.items() if value >= best - 1e-9))
    return picked


def along(stack, batch, samples=10_000, seed=0):
    """Return what each document of a batch adds, in its order."""
    passes, answers, rng = Passes.of(stack), Answers.none(len(stack)), np.random.default_rng(seed)
    out = []
    for i in batch:
        out.append(float(answers.gains(passes, np.array([i]))[0]))
        answers = answers.then(passes.at(np.array([i]))[:, 0], samples, rng)
    return np.array(out)


@st.composite
def stacks(draw, most_classes=3):
    k, n, classes = draw(st.integers(2, 4)), draw(st.integers(2, 6)), draw(st.integers(2, most_classes))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    return rng.dirichlet(np.full(classes, draw(st.sampled_from([0.2, 1.0]))), (k, n))


def test_known_values():
    np.testing.assert_allclose(bald(STACK), [0.368064, 0.368064, 0.192745], atol=5e-7)
    assert sum(along(STACK, [0, 1])) == pytest.approx(0.514375, abs=5e-7)
    assert sum(along(STACK, [0, 2])) == pytest.approx(0.560809, abs=5e-7)
    assert top(bald(STACK), 2).tolist() == [0, 1]
    assert batchbald(STACK, 2, 0).tolist() == [0, 2]


@given(stack=stacks(), seed=st.integers(0, 99))
def test_information_is_that_of_the_definition(stack, seed):
    batch = np.random.default_rng(seed).permutation(stack.shape[1])[:4].tolist()
    added = along(stack, batch)
    for n in range(1, len(batch) + 1):
        assert added[:n].sum() == pytest.approx(joint(stack, batch[:n]), abs=1e-12)


@given(stack=stacks())
def test_looking_at_few_finds_what_looking_at_all_does(stack):
    size = min(4, stack.shape[1])
    expected = greedy(stack, size)
    gains = np.diff([0.0, *(joint(stack, expected[:n]) for n in range(1, size + 1))])
    sure = int((np.cumsum(gains < 1e-5) == 0).sum())  # from where nothing is left, documents follow by bald
    assert batchbald(stack, size, 0).tolist()[:sure] == expected[:sure]


def test_few_documents_are_looked_at(monkeypatch):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(2000, 3)) + 0.5 * np.einsum("nd,kdc->knc", *(rng.normal(size=s) for s in SHAPES))
    stack = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    looked, true = [], Answers.gains

    def counted(self, passes, positions):
        looked.append(len(positions) * len(self.weights))
        return true(self, passes, positions)

    monkeypatch.setattr(Answers, "gains", counted)
    found = batchbald(stack, 6, 0)
    assert sum(looked) < 2000 * sum(3**n for n in range(6)) / 3
    monkeypatch.undo()
    passes, answers, free = Passes.of(stack), Answers.none(10), np.ones(2000, dtype=bool)
    for at in found:
        gains = answers.gains(passes, np.arange(2000))
        assert at == np.where(free, gains, -1).argmax()
        free[at] = False
        answers = answers.then(stack[:, at], 10_000, np.random.default_rng(0))


@given(stack=stacks())
def test_one_document_is_the_best_of_bald(stack):
    if bald(stack).max() > 1e-5:
        best = np.flatnonzero(bald(stack) >= bald(stack).max() - 1e-9)[0]
        assert batchbald(stack, 1, 0).tolist() == [best]
    np.testing.assert_allclose(
        Answers.none(len(stack)).gains(Passes.of(stack), np.arange(stack.shape[1])), bald(stack)
    )


@given(stack=stacks(), seed=st.integers(0, 99))
def test_what_a_document_adds_only_shrinks(stack, seed):
    rng = np.random.default_rng(seed)
    passes, answers, everything = Passes.of(stack), Answers.none(len(stack)), np.arange(stack.shape[1])
    before = answers.gains(passes, everything)
    for i in rng.permutation(stack.shape[1])[:3]:
        answers = answers.then(stack[:, i], 10_000, rng)
        after = answers.gains(passes, everything)
        assert (after <= before + 1e-12).all()
        before = after


@pytest.mark.parametrize("samples", [30, 150])
def test_drawn_answers_come_near_the_listed_ones(samples):
    stack = np.random.default_rng(5).dirichlet(np.full(3, 0.7), (4, 6))
    exact = along(stack, range(6)).sum()
    drawn = np.array([along(stack, range(6), samples, seed).sum() for seed in range(200)])
    assert drawn.std() > 0
    assert abs(drawn.mean() - exact) < 3 * drawn.std(ddof=1) / math.sqrt(200)


def test_more_draws_come_nearer():
    stack = np.random.default_rng(6).dirichlet(np.full(3, 0.7), (4, 6))
    exact = along(stack, range(6)).sum()
    off = [
        np.mean([abs(along(stack, range(6), samples, seed).sum() - exact) for seed in range(40)])
        for samples in (20, 200, 2000)
    ]
    assert off[0] > 2 * off[1] > 4 * off[2]


@given(seed=st.integers(0, 99), level=st.integers(0, 3))
def test_groups_of_answers_promise_at_least_what_their_members_keep(seed, level):
    rng = np.random.default_rng(seed)
    stack = rng.dirichlet(np.full(3, 0.6), (5, 20))
    passes, answers = Passes.of(stack), Answers.none(5)
    for i in range(8):
        answers = answers.then(stack[:, i], 500, rng)
    assert answers.drawn is not None
    groups = answers.grouped((1, 8, 32, 128)[level])
    assert len(groups.weights) <= max((1, 8, 32, 128)[level], 12) < len(answers.weights)
    np.testing.assert_allclose(groups.weights @ groups.beliefs, answers.weights @ answers.beliefs)
    everything = np.arange(20)
    assert (groups.gains(passes, everything) >= answers.gains(passes, everything) - 1e-12).all()


def test_drawn_answers_are_looked_at_as_thoroughly():
    rng = np.random.default_rng(3)
    stack = rng.dirichlet(np.full(3, 0.5), (6, 400))
    passes, answers, draws = Passes.of(stack), Answers.none(6), np.random.default_rng(9)
    free = np.ones(400, dtype=bool)
    for at in batchbald(stack, 7, 9, samples=700):
        gains = answers.gains(passes, np.arange(400))
        best = gains[free].max()
        assert at == np.flatnonzero(free & (gains >= best - 1e-9))[0]
        free[at] = False
        answers = answers.then(stack[:, at], 700, draws)
    assert answers.drawn is not None


def test_a_long_batch_does_not_underflow():
    stack = np.random.default_rng(0).dirichlet(np.ones(5), (8, 400))
    added = along(stack, range(400), samples=300)
    assert np.isfinite(added).all()
    assert added.sum() == pytest.approx(math.log(8), abs=0.1)  # eight passes can tell no more


def test_when_nothing_is_left_the_rest_follows_by_bald():
    stack = np.stack([STACK[:, 0], STACK[:, 0]] + [np.full((4, 2), 0.5)] * 3, axis=1)
    sure = np.array([np.tile([1.0, 0.0], (6, 1)), np.tile([0.0, 1.0], (6, 1))])
    assert batchbald(sure, 6, 0).tolist() == [0, 1, 2, 3, 4, 5]
    found = batchbald(stack, 5, 0).tolist()
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert set(found[:2]) == {0, 1}


def test_prefixes_are_nested_and_the_seed_decides():
    stack = np.random.default_rng(0).dirichlet(np.ones(3), (5, 80))
    large = batchbald(stack, 12, 3, samples=100)
    assert batchbald(stack, 5, 3, samples=100).tolist() == large[:5].tolist()
    assert batchbald(stack, 12, 3, samples=100).tolist() == large.tolist()
    assert large.dtype == np.int64


@pytest.mark.parametrize("size", [0, 1, 20, 21])
def test_sizes(size):
    found = batchbald(np.random.default_rng(0).dirichlet(np.ones(3), (5, 20)), size, 0)
    assert len(set(found.tolist())) == min(size, 20) == len(found)


def test_one_pass_is_entropy_and_says_so(caplog):
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 9)
    with caplog.at_level(logging.WARNING, "alwidget.strategies"):
        assert batchbald([probs], 4, 0).tolist() == top(entropy(probs), 4).tolist()
    assert "one pass only" in caplog.text


def test_passes_may_come_one_after_the_other_in_single_precision():
    stack = np.random.default_rng(1).dirichlet(np.ones(3), (5, 60))
    assert batchbald(iter(stack.astype(np.float32)), 6, 0).tolist() == batchbald(stack, 6, 0).tolist()


def test_memory_at_a_hundred_thousand_documents():
    rng = np.random.default_rng(0)
    stack = rng.random((10, 100_000, 4), dtype=np.float32) ** 4
    stack /= stack.sum(axis=2, keepdims=True)
    tracemalloc.start()
    try:
        found = batchbald(stack, 4, 0, samples=2000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(set(found.tolist())) == 4
    assert most < 100 << 20


def test_it_refuses():
    with pytest.raises(StrategyError, match="at least one pass, got 0"):
        batchbald([], 1, 0)
    with pytest.raises(StrategyError, match="same shape"):
        batchbald([STACK[0], STACK[0][:2]], 1, 0)
    with pytest.raises(StrategyError, match=r"mc_probs.*logits"):
        batchbald(STACK * 9, 1, 0)
    with pytest.raises(StrategyError, match="NaN"):
        batchbald(STACK * np.nan, 1, 0)
    with pytest.raises(StrategyError, match="samples must be at least 1"):
        batchbald(STACK, 1, 0, samples=0)
