"""Two texts that belong together: what their vectors hold, that no cache mixes them up, and that they are learned."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from alwidget.errors import Cancelled
from alwidget.learners import FrozenEncoder, Labelled, Stop, TfIdf, offline_path
from alwidget.learners.pairs import counted_pair, pair_vectors
from tiny_models import batch, make_tiny, sentences


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"), pooling="mean_tokens")


@pytest.fixture
def frozen(folder, tmp_path):
    return FrozenEncoder(folder, cache_dir=tmp_path / "cache", device="cpu", dtype="fp32")


def same_topic(n, seed=0):
    """Pairs of sentences, and whether both are about the same."""
    first, y = sentences(n, seed)
    second, z = sentences(n, seed + 100)
    return Labelled(batch(first, second), (y == z).astype(np.int64), ("differ", "same"))


def test_a_pair_is_both_texts_their_difference_and_what_they_share():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 5, 16)).astype(np.float32)
    found = pair_vectors(u, v)
    assert found.shape == (5, 64)
    np.testing.assert_array_equal(found[:, :32], np.hstack([u, v]))
    np.testing.assert_allclose(found[:, 32:48], np.abs(u - v))
    product = found[:, 48:] * np.linalg.norm(u, axis=1)[:, None] ** 0.5 * np.linalg.norm(v, axis=1)[:, None] ** 0.5
    assert np.corrcoef(product[0], (u * v)[0])[0, 1] > 0.9999
    unit = u / np.linalg.norm(u, axis=1, keepdims=True)
    np.testing.assert_allclose(pair_vectors(unit, unit)[:, 48:], 4 * unit * unit, rtol=1e-5)
    assert np.isfinite(pair_vectors(0 * u, v)).all()


def test_counted_words_of_a_pair_say_what_was_added():
    first = csr_matrix([[0.6, 0.8, 0, 0]])
    second = csr_matrix([[0, 0.6, 0.8, 0]])
    found = counted_pair(first, second).toarray()[0]
    np.testing.assert_allclose(found, [0.6, 0.8, 0, 0, 0, 0.6, 0.8, 0, 0, 0.6, 0, 0, 0.48, 0.36, 0.64])


def test_vectors_are_those_of_the_texts_alone_and_the_order_counts(frozen):
    first, second = sentences(12)[0], sentences(12, seed=5)[0]
    u, v = frozen.embed(batch(first)), frozen.embed(batch(second))
    assert np.array_equal(frozen.embed(batch(first, second)), pair_vectors(u, v))
    assert np.array_equal(frozen.embed(batch(second, first)), pair_vectors(v, u))


def test_nothing_collides_in_the_cache(frozen, folder, tmp_path):
    """The same hash, of a pair and of a text alone, and texts that run together into the same letters."""
    texts = batch(["the match"])
    frozen.embed(texts)
    pair = batch(["the match"], [""])
    assert not frozen.embedded(pair).any()
    assert frozen.embed(pair).shape == (1, 128)
    split = [batch(["the match"], [" was long"]), batch(["the match was"], [" long"])]
    assert not np.allclose(*(frozen.embed(b) for b in split))
    assert frozen.embed(texts).shape == (1, 32)
    for b in (texts, pair, *split):
        assert frozen.embedded(b).all()
    again = FrozenEncoder(folder, cache_dir=tmp_path / "cache", device="cpu", dtype="fp32")
    again.prepare()
    assert again.embedded(split[0]).all()
    again.encoder._forward = None  # whatever is not kept would fail now
    assert np.array_equal(again.embed(split[0]), frozen.embed(split[0]))


def test_every_text_is_read_once(frozen, monkeypatch):
    frozen.prepare()
    read = []
    batches = frozen.encoder.batches
    monkeypatch.setattr(frozen.encoder, "batches", lambda texts, **how: read.extend(texts) or batches(texts, **how))
    premise = ["the treaty was signed"] * 6
    frozen.embed(batch(premise, sentences(6)[0]))
    frozen.embed(batch(premise, sentences(6, seed=3)[0]))
    frozen.embed(batch(premise, sentences(6)[0]))
    assert len(read) == 13
    assert len(set(read)) == 13


def test_a_stop_keeps_what_was_read(frozen):
    stop = Stop()
    data = same_topic(30)
    stop.set()
    frozen.prepare()
    with pytest.raises(Cancelled):
        frozen.embed(data.documents, stop=stop)
    assert frozen.embed(data.documents, stop=Stop()).shape == (30, 128)


@pytest.mark.parametrize("kind", ["frozen", "tf-idf"])
def test_whether_two_texts_are_about_the_same_is_learned(kind, frozen):
    learner = frozen if kind == "frozen" else TfIdf()
    data, test = same_topic(600), same_topic(200, seed=50)
    learner.fit(data, seed=0)
    right = learner.predict_proba(test.documents).argmax(axis=1) == test.y
    # neither text alone says anything, nor do the counts of both together
    assert right.mean() > 0.6


def test_counted_pairs_have_vectors_checkpoints_and_memory_of_their_own(tmp_path):
    learner, other = TfIdf(), TfIdf()
    data = same_topic(60)
    learner.fit(data, seed=0)
    vectors = learner.embed(data.documents)
    assert vectors.shape == (60, 256)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    assert learner.embedded(data.documents).all()
    alone = batch(list(data.documents.texts))
    assert not learner.embedded(alone).any()
    assert learner.embed(alone).shape == (60, 128)
    learner.save(tmp_path)
    other.load(tmp_path)
    assert np.array_equal(other.predict_proba(data.documents), learner.predict_proba(data.documents))
    assert np.array_equal(other.embed(data.documents), vectors)


def test_real_inference_is_learned_from_both_texts(data_dir, tmp_path):
    """300 labels: above what reading both as one sequence comes to, 0.36, and counting them together, 0.33."""
    path, folder = data_dir / "nli_counterfactual.jsonl.gz", offline_path()
    if folder is None or not path.is_file():
        pytest.skip(f"needs the offline extra and {path}, in the folder that ALWIDGET_DATA names")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    labels = ("contradiction", "entailment", "neutral")
    parts = []
    for split, n in (("train", 300), ("dev", 500)):
        some = [row for row in rows if row["split"] == split]
        some = [some[i] for i in np.random.default_rng(0).permutation(len(some))[:n]]
        documents = batch([row["text"] for row in some], [row["text_pair"] for row in some])
        parts.append(Labelled(documents, np.array([labels.index(row["label"]) for row in some]), labels))
    scores = []
    for learner in (FrozenEncoder(folder, cache_dir=tmp_path, device="cpu"), TfIdf()):
        learner.fit(parts[0], seed=0)
        right = learner.predict_proba(parts[1].documents).argmax(axis=1) == parts[1].y
        scores.append(right.mean())
    assert scores[0] > 0.41
    assert scores[1] > 0.36
