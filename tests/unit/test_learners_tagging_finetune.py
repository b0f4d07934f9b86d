"""Fine-tuning a transformer to tag: a tiny one that really learns, and what fits, cuts and cancellations leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Batch, Labelled, Stop, offline_path
from alwidget.learners.base import SupportsTokens
from alwidget.learners.tagging.finetune import FineTunedTagger
from alwidget.learners.tagging.targets import document_means, targets_of
from alwidget.learners.training import SeededDropout
from alwidget.metrics import entity_scores
from tagging_data import CLASSES, ODD_TEXTS, conll, documents, tagging
from tiny_models import make_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


QUICK = {"epochs": 4, "min_steps": 200, "learning_rate": 3e-3, "batch_size": 8, "patience": 10}


def make(folder, **options):
    return FineTunedTagger(folder, label="tiny", device="cpu", **{**QUICK, **options})


def f1(learner, data):
    return entity_scores(data.y, learner.tag(data.documents), classes=learner.classes).micro.f1


@pytest.fixture(scope="module")
def fitted(folder):
    learner = make(folder)
    return learner, learner.fit(tagging(80, runs=1), seed=0)


def test_it_tags_and_learns(fitted):
    learner, report = fitted
    assert isinstance(learner, SupportsTokens)
    assert learner.classes == CLASSES
    test = tagging(60, seed=9, runs=1)
    assert f1(learner, test) > 0.9
    assert report.dynamics.gold.shape == report.dynamics.correct.shape == (report.epochs, 80)
    assert report.extra["losses"][-1] < report.extra["losses"][0] / 2
    probs = learner.token_probs(test.documents)
    assert probs.tags == ("O", "B-TEAM", "I-TEAM", "B-PLACE", "I-PLACE")
    np.testing.assert_allclose(probs.flat.sum(axis=1), 1, atol=1e-5)


def test_states_are_what_the_last_layer_sees(fitted):
    learner, _ = fitted
    test = tagging(10, seed=2).documents
    probs, states = learner.token_states(test)
    assert states.shape == (len(probs.flat), 32)
    with torch.inference_mode():
        wanted = learner._model.classifier(torch.from_numpy(states)).softmax(-1).numpy()
    np.testing.assert_allclose(probs.flat, wanted, atol=1e-5)
    means = document_means(states, probs.offsets)
    np.testing.assert_allclose(learner.embed(test), means, atol=1e-2)


def test_dynamics_are_those_of_the_words_with_dropout_off(fitted):
    learner, report = fitted
    data = tagging(80, runs=1)
    y = targets_of(data, data.documents.words)
    probs = learner.token_probs(data.documents)
    gold = document_means(probs.flat[np.arange(len(y)), y], probs.offsets)
    np.testing.assert_allclose(report.dynamics.gold[-1], gold, atol=2e-3)
    right = document_means((probs.flat.argmax(axis=1) == y).astype(float), probs.offsets) == 1
    assert np.array_equal(report.dynamics.correct[-1], right)


def test_the_loss_is_of_the_first_piece_of_each_word(folder):
    from torch.nn import functional

    from alwidget.learners.tagging.finetune import _Examples

    learner = make(folder)
    learner.prepare()
    data = Labelled(documents(["the xyz coach", "a team"]), [np.array([[4, 7, 0]]), np.array([[2, 6, 0]])], ("A",))
    words = data.documents.words
    windows = learner._windows(data.documents, words, None)
    y = targets_of(data, words)
    examples = _Examples(windows, y, np.array([0, 3, 5]), np.ones(2), learner, None)
    enc = learner._tokeniser.inner(data.documents.texts[0], return_tensors="pt")
    with torch.inference_mode():
        logits = learner._model(**enc).logits[0]
        wanted = functional.cross_entropy(logits[[1, 2, 5]], torch.tensor([0, 1, 0]))
        got = examples.losses(learner._model, np.array([1, 0]))
    assert got[1].item() == pytest.approx(wanted.item(), abs=1e-5)
    assert examples.weights.tolist() == [3, 2]


def test_the_same_seed_gives_the_same_whatever_the_user_draws(folder):
    test = tagging(10, seed=2).documents

    def run(seed, between):
        learner = make(folder, epochs=1, min_steps=4)
        learner.prepare()

        def draw(what, done, total):
            if between:
                torch.rand(5)

        learner.fit(tagging(20), seed=seed, progress=draw)
        return learner.token_probs(test).flat

    state = torch.random.get_rng_state()
    first = run(3, between=False)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(run(3, between=True), first)
    assert not np.array_equal(run(4, between=False), first)


def test_passes_with_dropout_are_seeded_and_leave_the_model_as_it_was(fitted):
    learner, _ = fitted
    test = tagging(10, seed=2).documents
    before = learner.token_probs(test).flat
    seen = []
    for found in learner.token_passes(test, 3, seed=1):
        seen.append(found.flat)
        assert not any(m.training for m in learner._model.modules())
    again = [p.flat for p in learner.token_passes(test, 3, seed=1)]
    assert all(np.array_equal(a, b) for a, b in zip(seen, again, strict=True))
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_allclose(seen[0].sum(axis=1), 1, atol=1e-5)
    learner._memory._probs.clear()
    assert np.array_equal(learner.token_probs(test).flat, before)
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        next(learner.token_passes(test, 1, seed=1, stop=stop))
    assert not any(m.training for m in learner._model.modules() if isinstance(m, SeededDropout))


def test_a_cancelled_fit_leaves_the_last_model(folder):
    learner = make(folder, epochs=1, min_steps=4)
    learner.fit(tagging(20), seed=0)
    test = tagging(10, seed=2).documents
    before = learner.token_probs(test).flat
    stop = Stop()

    def cancel(what, done, total):
        if what == "training" and done >= 2:
            stop.set()

    with pytest.raises(Cancelled):
        learner.fit(tagging(40, seed=1), seed=0, stop=stop, progress=cancel)
    assert np.array_equal(learner.token_probs(test).flat, before)


def test_a_warm_start_keeps_the_rows_of_its_tags(folder):
    learner = make(folder, start="warm", epochs=1, min_steps=20)
    data = tagging(40)
    learner.fit(data, seed=0)
    rows = learner._model.classifier.weight.detach().clone()
    moved = learner._continued(("O", "B-NEW", "I-NEW", "B-PLACE", "I-PLACE", "B-TEAM", "I-TEAM"), seed=0)
    assert torch.equal(moved.classifier.weight[[0, 5, 6, 3, 4]], rows)
    grown = [np.column_stack([s[:, :2], s[:, 2] + 1]).astype(np.int32) for s in data.y]
    learner.fit(Labelled(data.documents, grown, ("NEW", *CLASSES)), seed=0)
    assert learner.token_probs(data.documents).flat.shape[1] == 7
    with pytest.raises(ModelError, match='neither "fresh" nor "warm"'):
        make(folder, start="cold")


def test_odd_documents_and_long_ones(folder):
    learner = make(folder, epochs=1, min_steps=4)
    with pytest.raises(ModelError, match="not been trained"):
        learner.tag(documents(["a"]))
    nothing = [np.empty((0, 3), dtype=np.int32) for _ in ODD_TEXTS]
    data = tagging(20)
    both = Labelled(documents([*data.documents.texts, *ODD_TEXTS]), [*data.y, *nothing], CLASSES)
    report = learner.fit(both, seed=0)
    assert np.isfinite(report.dynamics.gold.astype(float)).all()
    odd = documents(ODD_TEXTS)
    probs = learner.token_probs(odd)
    assert [len(probs.of(i)) for i in range(len(odd))] == [len(w) for w in odd.words]
    np.testing.assert_allclose(probs.flat.sum(axis=1), 1, atol=1e-5)
    assert learner.tag(odd)[:2] == [[], []]
    assert not learner.embed(odd)[:2].any()
    assert learner.tag(Batch([], [], None, [])) == []
    with pytest.raises(ModelError, match="has a word"):
        learner.fit(Labelled(documents(["", " "]), nothing[:2], CLASSES), seed=0)


def test_a_long_document_is_tagged_as_its_sentences_are(fitted):
    learner, _ = fitted
    sentence = "the striker praised the border and the minister scored "
    text = sentence * 30
    (spans,) = learner.tag(documents([text]))
    found = {(s.start % len(sentence), s.end % len(sentence), s.label) for s in spans}
    assert {(4, 11, 0), (24, 30, 1)} <= found
    assert max(s.end for s in spans) > len(text) - len(sentence)
    assert len(spans) >= 75


def test_one_label(folder):
    learner = make(folder)
    data = tagging(80, runs=1)
    only = [spans[spans[:, 2] == 0] for spans in data.y]
    learner.fit(Labelled(data.documents, only, ("TEAM",)), seed=0)
    assert learner.token_probs(data.documents).tags == ("O", "B-TEAM", "I-TEAM")
    assert {s.label for spans in learner.tag(data.documents) for s in spans} == {0}


def test_held_out_documents_choose_the_epoch(folder):
    learner = make(folder, holdout=0.25, epochs=5, patience=5, min_steps=10)
    report = learner.fit(tagging(100), seed=0)
    assert report.epochs == 5
    assert np.isfinite(report.extra["losses"]).all()


def test_a_checkpoint_is_the_same_model_and_transformers_reads_it(fitted, folder, tmp_path):
    learner, _ = fitted
    test = tagging(10, seed=2).documents
    learner.save(tmp_path / "model")
    assert not {p.suffix for p in (tmp_path / "model").iterdir()} - {".json", ".safetensors", ".txt", ".jinja"}
    other = make(folder)
    other.load(tmp_path / "model")
    assert other.classes == CLASSES
    np.testing.assert_allclose(other.token_probs(test).flat, learner.token_probs(test).flat, atol=1e-6)
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "model").eval()
    assert model.config.id2label == {0: "O", 1: "B-TEAM", 2: "I-TEAM", 3: "B-PLACE", 4: "I-PLACE"}
    text = "the coach praised"
    enc = AutoTokenizer.from_pretrained(tmp_path / "model")(text, return_tensors="pt")
    with torch.inference_mode():
        wanted = model(**enc).logits.softmax(-1)[0, 1:4].numpy()
    np.testing.assert_allclose(learner.token_probs(documents([text])).flat, wanted, atol=1e-5)
    (tmp_path / "model" / "alwidget.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "model")


@pytest.mark.slow
def test_real_entities_from_a_few_hundred_sentences():
    if offline_path() is None:
        pytest.skip("the weights of the offline extra are not installed")
    data, test = conll("train", 300), conll("test", 300)
    learner = FineTunedTagger(offline_path(), device="cpu", epochs=4, min_steps=80)
    learner.fit(data, seed=0)
    assert f1(learner, test) > 0.3  # after four epochs; untrained it is about zero


@pytest.mark.gpu
def test_a_gpu_finds_the_same(folder):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    data, test = tagging(80, runs=1), tagging(60, seed=9, runs=1)
    gpu = FineTunedTagger(folder, label="tiny", device="cuda", **QUICK)
    gpu.fit(data, seed=0)
    cpu = make(folder)
    cpu.fit(data, seed=0)
    assert min(f1(gpu, test), f1(cpu, test)) > 0.9
    gpu._model.load_state_dict(cpu._model.state_dict())
    gpu._adopt(gpu._model, CLASSES)
    ours, theirs = gpu.token_probs(test.documents).flat, cpu.token_probs(test.documents).flat
    np.testing.assert_allclose(ours, theirs, atol=0.05)  # bfloat16
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.99
