"""Contrastive scores hold a document against its labelled neighbours, and the right way round."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import contrastive


def naive(p, x, q, known, k, agg=np.mean):
    unit = [row / np.linalg.norm(row) for row in known]
    scores = []
    for prediction, vector in zip(p, x, strict=True):
        apart = [float(((vector / np.linalg.norm(vector) - other) ** 2).sum()) for other in unit]
        near = sorted(range(len(known)), key=lambda j: (apart[j], j))[:k]
        scores.append(agg([sum(b * np.log(b / a) for a, b in zip(prediction, q[j], strict=True)) for j in near]))
    return np.array(scores)


def random_case(seed, n=30, labelled=12, classes=3, d=4):
    rng = np.random.default_rng(seed)
    return (
        rng.dirichlet(np.ones(classes), n),
        rng.normal(size=(n, d)),
        rng.dirichlet(np.ones(classes), labelled),
        rng.normal(size=(labelled, d)),
    )


def test_the_known_value():
    near = [[0.9, 0.1], [0.8, 0.2]], [[1.0, 0.0], [1.0, 0.1]]
    assert contrastive([[0.5, 0.5]], [[1.0, 0.0]], *near) == pytest.approx([0.280404], abs=1e-6)
    assert contrastive([[0.5, 0.5]], [[1.0, 0.0]], *near, k=1) == pytest.approx([0.368064], abs=1e-6)
    assert contrastive([[0.5, 0.5]], [[1.0, 0.0]], *near, agg="max") == pytest.approx([0.368064], abs=1e-6)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 15), agg=st.sampled_from(["mean", "max", "median"]))
def test_it_is_the_naive_definition(seed, k, agg):
    case = random_case(seed)
    expected = naive(*case, k, {"mean": np.mean, "max": np.max, "median": np.median}[agg])
    np.testing.assert_allclose(contrastive(*case, k, agg=agg), expected, rtol=1e-9, atol=1e-12)


def test_the_length_of_vectors_does_not_count():
    p, x, q, known = random_case(0)
    lengths = np.random.default_rng(1).uniform(0.1, 10, 30)
    longer = contrastive(p, x * lengths[:, None], q, known * lengths[:12, None], 3)
    np.testing.assert_array_equal(longer, contrastive(p, x, q, known, 3))


def test_neighbours_are_looked_for_among_the_labelled_only():
    p, x, q, known = random_case(0)
    whole = contrastive(p, x, q, known, 3)
    np.testing.assert_allclose(contrastive(p[:5], x[:5], q, known, 3), whole[:5])


def test_of_the_same_predictions_nothing_is_unlike():
    _, x, _, known = random_case(0)
    same = np.tile([0.2, 0.3, 0.5], (30, 1))
    np.testing.assert_allclose(contrastive(same, x, same[:12], known), 0, atol=1e-12)


def test_certainty_is_neither_nan_nor_infinite():
    scores = contrastive([[1.0, 0.0], [0.0, 1.0]], [[1.0], [1.0]], [[1.0, 0.0]], [[1.0]])
    assert scores == pytest.approx([0, -np.log(1e-12)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"p": np.full((30, 3), 2.0)}, "probs must be class probabilities"),
        ({"q": np.full((12, 3), 2.0)}, "labelled_probs must be class probabilities"),
        ({"q": np.full((12, 2), 0.5)}, "probs are of 3 classes, labelled_probs of 2"),
        ({"q": np.full((11, 3), 1 / 3)}, "their lengths differ"),
        ({"x": np.ones((29, 4))}, "their lengths differ"),
        ({"known": np.ones((12, 5))}, "labelled_embeddings have 5 dimensions"),
        ({"known": np.empty((0, 4)), "q": np.empty((0, 3))}, "Nothing is labelled"),
    ],
)
def test_what_cannot_be_ranked_is_refused(change, said):
    given = dict(zip(("p", "x", "q", "known"), random_case(0), strict=True)) | change
    with pytest.raises(StrategyError, match=said):
        contrastive(*given.values())


def test_options_that_are_none_are_refused():
    with pytest.raises(StrategyError, match="k must be at least 1"):
        contrastive(*random_case(0), 0)
    with pytest.raises(StrategyError, match="agg must be one of"):
        contrastive(*random_case(0), agg="min")


def test_a_large_pool_stays_within_its_memory():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(77), 100_000), rng.dirichlet(np.ones(77), 500)
    x, known = rng.standard_normal((100_000, 128), dtype=np.float32), rng.standard_normal((500, 128), dtype=np.float32)
    tracemalloc.start()
    try:
        contrastive(p, x, q, known)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
