"""The encoder against the plainest way to say it: one text at a time through transformers."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch

from alwidget.errors import Cancelled, ModelError
from alwidget.learners import Encoder, Stop, bounded_threads, offline_path
from alwidget.learners.encoder import cpu_has_bfloat16, folder_identity
from alwidget.learners.pooling import Pooling, read_pooling
from alwidget.learners.threads import ThreadTuner
from alwidget.learners.tokens import Tokeniser, token_batches
from tiny_models import make_tiny, sentences

MIXED = [
    "the match",
    "",
    "   \n\t ",
    "treaty 🎉 naïve — 国境 مرحبا",
    "\ud83d half a surrogate",
    "\x00 the coach",
    " ".join(["defence"] * 500),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def one_by_one(folder, texts, pairs=None, max_length=64):
    """Vectors of single, unpadded texts, mean over all tokens."""
    from transformers import AutoModel, AutoTokenizer

    tokeniser, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    out = []
    with torch.inference_mode():
        for i, text in enumerate(texts):
            second = () if pairs is None else (pairs[i],)
            enc = tokeniser(text, *second, truncation=True, max_length=max_length, return_tensors="pt")
            out.append(model(**enc).last_hidden_state[0].mean(0).numpy())
    return np.stack(out)


def test_vectors_are_those_of_single_texts_in_the_order_of_the_texts(folder):
    texts, _ = sentences(150)
    found = Encoder(folder, device="cpu", dtype="fp32").encode(texts)
    np.testing.assert_allclose(found, one_by_one(folder, texts), atol=1e-5)
    assert found.dtype == np.float32


def test_vectors_of_pairs_know_which_text_is_which(folder):
    texts, _ = sentences(20)
    pairs = sentences(20, seed=1)[0]
    encoder = Encoder(folder, device="cpu", dtype="fp32")
    found = encoder.encode(texts, pairs)
    np.testing.assert_allclose(found, one_by_one(folder, texts, pairs), atol=1e-5)
    assert not np.allclose(found, encoder.encode(pairs, texts), atol=1e-3)


def test_odd_texts_have_finite_vectors(folder):
    encoder = Encoder(folder, device="cpu", dtype="fp32")
    found = encoder.encode(MIXED)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[1], found[2], atol=1e-6)
    assert encoder.encode([]).shape == (0, 32)


def test_batches_hold_a_bounded_number_of_tokens_and_every_text_once(folder, monkeypatch):
    texts, _ = sentences(300)
    encoder = Encoder(folder, device="cpu", dtype="fp32", token_budget=100)
    sizes = []
    forward = Encoder._forward

    def spy(self, padded):
        sizes.append(padded["input_ids"].size)
        return forward(self, padded)

    monkeypatch.setattr(Encoder, "_forward", spy)
    seen = np.concatenate([positions for positions, _ in encoder.batches(texts)])
    assert sorted(seen.tolist()) == list(range(300))
    assert max(sizes) <= 100


def test_token_batches_waste_little_and_never_stall():
    lengths = np.random.default_rng(0).integers(0, 60, 1000)
    batches = list(token_batches(lengths, 128))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    assert all(len(b) == 1 or len(b) * lengths[b].max() <= 128 or lengths[b].max() == 0 for b in batches)
    padded = sum(len(b) * lengths[b].max() for b in batches)
    assert padded < 1.05 * lengths.sum()


def test_a_stop_is_noticed_at_the_next_batch(folder):
    texts, _ = sentences(300)
    stop = Stop()
    batches = Encoder(folder, device="cpu", token_budget=64).batches(texts, stop=stop)
    assert 0 < len(next(batches)[0]) < 30
    stop.set()
    with pytest.raises(Cancelled):
        next(batches)


def test_nothing_global_is_moved(folder):
    texts, _ = sentences(10)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    with bounded_threads(1) as inside:
        assert inside == torch.get_num_threads() == 1
    Encoder(folder, device="cpu").encode(texts)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_the_number_of_threads_does_not_change_a_bit(folder):
    texts, _ = sentences(64)
    encoder = Encoder(folder, device="cpu", dtype="fp32")
    first = encoder.encode(texts)
    for count in (1, 2):
        encoder._threads._few = encoder._threads._many = count
        assert np.array_equal(encoder.encode(texts), first)


def test_the_tuner_settles_on_what_is_faster():
    tuner = ThreadTuner()
    tuner._few, tuner._many = 1, 2
    tuner._count, tuner._rates = 5, {1: 100.0, 2: 190.0}
    assert tuner._next() == 2
    tuner._rates = {1: 100.0, 2: 110.0}
    assert tuner._next() == 1
    tuner._count = 24
    assert tuner._next() == 2


@pytest.mark.parametrize("pooling", ["cls_token", "mean_tokens", "max_tokens"])
def test_pooling_is_what_the_folder_says(tmp_path, pooling):
    folder = make_tiny(tmp_path, pooling=pooling, normalise=True)
    assert read_pooling(folder) == Pooling(pooling.partition("_")[0], normalise=True, max_length=32)
    encoder = Encoder(folder, device="cpu", dtype="fp32")
    found = encoder.encode(["the striker scored", "a treaty with the neighbouring country after talks"])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert encoder.max_length == 32
    from transformers import AutoModel, AutoTokenizer

    enc = AutoTokenizer.from_pretrained(folder)("the striker scored", return_tensors="pt")
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(folder).eval()(**enc).last_hidden_state[0]
    expected = {"cls_token": hidden[0], "mean_tokens": hidden.mean(0), "max_tokens": hidden.amax(0)}[pooling]
    np.testing.assert_allclose(found[0], (expected / expected.norm()).numpy(), atol=1e-5)


def test_last_token_pooling_skips_the_padding():
    hidden = torch.arange(24.0).reshape(2, 4, 3)
    mask = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1]])
    assert Pooling("lasttoken").apply(hidden, mask)[:, 0].tolist() == [3.0, 21.0]


def test_a_long_text_is_not_tokenised_whole_but_gives_the_same_tokens(folder, monkeypatch):
    tokeniser = Tokeniser(folder)
    longest = []
    encode = Tokeniser._encode

    def spy(self, first, second):
        longest.append(max(map(len, first)))
        return encode(self, first, second)

    monkeypatch.setattr(Tokeniser, "_encode", spy)
    text = "the striker scored twice " * 8000
    found = tokeniser([text, "the coach"])
    assert max(longest) <= 16 * 64
    whole = tokeniser.inner(text, truncation=True, max_length=64)["input_ids"]
    assert found.ids[: found.offsets[1]].tolist() == whole
    blanks = " " * 50_000 + "the coach"
    assert tokeniser([blanks]).ids.tolist() == tokeniser(["the coach"]).ids.tolist()


def test_identity_follows_the_weights_and_not_the_place(tmp_path):
    first = make_tiny(tmp_path / "a")
    other = make_tiny(tmp_path / "b", seed=1)
    assert folder_identity(first) != folder_identity(other)
    before = folder_identity(first)
    first.rename(tmp_path / "c")
    assert folder_identity(tmp_path / "c") == before
    ids = {
        Encoder(tmp_path / "c", device="cpu", dtype=d, max_length=n).identity
        for d in ("fp32", "bf16")
        for n in (16, 32)
    }
    assert len(ids) == 4


def test_what_cannot_be_loaded_says_so(tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        Encoder(tmp_path, device="cpu").load()
    broken = make_tiny(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="safetensors"):
        Encoder(broken, device="cpu").load()


def test_weights_that_would_be_unpickled_are_refused(tmp_path):
    folder = make_tiny(tmp_path / "pickled")
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="safetensors"):
        Encoder(folder, device="cpu").load()


def test_bfloat16_keeps_the_vectors_of_the_real_model(data_dir):
    path = offline_path()
    if path is None:
        pytest.skip('needs the offline extra: pip install "alwidget[offline]"')
    news = data_dir / "agnews.jsonl.gz"
    if not news.is_file():
        pytest.skip(f"ALWIDGET_DATA has no {news.name}")
    with gzip.open(news, "rt", encoding="utf-8", newline="\n") as file:
        texts = [json.loads(next(file))["text"] for _ in range(60)]
    plain = Encoder(path, device="cpu", dtype="fp32").encode(texts)
    lower = Encoder(path, device="cpu", dtype="bf16").encode(texts)
    assert (plain * lower).sum(axis=1).min() >= 0.999
    chosen = Encoder(path, device="cpu")
    chosen.load()
    assert chosen.dtype == ("bf16" if cpu_has_bfloat16() else "fp32")
    assert chosen.max_length == 256
    assert chosen.pooling == Pooling("mean", normalise=True, max_length=256)
