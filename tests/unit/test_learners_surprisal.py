"""The surprisal of a masked language model: which tokens, what numbers, and who refuses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from alwidget import strategies
from alwidget.errors import AlwidgetError, Cancelled, ModelError
from alwidget.learners import (
    Batch,
    FineTuned,
    FineTunedTagger,
    FrozenEncoder,
    FrozenTagger,
    Stop,
    TfIdf,
    offline,
)
from alwidget.learners.surprisal import MaskedLM, chosen_tokens
from alwidget.strategies import ArrayView
from tagging_data import tagging
from tiny_models import batch, labelled, make_masked, make_tiny, sentences

SPECIAL = np.array([0, 2, 3, 4])
TEXTS = sentences(60, seed=3)[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_masked(tmp_path_factory.mktemp("masked"))


@pytest.fixture(scope="module")
def model(folder):
    return MaskedLM(folder, device="cpu")


def by_hand(folder, text, length):
    """Return -log p of every token of one text, from transformers alone, float64 (L,)."""
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokeniser = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    bare = AutoModelForMaskedLM.from_pretrained(str(folder), local_files_only=True).eval()
    given_to_it = tokeniser(text, truncation=True, max_length=length, return_tensors="pt")
    given_to_it.pop("token_type_ids", None)
    with torch.inference_mode():
        logits = bare(**given_to_it).logits[0].double()
    ids = given_to_it["input_ids"][0]
    return -logits.log_softmax(-1)[torch.arange(len(ids)), ids].numpy(), ids.numpy()


@pytest.mark.parametrize("like", ["bert", "roberta", "distilbert"])
def test_it_is_minus_log_p_at_the_chosen_tokens_and_nothing_elsewhere(like, tmp_path):
    folder = make_masked(tmp_path, like=like)
    found = MaskedLM(folder, device="cpu").surprisal(batch(TEXTS), seed=1, length=32)
    assert isinstance(found, csr_array)
    assert found.shape == (60, 32)
    assert found.dtype == np.float32
    assert found.nnz < 0.4 * 60 * 12
    for i in (0, 7, 31, 59):
        losses, ids = by_hand(folder, TEXTS[i], 32)
        places = chosen_tokens(ids, SPECIAL, batch(TEXTS).keys[i], 1)
        expected = np.zeros(32)
        expected[places] = losses[places]
        np.testing.assert_allclose(found[[i]].toarray()[0], expected, atol=1e-4)
        assert (losses[places] > 0).all()


def test_the_head_sees_the_chosen_tokens_only(model, monkeypatch):
    model.load()
    seen, asked = [], []
    head = model._model.cls
    monkeypatch.setattr(head, "forward", lambda x, inner=head.forward: (seen.append(x.shape[-2]), inner(x))[1])
    found = model.surprisal(batch(TEXTS), seed=77, length=32)
    asked.append(found.nnz)
    assert sum(seen) == asked[0]


def test_the_input_is_not_masked(folder, model):
    # masked, the surprisal of a word could not depend on the word's own embedding but by the target alone
    losses, ids = by_hand(folder, TEXTS[0], 32)
    found = model.surprisal(batch(TEXTS[:1]), seed=5, length=32).toarray()[0]
    places = np.flatnonzero(found)
    np.testing.assert_allclose(found[places], losses[places], atol=1e-4)
    assert not np.isin(ids[places], SPECIAL).any()


def test_fifteen_per_cent_of_the_tokens_are_chosen():
    rng = np.random.default_rng(0)
    chosen = total = 0
    for i in range(1000):
        ids = np.concatenate([[2], rng.integers(5, 50, 100), [3], [0, 0]])
        places = chosen_tokens(ids, SPECIAL, f"key {i}".encode(), 0)
        assert (np.diff(places) > 0).all()
        assert not np.isin(ids[places], SPECIAL).any()
        chosen, total = chosen + len(places), total + 100
    assert abs(chosen / total - 0.15) < 0.01


@settings(max_examples=60)
@given(n=st.integers(0, 12), seed=st.integers(0, 2**40), key=st.binary(min_size=1, max_size=16))
def test_at_least_one_token_is_chosen_where_there_is_one(n, seed, key):
    ids = np.array([2, *range(5, 5 + n), 3])
    places = chosen_tokens(ids, SPECIAL, key, seed)
    assert (len(places) > 0) == (n > 0)
    assert places.tolist() == chosen_tokens(ids, SPECIAL, key, seed).tolist()


def test_the_choice_is_the_documents_own(folder, model):
    whole = model.surprisal(batch(TEXTS), seed=2, length=32).toarray()
    fresh = MaskedLM(folder, device="cpu")
    some = fresh.surprisal(batch(TEXTS[10:20][::-1]), seed=2, length=32).toarray()
    assert np.array_equal(some > 0, whole[10:20][::-1] > 0)
    np.testing.assert_allclose(some, whole[10:20][::-1], atol=1e-5)
    other = MaskedLM(folder, device="cpu").surprisal(batch(TEXTS), seed=3, length=32).toarray()
    assert not np.array_equal(other > 0, whole > 0)
    twins = model.surprisal(batch([TEXTS[0], TEXTS[4], TEXTS[0]]), seed=2, length=32).toarray()
    assert np.array_equal(twins[0], twins[2])


def test_what_was_read_is_not_read_again(folder):
    class Unreadable(list):
        def __getitem__(self, at):
            raise AssertionError

    model, documents = MaskedLM(folder, device="cpu"), batch(TEXTS)
    first = model.surprisal(documents, seed=0, length=32)
    again = model.surprisal(Batch(Unreadable(TEXTS), documents.keys), seed=0, length=32)
    assert np.array_equal(first.toarray(), again.toarray())
    with pytest.raises(AssertionError):
        model.surprisal(Batch(Unreadable(TEXTS), documents.keys), seed=1, length=32)


def test_long_and_empty_documents_and_pairs(model):
    documents = batch(["", "the minister " * 200, "☃☃☃", "the team"])
    found = model.surprisal(documents, seed=0, length=16).toarray()
    assert not found[0].any()
    assert found[1].any()
    assert not found[1, 15:].any()  # the last of sixteen is special
    assert found[2].any()  # unknown words are words
    wide = model.surprisal(documents, seed=0, length=128)
    assert wide.shape == (4, 128)
    assert not wide.toarray()[:, 64:].any()  # the model has 64 positions
    pair = model.surprisal(
        batch(["the team"] * 20, [f"the coach {i}" for i in range(20)]), seed=0, length=16
    ).toarray()
    assert (pair[:, 4:] > 0).any()
    assert model.surprisal(batch([]), seed=0, length=16).shape == (0, 16)


def test_it_stops_and_refuses_lengths(model):
    stop = Stop()
    stop.set()
    with pytest.raises(Cancelled):
        model.surprisal(batch(["never seen before"]), seed=0, length=32, stop=stop)
    with pytest.raises(AlwidgetError, match="length=4"):
        model.surprisal(batch(["a"]), seed=0, length=4)


@pytest.mark.parametrize("kind", ["no head", "part of a head", "decoder", "discriminator"])
def test_models_without_a_masked_head_are_refused_whatever_they_say(kind, tmp_path, folder):
    from safetensors.numpy import load_file, save_file
    from transformers import AutoTokenizer, ElectraConfig, ElectraForPreTraining, GPT2Config, GPT2LMHeadModel

    path = tmp_path / "model"
    if kind == "no head":
        make_tiny(path)
        config = (folder / "config.json").read_text()
        assert "BertForMaskedLM" in config
        (path / "config.json").write_text(config)  # it says that it is one
    else:
        shutil.copytree(folder, path)
    if kind == "part of a head":
        weights = load_file(path / "model.safetensors")
        kept = {name: value for name, value in weights.items() if "transform" not in name}
        assert len(kept) < len(weights)
        save_file(kept, path / "model.safetensors", metadata={"format": "pt"})
    words = len(AutoTokenizer.from_pretrained(str(path), local_files_only=True))
    if kind == "decoder":
        GPT2LMHeadModel(GPT2Config(vocab_size=words, n_positions=64, n_embd=32, n_layer=2, n_head=2)).save_pretrained(
            path
        )
    if kind == "discriminator":
        ElectraForPreTraining(
            ElectraConfig(
                vocab_size=words,
                embedding_size=32,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
            )
        ).save_pretrained(path)
    with pytest.raises(ModelError, match=r"model is no masked language model: .* such as bert-base-cased"):
        MaskedLM(path, device="cpu").surprisal(batch(["a"]), seed=0)
    if kind == "no head":
        learner = FrozenEncoder(path, cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")
        for _ in range(2):
            assert not hasattr(learner, "surprisal")
            with pytest.raises(ModelError, match="is no masked language model"):
                learner.surprisal(batch(["a"]), seed=0)


def test_the_encoder_on_every_machine_has_no_head():
    found = offline.offline_path()
    if found is None:
        pytest.skip("the package with the weights of all-MiniLM-L6-v2 is not installed")
    with pytest.raises(ModelError, match=r"its weights lack cls.predictions"):
        MaskedLM(found, device="cpu").load()


@pytest.mark.parametrize("kind", ["frozen", "finetuned", "frozen tagger", "finetuned tagger"])
def test_learners_offer_it_and_alps_clusters_it(kind, folder, tmp_path):
    if kind == "frozen":
        learner = FrozenEncoder(folder, cache_dir=tmp_path, device="cpu", dtype="fp32")
    elif kind == "finetuned":
        learner = FineTuned(folder, device="cpu", epochs=1)
    elif kind == "frozen tagger":
        learner = FrozenTagger(folder, cache_dir=tmp_path, device="cpu", dtype="fp32")
    else:
        learner = FineTunedTagger(folder, device="cpu", epochs=1, min_steps=1)
    documents = batch(TEXTS)
    before = learner.surprisal(documents, seed=4, length=32)
    expected = MaskedLM(folder, device="cpu").surprisal(documents, seed=4, length=32)
    np.testing.assert_allclose(before.toarray(), expected.toarray(), atol=1e-5)
    learner.fit(tagging(20) if "tagger" in kind else labelled(20), seed=0)  # it stays that of the pretrained model
    assert np.array_equal(learner.surprisal(documents, seed=4, length=32).toarray(), before.toarray())
    view = ArrayView(surprisal=before)
    picked = strategies.get("alps", length=32).select(view, 6, np.random.default_rng(0)).indices
    assert len(set(picked.tolist())) == 6


def test_learners_that_are_no_transformers_do_not_offer_it():
    assert not hasattr(TfIdf(), "surprisal")
