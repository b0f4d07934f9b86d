"""Gradient norms of single documents: autograd's own, the closed form of the last layer, and both ways the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from alwidget import tasks
from alwidget.errors import ArgumentError, Cancelled, ModelError
from alwidget.learners import Binary, FineTuned, Labelled, Stop, TextCnn, TfIdf
from alwidget.learners.sampled import SupportsGradients
from alwidget.reuse.gradients import gradient_norms
from alwidget.reuse.tracin import self_influence
from alwidget.reuse.tracing import traced
from tiny_models import batch, labelled, make_masked, make_tiny, several


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {like: make_masked(tmp_path_factory.mktemp(like), like=like) for like in ("roberta", "distilbert")}
    return {"bert": make_tiny(tmp_path_factory.mktemp("bert")), **made}


def naive(model, losses, n):
    """One backward pass a document, as torch's own tutorial does."""
    out = np.zeros(n)
    model.eval()
    for i in range(n):
        model.zero_grad()
        losses(np.array([i])).sum().backward()
        out[i] = sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None)
    model.zero_grad()
    return out


class Small(nn.Module):
    """Every kind of layer that is taken apart, words that come twice, padding and places."""

    def __init__(self):
        super().__init__()
        self.words, self.places = nn.Embedding(9, 6, padding_idx=0), nn.Embedding(5, 6)
        self.norm, self.inner, self.drop = nn.LayerNorm(6), nn.Linear(6, 40, bias=False), nn.Dropout(0.5)
        self.wide, self.out = nn.Linear(40, 3), nn.Linear(3, 2)

    def forward(self, ids):
        x = self.norm(self.words(ids) + self.places(torch.arange(ids.shape[1])[None]))
        x = self.drop(torch.relu(self.wide(torch.tanh(self.inner(x)))))
        return self.out((x * (ids > 0)[:, :, None]).sum(1))


@pytest.fixture
def small():
    torch.manual_seed(0)
    model = Small().train()
    ids, y = torch.randint(0, 9, (11, 5)), torch.randint(0, 2, (11,))
    return model, lambda rows: nn.functional.cross_entropy(model(ids[rows]), y[rows], reduction="none")


@pytest.mark.parametrize("together", [True, False, None])
def test_they_are_what_autograd_says(small, together):
    model, losses = small
    model.places.weight.requires_grad_(together is not False)
    found = gradient_norms(model, losses, np.arange(1, 12), together=together)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    np.testing.assert_allclose(found, naive(model, losses, 11), rtol=1e-4)


@pytest.mark.parametrize("frozen", ["words.weight", "norm.bias", "inner.weight", "wide.bias", "out.weight"])
def test_what_is_frozen_does_not_count(small, frozen):
    model, losses = small
    dict(model.named_parameters())[frozen].requires_grad_(requires_grad=False)
    found = gradient_norms(model, losses, np.ones(11), together=True)
    np.testing.assert_allclose(found, naive(model, losses, 11), rtol=1e-4)


@pytest.mark.parametrize("like", ["bert", "roberta", "distilbert"])
def test_a_fine_tuned_transformer_is_taken_apart_by_the_batch(folders, like):
    data = labelled(12)
    learner = FineTuned(folders[like], device="cpu", epochs=1, min_steps=4)
    assert isinstance(learner, SupportsGradients)
    learner.fit(data, seed=0)
    before = learner.predict_proba(data.documents)
    found = learner.sample_losses(data.documents, data.y)
    together = gradient_norms(found.module, found.losses, found.lengths, together=True)
    np.testing.assert_allclose(together, naive(found.module, found.losses, 12), rtol=1e-3)
    assert np.array_equal(learner.predict_proba(data.documents), before)


@pytest.mark.parametrize("task", ["classification", "multilabel", "pairs"])
def test_a_textcnn_goes_document_by_document(task):
    data = several(12) if task == "multilabel" else labelled(12)
    if task == "pairs":
        data = Labelled(batch(list(data.documents.texts), list(data.documents.texts)[::-1]), data.y, data.classes)
    learner = TextCnn(device="cpu", objective=Binary() if task == "multilabel" else None, epochs=2, min_steps=4)
    learner.fit(data, seed=0)
    found = learner.sample_losses(data.documents, data.y)
    norms = gradient_norms(found.module, found.losses, found.lengths)
    np.testing.assert_allclose(norms, naive(found.module, found.losses, 12), rtol=1e-4)
    with pytest.raises(ArgumentError, match="Convolutions has layers"):
        gradient_norms(found.module, found.losses, found.lengths, together=True)


@pytest.mark.parametrize("several_labels", [False, True])
@pytest.mark.parametrize("kind", ["textcnn", "fine-tuned"])
def test_with_only_the_last_layer_they_are_its_closed_form(folders, kind, several_labels):
    data, objective = (several(15), Binary(folds=0)) if several_labels else (labelled(15), None)
    how = {"device": "cpu", "objective": objective, "epochs": 1, "min_steps": 4}
    learner = TextCnn(**how) if kind == "textcnn" else FineTuned(folders["bert"], **how)
    learner.fit(data, seed=0)
    found = learner.sample_losses(data.documents, data.y)
    last = found.module.out if kind == "textcnn" else found.module.classifier
    for parameter in found.module.parameters():
        parameter.requires_grad_(any(parameter is own for own in last.parameters()))
    probs, features = learner.predict_proba(data.documents), learner.features(data.documents)
    closed = self_influence(
        probs[None], data.y.astype(np.int64 if not several_labels else float), features[None], [1.0]
    )
    norms = gradient_norms(found.module, found.losses, found.lengths)
    np.testing.assert_allclose(norms, closed, rtol=2e-3)


def test_a_wrong_label_is_long(folders):
    data = labelled(60)
    y = data.y.copy()
    y[:6] = 1 - y[:6]
    data = Labelled(data.documents, y, data.classes)
    task = tasks.get("classification", data.classes)
    for make in (
        lambda: TextCnn(device="cpu"),
        lambda: FineTuned(folders["bert"], device="cpu", epochs=4, min_steps=60),
    ):
        learner, alone = make(), make()
        which = np.arange(50)
        scores = traced(learner, task, data, which, seed=0, stop=Stop(), whole=True)
        assert (np.argsort(-scores)[:10] < 6).sum() >= 5
        alone.fit(data, seed=0)
        assert np.array_equal(alone.predict_proba(data.documents), learner.predict_proba(data.documents))
        last = traced(make(), task, data, which, seed=0, stop=Stop())
        assert (scores >= 0.99 * last).all()  # the last layer's gradient is a part of the whole
        assert (scores > 1.01 * last).any()
    with pytest.raises(ModelError, match="no gradients of all parameters"):
        traced(TfIdf(), task, data, which, seed=0, stop=Stop(), whole=True)


class Twice(nn.Module):
    """A layer that is called twice, whose gradient is the sum of both."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(self.layer(x)).sum(1)


class Aside(nn.Module):
    """A weight that is used without its layer being called."""

    def __init__(self):
        super().__init__()
        self.layer, self.aside = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x):
        return (self.layer(x) @ self.aside.weight.T)[:, 0]


@pytest.mark.parametrize("kind", [Twice, Aside])
def test_networks_that_cannot_be_taken_apart_are_seen(kind):
    torch.manual_seed(0)
    model, x = kind(), torch.randn(70, 3)

    def losses(rows):
        return model(x[rows]) ** 2

    np.testing.assert_allclose(gradient_norms(model, losses, np.ones(70)), naive(model, losses, 70), rtol=1e-4)


def test_a_stop_is_heard_and_nothing_to_train_is_an_error(small):
    model, losses = small
    stop = Stop()
    stop.set()
    for together in (True, False):
        with pytest.raises(Cancelled):
            gradient_norms(model, losses, np.ones(11), together=together, stop=stop)
    assert model.training
    assert gradient_norms(model, losses, np.ones(0)).shape == (0,)
    model.requires_grad_(requires_grad=False)
    with pytest.raises(ArgumentError, match="no parameter"):
        gradient_norms(model, losses, np.ones(11))
    learner = TextCnn(device="cpu")
    data = labelled(4)
    with pytest.raises(ModelError, match="not been trained"):
        learner.sample_losses(data.documents, data.y)
    learner.fit(Labelled(data.documents, data.y * 0, ("only",)), seed=0)
    with pytest.raises(ModelError, match="one class only"):
        learner.sample_losses(data.documents, data.y * 0)


@pytest.mark.gpu
def test_a_gpu_finds_them_too(folders):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    data = labelled(12)
    learner = FineTuned(folders["bert"], device="cuda", epochs=1, min_steps=4)
    learner.fit(data, seed=0)
    found = learner.sample_losses(data.documents, data.y)
    norms = [gradient_norms(found.module, found.losses, found.lengths, together=how) for how in (True, False)]
    np.testing.assert_allclose(*norms, rtol=0.1)
