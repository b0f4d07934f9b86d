"""Choosing a model: what may be typed, and what comes of it with and without packages, caches and a hub."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from alwidget.errors import ArgumentError, ModelError
from alwidget.learners import FrozenEncoder, Learner, Stop, TfIdf, auto, make, offline_path
from alwidget.learners.names import Wanted, read_name
from tiny_models import batch, labelled, make_tiny

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
        ("encoder:all-MiniLM-L6-v2", "encoder", "all-MiniLM-L6-v2"),
        ("finetune:org/model-x", "finetune", "org/model-x"),
        ("distilbert-base-uncased", "any", "distilbert-base-uncased"),
        ("org/auto-x", "any", "org/auto-x"),
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
        ("textcnn", "not in this version"),
        ("distilled:bert", "not in this version"),
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
    with pytest.raises(ArgumentError, match="task"):
        make("auto", task="tagging")


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
        for name in ("auto", "tf-idf", "encoder:org/unknown"):
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
    assert choice.learner.weights[0].shape[0] == 2


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
