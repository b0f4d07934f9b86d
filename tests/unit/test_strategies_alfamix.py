"""ALFA-Mix mixes as little as its closed form says, and takes one of each kind of what changes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.errors import StrategyError
from alwidget.strategies.functional import alfa_mix, alfamix
from alwidget.strategies.functional.alfamix import least_mixing


def mixture(z, anchor, g, eps):
    """Return the paper's α and the mixture (1 - α) z + α z* that it makes."""
    alpha = eps * np.linalg.norm(anchor - z) * g / np.linalg.norm(g) / (anchor - z)
    return alpha, (1 - alpha) * z + alpha * anchor


def softmax(logits):
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


def case(seed, n=40, classes=3, d=4, labelled=9, missing=False):
    rng = np.random.default_rng(seed)
    w, b, z = rng.normal(size=(classes, d)), rng.normal(size=classes), rng.normal(size=(n, d))
    y = np.arange(labelled) % (classes - missing)
    return softmax(z @ w.T + b), z, rng.normal(size=(labelled, d)), y, w, b


def changes(given, eps):
    """Return which documents change their class under mixing with some anchor, one by one as the paper says."""
    p, z, known, y, w, b = given
    anchors = [known[y == c].mean(axis=0) if (y == c).any() else known.mean(axis=0) for c in range(len(w))]
    found = []
    for probs, vector in zip(p, z, strict=True):
        best = int(np.argmax(w @ vector + b))
        g = w.T @ (probs - np.eye(len(w))[best])
        mixed = [mixture(vector, anchor, g, eps)[1] for anchor in anchors]
        found.append(any(int(np.argmax(w @ m + b)) != best for m in mixed))
    return np.array(found)


def test_the_known_value():
    alpha, mixed = mixture(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([-0.3, 0.4]), 0.2)
    assert alpha == pytest.approx([0.169706, 0.226274], abs=1e-6)
    assert mixed == pytest.approx([0.830294, 0.226274], abs=1e-6)
    # a layer for which g is (-.3, .4): W'(p - 1) with p = (.6, .4), and the bias that puts its border through z̃
    w = np.array([[0.75, 0.0], [0.0, 1.0]])
    b = np.array([0.0, w[0] @ mixed - w[1] @ mixed])
    given = [[0.6, 0.4]], [[1.0, 0.0]], [[0.0, 1.0]], [1], w, b
    # class 0 has no label: its anchor is the mean of all, here the same
    assert least_mixing(*given) == pytest.approx([0.2], abs=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), eps=st.floats(0.001, 1), missing=st.booleans(), classes=st.integers(2, 5))
def test_the_closed_form_says_what_changes(seed, eps, missing, classes):
    given = case(seed, classes=classes, missing=missing)
    least = least_mixing(*given)
    clear = np.abs(least - eps) > 1e-9
    np.testing.assert_array_equal((least < eps)[clear], changes(given, eps)[clear])


@pytest.mark.parametrize("seed", range(5))
def test_as_little_is_mixed_in_as_makes_more_than_enough_change(seed):
    given, size = case(seed, n=200), 12
    eps = next(a for a in np.arange(1, 33) / 32 / np.sqrt(4) if changes(given, a).sum() > size)
    picked = alfa_mix(*given, size, seed)
    assert changes(given, eps)[picked].all()
    assert len(set(picked.tolist())) == size


def test_where_too_few_change_the_rest_is_drawn_without_repetition():
    p, z, known, y, w, b = case(0, n=60)
    b = b * 0 + [8, 0, 0]  # the first class nearly everywhere
    p = softmax(z @ w.T + b)
    change = np.flatnonzero(least_mixing(p, z, known, y, w, b) < 1 / np.sqrt(4))
    assert 0 < len(change) < 20
    answers = [alfa_mix(p, z, known, y, w, b, 30, seed).tolist() for seed in range(5)]
    assert all(set(answer[: len(change)]) == set(change.tolist()) for answer in answers)
    assert all(len(set(answer)) == 30 for answer in answers)
    assert len({tuple(answer) for answer in answers}) == 5


def test_of_what_changes_one_of_each_kind_is_taken():
    rng = np.random.default_rng(0)
    # all lie near the border between two classes, in three places of another dimension
    place = np.repeat([-9.0, 0.0, 9.0], 30)
    z = np.stack([1 + rng.normal(size=90) * 0.01, 1 + rng.normal(size=90) * 0.01, place], axis=1)
    w, b = np.array([[1.0, 0, 0], [0, 1.0, 0]]), np.zeros(2)
    picked = alfa_mix(softmax(z @ w.T), z, [[3.0, 0, 0], [0, 3.0, 0]], [0, 1], w, b, 3, 0)
    assert sorted(place[picked]) == [-9, 0, 9]


def test_what_the_model_does_not_doubt_never_changes():
    _, z, known, y, w, b = case(0)
    certain = np.eye(3)[(z @ w.T + b).argmax(axis=1)]
    assert np.isinf(least_mixing(certain, z, known, y, w, b)).all()
    assert len(set(alfa_mix(certain, z, known, y, w, b, 10, 0).tolist())) == 10


def test_one_class_and_anchors_where_documents_are():
    z = np.ones((5, 2))
    assert np.isinf(least_mixing(np.ones((5, 1)), z, z, [0] * 5, [[1.0, 1.0]], [0.0])).all()
    assert np.isinf(
        least_mixing(np.full((5, 2), 0.5), z, z, [0] * 5, np.array([[2.0, 1.0], [1.0, 1.0]]), [0, 0])
    ).all()


def test_single_precision_is_near_double():
    p, z, known, y, w, b = case(0, n=300, d=30)
    single = least_mixing(p, (z + 100).astype(np.float32), known + 100, y, w, b - 100 * w.sum(axis=1))
    finite = np.isfinite(single)
    np.testing.assert_allclose(single[finite], least_mixing(p, z, known, y, w, b)[finite], rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"p": np.full((40, 3), 2.0)}, "probs must be class probabilities"),
        ({"z": np.ones((39, 4))}, "their lengths differ"),
        ({"known": np.ones((9, 5))}, "labelled_features have 5 dimensions"),
        ({"known": np.empty((0, 4)), "y": np.empty(0, dtype=int)}, "Nothing is labelled"),
        ({"y": np.full(9, 3)}, "classes from 0 to 2, got 3"),
        ({"w": np.ones((2, 4))}, r"weights \(3, 4\) and a finite bias \(3,\)"),
        ({"b": np.ones(2)}, r"weights \(3, 4\) and a finite bias \(3,\)"),
        ({"b": np.full(3, np.nan)}, "finite bias"),
    ],
)
def test_what_cannot_be_mixed_is_refused(change, said):
    given = dict(zip(("p", "z", "known", "y", "w", "b"), case(0), strict=True)) | change
    with pytest.raises(StrategyError, match=said):
        alfa_mix(*given.values(), 5, 0)


def test_a_large_pool_stays_within_its_memory():
    rng = np.random.default_rng(0)
    z, w = rng.standard_normal((100_000, 256), dtype=np.float32), rng.normal(size=(77, 256)) / 16
    p = softmax((z @ w.T).astype(np.float32))
    tracemalloc.start()
    try:
        alfa_mix(p, z, z[:500], np.arange(500) % 77, w, np.zeros(77), 20, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 256 << 20
    assert alfamix.STEP * 32 == 1
