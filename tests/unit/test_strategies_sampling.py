"""Subsampling by the last scores as plain functions: known values, naive definitions, invariances."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies import functional
from alwidget.strategies.functional import naive, random_share, ups, ups_probabilities

SCORES = st.lists(st.one_of(st.floats(-3, 3), st.sampled_from([math.nan, math.inf, 0.5])), max_size=40)
SHARES = st.floats(0, 1)
TEMPERATURES = st.one_of(st.floats(0.001, 5), st.sampled_from([0.0, math.inf]))


def by_the_book(scores, gamma, temperature, least):
    """Return the probabilities one document at a time, as the paper has them."""
    filled = [math.inf if math.isnan(s) else s for s in scores]
    ranked = sorted(range(len(filled)), key=lambda i: (-filled[i], i))
    out = [0.0] * len(filled)
    for rank, i in enumerate(ranked):
        beyond = max(0.0, rank / len(filled) - gamma)
        if beyond == 0 or rank < least or filled[i] == math.inf:
            out[i] = 1.0
        elif temperature:
            out[i] = math.exp(-beyond / temperature)
    return out


@given(SCORES, SHARES, TEMPERATURES, st.integers(0, 50))
def test_the_probabilities_are_those_of_the_definition(scores, gamma, temperature, least):
    before = np.array(scores)
    found = ups_probabilities(before, gamma, temperature, least=least)
    np.testing.assert_allclose(found, by_the_book(scores, gamma, temperature, least), rtol=1e-12)
    np.testing.assert_array_equal(before, np.array(scores))


@given(SCORES, SHARES, TEMPERATURES, st.integers(0, 50), st.integers(0, 5))
def test_what_is_kept_is_enough_and_holds_whatever_was_never_scored(scores, gamma, temperature, least, seed):
    kept = ups(scores, gamma, temperature, seed, least=least)
    assert kept.dtype == np.int64
    assert (np.diff(kept) > 0).all()
    assert len(kept) >= min(least, len(scores))
    unscored = np.flatnonzero(~(np.array(scores, dtype=float) < np.inf))
    assert set(unscored.tolist()) <= set(kept.tolist())
    assert kept.tolist() == ups(scores, gamma, temperature, seed, least=least).tolist()


@given(SCORES, SHARES, st.integers(0, 50))
def test_without_temperature_it_is_the_naive_form_and_with_infinitely_much_it_keeps_everything(scores, gamma, least):
    kept = naive(scores, gamma, least=least).tolist()
    assert ups(scores, gamma, 0.0, 0, least=least).tolist() == kept
    assert ups(scores, gamma, 1e-300, 0, least=least).tolist() == kept
    assert ups(scores, gamma, math.inf, 0).tolist() == list(range(len(scores)))


def test_the_expected_share_of_the_papers_numbers():
    n = 100_000
    scores = np.random.default_rng(0).normal(size=n)
    share = ups_probabilities(scores, 0.1, 0.01).mean()
    assert share == pytest.approx(0.110005, abs=5e-7)
    assert share == pytest.approx(0.1 + 0.01 * (1 - math.exp(-0.9 / 0.01)), abs=1e-5)
    sizes = [len(ups(scores, 0.1, 0.01, seed)) for seed in range(20)]
    # a sum of independent draws: the standard deviation of one is sqrt(sum p (1 - p))
    each = ups_probabilities(scores, 0.1, 0.01)
    deviation = math.sqrt((each * (1 - each)).sum() / 20)
    assert abs(np.mean(sizes) - n * share) < 4 * deviation


def test_ten_documents():
    scores = np.arange(10, 0, -1.0)
    due = [1, 1] + [math.exp(-10 * k) for k in range(1, 9)]
    found = ups_probabilities(scores, 0.1, 0.01)
    np.testing.assert_allclose(found, due, rtol=1e-9)
    assert found[2] == pytest.approx(4.5e-5, rel=0.01)
    rng = np.random.default_rng(0)
    warm = ups_probabilities(scores, 0.1, 0.2)
    counts = np.zeros(10)
    for _ in range(4000):
        counts[ups(scores, 0.1, 0.2, rng)] += 1
    assert (np.abs(counts / 4000 - warm) <= 4.5 * np.sqrt(warm * (1 - warm) / 4000)).all()


def test_equal_scores_are_ranked_by_position_and_larger_ones_are_kept():
    assert naive(np.zeros(10), 0.25).tolist() == [0, 1, 2]
    assert naive([0.0, 0.0, 1.0, -np.inf], 0.3).tolist() == [0, 2]
    assert (np.diff(ups_probabilities(np.zeros(50), 0.1, 0.1)) <= 0).all()


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30, unique=True), st.integers(0, 3))
def test_only_the_order_of_scores_counts(scores, seed):
    scores = np.array(scores, dtype=float)
    assert ups(scores, 0.2, 0.1, seed).tolist() == ups(np.exp(scores / 20) * 7 - 3, 0.2, 0.1, seed).tolist()


@given(st.integers(0, 300), SHARES, st.integers(0, 310), st.integers(0, 5))
def test_a_random_share_is_as_large_as_it_says(n, gamma, least, seed):
    drawn = random_share(n, gamma, seed, least=least)
    assert drawn.dtype == np.int64
    assert len(drawn) == min(n, max(least, math.ceil(round(gamma * n, 6))))
    assert (np.diff(drawn) > 0).all()
    assert not len(drawn) or (drawn[0] >= 0 and drawn[-1] < n)


def test_every_document_is_as_likely_in_a_random_share():
    rng, counts = np.random.default_rng(0), np.zeros(20)
    for _ in range(3000):
        counts[random_share(20, 0.25, rng)] += 1
    assert ((counts - 750) ** 2 / 750).sum() < 36.2  # chi-square, 19 degrees of freedom, fixed seed


def test_nothing_to_keep():
    assert ups([], 0.1, 0.01, 0).tolist() == naive([], 0.1).tolist() == random_share(0, 0.1, 0).tolist() == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ups(np.zeros((2, 2)), 0.1, 0.01, 0), "one axis"),
        (lambda: ups(["a"], 0.1, 0.01, 0), "real numbers"),
        (lambda: ups([0.1], 1.1, 0.01, 0), "gamma must be a share between 0 and 1, got 1.1"),
        (lambda: ups([0.1], math.nan, 0.01, 0), "gamma must be a share"),
        (lambda: ups([0.1], True, 0.01, 0), "gamma must be a share"),
        (lambda: ups([0.1], "0.1", 0.01, 0), "gamma must be a share"),
        (lambda: ups([0.1], 0.1, -1, 0), "temperature must be a number of at least 0"),
        (lambda: ups([0.1], 0.1, math.nan, 0), "temperature must be"),
        (lambda: ups([0.1], 0.1, 0.01, None), "rng must be"),
        (lambda: ups([0.1], 0.1, 0.01, 0, least=-1), "least must be at least 0"),
        (lambda: naive([0.1], 2), "gamma must be"),
        (lambda: random_share(-1, 0.1, 0), "n must be at least 0"),
        (lambda: random_share(5, -0.1, 0), "gamma must be"),
    ],
)
def test_what_makes_no_sense_is_refused(call, said):
    with pytest.raises(StrategyError, match=said):
        call()


def test_torch_tensors_will_do():
    torch = pytest.importorskip("torch")
    scores = [0.1, float("nan"), 0.7, 0.2]
    assert ups(torch.tensor(scores), 0.0, 0.5, 3).tolist() == ups(np.array(scores, "f4"), 0.0, 0.5, 3).tolist()


def test_a_hundred_thousand_documents_need_little_memory():
    scores = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    tracemalloc.start()
    functional.ups(scores, 0.1, 0.01, 0)
    functional.naive(scores, 0.1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 << 20
