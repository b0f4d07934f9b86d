"""Several labels a document: independent probabilities, whose rows need not sum to one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView
from alwidget.strategies.functional import (
    badge,
    breaking_ties,
    entropy,
    kmeans_medoids,
    label_cardinality,
    least_confidence,
    top,
    tyrogue,
)

SCORES = [least_confidence, breaking_ties, entropy]
ROWS = np.array([[0.9, 0.5, 0.1], [1.0, 0.0, 0.0], [0.6, 0.7, 0.8], [0.2, 0.2, 0.2]])


def binary(p):
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


NAIVE = {
    least_confidence: lambda row: 1 - min(max(p, 1 - p) for p in row),
    breaking_ties: lambda row: 1 - min(abs(2 * p - 1) for p in row),
    entropy: lambda row: sum(map(binary, row)),
}


def sigmoids():
    shape = st.tuples(st.integers(1, 40), st.integers(1, 6))
    return hnp.arrays(np.float64, shape, elements=st.sampled_from([0, 0.1, 0.25, 0.5, 0.7, 0.9, 1]))


@pytest.mark.parametrize(
    ("score", "values"),
    [
        (least_confidence, [0.5, 0, 0.4, 0.2]),
        (breaking_ties, [1, 0, 0.8, 0.4]),
        (entropy, [1.343313, 0, 1.784278, 1.501207]),
    ],
)
def test_known_values(score, values):
    np.testing.assert_allclose(score(ROWS, multilabel=True), values, atol=5e-7)


@pytest.mark.parametrize("score", SCORES)
@given(probs=sigmoids())
def test_scores_are_the_naive_definition(score, probs):
    before = probs.copy()
    np.testing.assert_allclose(score(probs, multilabel=True), [NAIVE[score](row) for row in probs], atol=1e-12)
    assert np.array_equal(probs, before)


@given(probs=sigmoids())
def test_entropies_are_put_together_as_asked(probs):
    each = np.array([[binary(p) for p in row] for row in probs])
    for agg in ("sum", "mean", "max"):
        np.testing.assert_allclose(entropy(probs, multilabel=True, agg=agg), getattr(each, agg)(axis=1), atol=1e-12)
        view = ArrayView(probs=probs, multilabel=True)
        np.testing.assert_allclose(strategies.get("entropy", agg=agg).scores(view), getattr(each, agg)(axis=1))
    with pytest.raises(StrategyError, match="agg must be one of"):
        entropy(probs, multilabel=True, agg="median")


@given(probs=sigmoids())
def test_least_confidence_and_margin_give_the_same_order(probs):
    confidence, margin = (score(probs, multilabel=True) for score in (least_confidence, breaking_ties))
    np.testing.assert_allclose(2 * confidence, margin, atol=1e-12)


@given(p=st.lists(st.integers(0, 1024), min_size=1, max_size=30))
def test_one_label_is_a_question_of_yes_or_no(p):
    one = np.array(p, dtype=float)[:, None] / 1024
    two = np.hstack([one, 1 - one])
    for score in SCORES:
        np.testing.assert_allclose(score(one, multilabel=True), score(two), atol=1e-12)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("probs", "said"),
    [
        ([[0.5, 1.2]], r"within \[0, 1\], but row 0 is .*sigmoid"),
        ([[0.5, 0.5], [-3.0, 0.5]], r"row 1 is \[-3, 0.5\].*logits"),
        ([[0.5, math.nan]], "NaN or infinity, first in row 0"),
        ([[0.5, math.inf]], "NaN or infinity"),
        ([0.5], "two axes"),
        (np.empty((0, 2)), "empty"),
    ],
)
def test_what_is_no_probability_is_refused(score, probs, said):
    with pytest.raises(StrategyError, match=said):
        score(probs, multilabel=True)


@pytest.mark.parametrize("score", SCORES)
def test_without_being_told_independent_probabilities_are_refused(score):
    with pytest.raises(StrategyError, match=r"sums to 1.5.*multilabel=True"):
        score(ROWS[:1])


@pytest.mark.parametrize("name", ["least-confidence", "breaking-ties", "entropy"])
def test_strategies_read_from_the_view_what_probabilities_are(name):
    score = {"least-confidence": least_confidence, "breaking-ties": breaking_ties, "entropy": entropy}[name]
    view = ArrayView(probs=ROWS, multilabel=True)
    ranked = strategies.get(name).select(view, 4, np.random.default_rng(0))
    assert ranked.indices.tolist() == top(score(ROWS, multilabel=True), 4).tolist()
    with pytest.raises(StrategyError, match="multilabel=True"):
        strategies.get(name).select(ArrayView(probs=ROWS), 4, np.random.default_rng(0))


def test_tyrogue_sums_the_entropies_of_the_labels():
    rng = np.random.default_rng(0)
    probs, vectors = rng.uniform(size=(200, 5)), rng.normal(size=(200, 8))
    representatives = np.sort(kmeans_medoids(vectors, 30, 4))
    best = representatives[top(entropy(probs, multilabel=True)[representatives], 10)]
    assert tyrogue(probs, vectors, 10, 4, multilabel=True).tolist() == best.tolist()
    view = ArrayView(probs=probs, embeddings=vectors, multilabel=True)
    assert strategies.get("tyrogue").select(view, 10, np.random.default_rng(4)).indices.tolist() == best.tolist()
    with pytest.raises(StrategyError, match="sums to"):
        tyrogue(probs, vectors, 10, 4)


def test_label_cardinality():
    given_labels = [[True, False, False], [True, True, False]]
    assert label_cardinality(ROWS, given_labels).tolist() == [0.5, 0.5, 1.5, 1.5]
    view = ArrayView(probs=ROWS, labelled_y=given_labels, multilabel=True)
    strategy = strategies.get("label-cardinality")
    assert strategy.needs_labelled
    assert strategy.select(view, 4, np.random.default_rng(0)).indices.tolist() == [2, 3, 0, 1]
    for wrong in ([], [True, False], [[True, False]]):
        with pytest.raises(StrategyError, match=r"labelled_y must be bool \(n, 3\) with n"):
            label_cardinality(ROWS, wrong)


@pytest.mark.parametrize("name", ["mnlp", "nsp", "bald", "batchbald", "bait", "egl", "idds", "badge"])
def test_what_is_not_for_several_labels_says_so(name):
    strategy = strategies.get(name)
    view = ArrayView(probs=ROWS, embeddings=np.eye(4), mc_probs=[ROWS] * 10, multilabel=True)
    if "multilabel" in strategy.tasks:
        assert len(strategy.select(view, 2, np.random.default_rng(0)).indices) == 2
    else:
        with pytest.raises(StrategyError, match=f'"{name}" is for .*, not for multilabel'):
            strategy.select(view, 2, np.random.default_rng(0))


def test_badge_has_the_same_gradient_for_several_labels():
    rng = np.random.default_rng(0)
    probs, h = rng.uniform(size=(40, 3)), rng.normal(size=(40, 4))
    e = ((probs - (probs > 0.5))[:, :, None] * h[:, None]).reshape(40, -1)
    first = int((e**2).sum(axis=1).argmax())
    left = ((e - e[first]) ** 2).sum(axis=1)
    seconds = np.bincount([int(badge(probs, h, 2, s, multilabel=True)[1]) for s in range(3000)], minlength=40)
    assert int(badge(probs, h, 1, 0, multilabel=True)[0]) == first
    assert seconds[first] == 0
    expected = 3000 * np.delete(left, first) / left.sum()
    assert ((np.delete(seconds, first) - expected) ** 2 / expected).sum() < 62.4  # chi-square, 38 degrees, p = .008
