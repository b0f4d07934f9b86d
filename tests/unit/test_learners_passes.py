"""Passes with dropout on: from the seed, without a trace, and as one function of the documents where that is asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from alwidget.errors import ModelError
from alwidget.learners import (
    Binary,
    FineTuned,
    FrozenEncoder,
    MlpHead,
    SigmoidHead,
    SupportsPasses,
    TextCnn,
    TfIdf,
    make,
)
from alwidget.learners.dropout import OwnRandomness
from alwidget.learners.head import DROPOUT, Head
from alwidget.learners.training import SeededDropout
from tiny_models import batch, labelled, make_masked, make_tiny, sentences, several

QUICK = {"epochs": 1, "min_steps": 2, "device": "cpu"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {"bert": make_tiny(tmp_path_factory.mktemp("bert"))}
    for like in ("roberta", "distilbert"):
        made[like] = make_masked(tmp_path_factory.mktemp(like), like=like)
    return made


@pytest.fixture(scope="module")
def learners(folders, tmp_path_factory):
    cache = tmp_path_factory.mktemp("vectors")
    made = {
        "linear": FrozenEncoder(folders["bert"], cache_dir=cache, device="cpu"),
        "mlp": FrozenEncoder(folders["bert"], cache_dir=cache, device="cpu", head=MlpHead(min_steps=0, epochs=3)),
        "sigmoid": FrozenEncoder(folders["bert"], cache_dir=cache, device="cpu", head=SigmoidHead()),
        "tuned": FineTuned(folders["bert"], cache_dir=cache, **QUICK),
        "roberta": FineTuned(folders["roberta"], cache_dir=cache, **QUICK),
        "distilbert": FineTuned(folders["distilbert"], cache_dir=cache, **QUICK),
        "textcnn": TextCnn(**QUICK),
        "binary": FineTuned(folders["bert"], cache_dir=cache, objective=Binary(folds=0), **QUICK),
    }
    for name, learner in made.items():
        learner.fit(several(30) if name in {"sigmoid", "binary"} else labelled(30), seed=0)
    return made


@pytest.fixture(params=["linear", "mlp", "sigmoid", "tuned", "roberta", "distilbert", "textcnn", "binary"])
def learner(request, learners):
    return learners[request.param]


def several_at_once(learner):
    return isinstance(getattr(learner, "head", None), SigmoidHead) or isinstance(
        getattr(learner, "objective", None), Binary
    )


@pytest.mark.parametrize("consistent", [False, True])
def test_passes_come_from_the_seed_differ_and_leave_nothing_behind(learner, consistent):
    documents = batch(sentences(25, seed=5)[0])
    before, state = learner.predict_proba(documents), torch.random.get_rng_state()
    found = list(learner.predict_passes(documents, 4, seed=3, consistent=consistent))
    assert [one.shape for one in found] == [before.shape] * 4
    assert all(one.dtype == np.float64 for one in found)
    if not several_at_once(learner):
        np.testing.assert_allclose(np.sum(found, axis=2), 1, atol=1e-9)
    for one, other in zip(found, [*found[1:], before], strict=True):
        assert np.abs(one - other).max() > 1e-4
    again = list(learner.predict_passes(documents, 2, seed=3, consistent=consistent))
    assert [one.tolist() for one in again] == [one.tolist() for one in found[:2]]
    assert next(learner.predict_passes(documents, 1, seed=4, consistent=consistent)).tolist() != found[0].tolist()
    assert learner.predict_proba(documents).tolist() == before.tolist()
    assert torch.equal(torch.random.get_rng_state(), state)
    mean = np.mean(list(learner.predict_passes(documents, 60, seed=0, consistent=consistent)), axis=0)
    assert np.corrcoef(mean[:, 0], before[:, 0])[0, 1] > 0.7  # blurred, not another model


def test_a_consistent_pass_is_one_function_of_the_documents(learner):
    texts = sentences(12, seed=5)[0]
    twice = batch([*texts, *texts, texts[0] + " and the minister signed a treaty with the country after long talks"])
    for one in learner.predict_passes(twice, 3, seed=1, consistent=True):
        np.testing.assert_allclose(one[:12], one[12:24], rtol=1e-4, atol=1e-6)
    whole = next(learner.predict_passes(twice, 1, seed=1, consistent=True))
    alone = np.concatenate([next(learner.predict_passes(batch([t]), 1, seed=1, consistent=True)) for t in texts])
    np.testing.assert_allclose(alone, whole[:12], rtol=1e-4, atol=1e-6)
    free = next(learner.predict_passes(twice, 1, seed=1))
    assert np.abs(free[:12] - free[12:24]).max() > 1e-4


@pytest.mark.parametrize("like", ["bert", "roberta", "distilbert"])
def test_the_dropout_that_was_asked_for_is_what_runs(folders, like):
    learner = FineTuned(folders[like], dropout=0.4, **QUICK)
    learner.fit(labelled(20), seed=0)
    layers = [m for m in learner._answers.model.modules() if isinstance(m, SeededDropout)]
    assert {layer.p for layer in layers} == {0.0, 0.4}  # attention drops nothing
    seen = []

    def watch(_module, given, output):
        seen.append(float((output[given[0] != 0] == 0).float().mean()))

    hooks = [layer.register_forward_hook(watch) for layer in layers if layer.p]
    next(learner.predict_passes(batch(sentences(64)[0]), 1, seed=0))
    for hook in hooks:
        hook.remove()
    assert len(seen) >= 4
    assert 0.37 < float(np.mean(seen)) < 0.43
    assert not any(m.training for m in learner._answers.model.modules())


def test_a_share_of_what_the_head_reads_is_dropped():
    X = np.eye(40, dtype=np.float32)
    head = Head().fit(X, np.arange(40) % 2, 2) and Head()
    head.fit(X, np.arange(40) % 2, 2)
    one = head.dropped(np.random.default_rng(0), consistent=True)
    W, _ = head.weights
    assert 0 < DROPOUT < 1
    probs = one(X)
    centre = np.log(one(np.zeros((1, 40), dtype=np.float32)))[0] @ [1, -1]
    dropped = np.isclose(np.log(probs) @ [1, -1], centre, atol=1e-5)
    assert 3 <= dropped.sum() <= 22  # of 40 dimensions, three in ten
    assert (np.abs(W[0] - W[1]) > 1e-6).all()


def test_who_has_no_dropout_is_known(folders, tmp_path):
    assert not isinstance(TfIdf(), SupportsPasses)
    assert not hasattr(make("tf-idf").learner, "predict_passes")
    still = tmp_path / "still"
    make_tiny(still)
    config = json.loads((still / "config.json").read_text())
    (still / "config.json").write_text(json.dumps({**config, "hidden_dropout_prob": 0.0}))
    learner = FineTuned(still, **QUICK)
    learner.prepare()
    assert not hasattr(learner, "predict_passes")
    with pytest.raises(ModelError, match=r"has no dropout; FineTuned\(…, dropout=0.1\)"):
        _ = learner.predict_passes
    chosen = make(f"finetune:{still}", device="cpu").learner
    chosen.prepare()
    assert not hasattr(chosen, "predict_passes")
    lively = FineTuned(still, dropout=0.2, **QUICK)
    lively.fit(labelled(20), seed=0)
    one, two = lively.predict_passes(batch(["the minister"]), 2, seed=0)
    assert one.tolist() != two.tolist()
    with pytest.raises(ModelError, match="no share of units"):
        FineTuned(still, dropout=1.0)
    with pytest.raises(ModelError, match="not been trained"):
        next(iter(FrozenEncoder(folders["bert"], cache_dir=tmp_path).predict_passes(batch(["a"]), 1, seed=0)))
    with pytest.raises(ModelError, match="not been trained"):
        FineTuned(folders["bert"], **QUICK).predict_passes(batch(["a"]), 1, seed=0)


def test_dropout_by_a_function_call_is_consistent_too():
    drawing = OwnRandomness(torch.Generator().manual_seed(7), always=True, consistent=True)
    x = torch.ones(3, 5, 64)
    with drawing:
        drawing.restart()
        first, second = torch.nn.functional.dropout(x, 0.5), torch.nn.functional.dropout(x, 0.5)
        drawing.restart()
        again = torch.nn.functional.dropout(torch.ones(1, 64), 0.5)
    assert (first == first[0, 0]).all()
    assert torch.equal(first[0, 0], again[0])
    assert not torch.equal(first, second)
    assert set(first.unique().tolist()) == {0.0, 2.0}
