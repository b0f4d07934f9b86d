"""Choosing a model: what may be typed, and what comes of it with and without packages, caches and a hub."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

from alwidget.errors import ArgumentError, ModelError
from alwidget.learners import (
    FrozenEncoder,
    Labelled,
    Learner,
    Stop,
    SupportsGeneration,
    SupportsTokens,
    TfIdf,
    auto,
    make,
    offline_path,
)
from alwidget.learners.names import Wanted, read_name
from tiny_models import batch, labelled, make_tiny, several
from tiny_writers import make_writer

NEEDS_OFFLINE = pytest.mark.skipif(offline_path() is None, reason='needs the extra: pip install "alwidget[offline]"')


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No hub, an empty cache, no wish from outside, no GPU."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("ALWIDGET_CACHE", str(tmp_path / "cache"))
    for name in ("ALWIDGET_MODEL", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_extra(monkeypatch):
    """As where the offline extra is not installed."""
    monkeypatch.setattr(auto, "offline_path", lambda: None)


def in_hub_cache(tmp_path, name, **options):
    """Put a tiny model where the hub's own library keeps its downloads."""
    home = tmp_path / "hub" / ("models--" + name.replace("/", "--"))
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("c0ffee")
    folder = home / "snapshots" / "c0ffee"
    folder.mkdir(parents=True)
    return make_tiny(folder, **options)


@pytest.mark.parametrize(
    ("typed", "kind", "name"),
    [
        ("auto", "auto", ""),
        (" auto ", "auto", ""),
        ("tf-idf", "tf-idf", ""),
        ("TFIDF", "tf-idf", ""),
        ("TextCNN", "textcnn", ""),
        ("text-cnn", "textcnn", ""),
        ("encoder:all-MiniLM-L6-v2", "encoder", "all-MiniLM-L6-v2"),
        ("finetune:org/model-x", "finetune", "org/model-x"),
        ("distilbert-base-uncased", "any", "distilbert-base-uncased"),
        ("org/auto-x", "any", "org/auto-x"),
        ("distilled:bert-base-cased", "distilled", "bert-base-cased"),
    ],
)
def test_names_are_read(typed, kind, name):
    assert read_name(typed) == Wanted(kind, name)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("atuo", 'Did you mean "auto"'),
        ("tf-idff", 'Did you mean "tf-idf"'),
        ("encodr:org/x", 'Did you mean "encoder:org/x"'),
        ("encoder", 'Did you mean "encoder:NAME"'),
        ("encoder:", "names no model"),
        ("textcn", 'Did you mean "textcnn"'),
        ("distilled:", "names no model"),
        ("distiled:bert", 'Did you mean "distilled:bert"'),
        ("two words", "neither"),
        ("<script>", "neither"),
        ("", "neither"),
    ],
)
def test_what_cannot_be_a_model_is_an_error_with_a_hint(typed, says):
    with pytest.raises(ArgumentError, match=says):
        make(typed)


@pytest.mark.parametrize("typed", ["./nowhere", "/no/such/folder", "~/no-such-folder", "encoder:../gone", "a/b/c"])
def test_a_path_without_a_model_is_an_error(typed):
    with pytest.raises(ModelError, match="nothing at the path"):
        make(typed)


def test_a_folder_that_is_no_model_says_what_is_there(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ModelError, match=r"config\.json.*notes\.txt"):
        make(str(tmp_path))


def test_other_things_are_no_models():
    with pytest.raises(ArgumentError, match="lacks fit"):
        make(object())
    with pytest.raises(ArgumentError, match="instance"):
        make(TfIdf)
    with pytest.raises(ArgumentError, match="there are models for classification, multilabel, tagging, generation"):
        make("auto", task="ranking")
    with pytest.raises(ArgumentError, match="lacks tag, token_probs"):
        make(TfIdf(), task="tagging")


@pytest.mark.parametrize(
    ("model", "task", "says"),
    [
        ("tf-idf", "tagging", r'cannot learn task="tagging"; there it can be "auto", "bilstm-crf", "encoder:NAME"'),
        ("tf-idf", "generation", r'cannot learn task="generation"; there it can be "auto", "encoder:NAME"'),
        ("bilstm-crf", "classification", r'it can be "auto", "tf-idf"'),
        ("bilstm-crf", "multilabel", r'it can be "auto", "tf-idf"'),
        ("bilstm-crf", "generation", "cannot learn"),
        ("textcnn", "tagging", 'cannot learn task="tagging"'),
        ("textcnn", "generation", "cannot learn"),
        ("atuo", "tagging", 'Did you mean "auto"'),
    ],
)
def test_a_model_that_cannot_learn_the_task_is_an_error_that_says_what_can(model, task, says):
    with pytest.raises(ArgumentError, match=says):
        make(model, task=task)


def test_an_environment_that_names_a_model_for_other_tasks_is_passed_over(monkeypatch, no_extra):
    monkeypatch.setenv("ALWIDGET_MODEL", "tf-idf")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert make("auto", task="multilabel").why == "TF-IDF with a linear head, as asked for (ALWIDGET_MODEL)"
    assert "(ALWIDGET_MODEL=tf-idf cannot learn this task)" in make("auto", task="generation").why


@pytest.mark.parametrize("model", ["tf-idf", "textcnn", "encoder", "finetune"])
def test_several_labels_are_learned_by_every_kind(model, tmp_path):
    folder = make_tiny(tmp_path / "mine")
    choice = make(model if model in {"tf-idf", "textcnn"} else f"{model}:{folder}", task="multilabel", device="cpu")
    data = several(24)
    choice.learner.prepare()
    choice.learner.fit(data, seed=0)
    probs = choice.learner.predict_proba(data.documents)
    assert probs.shape == (24, 3)
    assert choice.learner.thresholds.shape == (3,)
    assert choice.learner.thresholds.dtype == np.float64


def test_one_label_a_document_has_no_thresholds(tmp_path):
    folder = make_tiny(tmp_path / "mine")
    for model in ("tf-idf", "textcnn", f"encoder:{folder}", f"finetune:{folder}"):
        learner = make(model, device="cpu").learner
        learner.prepare()
        assert not hasattr(learner, "thresholds")


def test_without_a_model_that_writes_documents_are_read_and_no_drafts_written(tmp_path):
    folder = make_tiny(tmp_path / "mine")
    choice = make(f"encoder:{folder}", task="generation")
    assert choice.why == "mine, frozen; it chooses documents by their vectors and writes no drafts, as asked for"
    assert choice.learner.description == "mine, reads only"
    texts = batch(["the match", "the treaty"])
    choice.learner.prepare()
    report = choice.learner.fit(Labelled(texts, ["match", "treaty"], ()), seed=0)
    assert "chosen by their vectors" in report.notes[0]
    assert choice.learner.embed(texts).shape == (2, 32)
    assert choice.learner.embedded(texts).all()
    assert not isinstance(choice.learner, SupportsGeneration)


def test_nothing_at_all_at_hand_still_reads(no_extra):
    choice = make("auto", task="generation")
    choice.learner.prepare()
    assert choice.learner.embed(batch(["the match"])).shape == (1, 128)
    assert choice.learner.description == "TF-IDF, reads only"
    assert "no drafts" in choice.warning
    assert "hub cannot be reached" in choice.why
    choice.learner.fit_vocabulary(batch(["the match"]))


@NEEDS_OFFLINE
def test_written_text_without_a_hub_is_chosen_by_the_vectors_of_the_offline_encoder():
    choice = make("auto", task="generation")
    choice.learner.prepare()
    assert choice.learner.description.startswith("all-MiniLM-L6-v2")
    assert choice.learner.description.endswith("reads only")
    assert choice.warning == "No model that writes could be had, so there are no drafts: the hub cannot be reached."


@NEEDS_OFFLINE
@pytest.mark.parametrize("cached", [False, True])
def test_a_writer_that_cannot_be_had_or_does_not_write_gives_one_that_reads(cached, tmp_path):
    if cached:
        in_hub_cache(tmp_path, "org/writer")  # an encoder, which writes nothing
    choice = make("org/writer", task="generation", device="cpu")
    assert isinstance(choice.learner, SupportsGeneration) == cached
    choice.learner.prepare()
    assert choice.learner.description.endswith("reads only")
    assert not isinstance(choice.learner, SupportsGeneration)
    assert choice.learner.embed(batch(["the match"])).shape == (1, 384)
    assert "writer could not be used" in choice.warning
    assert ("does not write" if cached else "hub cannot be reached") in choice.warning


def test_an_encoder_decoder_in_the_cache_of_the_hub_is_taken(no_extra, tmp_path):
    home = tmp_path / "hub" / "models--google--flan-t5-small"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text("c0ffee")
    make_writer(home / "snapshots" / "c0ffee", "t5")
    choice = make("auto", task="generation")
    assert choice.why == "flan-t5-small from the cache of the hub, fine-tuned: no GPU here"
    assert choice.warning is None
    choice.learner.prepare()
    assert isinstance(choice.learner, SupportsGeneration)
    assert len(choice.learner.generate(batch(["the match"])).texts) == 1


def test_what_the_chosen_learner_can_is_what_the_chooser_can(tmp_path, no_extra):
    """Asked by ``isinstance``, which looks at attributes statically from Python 3.12 on."""
    folder = make_tiny(tmp_path / "mine")
    learner = make(f"encoder:{folder}").learner
    assert not isinstance(learner, SupportsTokens)

    class Tags(TfIdf):
        def tag(self, documents, *, stop=None):  # noqa: ARG002
            return [[] for _ in documents.texts]

        def token_probs(self, documents, *, stop=None): ...

        def token_states(self, documents, *, stop=None): ...

    learner._inner = Tags()
    learner._lend()
    assert isinstance(learner, SupportsTokens)
    assert isinstance(learner, Learner)
    assert inspect.getattr_static(learner, "tag")(batch(["a"])) == [[]]
    learner._inner = TfIdf()
    learner._lend()
    assert not isinstance(learner, SupportsTokens)


def test_your_own_learner_is_taken_as_it_is():
    mine = TfIdf()
    choice = make(mine)
    assert choice.learner is mine
    assert choice.warning is None


def test_making_a_learner_imports_nothing_heavy_and_asks_nobody():
    script = """
        import socket, sys
        socket.create_connection = None
        from alwidget import learners
        for name in ("auto", "tf-idf", "textcnn", "encoder:org/unknown"):
            learners.make(name).why
        heavy = {"torch", "transformers", "sklearn", "scipy", "huggingface_hub", "pandas", "datasets"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
    """
    import textwrap

    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


@NEEDS_OFFLINE
def test_auto_without_a_gpu_is_the_offline_encoder_at_once():
    choice = make("auto")
    assert isinstance(choice.learner, Learner)
    assert isinstance(choice.learner.chosen, FrozenEncoder)
    assert choice.why == "all-MiniLM-L6-v2 from the offline extra, frozen, with a linear head: no GPU here"
    assert choice.warning is None
    assert choice.learner.name == "auto"
    assert choice.learner.description == "all-MiniLM-L6-v2 + head"


@NEEDS_OFFLINE
def test_the_environment_chooses_for_auto_only(monkeypatch):
    monkeypatch.setenv("ALWIDGET_MODEL", "tf-idf")
    assert make("auto").why == "TF-IDF with a linear head, as asked for (ALWIDGET_MODEL)"
    assert "offline extra" in make("encoder:all-MiniLM-L6-v2").why
    monkeypatch.setenv("ALWIDGET_MODEL", "tf-idff")
    with pytest.raises(ArgumentError, match="ALWIDGET_MODEL"):
        make("auto")


def test_auto_with_nothing_at_hand_ends_in_counted_words(no_extra):
    choice = make("auto")
    assert choice.learner.description == "choosing a model…"
    assert not choice.learner.embedded(batch(["a"])).any()
    with pytest.raises(ModelError, match="not been trained"):
        choice.learner.predict_proba(batch(["a"]))
    choice.learner.prepare()
    assert choice.learner.description == "TF-IDF + head"
    assert "the hub cannot be reached" in choice.why
    assert "alwidget[offline]" in choice.why
    assert choice.warning is None
    choice.learner.fit(labelled(20), seed=0)
    assert choice.learner.predict_proba(labelled(3).documents).shape == (3, 2)
    assert choice.learner.word_weights[0].shape[0] == 2


def test_offline_by_request_asks_nobody_and_settles_at_once(no_extra, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    choice = make("auto")
    assert choice.learner.description == "TF-IDF + head"
    assert "asks to stay offline" in choice.why


def test_a_model_in_the_cache_of_the_hub_needs_no_hub(no_extra, tmp_path):
    in_hub_cache(tmp_path, "org/tiny")
    choice = make("org/tiny")
    assert choice.why == "org/tiny from the cache of the hub, frozen, with a linear head, as asked for"
    choice.learner.prepare()
    assert choice.learner.embed(batch(["the match"])).shape == (1, 32)
    in_hub_cache(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
    assert make("auto").why == "all-MiniLM-L6-v2 from the cache of the hub, frozen, with a linear head: no GPU here"
    assert "cache" in make("encoder:all-MiniLM-L6-v2").why


def test_a_half_downloaded_model_is_not_taken(no_extra, tmp_path):
    folder = in_hub_cache(tmp_path, "org/tiny")
    (folder / "model.safetensors").unlink()
    assert make("org/tiny").learner.description == "choosing a model…"


@NEEDS_OFFLINE
def test_a_name_that_cannot_be_had_gives_the_next_best_and_says_so():
    choice = make("org/unknown")
    choice.learner.prepare()
    assert choice.learner.description.startswith("all-MiniLM-L6-v2")
    assert choice.warning == ("org/unknown could not be used: the hub cannot be reached, and it is not in the cache.")
    assert "in place of org/unknown" in choice.why


def test_a_name_that_cannot_be_had_and_no_encoder_gives_counted_words(no_extra):
    choice = make("finetune:org/unknown")
    choice.learner.prepare()
    assert choice.learner.description == "TF-IDF + head"
    assert "org/unknown could not be used" in choice.warning


def test_a_cached_model_that_does_not_load_is_replaced(no_extra, tmp_path):
    folder = in_hub_cache(tmp_path, "org/tiny")
    (folder / "model.safetensors").write_bytes(b"torn")
    choice = make("encoder:org/tiny")
    choice.learner.prepare()
    assert choice.learner.description == "TF-IDF + head"
    assert "cannot be loaded" in choice.warning
    assert "\n" not in choice.warning


def test_what_does_not_load_gives_the_encoder_and_that_gives_counted_words(no_extra, tmp_path):
    checkpoint = in_hub_cache(tmp_path, "org/large")
    encoder = in_hub_cache(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
    (checkpoint / "model.safetensors").write_bytes(b"torn")
    choice = make("finetune:org/large", device="cpu")
    choice.learner.prepare()
    assert choice.learner.description.startswith("all-MiniLM-L6-v2")
    assert choice.warning.startswith("large could not be used: The model in")
    (encoder / "model.safetensors").write_bytes(b"torn")
    choice = make("finetune:org/large", device="cpu")
    choice.learner.prepare()
    assert choice.learner.description == "TF-IDF + head"
    assert choice.warning.startswith("large could not be used: The model in")


def test_a_model_that_brings_code_is_not_run(no_extra, tmp_path):
    folder = in_hub_cache(tmp_path, "org/tiny")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    marker = tmp_path / "was run"
    (folder / "own.py").write_text(f"open({str(marker)!r}, 'w')\nclass Config: pass\nclass Model: pass\n")
    choice = make("encoder:org/tiny")
    choice.learner.prepare()
    assert choice.learner.description == "TF-IDF + head"
    assert not marker.exists()


def test_a_folder_that_was_named_and_does_not_load_is_an_error(tmp_path):
    folder = make_tiny(tmp_path / "mine")
    choice = make(str(folder))
    assert choice.why == "mine, frozen, with a linear head, as asked for"
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ModelError, match="cannot be loaded"):
        choice.learner.prepare()
    make_tiny(folder)
    choice.learner.prepare()
    assert choice.learner.embed(batch(["the match"])).shape == (1, 32)


def test_the_kind_and_the_device_may_be_said(tmp_path):
    folder = make_tiny(tmp_path / "mine")
    tuned = make(f"finetune:{folder}", device="cpu")
    assert tuned.learner.description == "mine, fine-tuned (cpu)"
    assert "fine-tuned, as asked for" in tuned.why
    assert "fine-tuned" in make(str(folder), device="cuda").why
    assert "frozen" in make(str(folder), device="cpu").why


def test_a_gpu_prefers_a_fine_tuned_checkpoint(no_extra, tmp_path):
    in_hub_cache(tmp_path, "distilbert-base-uncased")
    choice = make("auto", device="cuda")
    assert choice.why == "distilbert-base-uncased from the cache of the hub, fine-tuned: there is a GPU"


def test_a_gpu_that_may_be_there_is_left_to_torch(monkeypatch, tmp_path, no_extra):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(auto, "GPU_SIGNS", (str(tmp_path),))
    monkeypatch.setattr(auto.sys, "modules", {k: v for k, v in sys.modules.items() if k != "torch"})
    in_hub_cache(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
    choice = make("auto")
    assert choice.learner.description == "choosing a model…"


def test_a_stop_before_loading_leaves_the_choice_for_later(tmp_path):
    choice = make(str(make_tiny(tmp_path / "mine")))
    stop = Stop()
    stop.set()
    from alwidget.errors import Cancelled

    with pytest.raises(Cancelled):
        choice.learner.prepare(stop=stop)
    choice.learner.prepare(stop=Stop())
    assert choice.learner.embed(batch(["the match"])).shape == (1, 32)


def test_a_checkpoint_goes_through(tmp_path):
    folder = make_tiny(tmp_path / "mine")
    first, second = make(str(folder)), make(str(folder))
    first.learner.fit(labelled(30), seed=0)
    first.learner.save(tmp_path / "checkpoint")
    second.learner.load(tmp_path / "checkpoint")
    test = labelled(5, seed=2).documents
    assert (first.learner.predict_proba(test) == second.learner.predict_proba(test)).all()
    with pytest.raises(AttributeError, match="no wings"):
        _ = make("encoder:org/unknown").learner.wings
