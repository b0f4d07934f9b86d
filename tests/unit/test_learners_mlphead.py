"""The small network on frozen vectors: what it learns, how it says so epoch by epoch, and how it is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from alwidget.engine.training import TrainingSet
from alwidget.engine.view import RoundView
from alwidget.errors import ArgumentError, Cancelled, ModelError
from alwidget.learners import FrozenEncoder, Head, MlpHead, Stop, make
from alwidget.learners.names import read_name
from alwidget.pool import Pool
from tiny_models import CLASSES, labelled, make_tiny, sentences


def rings(n, seed=0):
    """Return two rings that no line parts."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1 + 2 * y + rng.normal(0, 0.1, n)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]).astype(np.float32), y


def test_it_learns_what_no_line_parts_and_says_how_epoch_by_epoch():
    X, y = rings(300)
    head = MlpHead(hidden=(32, 32), learning_rate=1e-2, epochs=20, min_steps=0)
    fit = head.fit(X, y, 2)
    test, gold = rings(200, seed=1)
    assert (head.predict_proba(test).argmax(axis=1) == gold).mean() > 0.95
    linear = Head()
    linear.fit(X, y, 2)
    assert (linear.predict_proba(test).argmax(axis=1) == gold).mean() < 0.8
    assert fit.gold.shape == fit.correct.shape == (20, 300)
    assert fit.iterations == 20
    assert fit.gold[-1].mean() > fit.gold[0].mean() + 0.1
    expected = head.predict_proba(X)[np.arange(300), y]  # the last epoch is the network that is used, dropout off
    np.testing.assert_allclose(fit.gold[-1], expected, atol=2e-3)
    assert fit.loss == pytest.approx(-np.log(expected).mean(), rel=1e-3)


def test_the_same_seed_gives_the_same_network_whatever_else_draws():
    X, y = rings(40)
    found = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        state = torch.random.get_rng_state()
        head = MlpHead(min_steps=0, epochs=2)
        head.fit(X, y, 2, seed=5)
        found.append(head.predict_proba(X))
        assert torch.equal(torch.random.get_rng_state(), state)
    assert found[0].tolist() == found[1].tolist()
    head.fit(X, y, 2, seed=6)
    assert head.predict_proba(X).tolist() != found[0].tolist()


def test_features_and_weights_are_those_of_the_last_layer():
    X, y = rings(60)
    head = MlpHead(hidden=(9, 7), min_steps=0, epochs=2)
    head.fit(X, 2 * y, 4)  # labels 1 and 3 are not used yet
    W, b = head.weights
    features = head.features(X)
    assert (features.shape, W.shape, b.shape) == ((60, 7), (4, 7), (4,))
    logits = features @ W.T + b
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = probs / probs.sum(axis=1, keepdims=True)
    found = head.predict_proba(X)
    np.testing.assert_allclose(found[:, [0, 2]] / found[:, [0, 2]].sum(axis=1, keepdims=True), probs[:, [0, 2]], 1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[:, 1] == (2 / 64) / 2).all()


def test_few_labels_are_seen_more_often_and_one_label_is_enough():
    X, y = rings(20)
    assert len(MlpHead(hidden=(4,), epochs=3, min_steps=40, batch_size=8).fit(X, y, 2).gold) == 14
    head = MlpHead(hidden=(4,), epochs=2, min_steps=0)
    head.fit(X, np.zeros(20), 1)
    assert (head.predict_proba(X) == 1).all()


def test_weights_of_documents_count():
    X, y = rings(80)
    each = np.where(y == 1, 1.0, 0.0)
    head = MlpHead(hidden=(8,), learning_rate=1e-2, min_steps=0)
    head.fit(X, y, 2, weights=each)
    assert (head.predict_proba(X).argmax(axis=1) == 1).all()


def test_a_cancelled_fit_leaves_the_last_network():
    X, y = rings(40)
    head = MlpHead(min_steps=0, epochs=1)
    head.fit(X, y, 2)
    before = head.predict_proba(X)
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        head.fit(X, 1 - y, 2, stop=stop)
    assert head.predict_proba(X).tolist() == before.tolist()
    head.forget()
    for read in (lambda: head.predict_proba(X), lambda: head.weights, lambda: head.save(None)):
        with pytest.raises(ModelError, match="not been trained"):
            read()


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (np.ones((0, 2)), [], "no labels"),
        (sparse.csr_array(np.ones((2, 2))), [0, 1], "dense vectors"),
        (np.full((2, 2), np.nan), [0, 1], "2 vectors are not finite"),
    ],
)
def test_what_cannot_be_learned_is_refused(X, y, said):
    with pytest.raises(ModelError, match=said):
        MlpHead().fit(X, np.array(y), 2)


def test_settings_that_make_no_network_are_refused():
    for wrong in ({"hidden": ()}, {"hidden": (0,)}, {"dropout": 1.0}, {"epochs": 0}, {"batch_size": 0}):
        with pytest.raises(ModelError, match="An MLP head needs"):
            MlpHead(**wrong)


def test_it_is_kept_and_read_back(tmp_path):
    X, y = rings(40)
    head = MlpHead(hidden=(6, 5), dropout=0.2, min_steps=0, epochs=2)
    head.fit(X, y, 3)
    head.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["head.json", "head.safetensors"]
    again = MlpHead()
    again.load(tmp_path)
    assert again.predict_proba(X).tolist() == head.predict_proba(X).tolist()
    passes = [h.dropped(np.random.default_rng(0), consistent=True)(X).tolist() for h in (head, again)]
    assert passes[0] == passes[1]
    with pytest.raises(ModelError, match="cannot be read"):
        Head().load(tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        MlpHead().load(tmp_path / "nowhere")


def test_an_encoder_takes_it_by_name(tmp_path):
    folder = make_tiny(tmp_path / "tiny")
    choice = make(f"encoder:{folder}+mlp", cache_dir=tmp_path, device="cpu")
    learner = choice.learner
    learner.prepare()
    assert learner.description.endswith("+ MLP head")
    assert "frozen, with a small network on its vectors, as asked for" in choice.why
    report = learner.fit(labelled(20), seed=0)
    assert report.dynamics.gold.shape == (450, 20)
    assert learner.retrain_seconds > 0.05
    learner.save(tmp_path / "kept")
    again = make(f"{folder}+mlp", cache_dir=tmp_path, device="cuda").learner.chosen  # frozen, GPU or not
    assert isinstance(again, FrozenEncoder)
    again = FrozenEncoder(folder, cache_dir=tmp_path, device="cpu", head=MlpHead())
    again.load(tmp_path / "kept")
    documents = labelled(5, seed=1).documents
    assert again.predict_proba(documents).tolist() == learner.predict_proba(documents).tolist()
    pool = Pool.load(sentences(9)[0])
    training = TrainingSet(np.arange(3), np.array([0, 1, 0]), CLASSES)
    view = RoundView(pool, np.arange(3, 9), training, learner, fitted=True, number=0)
    assert view.features.shape == (6, 300)
    assert view.head[0].shape == (2, 300)
    assert view.embeddings.shape == (6, 32)


def test_names_with_a_network():
    assert read_name("encoder:some/model+mlp") == read_name("some/model+mlp")
    wanted = read_name("all-MiniLM-L6-v2+mlp")
    assert (wanted.kind, wanted.name, wanted.mlp) == ("encoder", "all-MiniLM-L6-v2", True)
    for wrong in ("finetune:some/model+mlp", "tf-idf+mlp", "auto+mlp"):
        with pytest.raises(ArgumentError, match="only a frozen encoder"):
            read_name(wrong)
    with pytest.raises(ArgumentError, match='cannot learn task="multilabel"'):
        read_name("encoder:some/model+mlp", "multilabel")
