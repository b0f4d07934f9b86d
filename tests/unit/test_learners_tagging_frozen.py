"""A frozen encoder that tags: learns in a moment, reads each document once, survives what people paste."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Batch, Labelled, Stop, offline_path
from alwidget.learners.base import SupportsTokens
from alwidget.learners.tagging import frozen
from alwidget.learners.tagging.frozen import FrozenTagger
from alwidget.metrics import entity_scores
from tagging_data import CLASSES, ODD_TEXTS, conll, documents, tagging
from tiny_models import make_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def make(folder, tmp_path):
    return lambda **options: FrozenTagger(folder, label="tiny", cache_dir=tmp_path / "cache", device="cpu", **options)


def f1(learner, data):
    return entity_scores(data.y, learner.tag(data.documents), classes=learner.classes).micro.f1


def test_it_tags_and_learns(make):
    learner = make()
    assert isinstance(learner, SupportsTokens)
    with pytest.raises(ModelError, match="not been trained"):
        learner.tag(documents(["a"]))
    data, test = tagging(80, runs=1), tagging(60, seed=9, runs=1)
    report = learner.fit(data, seed=0)
    assert learner.classes == CLASSES
    assert f1(learner, test) > 0.85
    assert report.n == 80
    assert report.dynamics.gold.shape == report.dynamics.correct.shape == (len(report.dynamics.gold), 80)
    assert report.dynamics.keys == tuple(data.documents.keys)
    assert report.dynamics.gold[-1].mean() > report.dynamics.gold[0].mean()
    probs = learner.token_probs(test.documents)
    assert probs.tags == ("O", "B-TEAM", "I-TEAM", "B-PLACE", "I-PLACE")
    assert probs.flat.dtype == np.float32
    np.testing.assert_allclose(probs.flat.sum(axis=1), 1, atol=1e-5)
    assert [len(probs.of(i)) for i in range(len(probs))] == [len(w) for w in test.documents.words]


def test_dynamics_are_means_over_the_words_of_a_document(make):
    learner = make()
    data = tagging(40)
    report = learner.fit(data, seed=0)
    probs = learner.token_probs(data.documents)
    # the head's temperature is read after the last iterate; its argmax is the same
    right = [
        all(probs.of(i).argmax(axis=1) == frozen.targets_of(Labelled(data.documents.take([i]), [data.y[i]], CLASSES), [data.documents.words[i]]))
        for i in range(40)
    ]  # fmt: skip
    assert report.dynamics.correct[-1].tolist() == right


def test_states_are_what_the_head_sees(make):
    learner = make()
    test = tagging(10, seed=3).documents
    learner.fit(tagging(40), seed=0)
    probs, states = learner.token_states(test)
    assert states.dtype == np.float32
    W, b = learner.head.weights
    logits = states @ W.T + b
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probs.flat, expected / expected.sum(axis=1, keepdims=True), atol=0.01)
    np.testing.assert_array_equal(probs.flat, learner.token_probs(test).flat)


def test_each_document_is_read_once_ever(make, monkeypatch):
    learner = make()
    data = tagging(30)
    assert not learner.embedded(data.documents).any()
    vectors = learner.embed(data.documents)
    assert vectors.shape == (30, 32)
    assert vectors.dtype == np.float32
    assert learner.embedded(data.documents).all()
    other = make()
    other.prepare()
    monkeypatch.setattr(other.encoder, "encode_words", lambda *_, **__: pytest.fail("read again"))
    np.testing.assert_array_equal(other.embed(data.documents), vectors)
    other.fit(data, seed=0)
    other.tag(data.documents)


def test_other_words_of_a_text_are_other_vectors(make):
    learner = make()
    learner.fit(tagging(30), seed=0)
    text = "the coach praised"
    by_word = learner.token_probs(documents([text]))
    whole = learner.token_probs(documents([text], [np.array([[0, 17]], dtype=np.int32)]))
    assert len(by_word.flat) == 3
    assert len(whole.flat) == 1


def test_the_same_seed_gives_the_same_and_what_came_before_does_not_matter(make):
    test = tagging(20, seed=2).documents
    first, second = make(), make()
    first.fit(tagging(30, seed=5), seed=1)
    for learner in (first, second):
        learner.fit(tagging(40), seed=0)
    assert np.array_equal(first.token_probs(test).flat, second.token_probs(test).flat)


def test_a_cancelled_fit_leaves_the_last_head_and_keeps_what_was_read(make):
    learner = make()
    learner.fit(tagging(40), seed=0)
    test = tagging(10, seed=2).documents
    before = learner.token_probs(test).flat
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        learner.fit(Labelled(tagging(40).documents, tagging(40).y, ("only", "other")), seed=0, stop=stop)
    assert learner.classes == CLASSES
    assert np.array_equal(learner.token_probs(test).flat, before)


def test_odd_documents(make):
    learner = make()
    data = tagging(30)
    odd = documents(ODD_TEXTS)
    nothing = [np.empty((0, 3), dtype=np.int32) for _ in ODD_TEXTS]
    both = Labelled(documents([*data.documents.texts, *ODD_TEXTS]), [*data.y, *nothing], CLASSES)
    report = learner.fit(both, seed=0)
    assert np.isfinite(report.dynamics.gold.astype(float)).all()
    spans = learner.tag(odd)
    probs = learner.token_probs(odd)
    assert spans[0] == spans[1] == []
    assert [len(probs.of(i)) for i in range(len(odd))] == [len(w) for w in odd.words]
    assert np.isfinite(probs.flat).all()
    vectors = learner.embed(odd)
    assert not vectors[:2].any()
    assert np.isfinite(vectors).all()
    assert learner.tag(Batch([], [], None, [])) == []
    assert learner.token_states(Batch([], [], None, []))[1].shape[0] == 0
    with pytest.raises(ModelError, match="has a word"):
        learner.fit(Labelled(documents(["", " "]), nothing[:2], CLASSES), seed=0)


def test_one_label_and_documents_without_spans(make):
    learner = make()
    data = tagging(20)
    only = [spans[spans[:, 2] == 0] for spans in data.y]
    learner.fit(Labelled(data.documents, only, ("TEAM",)), seed=0)
    assert learner.token_probs(data.documents).tags == ("O", "B-TEAM", "I-TEAM")
    assert {s.label for spans in learner.tag(data.documents) for s in spans} == {0}
    none = [np.empty((0, 3), dtype=np.int32)] * 20
    learner.fit(Labelled(data.documents, none, CLASSES), seed=0)
    assert learner.tag(data.documents) == [[]] * 20


def test_many_words_are_drawn_from_and_every_entity_counts(make, monkeypatch):
    monkeypatch.setattr(frozen, "MOST_TRAINED", 400)
    learner = make()
    report = learner.fit(tagging(150, runs=1), seed=0)
    assert report.extra["words"] <= 400
    assert f1(learner, tagging(60, seed=9, runs=1)) > 0.75
    assert np.isfinite(report.dynamics.gold.astype(float)).all()


def test_weights_count(make):
    data = tagging(40, runs=1)
    flipped = [np.column_stack([s[:, :2], 1 - s[:, 2]]).astype(np.int32) for s in data.y]
    both = Labelled(
        documents([*data.documents.texts, *data.documents.texts]),
        [*data.y, *flipped],
        CLASSES,
        np.concatenate([np.ones(40), np.full(40, 0.01)]),
    )
    learner = make()
    learner.fit(both, seed=0)
    assert f1(learner, data) > 0.8


def test_a_checkpoint_is_the_same_model(make, tmp_path):
    learner = make()
    learner.fit(tagging(40), seed=0)
    test = tagging(10, seed=2).documents
    learner.save(tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    other = make()
    other.load(tmp_path / "model")
    assert other.classes == CLASSES
    assert np.array_equal(other.token_probs(test).flat, learner.token_probs(test).flat)
    (tmp_path / "model" / "frozen.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "model")


def test_real_entities_from_a_few_hundred_sentences(tmp_path):
    if offline_path() is None:
        pytest.skip("the weights of the offline extra are not installed")
    data, test = conll("train", 300), conll("test", 400)
    learner = FrozenTagger(offline_path(), cache_dir=tmp_path, device="cpu")
    learner.fit(data, seed=0)
    spans = learner.tag(test.documents)
    scores = entity_scores(test.y, spans, classes=learner.classes)
    assert scores.micro.f1 > 0.65
    sure = np.mean([s.confidence for document in spans for s in document])
    assert abs(sure - scores.micro.precision) < 0.1  # what it says of itself is true


@pytest.mark.gpu
def test_a_gpu_finds_the_same(folder, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    test = tagging(60, seed=9)
    found = []
    for device in ("cpu", "cuda"):
        learner = FrozenTagger(folder, cache_dir=tmp_path / device, device=device, dtype="fp32")
        learner.fit(tagging(80), seed=0)
        found.append((learner.token_probs(test.documents).flat, f1(learner, test)))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=0.05)
    assert abs(found[0][1] - found[1][1]) < 0.03
