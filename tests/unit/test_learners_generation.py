"""Writing: a tiny encoder-decoder that really learns to shorten, and how likely it says that its texts are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Labelled, Learner, Stop, SupportsGeneration, bounded_threads, make
from alwidget.learners.decoding import Beams, write
from alwidget.learners.dropout import OwnRandomness
from alwidget.learners.generation import Seq2Seq
from tiny_models import batch, make_tiny
from tiny_writers import headlines, make_writer

QUICK = {"learning_rate": 3e-3, "batch_size": 32, "min_steps": 0, "max_length": 64, "max_target": 16, "beams": 2}


@pytest.fixture(autouse=True)
def one_thread():
    """Two threads wait for each other on a crowded machine; learners see to that themselves, `write` does not."""
    with bounded_threads(1):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_writer(tmp_path_factory.mktemp("bart"))


@pytest.fixture(params=["bart", "t5"])
def kind(request, tmp_path):
    """Return the folder of an encoder-decoder of either kind."""
    return make_writer(tmp_path / request.param, request.param)


@pytest.fixture(scope="module")
def learned(folder):
    """Return a learner that has seen 400 sentences with their headlines, its report, and sentences it has not seen."""
    learner = Seq2Seq(folder, label="tiny", device="cpu", epochs=20, patience=9, **QUICK)
    report = learner.fit(headlines(400), seed=0)
    return learner, report, headlines(60, seed=9)


def quick(folder, **options):
    return Seq2Seq(folder, label="tiny", device="cpu", **{"epochs": 2, **QUICK, **options})


def rescored(learner, documents, texts):
    """Mean log-probability of the tokens of each text, one text at a time, by plain teacher forcing."""
    out = []
    for document, text in zip(documents.texts, texts, strict=True):
        tokeniser = learner._sources.inner
        source = tokeniser(document, return_tensors="pt", return_token_type_ids=False)
        wanted = tokeniser(text, return_tensors="pt").input_ids
        with torch.inference_mode():
            logits = learner._model(**source, labels=wanted).logits[0].log_softmax(-1)
        out.append(logits[torch.arange(wanted.shape[1]), wanted[0]].mean().item())
    return np.array(out)


def test_it_learns_to_shorten(folder, learned):
    learner, report, test = learned
    assert isinstance(learner, Learner)
    assert isinstance(learner, SupportsGeneration)
    found = learner.generate(test.documents)
    right = np.mean([a == b for a, b in zip(found.texts, test.y, strict=True)])
    untrained = quick(folder).generate(test.documents)
    assert np.mean([a == b for a, b in zip(untrained.texts, test.y, strict=True)]) < 0.1
    assert right > 0.8
    assert report.extra["losses"][0] > 2
    assert report.extra["losses"][-1] < 0.2
    assert report.dynamics.gold.shape == report.dynamics.correct.shape == (report.epochs, 400)
    assert report.dynamics.gold[-1].mean() > 0.8
    assert report.dynamics.correct[-1].mean() > 0.8
    with pytest.raises(ModelError, match="no probabilities of labels"):
        learner.predict_proba(test.documents)


def test_candidates_are_the_best_beams_and_the_texts_their_first(learned):
    learner, _, test = learned
    found = learner.generate(test.documents)
    assert [some[0] for some in found.candidates] == found.texts
    assert max(len(some) for some in found.candidates) == 2
    assert all(len(set(some)) == len(some) for some in found.candidates)
    assert found.log_probs.shape == (60,)
    assert (found.log_probs < 0).all()


@pytest.mark.parametrize("beams", [1, 3])
def test_log_probs_are_means_over_the_tokens_divided_once(learned, beams):
    """Greedy search and beams alike: what teacher forcing gives, and what `compute_transition_scores` adds up to."""
    learner, _, test = learned
    some = test.documents.take(range(12))
    tokens = learner._tokens(some, None)
    found = write(learner._model, tokens, learner._texts, Beams(beams, 1, 16), budget=4096, device="cpu", stop=None)
    np.testing.assert_allclose(found.log_probs, rescored(learner, some, found.texts), atol=1e-4)
    padded = {name: torch.from_numpy(array) for name, array in tokens.padded(np.arange(12)).items()}
    how = {"num_beams": beams, "max_new_tokens": 16, "length_penalty": 1.0, "forced_eos_token_id": None}
    out = learner._model.generate(**padded, **how, output_scores=True, return_dict_in_generate=True)
    steps = learner._model.compute_transition_scores(
        out.sequences, out.scores, getattr(out, "beam_indices", None), normalize_logits=beams == 1
    )
    written = out.sequences[:, 1:]
    there = (written != 1) & (torch.arange(written.shape[1]) < steps.shape[1])
    means = (steps * there[:, : steps.shape[1]]).sum(1) / there.sum(1)
    np.testing.assert_allclose(found.log_probs, means.numpy(), atol=1e-4)


def test_batches_are_bounded_and_do_not_change_what_is_written(learned):
    learner, _, test = learned
    tokens = learner._tokens(test.documents.take(range(20)), None)
    whole, single = (
        write(learner._model, tokens, learner._texts, Beams(2, 2, 16), budget=budget, device="cpu", stop=None)
        for budget in (10_000, 1)
    )
    assert whole.texts == single.texts
    np.testing.assert_allclose(whole.log_probs, single.log_probs, atol=1e-4)
    seen = []
    generate = learner._model.generate
    try:
        learner._model.generate = lambda **how: seen.append(how["input_ids"].shape) or generate(**how)
        write(learner._model, tokens, learner._texts, Beams(2, 1, 16), budget=300, device="cpu", stop=None)
    finally:
        del learner._model.generate
    assert all(rows * 2 * (length + 16) <= 300 for rows, length in seen)
    assert sum(rows for rows, _ in seen) == 20


def test_what_was_written_is_kept_until_the_next_fit(kind, monkeypatch):
    learner = quick(kind, epochs=1)
    data = headlines(12)
    learner.fit(data, seed=0)
    first = learner.generate(data.documents)
    monkeypatch.setattr(learner, "_write", None)
    again = learner.generate(data.documents.take([3, 1]))
    assert again.texts == [first.texts[3], first.texts[1]]
    monkeypatch.undo()
    learner.fit(headlines(40, seed=4), seed=0)
    assert not learner._written
    empty = learner.generate(data.documents.take([]))
    assert empty.texts == empty.candidates == []
    assert empty.log_probs.shape == (0,)


def test_passes_differ_by_their_dropout_alone_and_repeat_by_their_seed(learned):
    learner, _, test = learned
    some = test.documents.take(range(10))
    plain = learner.generate(some)
    first, again, other = (learner.generate_passes(some, 3, seed=seed) for seed in (5, 5, 6))
    assert [g.texts for g in first] == [g.texts for g in again]
    assert all(np.array_equal(a.log_probs, b.log_probs) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].log_probs, first[1].log_probs)
    assert not np.array_equal(first[0].log_probs, other[0].log_probs)
    assert not learner._model.training
    learner._written.clear()
    assert np.array_equal(learner.generate(some).log_probs, plain.log_probs)


def test_without_dropout_all_passes_are_the_text(tmp_path):
    learner = quick(make_writer(tmp_path / "still", dropout=0.0))
    data = headlines(6)
    passes = learner.generate_passes(data.documents, 2, seed=0)
    plain = learner.generate(data.documents)
    assert all(np.array_equal(p.log_probs, plain.log_probs) for p in passes)


def test_the_same_seed_gives_the_same_model_whatever_the_user_draws(kind):
    data, test = headlines(40), headlines(8, seed=3).documents

    def run(seed, between):
        learner = quick(kind)
        learner.fit(data, seed=seed, progress=lambda *_: torch.rand(3) if between else None)
        return learner.generate(test).log_probs

    torch.manual_seed(1)
    first = run(3, between=False)
    torch.manual_seed(2)
    assert np.array_equal(run(3, between=True), first)
    assert not np.array_equal(run(4, between=False), first)


def test_the_global_generators_are_left_alone(kind):
    torch.manual_seed(7)
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    learner = quick(kind, epochs=1)
    learner.fit(headlines(20), seed=0)
    learner.generate_passes(headlines(3).documents, 2, seed=0)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_a_cancelled_fit_leaves_the_last_model(folder):
    learner = quick(folder)
    test = headlines(6, seed=3).documents
    learner.fit(headlines(40), seed=0)
    before = learner.generate(test)
    stop = Stop()

    def cancel(what, done, total):
        if what == "training" and done >= 2:
            stop.set()

    with pytest.raises(Cancelled):
        learner.fit(headlines(60, seed=5), seed=0, stop=stop, progress=cancel)
    learner._written.clear()
    assert learner.generate(test).texts == before.texts
    learner._written.clear()
    with pytest.raises(Cancelled):
        learner.generate(test, stop=stop)
    with pytest.raises(Cancelled):
        learner.generate_passes(test, 2, seed=0, stop=stop)


def test_a_stop_is_noticed_within_a_batch(learned):
    learner, _, test = learned

    class Late(Stop):
        asked = 0

        def check(self):
            self.asked += 1
            if self.asked > 3:
                self.set()
            super().check()

    late = Late()
    with pytest.raises(Cancelled):
        write(
            learner._model,
            learner._tokens(test.documents.take([0]), None),
            learner._texts,
            Beams(2, 1, 16),
            budget=4096,
            device="cpu",
            stop=late,
        )
    assert late.asked == 4


def test_vectors_are_the_mean_of_the_checkpoints_encoder_and_stay(kind, tmp_path):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    learner = quick(kind, epochs=1, cache_dir=tmp_path / "cache")
    data = headlines(10)
    before = learner.embed(data.documents)
    assert before.dtype == np.float32
    assert before.shape == (10, 64)
    assert learner.embedded(data.documents).all()
    model, tokeniser = AutoModelForSeq2SeqLM.from_pretrained(kind).eval(), AutoTokenizer.from_pretrained(kind)
    enc = tokeniser(data.documents.texts[0], return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        plain = model.get_encoder()(**enc).last_hidden_state[0].mean(0).numpy()
    assert np.dot(plain, before[0]) / np.linalg.norm(plain) / np.linalg.norm(before[0]) > 0.999
    learner.fit(data, seed=0)
    assert np.array_equal(learner.embed(data.documents), before)
    again = quick(kind, cache_dir=tmp_path / "cache")
    assert np.array_equal(again.embed(data.documents), before)


def test_a_checkpoint_writes_the_same_and_transformers_reads_it(learned, folder, tmp_path):
    learner, _, test = learned
    learner.save(tmp_path / "model")
    assert not {p.suffix for p in (tmp_path / "model").iterdir()} - {".json", ".safetensors", ".txt", ".jinja"}
    other = quick(folder)
    other.load(tmp_path / "model")
    some = test.documents.take(range(8))
    assert other.generate(some).texts == learner.generate(some).texts
    np.testing.assert_allclose(other.generate(some).log_probs, learner.generate(some).log_probs, atol=1e-5)
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").eval()
    tokeniser = AutoTokenizer.from_pretrained(tmp_path / "model")
    enc = tokeniser(some.texts[0], return_tensors="pt", return_token_type_ids=False)
    written = model.generate(**enc, num_beams=2, max_new_tokens=8)
    assert tokeniser.decode(written[0], skip_special_tokens=True) == learner.generate(some).texts[0]
    (tmp_path / "model" / "alwidget.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        other.load(tmp_path / "model")


def test_pairs_prefixes_empty_texts_and_long_ones_work(kind):
    first = headlines(8)
    pairs = Labelled(batch(list(first.documents.texts), list(headlines(8, seed=1).documents.texts)), first.y, ())
    learner = quick(kind, epochs=1, prefix="final ")
    learner.fit(pairs, seed=0)
    assert len(learner.generate(pairs.documents).texts) == 8
    odd = batch(["", "the " * 500, "👩🏽\u200d🚀", "nowhere seen"])
    found = learner.generate(odd)
    assert np.isfinite(found.log_probs).all()
    report = learner.fit(Labelled(odd, ["", "the " * 500, "the match", "a"], ()), seed=0)
    assert "1 texts are longer than 16 tokens" in report.notes[0]
    assert np.isfinite(report.loss)


def test_what_cannot_be_trained_says_so(tmp_path, folder):
    with pytest.raises(ModelError, match="no texts"):
        quick(folder).fit(Labelled(batch([]), [], ()), seed=0)
    with pytest.raises(ModelError, match="epoch_"):
        Seq2Seq(folder, device="cpu", epoch_=3).prepare()
    with pytest.raises(ModelError, match="is a bert, which does not write"):
        Seq2Seq(make_tiny(tmp_path / "bert"), device="cpu").prepare()
    with pytest.raises(ModelError, match="has not been loaded"):
        quick(folder).save(tmp_path / "nothing")


def test_a_named_writer_is_made_for_the_task_and_can_write_once_prepared(folder):
    choice = make(str(folder), task="generation", device="cpu")
    assert choice.why.endswith("fine-tuned, as asked for")
    assert isinstance(choice.learner.chosen, Seq2Seq)
    assert isinstance(choice.learner, SupportsGeneration)
    choice.learner.prepare()
    assert len(choice.learner.generate(headlines(2).documents).texts) == 2


def test_a_folder_that_does_not_write_is_an_error_where_it_was_named(tmp_path):
    choice = make(f"finetune:{make_tiny(tmp_path / 'bert')}", task="generation", device="cpu")
    with pytest.raises(ModelError, match="does not write"):
        choice.learner.prepare()


def test_dropout_of_ones_own_keeps_the_expectation_and_rests_in_evaluation():
    x = torch.ones(20_000)
    drop = torch.nn.functional.dropout
    with OwnRandomness(torch.Generator().manual_seed(0)):
        assert drop(x, p=0.25).mean().item() == pytest.approx(1, abs=0.02)
        assert (drop(x, p=0.25) == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
        assert torch.equal(drop(x, p=0.25, training=False), x)
    with OwnRandomness(torch.Generator().manual_seed(0), always=True):
        assert not torch.equal(drop(x, p=0.25, training=False), x)
    assert torch.equal(drop(x, p=0.25, training=False), x)


@pytest.mark.gpu
def test_a_gpu_learns_to_shorten(folder):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    learner = Seq2Seq(folder, device="cuda", epochs=20, patience=9, **QUICK)
    learner.fit(headlines(400), seed=0)
    test = headlines(60, seed=9)
    found = learner.generate(test.documents)
    assert np.mean([a == b for a, b in zip(found.texts, test.y, strict=True)]) > 0.8
    passes = [learner.generate_passes(test.documents, 2, seed=5) for _ in range(2)]
    assert passes[0][1].texts == passes[1][1].texts
    assert np.isfinite(learner.embed(test.documents)).all()
