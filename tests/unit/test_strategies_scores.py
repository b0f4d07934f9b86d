"""Scores of single documents: known values, a naive definition, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import entr

from alwidget.errors import StrategyError
from alwidget.strategies.functional import breaking_ties, entropy, least_confidence, random, top

SCORES = [least_confidence, breaking_ties, entropy]
KNOWN = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2], [0.34, 0.33, 0.33], [0.9, 0.1, 0.0]])


def naive_least_confidence(row):
    return 1 - max(row)


def naive_breaking_ties(row):
    if len(row) == 1:
        return 0.0
    first, second = sorted(row, reverse=True)[:2]
    return 1 - (first - second)


def naive_entropy(row):
    return -sum(p * math.log(p) for p in row if p > 0)


NAIVE = {least_confidence: naive_least_confidence, breaking_ties: naive_breaking_ties, entropy: naive_entropy}


@st.composite
def probabilities(draw, least_classes=1):
    """Return rows that sum to one, with zeros, ties and one-hot rows among them."""
    shape = (draw(st.integers(1, 50)), draw(st.integers(least_classes, 6)))
    weights = draw(hnp.arrays(np.float64, shape, elements=st.integers(0, 8)))
    weights[weights.sum(axis=1) == 0, 0] = 1
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("score", "values"),
    [
        (least_confidence, [0.5, 0.6, 0.4, 0.66, 0.1]),
        (breaking_ties, [0.8, 1.0, 0.6, 0.99, 0.2]),
        (entropy, [1.029653, 1.054920, 0.950271, 1.098513, 0.325083]),
    ],
)
def test_known_values(score, values):
    found = score(KNOWN)
    assert found.dtype == np.float64
    assert found.shape == (5,)
    np.testing.assert_allclose(found, values, atol=5e-7)


def test_the_first_choice_of_each_score():
    assert [int(top(score(KNOWN), 1)[0]) for score in SCORES] == [3, 1, 3]


@pytest.mark.parametrize("score", SCORES)
@given(probs=probabilities())
def test_scores_are_the_naive_definition(score, probs):
    np.testing.assert_allclose(score(probs), [NAIVE[score](row) for row in probs], atol=1e-12)


@given(probs=probabilities())
def test_entropy_is_scipys(probs):
    np.testing.assert_allclose(entropy(probs), entr(probs).sum(axis=1), atol=1e-12)


@given(first=st.lists(st.integers(0, 1024), min_size=1, max_size=60))
def test_with_two_classes_all_three_give_the_same_order(first):
    # 1024ths are exact in binary, so that what is equal on paper is equal in floating point
    probs = np.array([[a / 1024, (1024 - a) / 1024] for a in first])
    orders = [top(score(probs), len(probs)).tolist() for score in SCORES]
    assert orders[0] == orders[1] == orders[2]


@pytest.mark.parametrize("score", SCORES)
@given(probs=probabilities(), data=st.data())
def test_scores_do_not_depend_on_the_order_of_classes_or_documents(score, probs, data):
    rows = data.draw(st.permutations(range(len(probs))))
    columns = data.draw(st.permutations(range(probs.shape[1])))
    np.testing.assert_allclose(score(probs[rows][:, columns]), score(probs)[rows], atol=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_one_class_is_no_question(score):
    assert score(np.ones((4, 1))).tolist() == [0, 0, 0, 0]
    assert score(np.full((1, 1), 1.0005)).tolist() == [0]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("classes", [1, 2, 3, 50])
def test_bounds_are_reached_and_kept(score, classes):
    rows = np.concatenate([np.eye(classes), np.full((1, classes), 1 / classes)])
    found = score(rows)
    most = {least_confidence: 1 - 1 / classes, breaking_ties: float(classes > 1), entropy: math.log(classes)}[score]
    np.testing.assert_allclose(found[:-1], 0, atol=1e-12)
    np.testing.assert_allclose(found[-1], most, atol=1e-12)
    assert (found >= 0).all()


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_every_float_is_scored_in_double_precision(score, kind):
    probs = np.random.default_rng(0).dirichlet(np.ones(5), 200).astype(kind)
    found = score(probs)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [NAIVE[score](row) for row in probs.astype(np.float64)], atol=2e-3)


@pytest.mark.parametrize("score", SCORES)
def test_any_layout_of_memory_gives_the_same_numbers(score):
    probs = np.random.default_rng(0).dirichlet(np.ones(7), 500)
    expected = score(probs)
    assert np.array_equal(score(np.asfortranarray(probs)), expected)
    assert np.array_equal(score(np.repeat(probs, 2, axis=0)[::2]), expected)
    assert np.array_equal(score(probs.tolist()), expected)


@pytest.mark.parametrize("score", SCORES)
def test_many_rows_and_many_classes_go_through_in_chunks(score):
    for shape in ((150_000, 3), (40, 9_000)):
        probs = np.random.default_rng(0).dirichlet(np.ones(shape[1]), shape[0])
        some = np.linspace(0, shape[0] - 1, 23).astype(int)
        np.testing.assert_allclose(score(probs)[some], [NAIVE[score](row) for row in probs[some]], atol=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_torch_tensors_are_read(score):
    torch = pytest.importorskip("torch")
    probs = torch.softmax(torch.arange(12.0).reshape(4, 3) % 5, dim=1)
    expected = score(probs.numpy())
    np.testing.assert_allclose(score(probs), expected)
    np.testing.assert_allclose(score(probs.clone().requires_grad_()), expected)
    # bfloat16 rows sum to one only within their own precision
    exact = torch.tensor([[0.5, 0.25, 0.25]]).to(torch.bfloat16)
    np.testing.assert_allclose(score(exact), score([[0.5, 0.25, 0.25]]))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("probs", "said"),
    [
        ([[5.0, 0.0], [0.0, 1.0]], "logits.*softmax"),
        ([[2.0, -1.0]], "logits"),
        (np.log([[0.5, 0.5], [0.9, 0.1]]), "log-probabilities: pass np.exp"),
        ([[0.5, 0.5], [0.5, 0.4]], "row 1 sums to 0.9"),
        ([[3, 1]], "logits"),
        ([[0.5, 0.502]], "row 0 sums to 1.002"),
        ([[0.5, 0.5], [math.nan, 0.5]], "NaN or infinity, first in row 1"),
        ([[math.inf, 0.5]], "NaN or infinity"),
        ([[math.inf, -math.inf]], "NaN or infinity"),
        ([0.5, 0.5], r"two axes \(documents, classes\), got shape \(2,\)"),
        (np.ones((2, 2, 1)), "two axes"),
        (np.empty((0, 3)), "empty"),
        (np.empty((3, 0)), "empty"),
        (0.5, "two axes"),
        ([["a", "b"]], "real numbers"),
        ([[0.5, 0.5], [1.0]], "cannot be read as an array|real numbers"),
        ([[0.5 + 0j, 0.5]], "real numbers"),
        (None, "real numbers"),
    ],
)
def test_what_cannot_be_ranked_is_refused(score, probs, said):
    with pytest.raises(StrategyError, match=said) as caught:
        score(probs)
    assert "probs" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_bad_row_far_down_is_named():
    probs = np.full((100_000, 2), 0.5)
    probs[77_777] = [0.2, 0.2]
    with pytest.raises(StrategyError, match=r"row 77777 sums to 0.4"):
        entropy(probs)


def test_rows_within_the_tolerance_are_taken():
    assert entropy([[0.5005, 0.5004], [0.4996, 0.4996]]).shape == (2,)


def test_logits_that_sum_to_one_are_still_refused():
    with pytest.raises(StrategyError, match="logits"):
        entropy([[5.0, -4.0]])


@pytest.mark.parametrize("score", SCORES)
def test_the_input_is_not_modified(score):
    for kind in (np.float32, np.float64):
        probs = np.random.default_rng(0).dirichlet(np.ones(4), 30).astype(kind)
        before = probs.copy()
        score(probs)
        score(probs[:, :1] / probs[:, :1])
        assert np.array_equal(probs, before)


@given(
    scores=st.lists(st.sampled_from([-math.inf, -1.5, -0.0, 0.0, 0.5, 2, math.inf]), max_size=40),
    size=st.integers(0, 45),
)
def test_top_is_a_stable_sort(scores, size):
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:size]
    found = top(np.array(scores, dtype=float), size)
    assert found.dtype == np.int64
    assert found.tolist() == expected


@given(scores=hnp.arrays(np.float64, st.integers(1, 60), elements=st.integers(0, 5)), data=st.data())
def test_a_larger_top_extends_a_smaller_one(scores, data):
    small, large = sorted(data.draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
    assert top(scores, large)[:small].tolist() == top(scores, small).tolist()


@pytest.mark.parametrize(
    ("scores", "size", "said"),
    [
        ([1.0, math.nan, math.nan], 1, "NaN .2 of 3, the first at 1."),
        ([[1.0]], 1, "one axis"),
        (["a"], 1, "real numbers"),
        ([1.0], -1, "size must be at least 0, got -1"),
        ([1.0], 1.0, "whole number, got 1.0"),
        ([1.0], True, "whole number"),
        ([1.0], "1", "whole number"),
        ([1.0], None, "whole number"),
    ],
)
def test_top_refuses(scores, size, said):
    with pytest.raises(StrategyError, match=said):
        top(scores, size)


def test_numpys_whole_numbers_are_sizes():
    assert top([1, 2, 3], np.int32(2)).tolist() == [2, 1]


@given(n=st.integers(0, 60), small=st.integers(0, 70), large=st.integers(0, 70), seed=st.integers(0, 2**32))
def test_random_is_unique_and_nested(n, small, large, seed):
    found = random(n, large, np.random.default_rng(seed))
    assert found.dtype == np.int64
    assert len(found) == min(n, large) == len(set(found.tolist()))
    assert set(found.tolist()) <= set(range(n))
    common = min(small, large)
    assert random(n, small, seed)[:common].tolist() == found[:common].tolist()


def test_random_is_uniform():
    counts = np.zeros(10)
    for seed in range(4000):
        counts[random(10, 3, seed)] += 1
    expected = 4000 * 3 / 10
    # chi-square with 9 degrees of freedom; draws without replacement vary less. The seeds are fixed
    assert ((counts - expected) ** 2 / expected).sum() < 21.7


@pytest.mark.parametrize("rng", [None, "0", 1.5, True, -1, np.random.RandomState(0)])
def test_only_a_generator_or_a_seed_is_a_source_of_randomness(rng):
    with pytest.raises(StrategyError, match="rng"):
        random(5, 2, rng)


def test_the_global_state_is_neither_used_nor_changed():
    before = np.random.get_state()  # noqa: NPY002
    first = random(100, 10, 3)
    after = np.random.get_state()  # noqa: NPY002
    assert (before[1] == after[1]).all()
    assert before[2:] == after[2:]
    np.random.random(5)  # noqa: NPY002
    assert random(100, 10, 3).tolist() == first.tolist()
