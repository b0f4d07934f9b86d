"""Looking at learners while they train, and labels that are smoothed: what PLASM asks of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from alwidget.errors import ModelError
from alwidget.learners import FineTuned, FrozenEncoder, Labelled
from alwidget.learners.head import Head
from alwidget.learners.mlphead import MlpHead
from alwidget.learners.objectives import Binary, Single
from alwidget.learners.sigmoid import sigmoid
from alwidget.learners.sigmoidhead import SigmoidHead
from alwidget.learners.softmax import fit_softmax, log_softmax
from alwidget.learners.tagging.bilstm import BiLstmCrf
from alwidget.learners.tagging.finetune import FineTunedTagger
from alwidget.learners.tagging.frozen import FrozenTagger
from alwidget.learners.textcnn import TextCnn
from alwidget.learners.tfidf import TfIdf
from alwidget.learners.watching import LOOKS
from tagging_data import tagging
from tiny_models import labelled, make_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def classifiers(folder, cache):
    return {
        "frozen": FrozenEncoder(folder, cache_dir=cache, device="cpu"),
        "mlp": FrozenEncoder(folder, cache_dir=cache, device="cpu", head=MlpHead(hidden=(8,), epochs=14, min_steps=0)),
        "tf-idf": TfIdf(),
        "textcnn": TextCnn(device="cpu", epochs=9, min_steps=27, patience=9),
        "fine-tuned": FineTuned(folder, device="cpu", epochs=9, min_steps=27, patience=9),
    }


@pytest.mark.parametrize("kind", ["frozen", "mlp", "tf-idf", "textcnn", "fine-tuned"])
def test_a_classifier_is_looked_at_on_its_way_and_at_its_end(folder, tmp_path, kind):
    data = labelled(40)
    learner = classifiers(folder, tmp_path)[kind]
    seen = []
    learner.fit(data, seed=0, watch=lambda now, rate: seen.append((now.predict_proba(data.documents), rate)))
    assert len(seen) == learner.looks == LOOKS
    assert np.array_equal(seen[-1][0], learner.predict_proba(data.documents))
    gold = [probs[np.arange(40), data.y].mean() for probs, _ in seen]
    assert gold[0] < gold[-1]
    assert all(0 < rate <= 1 for _, rate in seen)
    alone = classifiers(folder, tmp_path)[kind]
    alone.fit(data, seed=0)
    assert np.array_equal(alone.predict_proba(data.documents), seen[-1][0])


@pytest.mark.parametrize("kind", ["frozen", "tf-idf", "textcnn", "fine-tuned"])
def test_who_fails_while_looking_leaves_the_last_model_in_use(folder, tmp_path, kind):
    data = labelled(40)
    learner = classifiers(folder, tmp_path)[kind]
    learner.fit(data, seed=0)
    before = learner.predict_proba(data.documents)

    def fail(now, rate):
        raise RuntimeError(kind)

    with pytest.raises(RuntimeError, match=kind):
        learner.fit(labelled(20, seed=3), seed=1, watch=fail)
    assert np.array_equal(learner.predict_proba(data.documents), before)


@pytest.mark.parametrize("kind", ["frozen", "fine-tuned", "bilstm"])
def test_a_tagger_is_looked_at_too(folder, tmp_path, kind):
    data = tagging(30)
    learner = {
        "frozen": lambda: FrozenTagger(folder, cache_dir=tmp_path, device="cpu"),
        "fine-tuned": lambda: FineTunedTagger(folder, device="cpu", epochs=4, min_steps=8),
        "bilstm": lambda: BiLstmCrf(device="cpu", epochs=4, min_steps=8),
    }[kind]()
    seen = []
    learner.fit(data, seed=0, watch=lambda now, _: seen.append(now.token_states(data.documents)))
    assert len(seen) == LOOKS
    probs, states = learner.token_states(data.documents)
    assert np.array_equal(seen[-1][0].flat, probs.flat)
    assert np.array_equal(seen[-1][1], states)
    assert not np.array_equal(seen[0][0].flat, probs.flat)


def test_the_softmax_of_smoothed_labels_is_that_of_shared_targets():
    rng = np.random.default_rng(0)
    X, y, smoothing = rng.normal(size=(30, 4)), rng.integers(0, 3, 30), rng.uniform(0, 0.5, 30)
    fit = fit_softmax(X, y, 3, np.ones(30), 0.1, smoothing=smoothing)
    targets = np.eye(3)[y] * (1 - smoothing[:, None]) + smoothing[:, None] / 3
    gradient = (np.exp(log_softmax(X @ fit.weights.T + fit.bias)) - targets).T @ X + 0.1 * fit.weights
    assert np.abs(gradient).max() < 1e-2
    unsmoothed = fit_softmax(X, y, 3, np.ones(30), 0.1)
    away = (np.exp(log_softmax(X @ unsmoothed.weights.T + unsmoothed.bias)) - targets).T @ X + 0.1 * unsmoothed.weights
    assert np.abs(away).max() > 0.1


@pytest.mark.parametrize(
    "head", [Head, SigmoidHead, lambda: MlpHead(hidden=(16,), epochs=40, min_steps=0, learning_rate=0.01)]
)
def test_smoothed_heads_are_less_sure(head):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 60)
    X = (rng.normal(size=(60, 3)) + 4 * y[:, None]).astype(np.float32)
    targets = np.eye(2, dtype=bool)[y] if head is SigmoidHead else y
    sure, smooth = head(), head()
    sure.fit(X, targets, 2)
    smooth.fit(X, targets, 2, smoothing=np.full(60, 0.4))
    assert smooth.predict_proba(X).max(axis=1).mean() < sure.predict_proba(X).max(axis=1).mean()
    assert ((smooth.predict_proba(X) > 0.5).argmax(axis=1) == y).mean() > 0.9
    with pytest.raises(ModelError, match="smoothing"):
        head().fit(X, targets, 2, smoothing=np.full(60, 1.0))


def test_a_fine_tuned_model_learns_as_sure_as_its_labels(folder):
    data = labelled(40)
    learner = FineTuned(folder, device="cpu", epochs=8, min_steps=60)
    learner.fit(Labelled(data.documents, data.y, data.classes, smoothing=np.full(40, 0.6)), seed=0)
    smooth = learner.predict_proba(data.documents).max(axis=1).mean()
    learner.fit(data, seed=0)
    assert smooth < 0.8 < learner.predict_proba(data.documents).max(axis=1).mean()


def test_knowing_nothing_costs_what_torch_says():
    logits = torch.tensor([[0.3, -1.0, 2.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
    uniform = functional.cross_entropy(logits, torch.full((2, 3), 1 / 3, dtype=torch.float64), reduction="none")
    assert Single().flat(logits).tolist() == pytest.approx(uniform.tolist())
    half = functional.binary_cross_entropy_with_logits(
        logits, torch.full((2, 3), 0.5, dtype=torch.float64), reduction="none"
    ).sum(-1)
    assert Binary().flat(logits).tolist() == pytest.approx(half.tolist())
    assert sigmoid(np.zeros(1)) == 0.5
