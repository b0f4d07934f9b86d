"""A student: what it is told, what it is at the end, and that it comes out the same however often it was stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

import alwidget as alw
from alwidget.errors import ArgumentError, Cancelled, ModelError, SessionError
from alwidget.learners import Encoder, Stop, make
from alwidget.learners.pooling import read_pooling
from alwidget.reuse.agreement import agreement
from alwidget.reuse.corpus import Corpus, Reading
from alwidget.reuse.folders import locked
from alwidget.reuse.losses import hidden_states, hide_words, masked_words, sentence_vectors, soft_targets
from alwidget.reuse.student import kept_layers
from tiny_models import batch, labelled, make_masked, make_tiny, sentences

TEXTS = sentences(120)[0]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("teacher") / "teacher", pooling="mean_tokens", normalise=True)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    return make_masked(tmp_path_factory.mktemp("speaker") / "speaker")


def weights(folder):
    return load_file(str(Path(folder) / "model.safetensors"))


def same(a, b):
    left, right = weights(a), weights(b)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


# Losses ---------------------------------------------------------------------------------------------------------------


def test_soft_targets_have_the_known_value_and_vanish_where_the_student_is_the_teacher():
    wanted, given_ = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0]])
    assert float(soft_targets(given_, wanted, 2.0)) == pytest.approx(0.105378, abs=1e-6)
    assert float(soft_targets(wanted, wanted, 2.0)) == pytest.approx(0, abs=1e-9)
    assert float(soft_targets(wanted + 5, wanted, 2.0)) == pytest.approx(0, abs=1e-6)  # a shift says nothing


@given(st.integers(0, 10**6), st.sampled_from([1.0, 2.0, 5.0]))
def test_soft_targets_are_the_sum_over_words_of_what_the_teacher_says_times_how_wrong_the_student_is(seed, T):
    rng = np.random.default_rng(seed)
    z_t, z_s = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    found = soft_targets(torch.from_numpy(z_s), torch.from_numpy(z_t), T)
    for i in range(3):
        p = np.exp(z_t[i] / T) / np.exp(z_t[i] / T).sum()
        q = np.exp(z_s[i] / T) / np.exp(z_s[i] / T).sum()
        assert float(found[i]) == pytest.approx(T**2 * sum(p * np.log(p / q)), rel=1e-4, abs=1e-6)
        assert float(found[i]) >= -1e-6
    other_way = soft_targets(torch.from_numpy(z_t), torch.from_numpy(z_s), T)
    assert not torch.allclose(found, other_way)


def test_the_gradient_of_soft_targets_hardly_depends_on_the_temperature():
    wanted = torch.tensor([[0.3, -0.2, 0.1]])
    sizes = []
    for T in (2.0, 4.0, 8.0):
        logits = torch.tensor([[0.1, 0.2, -0.3]], requires_grad=True)
        soft_targets(logits, wanted, T).sum().backward()
        sizes.append(float(logits.grad.norm()))
    assert max(sizes) / min(sizes) < 1.1
    assert not wanted.requires_grad


def test_states_and_vectors_are_compared_each_in_its_own_way():
    h = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(hidden_states(3 * h, h), torch.zeros(4), atol=1e-6)
    assert torch.allclose(hidden_states(-h, h), torch.full((4,), 2.0), atol=1e-6)
    assert torch.allclose(sentence_vectors(h, h), torch.zeros(4))
    assert torch.allclose(sentence_vectors(3 * h, h), torch.full((4,), 4.0))
    u, v = torch.nn.functional.normalize(h[:2], dim=1), torch.nn.functional.normalize(h[2:], dim=1)
    assert torch.allclose(sentence_vectors(u, v), 2 * hidden_states(u, v), atol=1e-6)
    assert float(masked_words(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))) == pytest.approx(np.log(2))


def test_hidden_words_are_a_sixth_and_eight_of_ten_become_the_mask():
    ids = np.tile(np.array([2, *range(10, 90), 3], dtype=np.int32), 400)
    hidden, chosen = hide_words(ids, np.array([0, 2, 3, 4]), 4, 100, np.random.default_rng(0))
    assert not chosen[np.isin(ids, [2, 3])].any()
    assert chosen.sum() / np.isin(ids, range(10, 90)).sum() == pytest.approx(0.15, abs=0.01)
    assert (hidden[~chosen] == ids[~chosen]).all()
    assert (hidden[chosen] == 4).mean() == pytest.approx(0.8, abs=0.02)
    others = chosen & (hidden != 4) & (hidden != ids)
    assert others.sum() / chosen.sum() == pytest.approx(0.1, abs=0.02)
    assert not np.isin(hidden[others], [0, 2, 3, 4]).any()
    _, one = hide_words(np.array([2, 7, 3], dtype=np.int32), np.array([2, 3]), 4, 100, np.random.default_rng(3))
    assert one.tolist() == [False, True, False]
    assert not hide_words(np.array([2, 3], dtype=np.int32), np.array([2, 3]), 4, 9, np.random.default_rng(0))[1].any()


# Texts ----------------------------------------------------------------------------------------------------------------


def test_every_text_is_read_once_an_epoch_and_the_held_out_ones_never():
    corpus = Corpus([*TEXTS, *TEXTS[:30]], seed=1)
    assert len(corpus.trained) + len(corpus.held_out) == 120
    assert len(corpus.held_out) == 12
    assert not set(corpus.texts(corpus.held_out)) & set(corpus.texts(corpus.trained))

    class Words:
        def __call__(self, texts, stop=None):
            del stop
            from alwidget.learners.tokens import Tokens

            seen.extend(texts)
            offsets = np.cumsum([0, *map(len, texts)])
            return Tokens(np.zeros(offsets[-1], dtype=np.int32), offsets, None, 0)

    seen: list[str] = []
    reading = Reading(corpus, Words(), batch_size=7, seed=0)
    sizes = [len(reading.at(step)) for step in range(reading.steps_an_epoch)]
    assert sum(sizes) == 108
    assert sorted(seen) == sorted(corpus.texts(corpus.trained))
    lengths = [reading.at(step).lengths.tolist() for step in range(2 * reading.steps_an_epoch)]
    again = Reading(corpus, Words(), batch_size=7, seed=0)
    order = [5, 2, 20, 3]  # whatever was read before
    assert [again.at(step).lengths.tolist() for step in order] == [lengths[step] for step in order]
    assert lengths[: len(lengths) // 2] != lengths[len(lengths) // 2 :]


def test_of_pairs_each_text_counts_and_few_texts_are_refused():
    rows = [{"text": f"premise number {i % 40}", "text_pair": f"claim number {i}"} for i in range(80)]
    corpus = Corpus(alw.Pool.load(rows), seed=0)
    texts = corpus.texts(np.concatenate([corpus.trained, corpus.held_out]))
    assert len(texts) == len(set(texts)) == 120
    assert corpus.fingerprint != Corpus(rows[::-1], seed=0).fingerprint
    with pytest.raises(ArgumentError, match="at least 30"):
        Corpus(["only", "two"], seed=0)


# Students -------------------------------------------------------------------------------------------------------------


def test_layers_are_evenly_spaced_from_the_first_to_the_last():
    assert kept_layers(12, 6) == (0, 2, 4, 7, 9, 11)
    assert kept_layers(6, 3) == (0, 2, 5)
    assert kept_layers(12, 3) == (0, 6, 11)
    for layers in (0, 6, 7):
        with pytest.raises(ArgumentError, match="fewer than its teacher"):
            kept_layers(6, layers)


def test_a_student_is_a_model_folder_that_agrees_better_than_before(teacher, tmp_path):
    seen = []
    student = alw.distill(
        teacher,
        TEXTS,
        layers=1,
        out=tmp_path / "student",
        epochs=40,
        learning_rate=2e-3,
        progress=lambda *told: seen.append(told),
    )
    report = json.loads((student.folder / "distilled.json").read_text())
    assert report == student.report
    assert report["agreement"]["after"]["cosine"] > report["agreement"]["before"]["cosine"] + 0.2
    assert report["kept_layers"] == [1]
    assert report["size"]["student"]["layers"] == 1
    assert report["size"]["student"]["parameters"] < report["size"]["teacher"]["parameters"]
    assert report["speed"]["student"] > 0
    assert report["losses"][-1]["states"] < report["losses"][0]["states"]
    assert ("training", report["steps"], report["steps"]) in seen
    assert not (student.folder / "training").exists()
    assert "cosine" in student.summary()
    # what it has of its teacher
    assert read_pooling(student.folder) == read_pooling(teacher)
    before, after = weights(teacher), weights(student.folder)
    assert torch.equal(before["embeddings.word_embeddings.weight"], after["embeddings.word_embeddings.weight"])
    # who loads it
    from transformers import AutoModel, AutoTokenizer

    assert AutoModel.from_pretrained(student.folder).config.num_hidden_layers == 1
    assert AutoTokenizer.from_pretrained(student.folder)("the treaty")["input_ids"]
    learner = make(f"encoder:{student.model}").learner
    learner.fit(labelled(40), seed=0)
    texts, y = sentences(40, seed=5)
    assert (learner.predict_proba(batch(texts)).argmax(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("like", ["bert", "roberta", "distilbert"])
def test_a_teacher_with_a_head_teaches_words_too_and_the_head_is_kept(like, tmp_path):
    speaker = make_masked(tmp_path / like, like=like)
    student = alw.distill(
        speaker, TEXTS, layers=1, out=tmp_path / "student", steps=60, learning_rate=2e-3, progress=False
    )
    first, last = student.report["losses"][0], student.report["losses"][-1]
    assert {"soft_targets", "words", "states", "vectors"} <= first.keys()
    assert last["soft_targets"] < first["soft_targets"]
    assert student.report["agreement"]["after"]["cosine"] > student.report["agreement"]["before"]["cosine"]
    from transformers import AutoModelForMaskedLM

    _, told = AutoModelForMaskedLM.from_pretrained(student.folder, output_loading_info=True)
    assert not told["missing_keys"]


def test_the_loss_of_a_step_is_the_same_in_one_piece_and_in_many(speaker):
    from alwidget.reuse.distil import Teaching
    from alwidget.reuse.teaching import Lesson

    lesson = Lesson(speaker, layers=1, start=None, how=Teaching(), device="cpu")
    tokens = lesson.tokenise(TEXTS[:12])
    drawn = lesson.drawn(tokens, np.random.default_rng(0))
    whole, terms = lesson.loss(drawn, np.arange(12))
    parts = [lesson.loss(drawn, rows) for rows in (np.array([3, 1]), np.array([0, 2, 4, 5, 6, 7]), np.arange(8, 12))]
    assert float(sum(part.detach() for part, _ in parts)) == pytest.approx(float(whole.detach()), rel=1e-5)
    for name, value in terms.items():
        assert sum(part[name] for _, part in parts) == pytest.approx(value, rel=1e-5)
    mean = 5 * terms["soft_targets"] + 2 * terms["words"] + terms["states"] + terms["vectors"]
    assert float(whole.detach()) == pytest.approx(mean, rel=1e-5)


def test_a_student_that_is_its_teacher_has_nothing_to_learn(teacher, tmp_path):
    from alwidget.reuse.distil import Teaching
    from alwidget.reuse.teaching import Lesson

    lesson = Lesson(teacher, layers=1, start=teacher, how=Teaching(), device="cpu")
    loss, _ = lesson.loss(lesson.drawn(lesson.tokenise(TEXTS[:5]), np.random.default_rng(0)), np.arange(5))
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)


def test_what_cannot_be_compared_is_refused(teacher, speaker, tmp_path):
    other = make_tiny(tmp_path / "other")
    tokeniser = json.loads((other / "tokenizer.json").read_text())
    words = tokeniser["model"]["vocab"]
    words["minister"], words["striker"] = words["striker"], words["minister"]
    (other / "tokenizer.json").write_text(json.dumps(tokeniser))
    with pytest.raises(ModelError, match="different tokenisers"):
        alw.distill(teacher, TEXTS, student=other, layers=1, out=tmp_path / "s", progress=False)
    assert not (tmp_path / "s").exists()
    with pytest.raises(ModelError, match="no head over its vocabulary"):
        alw.distill(speaker, TEXTS, student=teacher, layers=1, out=tmp_path / "s", progress=False)
    with pytest.raises(ArgumentError, match="fewer than its teacher"):
        alw.distill(teacher, TEXTS, layers=2, out=tmp_path / "s", progress=False)
    with pytest.raises(ArgumentError, match="no pretrained transformer"):
        alw.distill("tf-idf", TEXTS)
    with pytest.raises(ArgumentError, match="colour"):
        alw.distill(teacher, TEXTS, colour="red")
    with pytest.raises(ArgumentError, match="at least 1"):
        alw.distill(teacher, TEXTS, layers=1, steps=0)
    with pytest.raises(ModelError, match="not on this machine"):
        alw.distill("nobody/nothing-of-that-name", TEXTS, progress=False)


# Stopping and going on ------------------------------------------------------------------------------------------------


def test_a_finished_student_is_found_again_and_other_arguments_are_not_mistaken_for_it(teacher, tmp_path):
    out = tmp_path / "student"
    options = {"layers": 1, "out": out, "steps": 4, "progress": False}
    first = alw.distill(teacher, TEXTS, **options)
    stamp = (out / "model.safetensors").stat().st_mtime_ns
    assert alw.distill(teacher, TEXTS, **options).report == first.report
    assert (out / "model.safetensors").stat().st_mtime_ns == stamp
    with pytest.raises(ArgumentError, match="other arguments or other texts"):
        alw.distill(teacher, TEXTS, **{**options, "steps": 5})
    again = alw.distill(teacher, TEXTS, **{**options, "steps": 5}, resume=False)
    assert again.report["steps"] == 5
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    for resume in (True, False):
        with pytest.raises(ArgumentError, match="is taken"):
            alw.distill(teacher, TEXTS, **{**options, "out": tmp_path / "thesis"}, resume=resume)
    assert (tmp_path / "thesis" / "chapter.tex").exists()


def test_by_default_a_student_is_kept_in_the_cache(teacher, tmp_path, monkeypatch):
    monkeypatch.setenv("ALWIDGET_CACHE", str(tmp_path))
    student = alw.distill(teacher, TEXTS, layers=1, steps=2, progress=False)
    assert tmp_path in student.folder.parents
    assert alw.distill(teacher, TEXTS, layers=1, steps=2, progress=False).folder == student.folder
    assert alw.distill(teacher, TEXTS, layers=1, steps=2, seed=1, progress=False).folder != student.folder


def test_a_cancelled_run_goes_on_and_ends_with_the_same_weights(speaker, tmp_path):
    options = {"layers": 1, "steps": 12, "progress": False, "checkpoint_every": 5}
    whole = alw.distill(speaker, TEXTS, out=tmp_path / "whole", **options)
    before = torch.random.get_rng_state()
    for cut in (1, 4, 7, 11):
        stop = Stop()

        def tell(phase, done, _total, stop=stop, cut=cut):
            if phase == "training" and done >= cut:
                stop.set()

        with pytest.raises(Cancelled):
            alw.distill(speaker, TEXTS, out=tmp_path / "cut", stop=stop, **{**options, "progress": tell})
        kept = [p.name for p in (tmp_path / "cut" / "training").iterdir()]
        assert kept == [f"checkpoint-{cut}"]
        assert {p.name for p in (tmp_path / "cut" / "training" / kept[0]).iterdir()} == {
            "state.safetensors",
            "training.json",
        }
        torch.rand(3)  # what else draws changes nothing
    torch.random.set_rng_state(before)
    resumed = alw.distill(speaker, TEXTS, out=tmp_path / "cut", **options)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert same(whole.folder, resumed.folder)
    assert [line["loss"] for line in resumed.report["losses"]] == [line["loss"] for line in whole.report["losses"]]
    other = alw.distill(speaker, TEXTS, out=tmp_path / "other", **options, seed=1)
    assert not same(whole.folder, other.folder)


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(teacher, tmp_path):
    def command(out):
        call = f"alw.distill({str(teacher)!r}, {TEXTS!r}, layers=1, steps=400, out={str(out)!r}, checkpoint_every=20, progress=False)"
        return [sys.executable, "-c", f"import alwidget as alw; {call}"]

    out = tmp_path / "killed"
    process = subprocess.Popen(command(out), env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    deadline = time.monotonic() + 120
    while not list(out.glob("training/checkpoint-*/training.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "distilled.json").exists()
    subprocess.run(command(out), check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    subprocess.run(command(tmp_path / "whole"), check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    assert same(out, tmp_path / "whole")
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in (tmp_path / "whole").iterdir())


def test_two_runs_do_not_write_into_one_folder(teacher, tmp_path):
    lock = locked(tmp_path / "student")
    try:
        with pytest.raises(SessionError, match="Another process"):
            alw.distill(teacher, TEXTS, layers=1, steps=2, out=tmp_path / "student", progress=False)
    finally:
        lock.release()
    assert alw.distill(teacher, TEXTS, layers=1, steps=2, out=tmp_path / "student", progress=False).report


# Agreement ------------------------------------------------------------------------------------------------------------


def test_agreement_is_one_with_oneself_and_little_with_a_stranger():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 16))
    rotated = x @ np.linalg.qr(rng.normal(size=(16, 16)))[0]
    assert agreement(x, 2 * x) == {"cosine": 1.0, "rank_correlation": 1.0, "neighbours": 1.0}
    turned = agreement(x, rotated)
    assert turned["cosine"] < 0.5
    assert turned["rank_correlation"] == pytest.approx(1)
    assert turned["neighbours"] == pytest.approx(1)
    strange = agreement(x, rng.normal(size=(60, 16)))
    assert abs(strange["rank_correlation"]) < 0.1
    assert strange["neighbours"] < 0.4
    assert agreement(np.ones((5, 2)), np.ones((5, 2)))["rank_correlation"] == 0


def test_the_agreement_of_the_report_is_that_of_the_vectors_of_a_session(teacher, tmp_path):
    student = alw.distill(teacher, TEXTS, layers=1, steps=5, out=tmp_path / "student", progress=False)
    corpus = Corpus(TEXTS, seed=0)
    texts = corpus.texts(corpus.held_out)
    found = agreement(Encoder(teacher).encode(texts), Encoder(student.folder).encode(texts))
    assert student.report["agreement"]["after"] == pytest.approx(found, abs=1e-4)
