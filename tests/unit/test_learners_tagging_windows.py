"""Words to word pieces and back: alignment, windows of long documents, and decoding against all sequences."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.learners.base import TokenProbs
from alwidget.learners.tagging.decoding import best_tags, spans_from
from alwidget.learners.tagging.shapes import OWN, WIDTH, word_shapes
from alwidget.learners.tagging.targets import by_words, document_means
from alwidget.learners.tagging.windows import Pieces, Windows, WordTokeniser, flat_words
from alwidget.learners.tagging.wordvectors import WordEncoder, word_keys
from alwidget.tasks.words import word_spans
from tagging_data import ODD_TEXTS
from tiny_models import make_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tokeniser(folder):
    return WordTokeniser(folder, max_length=16)


def test_each_word_has_its_pieces(tokeniser):
    texts = ["the Striker's 42 goals", *ODD_TEXTS]
    words = [word_spans(text) for text in texts]
    pieces = tokeniser.pieces(texts, words)
    names = tokeniser.inner.convert_ids_to_tokens
    made = [
        "".join(names(pieces.ids[a:b].tolist())).replace("##", "")
        for a, b in zip(pieces.firsts[:4], pieces.ends[:4], strict=True)
    ]
    assert made == ["the", "striker[UNK]s", "42", "goals"]
    assert np.diff(pieces.words).tolist() == [len(w) for w in words]
    assert (pieces.ends >= pieces.firsts).all()
    zero_width = pieces.words[5] + 0  # the tokeniser drops U+200B
    assert pieces.firsts[zero_width] == pieces.ends[zero_width]


def test_lone_surrogates_do_not_shift_what_comes_after(tokeniser):
    texts = ["\ud83d\ude00 the coach", "xx the coach"]
    texts[0] = texts[0].encode("utf-16", "surrogatepass").decode("utf-16")  # an emoji, one character
    for text in (texts[0], "\ud83d the coach", "\ude00\ud83d the coach"):
        words = word_spans(text)
        pieces = tokeniser.pieces([text], [words])
        last = pieces.ids[pieces.firsts[-1] : pieces.ends[-1]].tolist()
        assert tokeniser.inner.convert_ids_to_tokens(last) == ["coach"]


@given(st.lists(st.integers(0, 60), max_size=5), st.integers(1, 9), st.randoms())
@settings(max_examples=150)
def test_every_word_is_in_one_window_where_it_has_the_best_context(lengths, room, random):
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    firsts = np.concatenate([np.arange(n) for n in lengths] or [np.empty(0)]).astype(np.int32)
    pieces = Pieces(np.arange(offsets[-1], dtype=np.int32), offsets, firsts, firsts + 1, offsets)
    windows = Windows.over(pieces, room, before=[-1], after=[-2, -3])
    assert sorted(windows.order.tolist()) == list(range(offsets[-1]))
    spans = []
    for j in range(len(windows)):
        ids = windows.tokens.ids[windows.tokens.offsets[j] : windows.tokens.offsets[j + 1]]
        assert ids[0] == -1
        assert ids[-2:].tolist() == [-2, -3]
        inside = ids[1:-2]
        assert len(inside) <= room
        assert (np.diff(inside) == 1).all()
        spans.append((inside[0], inside[-1]) if len(inside) else None)
        for k in range(windows.bounds[j], windows.bounds[j + 1]):
            assert ids[windows.firsts[k]] == windows.order[k]  # the word's piece, where it says
            assert windows.ends[k] == windows.firsts[k] + 1
    context = [
        max(min(p - a, b - p) for d, span in zip(windows.documents, spans, strict=True) if span
            for a, b in [span] if a <= p <= b and offsets[d] <= p < offsets[d + 1])
        for p in range(offsets[-1])
    ]  # fmt: skip
    for j, span in enumerate(spans):
        for k in range(windows.bounds[j], windows.bounds[j + 1]):
            p = windows.order[k]
            assert min(p - span[0], span[1] - p) == context[p]


def test_a_word_longer_than_a_window_begins_in_its_window(tokeniser):
    text = "the " + "a" * 90 + " coach"
    words = word_spans(text)
    inner = tokeniser.inner.backend_tokenizer.model
    inner.max_input_chars_per_word = 1000
    windows = tokeniser.windows(tokeniser.pieces([text], [words]))
    assert sorted(windows.order.tolist()) == [0, 1, 2]
    assert (windows.ends > windows.firsts).all()
    assert (windows.ends <= tokeniser.max_length - 1).all()
    inner.max_input_chars_per_word = 100


def test_words_of_a_batch_lie_flat():
    flat, begins = flat_words(np.array([0, 0, 2]), np.array([1, 3, 0]), np.array([3, 4, 2]), 10)
    assert flat.tolist() == [1, 2, 3, 20, 21]
    assert begins.tolist() == [0, 2, 3]


def _possible(tags):
    before = 0
    for tag in tags:
        if tag > 0 and tag % 2 == 0 and before not in {tag, tag - 1}:
            return False
        before = tag
    return True


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from([1, 3, 5]), st.integers(0, 2**32 - 1))
def test_decoding_finds_the_best_of_all_possible_sequences(lengths, tags, seed):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    scores = np.log(rng.dirichlet(np.full(tags, 0.4), int(offsets[-1])) + 1e-12).reshape(-1, tags)
    found = best_tags(scores, offsets)
    for a, b in pairwise(offsets):
        got = found[a:b].tolist()
        assert _possible(got)
        best = max(
            sum(scores[a + i, t] for i, t in enumerate(s)) for s in product(range(tags), repeat=b - a) if _possible(s)
        )
        assert sum(scores[a + i, t] for i, t in enumerate(got)) == pytest.approx(best)


def test_confidence_is_that_of_the_least_sure_word():
    words = [np.array([[0, 2], [3, 5], [6, 8]], dtype=np.int32), np.empty((0, 2), dtype=np.int32)]
    probs = TokenProbs(
        np.array([[0.1, 0.9, 0], [0.3, 0, 0.7], [0.8, 0.2, 0]], np.float32), np.array([0, 3, 3]), ("O", "B-A", "I-A")
    )
    first, second = spans_from(np.array([1, 2, 0]), probs, words)
    assert [(s.start, s.end, s.label) for s in first] == [(0, 5, 0)]
    assert first[0].confidence == pytest.approx(0.7)
    assert second == []


def test_shapes_see_the_neighbours_of_a_word_but_not_of_a_document():
    texts = ["Ada 42 ...", "", "x"]
    found = word_shapes(texts, [word_spans(t) for t in texts])
    assert found.shape == (6, WIDTH)
    own, before, after = found[:, :OWN], found[:, OWN : 2 * OWN], found[:, 2 * OWN :]
    assert np.array_equal(before[1], own[0])
    assert np.array_equal(after[0], own[1])
    for edge in (before[0], after[4], before[5], after[5]):
        assert not edge.any()
    assert word_shapes([], []).shape == (0, WIDTH)


def test_means_and_groups_of_documents():
    values = np.arange(8.0).reshape(4, 2)
    assert document_means(values, np.array([0, 0, 3, 4])).tolist() == [[0, 0], [2, 3], [6, 7]]
    words = [np.zeros((n, 2)) for n in (3, 4, 9, 0, 1)]
    assert [rows.tolist() for rows in by_words(words, 7)] == [[0, 1], [2], [3, 4]]


def test_word_keys_are_of_content_words_and_place():
    a, b = np.array([[0, 1], [2, 3]], np.int32), np.array([[0, 3]], np.int32)
    keys = word_keys([b"k" * 16, b"k" * 16, b"l" * 16], [a, b, a])
    assert keys.dtype == np.uint64
    assert len({tuple(key) for key in keys.tolist()}) == 5
    assert np.array_equal(word_keys([b"k" * 16], [a]), keys[:2])


def test_word_vectors_are_the_mean_of_the_pieces_of_a_middle_layer(folder):
    import torch
    from transformers import AutoModel

    encoder = WordEncoder(folder, device="cpu", dtype="fp32")
    texts = ["the coach praised xyz", "a"]
    vectors = encoder.encode_words(texts, [word_spans(t) for t in texts])
    assert encoder.layer == 1
    assert encoder._is_cut
    model = AutoModel.from_pretrained(folder).eval()
    enc = encoder._by_word.inner(texts[0], return_tensors="pt")
    with torch.inference_mode():
        states = model(**enc, output_hidden_states=True).hidden_states[1][0].numpy()
    np.testing.assert_allclose(vectors[:3], states[1:4], atol=1e-4)
    np.testing.assert_allclose(vectors[3], states[4:7].mean(axis=0), atol=1e-4)
    assert vectors.shape == (5, 32)


def test_long_documents_are_read_in_windows(folder):
    encoder = WordEncoder(folder, device="cpu", dtype="fp32")
    text = "the coach praised the striker " * 100
    words = word_spans(text)
    whole = encoder.encode_words([text], [words])
    assert whole.shape == (500, 32)
    first = encoder.encode_words([text[: words[61, 1]]], [words[:62]])  # the first window alone
    np.testing.assert_allclose(whole[:31], first[:31], atol=1e-4)
    assert np.isfinite(whole).all()
    assert np.abs(whole).sum(axis=1).min() > 0
