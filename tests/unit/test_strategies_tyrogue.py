"""TYROGUE: what it is at both ends of r, what it asks a model for, and what it does before there is one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView
from alwidget.strategies.functional import entropy, kmeans_medoids, top, tyrogue


def arrays(n=200, classes=4, d=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), n), rng.normal(size=(n, d)).astype(np.float32)


class Watched(ArrayView):
    """A view that remembers which probabilities were asked for."""

    asked = None

    def probs_at(self, positions):
        self.asked = np.array(positions)
        return super().probs_at(positions)


@pytest.mark.parametrize("seed", range(5))
def test_with_r_1_it_is_embedding_k_means(seed):
    probs, vectors = arrays()
    assert tyrogue(probs, vectors, 10, seed, r=1).tolist() == kmeans_medoids(vectors, 10, seed).tolist()
    assert tyrogue(None, vectors, 10, seed, r=1).tolist() == kmeans_medoids(vectors, 10, seed).tolist()


@pytest.mark.parametrize("r", [None, math.inf, 20, 1000])
def test_with_r_times_size_of_all_documents_it_is_entropy(r):
    probs, vectors = arrays()
    assert tyrogue(probs, vectors, 10, 0, r=r).tolist() == top(entropy(probs), 10).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_in_between_it_ranks_the_representatives(seed):
    probs, vectors = arrays(seed=seed)
    representatives = kmeans_medoids(vectors, 30, seed)
    found = tyrogue(probs, vectors, 10, seed, r=3)
    best = sorted(representatives.tolist(), key=lambda i: (-entropy(probs)[i], i))[:10]
    assert found.tolist() == best
    assert found.dtype == np.int64


def test_equal_entropies_keep_the_order_of_positions():
    _, vectors = arrays()
    found = tyrogue(np.full((200, 2), 0.5), vectors, 10, 0).tolist()
    assert found == sorted(kmeans_medoids(vectors, 30, 0).tolist())[:10]


@pytest.mark.parametrize("r", [0, -1, 1.5, "3", True, math.nan, -math.inf])
def test_an_r_that_is_none_is_refused(r):
    probs, vectors = arrays(20)
    for call in (lambda: tyrogue(probs, vectors, 2, 0, r=r), lambda: strategies.get("tyrogue", r=r)):
        with pytest.raises(StrategyError, match=r"r must be .* Write r=3"):
            call()


def test_a_whole_number_written_as_a_float_is_taken():
    assert strategies.get("tyrogue", r=2.0).r == 2


def test_arrays_about_different_documents_are_refused():
    probs, vectors = arrays(20)
    with pytest.raises(StrategyError, match=r"same documents.*probs \(20, 4\), embeddings \(19, 12\)"):
        tyrogue(probs, vectors[1:], 2, 0)


def test_both_arrays_are_checked():
    probs, vectors = arrays(20)
    with pytest.raises(StrategyError, match="logits"):
        tyrogue(probs * 9, vectors, 2, 0)
    with pytest.raises(StrategyError, match="embeddings holds NaN"):
        tyrogue(probs, vectors * np.nan, 2, 0)
    with pytest.raises(StrategyError, match="probs"):
        tyrogue(None, vectors, 2, 0)


@pytest.mark.parametrize("r", [1, 3, None])
def test_the_strategy_is_the_function(r):
    probs, vectors = arrays()
    view = ArrayView(probs=probs, embeddings=vectors)
    ranked = strategies.get("tyrogue", r=r).select(view, 10, np.random.default_rng(7))
    assert ranked.indices.tolist() == tyrogue(probs, vectors, 10, 7, r=r).tolist()
    if r == 1:
        assert np.isnan(ranked.scores).all()
    else:
        np.testing.assert_array_equal(ranked.scores, entropy(probs)[ranked.indices])


def test_the_model_is_asked_about_the_representatives_only():
    probs, vectors = arrays()
    view = Watched(probs=probs, embeddings=vectors)
    strategies.get("tyrogue").select(view, 10, np.random.default_rng(0))
    assert view.asked.tolist() == sorted(kmeans_medoids(vectors, 30, 0).tolist())


def test_a_model_that_answers_about_other_documents_is_refused():
    class Short(Watched):
        def probs_at(self, positions):
            return super().probs_at(positions)[:-1]

    probs, vectors = arrays()
    with pytest.raises(StrategyError, match="same documents"):
        strategies.get("tyrogue").select(Short(probs=probs, embeddings=vectors), 10, np.random.default_rng(0))


def test_before_there_is_a_model_it_is_pure_diversity():
    probs, vectors = arrays()
    strategy = strategies.get("tyrogue")
    cold = Watched(probs=probs, embeddings=vectors, fitted=False)
    expected = kmeans_medoids(vectors, 10, 3).tolist()
    assert strategy.select(cold, 10, np.random.default_rng(3)).indices.tolist() == expected
    assert cold.asked is None
    acting = strategy.at(cold)
    assert acting.needs == {"embeddings"}
    assert not acting.needs_model
    assert acting.name == "tyrogue"
    assert acting.subsample == "random:10000"
    assert acting.select(cold, 10, np.random.default_rng(3)).indices.tolist() == expected
    assert acting.select(ArrayView(embeddings=vectors), 10, np.random.default_rng(3)).indices.tolist() == expected


def test_the_papers_cold_start_ranks_by_entropy_at_once():
    probs, vectors = arrays()
    strategy = strategies.get("tyrogue", cold_start_entropy=True)
    cold = ArrayView(probs=probs, embeddings=vectors, fitted=False)
    assert strategy.at(cold) is strategy
    assert strategy.works_cold
    assert (
        strategy.select(cold, 10, np.random.default_rng(3)).indices.tolist() == tyrogue(probs, vectors, 10, 3).tolist()
    )


def test_with_a_model_it_is_itself():
    probs, vectors = arrays(20)
    strategy = strategies.get("tyrogue")
    assert strategy.at(ArrayView(probs=probs, embeddings=vectors)) is strategy
    assert strategy.needs_model
    assert not strategy.works_cold


def test_it_says_what_it_reads():
    assert strategies.get("tyrogue").needs == {"probs", "embeddings"}
    assert strategies.get("tyrogue", r=1).needs == {"embeddings"}
    assert strategies.get("tyrogue", r=None).needs == {"probs"}


def test_the_defaults_are_the_papers():
    strategy = strategies.get("tyrogue")
    assert strategy.options() == {"r": 3, "cold_start_entropy": False}
    assert strategy.subsample == "random:10000"
