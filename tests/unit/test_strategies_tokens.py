"""Scores of sentences from the tags of their words: known values, a naive definition, and what is refused."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView
from alwidget.strategies.functional import (
    bald,
    entropy,
    kmeans_medoids,
    mnlp,
    token_badge,
    token_bald,
    token_budget,
    token_entropy,
    top,
)
from alwidget.strategies.functional.gradients import token_gradients

AGGREGATES = ("mean", "max", "sum", "top")


def h(row):
    return -sum(p * math.log(p) for p in row if p > 0)


@st.composite
def sentences(draw, passes=1):
    """Return, for each pass, sentences of 0 … 5 words with K tags, ties and one-hot rows among them."""
    lengths = draw(st.lists(st.integers(0, 5), min_size=1, max_size=12))
    tags = draw(st.integers(1, 4))
    made = []
    for _ in range(passes):
        weights = draw(hnp.arrays(np.float64, (sum(lengths), tags), elements=st.integers(0, 8)))
        weights[weights.sum(axis=1) == 0, 0] = 1
        flat = weights / weights.sum(axis=1, keepdims=True)
        made.append(np.split(flat, np.cumsum(lengths)[:-1]))
    return made


def joined(some):
    return np.concatenate(some), np.cumsum([0, *map(len, some)])


def pooled(values, agg, k):
    if not len(values):
        return -math.inf
    best = sorted(values, reverse=True)
    return {
        "mean": sum(values) / len(values),
        "max": best[0],
        "sum": sum(values),
        "top": sum(best[:k]) / len(best[:k]),
    }[agg]


def test_mnlp_known_values():
    found = mnlp(np.log([[0.9, 0.6], [0.5, 1.0]]), [2, 1])
    np.testing.assert_allclose(found, [0.308093, 0.693147], atol=5e-7)
    assert mnlp(np.zeros((1, 0)), [0]).tolist() == [-math.inf]


def test_mnlp_does_not_look_behind_the_end_of_a_sentence():
    padded = np.log([[0.9, 0.6, 0.1], [0.5, 0.2, 0.3]])
    padded[0, 2] = np.nan
    padded[1, 1:] = [5, np.inf]
    np.testing.assert_allclose(mnlp(padded, [2, 1]), [0.308093, 0.693147], atol=5e-7)


def test_mnlp_is_not_a_sum_over_words():
    # twice the same words must score as once: a sum would prefer the longer sentence
    assert mnlp(np.log([[0.9, 0.6, 0.9, 0.6]]), [4])[0] == pytest.approx(mnlp(np.log([[0.9, 0.6]]), [2])[0])


@given(made=sentences())
def test_mnlp_is_the_naive_definition(made):
    (some,) = made
    best = [[math.log(max(row)) for row in one] for one in some]
    most = max(map(len, best))
    padded = np.full((len(best), most), np.nan)
    for i, row in enumerate(best):
        padded[i, : len(row)] = row
    expected = [-sum(row) / len(row) if row else -math.inf for row in best]
    np.testing.assert_allclose(mnlp(padded, [len(row) for row in best]), expected, atol=1e-12)
    view = ArrayView(token_probs=joined(some))
    np.testing.assert_allclose(strategies.get("mnlp").scores(view), expected, atol=1e-12)


def test_sentences_without_an_entity_can_be_left_out():
    some = [[[0.6, 0.4], [0.9, 0.1]], [[0.8, 0.2], [0.1, 0.9]], [[0.51, 0.49]]]
    view = ArrayView(token_probs=[np.array(s) for s in some])
    plain = strategies.get("mnlp").scores(view)
    skipped = strategies.get("mnlp", skip_all_O=True).scores(view)
    assert np.isfinite(plain).all()
    assert skipped.tolist() == [-math.inf, plain[1], -math.inf]
    assert strategies.get("mnlp").select(view, 1, None).indices.tolist() == [2]
    assert strategies.get("mnlp", skip_all_O=True).select(view, 3, None).indices.tolist() == [1, 0, 2]
    assert mnlp(np.log([[0.9], [0.5]]), [1, 1], skip_all_O=[False, True]).tolist() == [-math.log(0.9), -math.inf]


@pytest.mark.parametrize(
    ("log_probs", "lengths", "more", "said"),
    [
        ([[0.9, 0.6]], [2], {}, "none above 0.*Pass np.log of them"),
        ([[math.nan]], [1], {}, "holds NaN"),
        ([[-0.1]], [2], {}, "lie between 0 and 1, got 2"),
        ([[-0.1]], [-1], {}, "lie between 0 and 1, got -1"),
        ([[-0.1]], [1, 1], {}, "one a document"),
        ([[-0.1]], [0.5], {}, "whole numbers"),
        ([-0.1], [1], {}, "two axes"),
        ([[-0.1]], [1], {"skip_all_O": [True, False]}, "skip_all_O must be bool, one a document"),
    ],
)
def test_mnlp_refuses(log_probs, lengths, more, said):
    with pytest.raises(StrategyError, match=said):
        mnlp(log_probs, lengths, **more)


def test_token_entropy_known_values():
    words = np.array([[0.9, 0.1], [0.5, 0.5], [1.0, 0.0]])
    np.testing.assert_allclose(token_entropy(words, [0, 1, 2, 3]), [0.325083, 0.693147, 0], atol=5e-7)
    for agg, value in {"sum": 1.018230, "mean": 0.339410, "max": 0.693147}.items():
        np.testing.assert_allclose(token_entropy(words, [0, 3], agg=agg), [value], atol=5e-7)
    np.testing.assert_allclose(token_entropy(words, [0, 3], agg="top", k=2), [(0.325083 + 0.693147) / 2], atol=5e-7)


@given(made=sentences(), agg=st.sampled_from(AGGREGATES), k=st.integers(1, 7))
def test_token_entropy_is_the_naive_definition(made, agg, k):
    (some,) = made
    expected = [pooled([h(row) for row in one], agg, k) for one in some]
    np.testing.assert_allclose(token_entropy(*joined(some), agg=agg, k=k), expected, atol=1e-12)
    view = ArrayView(token_probs=joined(some))
    np.testing.assert_allclose(strategies.get("token-entropy", agg=agg, k=k).scores(view), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "offsets", "more", "said"),
    [
        ([[0.5, 0.5]], [0, 2], {}, "rise from 0 to the 1 rows"),
        ([[0.5, 0.5]], [1, 1], {}, "rise from 0"),
        ([[0.5, 0.5]] * 3, [0, 2, 1, 3], {}, "rise from 0"),
        ([[0.5, 0.5]], [0.0, 1.0], {}, "whole numbers"),
        ([[0.5, 0.5]], [], {}, "N . 1 whole numbers"),
        ([[5.0, 0.0]], [0, 1], {}, "token_probs.*logits"),
        ([[math.nan, 0.0]], [0, 1], {}, "token_probs holds NaN"),
        ([0.5, 0.5], [0, 1], {}, "two axes"),
        ([[0.5, 0.5]], [0, 1], {"agg": "men"}, 'agg must be one of "mean".*Did you mean "mean"'),
        ([[0.5, 0.5]], [0, 1], {"agg": "top", "k": 0}, "k must be at least 1"),
    ],
)
def test_token_entropy_refuses(words, offsets, more, said):
    with pytest.raises(StrategyError, match=said):
        token_entropy(words, offsets, **more)


def test_bald_known_values():
    first = [[0.9, 0.1], [0.5, 0.5], [0.9, 0.1], [0.6, 0.4]]
    second = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1], [0.8, 0.2]]
    values = [0.368064, 0, 0, 0.024157]
    np.testing.assert_allclose(bald([first, second]), values, atol=5e-7)
    np.testing.assert_allclose(token_bald([(p, range(5)) for p in (first, second)]), values, atol=5e-7)
    np.testing.assert_allclose(token_bald([(p, [0, 4]) for p in (first, second)]), [sum(values) / 4], atol=5e-7)
    # two equal passes that know nothing: no disagreement, yet the largest entropy
    assert bald([first, second])[1] < 1e-12
    assert entropy(np.mean([first, second], axis=0))[1] == pytest.approx(math.log(2))


@given(made=sentences(passes=3), agg=st.sampled_from(AGGREGATES), k=st.integers(1, 7))
def test_bald_is_the_naive_definition(made, agg, k):
    expected = []
    for each in zip(*made, strict=True):
        words = [
            max(h(np.mean(rows, axis=0)) - sum(h(row) for row in rows) / 3, 0) for rows in zip(*each, strict=True)
        ]
        expected.append(pooled(words, agg, k))
    found = token_bald([joined(one) for one in made], agg=agg, k=k)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    if sum(map(len, made[0])):
        assert (bald(np.stack([np.concatenate(one) for one in made])) >= 0).all()


def test_bald_averages_probabilities_and_not_their_logarithms():
    passes = np.array([[[0.99, 0.01]], [[0.2, 0.8]]])
    geometric = np.exp(np.log(passes).mean(axis=0))
    geometric /= geometric.sum()
    right = h(passes.mean(axis=0)[0]) - np.mean([h(p[0]) for p in passes])
    assert bald(passes)[0] == pytest.approx(right)
    assert abs(right - (h(geometric[0]) - np.mean([h(p[0]) for p in passes]))) > 0.05


def test_bald_reads_one_pass_at_a_time():
    n, tags, passes = 40_000, 9, 12
    offsets = np.arange(0, n + 1, 20)
    alive, most = 0, 0

    def stream():
        nonlocal alive, most
        rng = np.random.default_rng(0)
        for _ in range(passes):
            yield rng.dirichlet(np.ones(tags), n).astype(np.float32), offsets

    tracemalloc.start()
    try:
        token_bald(stream())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5 * n * tags * 8  # all passes together are twelve


def test_bald_refuses():
    words = [[0.5, 0.5], [0.9, 0.1]]
    with pytest.raises(StrategyError, match=r"at least two passes.*got 1"):
        bald([words])
    with pytest.raises(StrategyError, match=r"at least two passes.*got 0"):
        token_bald([])
    with pytest.raises(StrategyError, match="different words"):
        token_bald([(words, [0, 1, 2]), (words, [0, 2])])
    with pytest.raises(StrategyError, match="same shape"):
        bald([words, words[:1]])
    with pytest.raises(StrategyError, match=r"mc_probs.*logits"):
        bald([words, [[5.0, 1.0], [2.0, 3.0]]])
    with pytest.raises(StrategyError, match="passes must be at least 2"):
        strategies.get("bald", passes=1)


@given(
    order=st.permutations(range(8)),
    lengths=st.lists(st.integers(0, 9), min_size=8, max_size=8),
    budget=st.integers(0, 80),
)
def test_a_batch_may_be_counted_in_words(order, lengths, budget):
    expected, total = [], 0
    for i in order:
        if total >= budget:
            break
        expected.append(i)
        total += lengths[i]
    assert token_budget(order, lengths, budget).tolist() == expected


def test_badge_for_tags_of_sentences_of_one_word_is_badge():
    probs = [[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05]]
    states = [[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]
    e = token_gradients(probs, range(4), states)
    np.testing.assert_allclose((e**2).sum(axis=1), [0.14, 1.09, 0.06], atol=1e-6)
    apart = ((e[:, None] - e[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(apart, [[0, 0.68, 0.20], [0.68, 0, 0.79], [0.20, 0.79, 0]], atol=1e-6)
    seconds = [int(token_badge(probs, range(4), states, 2, seed)[1]) for seed in range(4000)]
    counts = np.bincount(seconds, minlength=3)
    assert counts[1] == 0
    expected = 4000 * np.array([0.68, 0.79]) / 1.47
    assert ((counts[[0, 2]] - expected) ** 2 / expected).sum() < 6.63  # chi-square, one degree of freedom


@given(made=sentences(), seed=st.integers(0, 99), e=st.sampled_from(["sum", "mean"]))
def test_gradients_of_sentences_are_sums_of_outer_products(made, seed, e):
    (some,) = made
    flat, offsets = joined(some)
    if not len(flat):
        return
    states = np.random.default_rng(seed).normal(size=(len(flat), 3))
    found = token_gradients(flat, offsets, states, e=e)
    for i, one in enumerate(some):
        expected = np.zeros((flat.shape[1], 3))
        for p, state in zip(one, states[offsets[i] :], strict=False):
            g = p.copy()
            g[p.argmax()] -= 1
            expected += np.outer(g, state)
        if e == "mean" and len(one):
            expected /= len(one)
        np.testing.assert_allclose(found[i], expected.ravel(), atol=1e-5)


def test_a_sketch_keeps_distances_roughly_and_is_always_the_same():
    rng = np.random.default_rng(0)
    flat, states = rng.dirichlet(np.ones(5), 600), rng.normal(size=(600, 384))
    offsets = np.arange(0, 601, 6)
    full = token_gradients(flat, offsets, states, sketch=384)
    small = token_gradients(flat, offsets, states, sketch=64)
    assert small.shape == (100, 5 * 64)
    assert np.array_equal(small, token_gradients(flat, offsets, states, sketch=64))
    exact, rough = (((e[:, None] - e[None]) ** 2).sum(axis=-1)[np.triu_indices(100, 1)] for e in (full, small))
    assert abs(rough.mean() / exact.mean() - 1) < 0.05
    assert np.corrcoef(exact, rough)[0, 1] > 0.7


class Lazy:
    """A tagging view whose states are made when they are asked for, as a model makes them."""

    task, multilabel, fitted, round = "tagging", False, True, 0

    def __init__(self, n, words, tags, d):
        self.size, self._words, self._tags, self._d = n, words, tags, d
        self.lengths = np.full(n, words)
        self.asked = []

    def token_states(self, positions):
        self.asked.append(np.array(positions))
        rng = np.random.default_rng([7, int(positions[0]), len(positions)])
        rows = len(positions) * self._words
        flat = rng.random((rows, self._tags), dtype=np.float32)
        flat /= flat.sum(axis=1, keepdims=True)
        states = rng.standard_normal((rows, self._d), dtype=np.float32)
        view = ArrayView(token_probs=(flat, np.arange(0, rows + 1, self._words)))
        return view.token_probs, states


def test_badge_for_tags_holds_no_array_of_all_words():
    view = Lazy(12_000, 20, 9, 256)  # all states together are 246 MB
    tracemalloc.start()
    try:
        ranked = strategies.get("badge").select(view, 20, np.random.default_rng(0))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 220 << 20
    assert len(set(ranked.indices.tolist())) == 20
    assert np.concatenate(view.asked).tolist() == list(range(12_000))


def test_badge_for_tags_reads_in_chunks_what_it_would_read_at_once():
    rng = np.random.default_rng(1)
    tags = [rng.dirichlet(np.ones(5), rng.integers(0, 7)) for _ in range(300)]
    states = [rng.normal(size=(len(t), 10)) for t in tags]
    view = ArrayView(token_probs=tags, token_states=states)
    found = strategies.get("badge").select(view, 25, np.random.default_rng(3)).indices
    flat, offsets = joined(tags)
    assert found.tolist() == token_badge(flat, offsets, np.concatenate(states), 25, 3).tolist()


def test_tyrogue_on_tags_asks_for_the_words_of_the_representatives_only():
    rng = np.random.default_rng(0)
    tags = [rng.dirichlet(np.ones(5), rng.integers(1, 7)) for _ in range(200)]
    states = [np.zeros((len(t), 2)) for t in tags]
    vectors = rng.normal(size=(200, 6))

    class Watched(ArrayView):
        asked = None

        def token_states(self, positions):
            self.asked = np.array(positions)
            return super().token_states(positions)

    view = Watched(token_probs=tags, token_states=states, embeddings=vectors)
    strategy = strategies.get("tyrogue").at(view)
    assert strategy.needs == {"embeddings", "token_probs", "token_states"}
    ranked = strategy.select(view, 10, np.random.default_rng(5))
    representatives = np.sort(kmeans_medoids(vectors, 30, 5))
    assert view.asked.tolist() == representatives.tolist()
    scores = token_entropy(*joined([tags[i] for i in representatives]))
    assert ranked.indices.tolist() == representatives[top(scores, 10)].tolist()
    everything = strategies.get("tyrogue", r=None).at(view)
    assert everything.needs == {"token_probs"}
    assert everything.select(view, 7, np.random.default_rng(0)).indices.tolist() == (
        top(token_entropy(*joined(tags)), 7).tolist()
    )
    assert strategies.get("tyrogue").at(ArrayView(embeddings=vectors, task="tagging")).needs == {"embeddings"}


@settings(max_examples=25)
@given(made=sentences())
def test_scores_do_not_depend_on_the_other_sentences(made):
    (some,) = made
    for score in (token_entropy, lambda flat, offsets: token_bald([(flat, offsets)] * 2)):
        together = score(*joined(some))
        apart = [score(*joined([one]))[0] for one in some]
        np.testing.assert_allclose(together, apart, atol=1e-12)
