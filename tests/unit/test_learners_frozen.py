"""The frozen encoder with its head, and TF-IDF: both as the engine uses them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Batch, FrozenEncoder, Labelled, Learner, Stop, TfIdf
from alwidget.learners.words import analyse
from tiny_models import CLASSES, batch, labelled, make_tiny, sentences


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"), pooling="mean_tokens", normalise=True)


@pytest.fixture
def frozen(folder, tmp_path):
    return FrozenEncoder(folder, label="tiny", cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")


class Unreadable(list):
    """Texts that nobody may look at."""

    def __getitem__(self, at):
        raise AssertionError


@pytest.mark.parametrize("kind", ["frozen", "tf-idf"])
def test_it_is_a_learner_and_learns(kind, frozen):
    learner = frozen if kind == "frozen" else TfIdf()
    assert isinstance(learner, Learner)
    assert learner.classes == ()
    assert not learner.embedded(batch(["a"])).any()
    with pytest.raises(ModelError, match="not been trained"):
        learner.predict_proba(batch(["a"]))
    data = labelled(120)
    report = learner.fit(data, seed=0)
    assert learner.classes == CLASSES
    assert report.n == 120
    assert report.dynamics.gold.shape == report.dynamics.correct.shape
    assert report.dynamics.gold.shape[1] == 120
    assert report.dynamics.keys == tuple(data.documents.keys)
    test = labelled(200, seed=9)
    probs = learner.predict_proba(test.documents)
    assert probs.shape == (200, 2)
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert (probs.argmax(axis=1) == test.y).mean() > 0.8  # by chance: 0.5
    assert learner.predict_proba(batch([])).shape == (0, 2)
    vectors = learner.embed(test.documents)
    assert vectors.dtype == np.float32
    assert learner.embedded(test.documents).all()
    assert np.array_equal(learner.embed(test.documents), vectors)


@pytest.mark.parametrize("kind", ["frozen", "tf-idf"])
def test_one_label_works(kind, frozen):
    learner = frozen if kind == "frozen" else TfIdf()
    texts, _ = sentences(3)
    learner.fit(Labelled(batch(texts), np.ones(3, dtype=np.int64), CLASSES), seed=0)
    assert (learner.predict_proba(batch(texts)).argmax(axis=1) == 1).all()
    learner.fit(Labelled(batch(texts[:1]), np.zeros(1, dtype=np.int64), ("only",)), seed=0)
    assert (learner.predict_proba(batch(texts)) == 1).all()


@pytest.mark.parametrize("kind", ["frozen", "tf-idf"])
def test_a_checkpoint_is_the_same_model_and_nothing_is_pickled(kind, frozen, folder, tmp_path):
    learner = frozen if kind == "frozen" else TfIdf()
    learner.fit(labelled(60), seed=0)
    test = labelled(50, seed=3).documents
    learner.save(tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    other = (
        FrozenEncoder(folder, cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")
        if kind == "frozen"
        else TfIdf()
    )
    other.load(tmp_path / "model")
    assert other.classes == CLASSES
    assert np.array_equal(other.predict_proba(test), learner.predict_proba(test))
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "nowhere")
    for path in (tmp_path / "model").glob("*.json"):
        path.write_text("[]" if path.name == "head.json" else "{")
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "model")


@pytest.mark.parametrize("kind", ["frozen", "tf-idf"])
def test_a_cancelled_fit_leaves_the_last_one(kind, frozen):
    learner = frozen if kind == "frozen" else TfIdf()
    learner.fit(labelled(60), seed=0)
    test = labelled(50, seed=3).documents
    before = learner.predict_proba(test)
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        learner.fit(labelled(300, seed=1), seed=0, stop=stop)
    assert np.array_equal(learner.predict_proba(test), before)
    assert learner.classes == CLASSES


@pytest.mark.parametrize("kind", ["frozen", "tf-idf"])
def test_the_same_seed_and_labels_give_the_same_numbers(kind, folder, tmp_path):
    out = []
    for i in range(2):
        learner = FrozenEncoder(folder, cache_dir=tmp_path / str(i), device="cpu") if kind == "frozen" else TfIdf()
        learner.fit(labelled(60), seed=4)
        out.append((learner.predict_proba(labelled(30, seed=1).documents), learner.embed(labelled(30).documents)))
    assert np.array_equal(out[0][0], out[1][0])
    assert np.array_equal(out[0][1], out[1][1])


def test_kept_documents_are_not_read_again(frozen, folder, tmp_path):
    texts, _ = sentences(40)
    documents = batch(texts)
    vectors = frozen.embed(documents)
    blind = Batch(Unreadable(texts), documents.keys)
    assert np.array_equal(frozen.embed(blind), vectors)
    later = FrozenEncoder(folder, cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")
    later.prepare()
    assert later.embedded(blind).all()
    assert np.array_equal(later.embed(blind), vectors)


def test_documents_that_repeat_are_encoded_once(frozen, monkeypatch):
    texts, _ = sentences(10)
    frozen.prepare()
    seen = []
    batches = type(frozen.encoder).batches

    def spy(self, some, pairs=None, **more):
        seen.extend(some)
        return batches(self, some, pairs, **more)

    monkeypatch.setattr(type(frozen.encoder), "batches", spy)
    vectors = frozen.embed(batch([text for text in texts for _ in range(3)] + texts))
    assert sorted(seen) == sorted(texts)
    for repeat in range(3):
        assert np.array_equal(vectors[repeat:30:3], vectors[30:])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)


def test_the_cache_may_vanish_while_documents_are_read(frozen, tmp_path):
    texts, _ = sentences(40)
    frozen.prepare()
    expected = frozen.encoder.encode(texts)

    def delete(what, done, total):
        shutil.rmtree(tmp_path / "vectors", ignore_errors=True)

    np.testing.assert_allclose(frozen.embed(batch(texts), progress=delete), expected, atol=1e-3)
    assert frozen.embed(batch(texts)).shape == (40, 32)


def test_what_was_read_before_a_stop_is_kept(folder, tmp_path):
    learner = FrozenEncoder(folder, cache_dir=tmp_path, device="cpu", dtype="fp32")
    learner.prepare()
    learner.encoder._budget = 64
    texts, _ = sentences(200)
    stop = Stop()

    def enough(what, done, total):
        assert (what, total) == ("embedding", 200)
        if done > 50:
            stop.set()

    with pytest.raises(Cancelled):
        learner.embed(batch(texts), stop=stop, progress=enough)
    assert 50 < learner.embedded(batch(texts)).sum() < 100


def test_pairs_are_told_apart(frozen):
    first, _ = sentences(5)
    second, _ = sentences(5, seed=8)
    there, back = frozen.embed(batch(first, second)), frozen.embed(batch(second, first))
    assert not np.allclose(there, back, atol=1e-3)


def test_the_description_says_precision_and_a_full_disk_is_noted_once(folder, tmp_path):
    (tmp_path / "file").write_text("")
    learner = FrozenEncoder(folder, label="tiny", cache_dir=tmp_path / "file", device="cpu", dtype="bf16")
    assert learner.description == "tiny + head"
    learner.prepare()
    assert learner.description == "tiny (bf16) + head"
    notes = [learner.fit(labelled(20), seed=0).notes for _ in range(2)]
    assert "in memory" in notes[0][0]
    assert notes[1] == ()


def test_a_head_of_another_encoder_is_refused(frozen, tmp_path):
    frozen.fit(labelled(20), seed=0)
    frozen.save(tmp_path / "model")
    other = FrozenEncoder(make_tiny(tmp_path / "other", seed=3), cache_dir=tmp_path, device="cpu")
    with pytest.raises(ModelError, match="another encoder"):
        other.load(tmp_path / "model")


# counted words


def test_scripts_without_spaces_are_counted_by_character():
    assert list(analyse("ภาษาไทย"))[:3] == ["ภ", "า", "ษ"]
    assert "北京" in set(analyse("北京 is far"))
    assert "is far" in set(analyse("北京 is far"))
    assert list(analyse("")) == list(analyse("   ")) == []
    assert set(analyse("don't stop!")) >= {"don't", "stop", "!", "don't stop"}


def test_chinese_reviews_are_learned():
    good, bad = "房间很好服务热情干净", "房间很差服务冷淡肮脏"
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    texts = ["".join(rng.permutation(list((bad, good)[c]))) + str(i) for i, c in enumerate(y)]
    learner = TfIdf()
    learner.fit(Labelled(batch(texts[:40]), y[:40], ("bad", "good")), seed=0)
    assert (learner.predict_proba(batch(texts[40:])).argmax(axis=1) == y[40:]).mean() > 0.9


def test_a_given_vocabulary_stays_and_a_found_one_grows():
    data = labelled(20)
    pool = batch(sentences(400, seed=5)[0])
    given = TfIdf()
    given.fit_vocabulary(pool)
    words = dict(given._words)
    given.fit(data, seed=0)
    given.embed(batch(["entirely new words here"]))
    given.fit(data, seed=0)
    assert given._words == words
    found = TfIdf()
    small = found.fit(data, seed=0).extra["words"]
    found.embed(pool)
    assert found.fit(data, seed=0).extra["words"] > small
    assert (found.predict_proba(data.documents).argmax(axis=1) == data.y).mean() > 0.9


def test_texts_without_a_known_word_have_zero_vectors_and_probabilities():
    learner = TfIdf()
    learner.fit(labelled(50), seed=0)
    odd = batch(["", "qqq zzz", "\x00"])
    assert not learner.embed(odd).any()
    assert np.isfinite(learner.predict_proba(odd)).all()


def test_vectors_of_counted_words_have_unit_length_and_near_texts_are_near():
    learner = TfIdf()
    data = labelled(200)
    learner.fit_vocabulary(data.documents)
    vectors = learner.embed(data.documents)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    same = data.y[:, None] == data.y
    cosine = vectors @ vectors.T
    assert cosine[same].mean() > cosine[~same].mean() + 0.1


def test_a_vocabulary_of_nothing_still_answers():
    learner = TfIdf()
    learner.fit(Labelled(batch(["", " "]), np.array([0, 1]), ("a", "b")), seed=0)
    np.testing.assert_allclose(learner.predict_proba(batch(["", "x"])), 0.5)
    assert learner.embed(batch(["x"])).shape == (1, 128)


def test_the_checkpoint_of_counted_words_is_readable(tmp_path):
    learner = TfIdf()
    learner.fit(labelled(50), seed=0)
    learner.save(tmp_path)
    about = json.loads((tmp_path / "tfidf.json").read_text(encoding="utf-8"))
    assert about["classes"] == list(CLASSES)
    assert "striker" in about["words"]
