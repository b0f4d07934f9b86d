"""TextCNN: it learns from nothing, by the seed, also pairs, several labels and languages, and says what it pooled."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import (
    Binary,
    Labelled,
    Learner,
    Stop,
    SupportsFeatures,
    SupportsPasses,
    TextCnn,
    TfIdf,
    make,
)
from alwidget.learners.base import SupportsWatching
from alwidget.learners.convolution import POOLED, WIDTHS, Convolutions
from alwidget.learners.lexicon import BUCKETS, LONGEST, PIECES, Lexicon
from alwidget.learners.reading import word_features
from alwidget.metrics.labels import micro_f1
from tiny_models import CLASSES, batch, labelled, sentences, several


def quick(**options):
    return TextCnn(device="cpu", **{"epochs": 4, "min_steps": 20, **options})


def topics(data):
    """Without the label "long": the largest over time do not tell how many there were."""
    return Labelled(data.documents, data.y[:, :2], data.classes[:2])


def test_it_is_a_learner_and_learns():
    learner = TextCnn(device="cpu")
    for kind in (Learner, SupportsPasses, SupportsWatching):
        assert isinstance(learner, kind)
    with pytest.raises(ModelError, match="not been trained"):
        learner.predict_proba(batch(["a"]))
    data, test = labelled(80), labelled(100, seed=9)
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(test.documents)
    assert probs.shape == (100, 2)
    assert probs.dtype == np.float64
    np.testing.assert_allclose(probs.sum(axis=1), 1)
    assert (probs.argmax(axis=1) == test.y).mean() > 0.95
    assert learner.classes == CLASSES
    assert isinstance(learner, SupportsFeatures)
    assert report.epochs == len(report.extra["losses"])
    assert report.extra["losses"][-1] < report.extra["losses"][0]
    assert report.dynamics.gold.shape == report.dynamics.correct.shape == (report.epochs, 80)
    assert report.dynamics.keys == tuple(data.documents.keys)


def test_dynamics_are_the_gold_probabilities_with_dropout_off():
    learner, data = quick(), labelled(40)
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(data.documents)
    np.testing.assert_allclose(report.dynamics.gold[-1], probs[np.arange(40), data.y], atol=2e-3)
    assert np.array_equal(report.dynamics.correct[-1], probs.argmax(axis=1) == data.y)


def test_the_same_seed_gives_the_same_model_whatever_the_user_draws_and_what_was_read_before():
    test = labelled(30, seed=2).documents

    def run(seed, between):
        learner = quick()
        if between:
            learner.embed(labelled(60, seed=7).documents)

        def draw(what, done, total):
            if between:
                torch.rand(5)

        learner.fit(labelled(40), seed=seed, progress=draw)
        return learner.predict_proba(test)

    first = run(3, between=False)
    assert np.array_equal(run(3, between=True), first)
    assert not np.array_equal(run(4, between=False), first)


def test_the_global_generators_are_left_alone():
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    learner = quick()
    learner.fit(labelled(20), seed=0)
    list(learner.predict_passes(labelled(20).documents, 2, seed=0))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_a_fit_forgets_the_fits_before():
    test = labelled(30, seed=2).documents
    used, new = quick(), quick()
    used.fit(labelled(30, seed=5), seed=1)
    for learner in (used, new):
        learner.fit(labelled(40), seed=0)
    assert np.array_equal(used.predict_proba(test), new.predict_proba(test))


@pytest.mark.parametrize("at", [0, 5])
def test_a_cancelled_fit_leaves_the_last_model(at):
    learner = quick()
    learner.fit(labelled(40), seed=0)
    test = labelled(30, seed=2).documents
    before, vectors = learner.predict_proba(test), learner.embed(test)
    stop = Stop()
    if at == 0:
        stop.set()

    def cancel(what, done, total):
        if done >= at:
            stop.set()

    with pytest.raises(Cancelled):
        learner.fit(labelled(60, seed=1), seed=0, stop=stop, progress=cancel)
    assert learner.embedded(test).all()
    assert np.array_equal(learner.predict_proba(test), before)
    assert np.array_equal(learner.embed(test), vectors)
    learner.fit(labelled(40), seed=0)
    assert np.array_equal(learner.predict_proba(test), before)


def test_one_label_works_before_and_after_others(tmp_path):
    learner = quick()
    texts, _ = sentences(6)
    only = Labelled(batch(texts), np.zeros(6, dtype=np.int64), ("only",))
    for _ in range(2):
        report = learner.fit(only, seed=0)
        assert (report.dynamics.gold == 1).all()
        assert (learner.predict_proba(batch(texts)) == 1).all()
        assert all((one == 1).all() for one in learner.predict_passes(batch(texts), 2, seed=0))
        weights, bias = learner.weights
        assert weights.shape == (1, learner.features(batch(texts)).shape[1])
        assert (weights, bias) == (pytest.approx(0), pytest.approx(0))
        learner.save(tmp_path / "only")
        other = quick()
        other.load(tmp_path / "only")
        assert (other.predict_proba(batch(texts)) == 1).all()
        learner.fit(Labelled(batch(texts), np.ones(6, dtype=np.int64), CLASSES), seed=0)
        assert (learner.predict_proba(batch(texts)).argmax(axis=1) == 1).all()
    with pytest.raises(ModelError, match="no labels"):
        learner.fit(Labelled(batch([]), np.zeros(0, dtype=np.int64), CLASSES), seed=0)


def test_vectors_are_projections_at_first_and_then_of_the_present_weights():
    learner = quick()
    test = labelled(20, seed=2).documents
    assert not learner.embedded(test).any()
    projected = learner.embed(test)
    assert projected.shape == (20, POOLED)
    assert projected.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(projected, axis=1), 1, atol=1e-5)
    assert learner.embedded(test).all()
    same = learner.embed(batch(["a goal in Rome", "in rome a goal"]))
    assert np.array_equal(same[0], same[1])
    shared = learner.embed(batch(["a goal in Rome", "a goal in Rome again", "tax law"]))
    assert shared[0] @ shared[1] > 0.8
    assert abs(shared[0] @ shared[2]) < 0.4
    learner.fit(labelled(40), seed=0)
    assert not learner.embedded(test).any()
    learner.predict_proba(test)
    assert learner.embedded(test).all()
    assert not np.allclose(learner.embed(test), projected, atol=1e-2)
    assert np.array_equal(learner.embed(test), learner.features(test))


def test_the_last_layer_on_the_features_is_the_prediction():
    learner = quick()
    learner.fit(labelled(40), seed=0)
    test = labelled(20, seed=2).documents
    weights, bias = learner.weights
    logits = torch.from_numpy(learner.features(test) @ weights.T + bias)
    np.testing.assert_allclose(logits.softmax(-1).numpy(), learner.predict_proba(test), atol=1e-6)


@pytest.mark.parametrize("task", ["classification", "multilabel", "pairs"])
def test_a_checkpoint_is_the_same_model(tmp_path, task):
    objective = Binary() if task == "multilabel" else None
    learner, other = quick(objective=objective, max_words=30), quick(objective=objective)
    data = several(40) if task == "multilabel" else labelled(40)
    if task == "pairs":
        data = Labelled(batch(sentences(40)[0], sentences(40, seed=1)[0]), data.y, CLASSES)
    learner.fit(data, seed=0)
    learner.save(tmp_path / "model")
    assert {p.suffix for p in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}
    other.load(tmp_path / "model")
    assert other.classes == data.classes
    assert other.max_words == 30
    np.testing.assert_allclose(other.predict_proba(data.documents), learner.predict_proba(data.documents), atol=1e-6)
    if task == "multilabel":
        assert np.array_equal(other.thresholds, learner.thresholds)
        with pytest.raises(ModelError, match="another task"):
            quick().load(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "model")
    np.testing.assert_allclose(other.predict_proba(data.documents), learner.predict_proba(data.documents), atol=1e-6)


def test_pairs_are_read_apart_and_learned():
    first, y = sentences(200)
    second, z = sentences(200, seed=1)
    data = Labelled(batch(first, second), (y == z).astype(np.int64), ("differ", "same"))
    learner = TextCnn(device="cpu", epochs=20)
    projected = learner.embed(data.documents)
    learner.fit(data, seed=0)
    (first, y), (second, z) = sentences(100, seed=2), sentences(100, seed=3)
    test = batch(first, second)
    assert (learner.predict_proba(test).argmax(axis=1) == (y == z)).mean() > 0.85
    features = learner.embed(test)
    assert features.shape[1] == projected.shape[1] == 4 * POOLED
    u, v = features[:, :POOLED], features[:, POOLED : 2 * POOLED]
    np.testing.assert_allclose(features[:, 2 * POOLED :], np.hstack([np.abs(u - v), u * v]), atol=1e-5)
    with pytest.raises(ModelError, match="two texts"):
        learner.predict_proba(batch(first))


def test_passes_come_from_the_seed_and_consistent_ones_are_one_function():
    learner = quick()
    learner.fit(labelled(40), seed=0)
    texts = sentences(12, seed=5)[0]
    twice = batch([*texts, *texts])
    before = learner.predict_proba(twice)
    for consistent in (False, True):
        found = list(learner.predict_passes(twice, 4, seed=3, consistent=consistent))
        again = list(learner.predict_passes(twice, 2, seed=3, consistent=consistent))
        assert [one.tolist() for one in again] == [one.tolist() for one in found[:2]]
        for one, other in zip(found, [*found[1:], before], strict=True):
            assert np.abs(one - other).max() > 1e-4
            np.testing.assert_allclose(one.sum(axis=1), 1)
            assert np.allclose(one[:12], one[12:], atol=1e-6) == consistent
        mean = np.mean(list(learner.predict_passes(twice, 60, seed=0, consistent=consistent)), axis=0)
        assert np.corrcoef(mean[:, 0], before[:, 0])[0, 1] > 0.7
    assert np.array_equal(learner.predict_proba(twice), before)
    assert [one.shape for one in learner.predict_passes(batch([]), 2, seed=0)] == [(0, 2)] * 2


def test_several_labels_have_thresholds_and_may_be_weighed():
    data, test = topics(several(150)), topics(several(80, seed=9))
    learner = TextCnn(device="cpu", objective=Binary())
    report = learner.fit(data, seed=0)
    probs = learner.predict_proba(test.documents)
    assert probs.shape == (80, 2)
    assert learner.thresholds.shape == (2,)
    assert ((learner.thresholds > 0) & (learner.thresholds < 1)).all()
    assert micro_f1(test.y, probs >= learner.thresholds) > micro_f1(test.y, np.ones(test.y.shape)) + 0.2
    assert not np.allclose(probs.sum(axis=1), 1)
    assert report.dynamics.correct[-1].mean() > 0.8
    one = Labelled(data.documents, data.y[:, :1], ("World",))
    learner.fit(one, seed=0)
    assert learner.predict_proba(data.documents).shape == (150, 1)
    learner.fit(Labelled(data.documents.take(range(30)), np.zeros((30, 2), dtype=bool), ("a", "b")), seed=0)
    assert learner.thresholds.tolist() == [0.5, 0.5]
    assert not hasattr(TextCnn(), "thresholds")


def test_weights_and_smoothing_count():
    data = labelled(60)
    wrong = data.y.copy()
    wrong[:30] = 1 - wrong[:30]
    trusted = np.where(np.arange(60) < 30, 0.0, 1.0)
    learner = quick(min_steps=60)
    learner.fit(Labelled(data.documents, wrong, CLASSES, weights=trusted), seed=0)
    test = labelled(60, seed=4)
    assert (learner.predict_proba(test.documents).argmax(axis=1) == test.y).mean() > 0.9
    learner.fit(Labelled(data.documents, data.y, CLASSES, smoothing=np.full(60, 0.6)), seed=0)
    smooth = learner.predict_proba(data.documents).max(axis=1).mean()
    learner.fit(data, seed=0)
    assert smooth < 0.8 < learner.predict_proba(data.documents).max(axis=1).mean()
    for bad in ({"weights": np.zeros(60)}, {"smoothing": np.full(60, 1.0)}):
        with pytest.raises(ModelError, match=r"weights|smoothing"):
            learner.fit(Labelled(data.documents, data.y, CLASSES, **bad), seed=0)


def test_a_batch_changes_nothing_and_short_and_empty_texts_are_read():
    lexicon = Lexicon(max_words=50)
    texts = ["", "goal", "a goal", "the striker scored twice in the final match " * 3, "…", "\ud800"]
    read = lexicon.read(batch(texts[:5]))
    generator = torch.Generator().manual_seed(0)
    model = Convolutions(*read.known(), 2, pairs=False, dropout=0.5, generator=generator, draws=generator).eval()
    together = word_features(model, read, None)
    alone = np.vstack([word_features(model, read.take(np.array([i])), None) for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    learner = quick()
    learner.fit(labelled(20), seed=0)
    assert np.isfinite(learner.predict_proba(batch(["", "?", "the match"]))).all()
    assert len(lexicon.numbers([texts[5]])[0]) == 1


def test_the_largest_over_time_is_what_a_loop_finds():
    lexicon = Lexicon(max_words=50)
    read = lexicon.read(batch(["the striker scored twice in the final match", "a goal"]))
    generator = torch.Generator().manual_seed(0)
    model = Convolutions(*read.known(), 2, pairs=False, dropout=0.5, generator=generator, draws=generator).eval()
    with torch.no_grad():
        for weight in (model.words.weight, *(layer.bias for layer in model.filters)):
            weight.normal_(generator=generator)
        model.words.weight[0] = 0
        for document, found in zip(read.documents, word_features(model, read, None), strict=True):
            rows = model.word_rows(read.hashes[document[0]])
            vectors = []
            for word, row in zip(document[0], rows, strict=True):
                pieces = model._piece_rows[read.pieces[word]]
                pieces = pieces[pieces > 0]
                vectors.append(
                    model.words.weight[row] + model.pieces.weight[pieces].sum(0) / max(len(pieces), 1) ** 0.5
                )
            padded = torch.stack([*vectors, *[torch.zeros_like(vectors[0])] * max(WIDTHS)])
            expected = []
            for width, layer in zip(WIDTHS, model.filters, strict=True):
                places = range(max(len(vectors) - width + 1, 1))
                at = [
                    functional.conv1d(padded[t : t + width].T[None], layer.weight, layer.bias)[0, :, 0] for t in places
                ]
                expected.append(torch.stack(at).amax(0).relu())
            np.testing.assert_allclose(found, torch.cat(expected).numpy(), rtol=1e-4, atol=1e-5)


def test_what_no_labelled_document_has_says_nothing():
    learner = quick()
    learner.fit(labelled(40), seed=0)
    known = "the minister signed a treaty"
    both = learner.predict_proba(
        batch([known, known.replace("signed", "zzzyyyxxx"), known.replace("signed", "qqqvvvwww")])
    )
    np.testing.assert_allclose(both[1], both[2], atol=1e-7)
    assert np.abs(both[0] - both[1]).max() > 1e-6


def test_words_of_one_stem_share_pieces_and_every_word_has_room():
    lexicon = Lexicon(max_words=100)
    words = ["scored", "scoring", "treaty", "é", "of", "x" * 200, "Donaudampfschifffahrt"]
    numbers = lexicon.numbers([" ".join(words)])[0]
    read = lexicon.read(batch([" ".join(words)]))
    pieces = [set(read.pieces[number][read.pieces[number] > 0].tolist()) for number in numbers]
    assert len(pieces[0] & pieces[1]) >= 4
    assert not pieces[0] & pieces[2]
    assert len(pieces[3]) == 1
    assert all(pieces)
    assert LONGEST + LONGEST - 1 == PIECES
    assert read.pieces.max() < BUCKETS
    assert len(Lexicon(max_words=3).numbers(["one two three four"])[0]) == 3


def test_of_too_many_words_the_commonest_are_known(monkeypatch):
    monkeypatch.setattr("alwidget.learners.lexicon.MOST_WORDS", 2)
    lexicon = Lexicon(max_words=20)
    read = lexicon.read(batch(["a rare goal", "the goal of the match", "the goal"]))
    numbers = lexicon.numbers(["the goal"])[0]
    assert set(read.known()[0].tolist()) == set(read.hashes[numbers].tolist())
    assert len(read.known()[1]) > 10


def test_scripts_without_spaces_are_read_by_the_character():
    texts = [
        ("球队 进球 比赛 冠军", "总统 签署 条约 外交")[i % 2].replace(" ", "") + "一二三四五"[i % 5] for i in range(40)
    ]
    data = Labelled(batch(texts), np.arange(40) % 2, CLASSES)
    learner = TextCnn(device="cpu")
    learner.fit(data, seed=0)
    assert learner.predict_proba(batch(["冠军球队", "外交条约"])).argmax(axis=1).tolist() == [0, 1]


def test_a_lexicon_that_is_full_is_replaced(monkeypatch):
    monkeypatch.setattr("alwidget.learners.lexicon.KNOWN_DOCUMENTS", 50)
    learner, data = quick(), labelled(40)
    learner.fit(data, seed=0)
    before, first = learner.predict_proba(data.documents), learner._lexicon
    seen = []
    learner.fit(data, seed=0, watch=lambda now, _: seen.append(now.embed(labelled(45, seed=len(seen) + 5).documents)))
    assert learner._lexicon is not first
    assert np.array_equal(learner.predict_proba(data.documents), before)


def test_options_are_checked():
    with pytest.raises(ModelError, match="epoch"):
        TextCnn(epoch=3).prepare()
    with pytest.raises(ModelError, match="share of units"):
        TextCnn(dropout=1.0)
    with pytest.raises(ModelError, match="nothing to read"):
        TextCnn(max_words=0)
    assert TextCnn(learning_rate=None).options.learning_rate == TextCnn().options.learning_rate
    chosen = make("textcnn", device="cpu")
    assert chosen.why == "A TextCNN that knows no language yet, as asked for"
    assert chosen.learner.description == "TextCNN"
    assert make("textcnn", task="multilabel").learner.objective.problem == Binary.problem


def test_real_questions_are_told_apart_about_as_well_as_by_counted_words(data_dir):
    path = data_dir / "trec.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {data_dir}; set ALWIDGET_DATA to the folder that has it")
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [row for row in map(json.loads, file) if row["split"] == "train"]
    names = tuple(sorted({row["label"] for row in rows}))
    order = np.random.default_rng(0).permutation(len(rows))
    train, test = (
        Labelled(batch([rows[i]["text"] for i in at]), np.array([names.index(rows[i]["label"]) for i in at]), names)
        for at in (order[:250], order[250:1250])
    )
    right = []
    for learner in (TextCnn(device="cpu"), TfIdf()):
        learner.fit(train, seed=0)
        right.append((learner.predict_proba(test.documents).argmax(axis=1) == test.y).mean())
    assert right[0] > right[1] - 0.04
    assert right[0] > np.bincount(test.y).max() / 1000 + 0.2


@pytest.mark.gpu
def test_a_gpu_learns_the_same():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    learner = TextCnn(device="cuda")
    learner.fit(labelled(80), seed=0)
    test = labelled(100, seed=9)
    assert (learner.predict_proba(test.documents).argmax(axis=1) == test.y).mean() > 0.95
