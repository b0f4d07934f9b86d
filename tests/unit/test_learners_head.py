"""The head: the optimum it claims, probabilities that are finite and calibrated, and the corner cases of few labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Head, Stop
from alwidget.learners.softmax import fit_softmax, log_softmax, map_temperature, reduced


def blobs(n, classes=3, d=20, spread=1.0, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, d))
    y = rng.permutation(np.arange(n) % classes)
    return (centres[y] + spread * rng.normal(size=(n, d))).astype(np.float32), y


@pytest.mark.parametrize("classes", [2, 5])
def test_the_optimum_is_that_of_scikit_learn(classes):
    from sklearn.linear_model import LogisticRegression

    X, y = blobs(200, classes)
    each = np.random.default_rng(1).uniform(0.5, 2, len(y))
    found = fit_softmax(X.astype(np.float64), y, classes, each, 0.5)
    reference = LogisticRegression(C=2.0, tol=1e-8, max_iter=2000)
    if classes == 2:  # two classes there are one logit with one penalty, here two logits with one each
        reference = LogisticRegression(C=4.0, tol=1e-8, max_iter=2000)
    expected = reference.fit(X, y, sample_weight=each).predict_proba(X)
    np.testing.assert_allclose(np.exp(log_softmax(X @ found.weights.T + found.bias)), expected, atol=2e-3)


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_the_fit_in_the_span_of_the_rows_is_the_fit(kind):
    X, y = blobs(15, 3, d=40)
    dense = X.astype(np.float64)
    inside, back = reduced(kind(dense))
    assert inside.shape[1] <= 15
    small = fit_softmax(inside, y, 3, np.ones(15), 0.3)
    full = fit_softmax(dense, y, 3, np.ones(15), 0.3)
    np.testing.assert_allclose(back(small.weights), full.weights, atol=2e-3)
    np.testing.assert_allclose(small.bias, full.bias, atol=2e-3)
    assert reduced(dense[:, :10]) is None


def test_sparse_and_dense_features_give_finite_probabilities_in_every_class():
    X, y = blobs(60)
    for features in (X, csr_matrix(np.maximum(X, 0))):
        head = Head()
        head.fit(features, y, 3)
        probs = head.predict_proba(features)
        assert probs.shape == (60, 3)
        assert probs.dtype == np.float64
        np.testing.assert_allclose(probs.sum(axis=1), 1)
        assert (probs.argmax(axis=1) == y).mean() > 0.9


def test_the_same_labels_give_the_same_head_whatever_came_before():
    X, y = blobs(80)
    fresh, used = Head(), Head()
    used.fit(X[:20], y[:20], 3, seed=5)
    for head in (fresh, used):
        head.fit(X, y, 3, seed=1)
    assert np.array_equal(fresh.predict_proba(X), used.predict_proba(X))


def test_one_class_is_predicted():
    X, _ = blobs(5)
    head = Head()
    head.fit(X, np.ones(5, dtype=int), 2)
    probs = head.predict_proba(X)
    assert (probs.argmax(axis=1) == 1).all()
    np.testing.assert_allclose(probs[:, 0], 1 / 7)
    head.fit(X, np.zeros(5, dtype=int), 1)
    assert (head.predict_proba(X) == 1).all()


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_handful_of_labels_gives_finite_and_soft_probabilities(n):
    X, y = blobs(n, classes=max(n, 2))
    head = Head()
    fit = head.fit(X, y, 10)
    probs = head.predict_proba(X)
    assert np.isfinite(probs).all()
    assert (probs > 0).all()
    assert fit.temperature >= 1
    np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_equal_documents_with_different_labels_share_the_probability():
    X = np.repeat(np.random.default_rng(0).normal(size=(1, 8)), 20, axis=0).astype(np.float32)
    head = Head()
    head.fit(X, np.arange(20) % 2, 2)
    np.testing.assert_allclose(head.predict_proba(X), 0.5, atol=1e-3)


def test_labels_that_nobody_used_share_a_little():
    X, y = blobs(40, classes=2)
    head = Head()
    head.fit(X, np.where(y == 0, 1, 3), 5)
    probs = head.predict_proba(X)
    np.testing.assert_allclose(probs[:, [0, 2, 4]], 3 / 45 / 3)
    assert set(probs.argmax(axis=1)) == {1, 3}


def test_the_weights_are_those_of_the_prediction():
    X, y = blobs(60)
    head = Head()
    head.fit(X, y, 3)
    W, b = head.weights
    np.testing.assert_allclose(np.exp(log_softmax(X @ W.T + b)), head.predict_proba(X), atol=1e-5)


def test_vectors_that_all_point_one_way_are_told_apart():
    X, y = blobs(90, spread=0.3)
    head = Head()
    head.fit(1e-3 * X + 5, y, 3)
    assert (head.predict_proba(1e-3 * X + 5).argmax(axis=1) == y).mean() > 0.95


def test_balanced_classes_weigh_the_rare_one_up():
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.05).astype(int)
    X = (rng.normal(size=(400, 5)) + y[:, None]).astype(np.float32)
    share = []
    for mode in (None, "balanced"):
        head = Head(class_weight=mode)
        head.fit(X, y, 2)
        share.append(head.predict_proba(X)[:, 1].mean())
    assert share[1] > 2 * share[0]
    weighted = Head()
    weighted.fit(X, y, 2, weights=np.where(y == 1, 10.0, 1.0))
    assert weighted.predict_proba(X)[:, 1].mean() > share[0]


def test_the_temperature_is_found_and_the_prior_holds_it_for_few():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4)) * 2
    y = np.array([rng.choice(4, p=p) for p in np.exp(log_softmax(logits))])
    assert map_temperature(3 * logits, y) == pytest.approx(3, rel=0.1)
    assert map_temperature(logits / 2, y) == pytest.approx(0.5, rel=0.1)
    assert 0.7 < map_temperature(30 * logits[:1], logits[:1].argmax(axis=1)) <= 1.0
    assert map_temperature(logits[:0], y[:0]) == 1.0


def test_probabilities_mean_what_they_say():
    X, y = blobs(1600, classes=3, d=10, spread=2.5)
    head = Head()
    head.fit(X[:150], y[:150], 3)
    probs = head.predict_proba(X[150:])
    sure = probs.max(axis=1)
    right = probs.argmax(axis=1) == y[150:]
    bins = np.digitize(sure, [0.5, 0.7, 0.9])
    gaps = [abs(sure[bins == k].mean() - right[bins == k].mean()) * (bins == k).mean() for k in np.unique(bins)]
    assert sum(gaps) < 0.08


def test_dynamics_are_measured_on_the_way_up():
    X, y = blobs(100)
    fit = Head().fit(X, y, 3)
    assert fit.gold.shape == fit.correct.shape
    assert fit.gold.shape[1] == 100
    assert fit.gold.shape[0] > 3
    assert fit.gold.dtype == np.float16
    assert fit.correct.dtype == bool
    assert fit.gold[-1].mean() > fit.gold[0].mean()


def test_a_cancelled_fit_leaves_the_head():
    X, y = blobs(50)
    head = Head()
    head.fit(X, y, 3)
    before = head.predict_proba(X)
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        head.fit(X[:20], y[:20], 3, stop=stop)
    assert np.array_equal(head.predict_proba(X), before)


def test_what_cannot_be_trained_says_so():
    X, y = blobs(10)
    with pytest.raises(ModelError, match="not been trained"):
        Head().predict_proba(X)
    with pytest.raises(ModelError, match="no labels"):
        Head().fit(X[:0], y[:0], 2)
    with pytest.raises(ModelError, match="not finite"):
        Head().fit(np.full((3, 2), np.nan), np.array([0, 1, 0]), 2)
    with pytest.raises(ModelError, match="weights"):
        Head().fit(X, y, 3, weights=np.full(10, np.nan))


def test_a_checkpoint_is_the_same_head(tmp_path):
    X, y = blobs(50)
    head, other = Head(class_weight="balanced"), Head()
    head.fit(X, y, 5)
    head.save(tmp_path)
    other.load(tmp_path)
    assert np.array_equal(head.predict_proba(X), other.predict_proba(X))
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".safetensors"}
    (tmp_path / "head.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="cannot be read"):
        Head().load(tmp_path)
