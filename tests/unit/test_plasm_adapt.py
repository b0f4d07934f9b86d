"""A language model that reads the pool before anything is labelled."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import alwidget as alw
from alwidget.errors import ArgumentError, Cancelled, ModelError
from alwidget.learners import Stop, make
from tiny_models import batch, labelled, make_masked, make_tiny, sentences

TEXTS = sentences(150)[0]


@pytest.mark.parametrize("like", ["bert", "roberta", "distilbert"])
def test_it_guesses_hidden_words_of_texts_that_were_held_out_better_than_before(like, tmp_path):
    model = make_masked(tmp_path / like, like=like)
    adapted = alw.adapt(model, TEXTS, out=tmp_path / "adapted", steps=120, learning_rate=3e-3, progress=False)
    loss = adapted.report["loss"]
    assert loss["after"] < loss["before"] - 0.5
    assert loss["texts"] == 15
    assert json.loads((adapted.folder / "adapted.json").read_text()) == adapted.report
    assert "perplexity" in adapted.summary()
    before, after = (load_file(str(folder / "model.safetensors")) for folder in (model, adapted.folder))
    assert {name: value.shape for name, value in before.items()} == {name: v.shape for name, v in after.items()}
    assert not (adapted.folder / "training").exists()
    for kind in ("encoder", "finetune"):
        learner = make(f"{kind}:{adapted.model}").learner
        learner.prepare()
        assert learner.embed(batch(["the treaty"])).shape == (1, 32)
    assert len(learner.surprisal(batch(["the treaty about the border"]), seed=0, length=16).data) > 0


def test_the_same_words_are_hidden_before_and_after(tmp_path):
    model = make_masked(tmp_path / "bert")
    still = alw.adapt(model, TEXTS, out=tmp_path / "adapted", steps=1, learning_rate=1e-30, progress=False)
    assert still.report["loss"]["before"] == still.report["loss"]["after"]


def test_the_loss_looks_at_hidden_words_only(tmp_path):
    from alwidget.reuse.adapt import Adapting
    from alwidget.reuse.masking import MaskedWords

    words = MaskedWords(make_masked(tmp_path / "bert"), Adapting(), device="cpu")
    tokens = words.tokenise(TEXTS[:9])
    drawn = words.drawn(tokens, np.random.default_rng(0))
    words.model.eval()
    whole = float(words.loss(drawn, np.arange(9))[0].detach())
    total = 0.0
    for i in range(9):
        ids = torch.from_numpy(drawn.hidden.padded(np.array([i]))["input_ids"])
        logits = words.model(input_ids=ids).logits[0].log_softmax(-1)
        start, end = tokens.offsets[i], tokens.offsets[i + 1]
        for place in np.flatnonzero(drawn.chosen[start:end]):
            total -= float(logits[place, int(tokens.ids[start + place])].detach())
    assert whole == pytest.approx(total / drawn.count, rel=1e-5)


def test_dropout_follows_from_the_seed_and_a_cancelled_run_goes_on(tmp_path):
    model = make_masked(tmp_path / "bert")
    options = {"steps": 10, "progress": False, "checkpoint_every": 3}
    whole = alw.adapt(model, TEXTS, out=tmp_path / "whole", **options)
    stop = Stop()

    def tell(phase, done, _total):
        if phase == "training" and done >= 7:
            stop.set()

    before = torch.random.get_rng_state()
    with pytest.raises(Cancelled):
        alw.adapt(model, TEXTS, out=tmp_path / "cut", stop=stop, **{**options, "progress": tell})
    resumed = alw.adapt(model, TEXTS, out=tmp_path / "cut", **options)
    assert torch.equal(torch.random.get_rng_state(), before)
    one, two = (load_file(str(m.folder / "model.safetensors")) for m in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)
    other = load_file(
        str(alw.adapt(model, TEXTS, out=tmp_path / "other", **options, seed=1).folder / "model.safetensors")
    )
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_without_a_head_is_refused_with_what_to_take(tmp_path):
    encoder = make_tiny(tmp_path / "minilm")
    with pytest.raises(ModelError, match="no head over the vocabulary") as caught:
        alw.adapt(encoder, TEXTS, out=tmp_path / "adapted", progress=False)
    assert "roberta-base" in str(caught.value)
    assert not (tmp_path / "adapted").exists()
    with pytest.raises(ArgumentError, match="colour"):
        alw.adapt(encoder, TEXTS, colour="red")


def test_an_adapted_model_learns_from_labels_like_any_other(tmp_path):
    adapted = alw.adapt(make_masked(tmp_path / "bert"), TEXTS, out=tmp_path / "adapted", steps=5, progress=False)
    learner = make(f"encoder:{adapted.model}").learner
    learner.fit(labelled(60), seed=0)
    texts, y = sentences(60, seed=3)
    assert (learner.predict_proba(batch(texts)).argmax(axis=1) == y).mean() > 0.65
