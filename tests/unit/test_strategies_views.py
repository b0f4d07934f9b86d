"""Rounds over plain arrays, answers by score, and the subsets that rounds look at."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView, by_score, subsampler, without_scores


def test_a_view_says_what_its_arrays_say():
    view = ArrayView(
        probs=np.full((4, 3), 1 / 3),
        embeddings=np.ones((4, 2)),
        labelled_y=[0, 2],
        labelled_probs=np.full((2, 3), 1 / 3),
        labelled_embeddings=np.ones((2, 2)),
        candidates=[10, 11, 12, 13],
        labelled=[3, 4],
        sources=["a", "b", "a", "b"],
        round=3,
    )
    assert (view.size, view.n_classes, view.round, view.fitted) == (4, 3, 3, True)
    assert view.candidates.tolist() == [10, 11, 12, 13]
    assert view.labelled.tolist() == [3, 4]
    assert view.labelled_y.dtype == np.int64
    assert view.sources.tolist() == ["a", "b", "a", "b"]
    assert view.probs_at(np.array([1, 3])).shape == (2, 3)


def test_a_view_fills_in_what_can_be_known():
    view = ArrayView(embeddings=np.ones((4, 2)), labelled_y=[1, 0, 4])
    assert (view.size, view.n_classes, view.round, view.fitted) == (4, 5, 0, False)
    assert view.candidates.tolist() == [0, 1, 2, 3]
    assert view.labelled.tolist() == [4, 5, 6]
    assert view.sources is None
    assert view.dynamics is None
    assert ArrayView(size=7).size == 7
    assert ArrayView(size=7).labelled_y.tolist() == []
    assert ArrayView(probs=[[1.0]], fitted=False).fitted is False


def test_what_was_not_given_is_said_when_it_is_read():
    view = ArrayView(probs=[[0.5, 0.5]])
    with pytest.raises(StrategyError, match=r"no embeddings. Give it: ArrayView\(embeddings=…, shape \(N, d\)\)"):
        _ = view.embeddings
    assert not hasattr(view, "labelled_embeddings")
    assert not hasattr(view, "_private")
    with pytest.raises(StrategyError, match="no embeddings"):
        strategies.get("ft-bert-km").select(view, 1, np.random.default_rng(0))


def test_a_strategy_of_your_own_may_read_more():
    assert ArrayView(size=2, prices=[3, 4]).prices == [3, 4]


def test_the_arrays_cannot_be_written_to_and_are_not_copied():
    probs = np.full((4, 2), 0.5)
    view = ArrayView(probs=probs)
    with pytest.raises(ValueError, match="read-only"):
        view.probs.sort()
    assert np.shares_memory(view.probs, probs)
    probs[0] = [0.1, 0.9]
    assert view.probs[0].tolist() == [0.1, 0.9]


@pytest.mark.parametrize(
    ("given_as", "said"),
    [
        ({}, "Nothing says how many candidates"),
        ({"labelled_y": [0, 1]}, "Nothing says how many candidates"),
        ({"probs": np.ones((3, 1)), "embeddings": np.ones((4, 2))}, "candidates: probs has 3, embeddings has 4"),
        ({"probs": np.ones((3, 1)), "size": 5}, "probs has 3, size has 5"),
        ({"probs": np.ones((3, 1)), "n_classes": 2}, "classes: probs has 1, n_classes has 2"),
        ({"probs": np.ones((3, 1)), "labelled_probs": np.ones((3, 2))}, "classes: probs has 1, labelled_probs has 2"),
        ({"embeddings": np.ones((3, 1)), "labelled_embeddings": np.ones((3, 2))}, "dimensions: "),
        ({"size": 3, "labelled_y": [0], "labelled": [1, 2]}, "labelled documents: "),
        ({"size": 3, "sources": ["a"]}, "sources has 1, size has 3"),
        ({"probs": [0.5, 0.5]}, r"probs must have 2 axes \(N candidates, C classes\)"),
        ({"probs": "abc"}, "real numbers"),
        ({"size": 2, "labelled_y": [0.5]}, "labelled_y must hold whole numbers"),
        ({"size": -1}, "size must be at least 0"),
        ({"size": 2, "round": -1}, "round must be at least 0"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(given_as, said):
    with pytest.raises(StrategyError, match=said):
        ArrayView(**given_as)


def test_answers_by_score_and_without():
    ranked = by_score(np.array([1, 5, 3]), 2)
    assert ranked.indices.tolist() == [1, 2]
    assert ranked.scores.tolist() == [5.0, 3.0]
    assert np.isnan(without_scores(np.array([2, 0])).scores).all()


@given(size=st.integers(1, 60), n=st.integers(0, 50), least=st.integers(0, 60), seed=st.integers(0, 9))
def test_a_random_subset_is_what_it_says(size, n, least, seed):
    available = np.arange(n) * 3
    subset = subsampler(f"random:{size}").select(available, np.random.default_rng(seed), least=least)
    assert len(subset.positions) == len(subset.propensity) == min(n, max(size, least))
    assert subset.positions.dtype == np.int64
    assert (np.diff(subset.positions) > 0).all()
    assert set(subset.positions.tolist()) <= set(range(n))
    assert (subset.propensity == (len(subset.positions) / n if n else 1)).all()
    again = subsampler(f"random:{size}").select(available, np.random.default_rng(seed), least=least)
    assert again.positions.tolist() == subset.positions.tolist()


def test_every_document_is_as_likely_to_be_looked_at():
    rng, counts = np.random.default_rng(0), np.zeros(20)
    for _ in range(3000):
        counts[subsampler("random:5").select(np.arange(20), rng).positions] += 1
    expected = 3000 * 5 / 20
    assert ((counts - expected) ** 2 / expected).sum() < 36.2  # chi-square, 19 degrees of freedom, fixed seed


def test_a_share_of_the_pool():
    assert len(subsampler("random:0.1").select(np.arange(1001), np.random.default_rng(0)).positions) == 101
    assert str(subsampler("random:0.1")) == "random:0.1"


def test_everything():
    for spec in (None, "none"):
        subset = subsampler(spec).select(np.arange(4), np.random.default_rng(0))
        assert subset.positions.tolist() == [0, 1, 2, 3]
        assert subset.propensity.tolist() == [1, 1, 1, 1]


def test_the_subset_of_a_million_is_no_larger_than_that_of_ten_thousand():
    for n in (10_000, 1_000_000):
        subset = subsampler("auto", strategies.get("tyrogue")).select(np.arange(n), np.random.default_rng(0))
        assert len(subset.positions) == 10_000
        assert subset.propensity[0] == 10_000 / n


def test_what_a_person_may_write():
    assert str(subsampler("random")) == "random:10000"
    assert str(subsampler("auto")) == "random:10000"
    assert str(subsampler("auto", strategies.get("entropy"))) == "random:10000"
    assert str(subsampler("none")) == "none"
    same = subsampler("random:7")
    assert subsampler(same) is same
    assert repr(same) == 'subsampler("random:7")'

    class Brings(strategies.Pointwise):
        name = "brings"
        subsample = "random:77"

        def scores(self, view):
            return np.zeros(view.size)

    assert str(subsampler("auto", Brings())) == "random:77"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "rondom:5",
            'no subsampler "rondom"; choose from "auto", "random", "naive", "ups", "seals", "none". Did you mean "random"',
        ),
        ("random:", "cannot be read; write a number"),
        ("random:many", "cannot be read; write a number"),
        ("random:0", "cannot be read; write a number"),
        ("random:-5", "cannot be read"),
        ("random:1.5", "cannot be read"),
        ("random:nan.", "cannot be read"),
        ("none:5", "takes no size"),
        (5, "is a text such as"),
    ],
)
def test_subsets_that_there_are_not(spec, said):
    with pytest.raises(StrategyError, match=said):
        subsampler(spec)


def test_sizes_that_make_no_sense():
    for size in (math.inf, math.nan, True, 0):
        with pytest.raises(StrategyError, match="share below 1"):
            strategies.subsample.RandomSubsampler(size)


def tagging(**changes):
    flat = np.array([[0.9, 0.1], [0.5, 0.5], [1.0, 0.0]])
    return {"token_probs": (flat, [0, 2, 2, 3]), "token_states": np.arange(6.0).reshape(3, 2)} | changes


def test_words_may_be_given_together_or_one_document_at_a_time():
    flat, offsets = tagging()["token_probs"]
    apart = [flat[:2], flat[2:2], flat[2:]]
    like = strategies.given.Words(flat, np.array(offsets), ("O", "B-X"))
    for given_as in ((flat, offsets), apart, like):
        view = ArrayView(token_probs=given_as, token_passes=[given_as] * 2)
        assert (view.size, view.task, view.fitted) == (3, "tagging", True)
        assert view.token_probs.offsets.tolist() == [0, 2, 2, 3]
        assert np.array_equal(view.token_probs.flat, flat)
        assert view.lengths.tolist() == [2, 0, 1]
        assert len(list(view.token_passes(2))) == 2
    assert view.token_probs.tags == ("O", "B-X")
    assert ArrayView(token_probs=[[], []]).lengths.tolist() == [0, 0]


def test_some_documents_are_had_in_the_order_asked_for():
    view = ArrayView(**tagging())
    tags, states = view.token_states(np.array([2, 0]))
    assert tags.offsets.tolist() == [0, 1, 3]
    assert tags.flat.tolist() == [[1, 0], [0.9, 0.1], [0.5, 0.5]]
    assert states.tolist() == [[4, 5], [0, 1], [2, 3]]
    assert tags.of(1).tolist() == [[0.9, 0.1], [0.5, 0.5]]


def test_a_document_that_was_cut_has_more_words_than_probabilities():
    assert ArrayView(**tagging(lengths=[9, 0, 1])).lengths.tolist() == [9, 0, 1]
    with pytest.raises(StrategyError, match="Document 0 has 1 words by lengths, but token_probs of 2"):
        ArrayView(**tagging(lengths=[1, 0, 1]))


def test_answers_are_in_the_form_of_the_task():
    several = ArrayView(probs=[[0.5, 0.9]], multilabel=True, labelled_y=[[1, 0], [0, 0]])
    assert several.labelled_y.dtype == bool
    assert several.n_classes == 2
    assert ArrayView(size=1, multilabel=True).labelled_y.shape[0] == 0
    spans = ArrayView(**tagging(labelled_y=[[[0, 3, 1]], []]))
    assert [one.shape for one in spans.labelled_y] == [(1, 3), (0, 3)]
    assert spans.labelled.tolist() == [3, 4]
    written = ArrayView(generated=(["a", "b"], [-1.0, -2.0]), labelled_y=["x"])
    assert (written.task, written.labelled_y, written.generated.candidates) == ("generation", ["x"], [["a"], ["b"]])


@pytest.mark.parametrize(
    ("given_as", "said"),
    [
        (tagging(size=4), "candidates: size has 4, token_probs has 3"),
        (tagging(token_passes=[[np.ones((1, 1))]]), r"token_probs has 3, token_passes\[0\] has 1"),
        (tagging(token_states=np.ones((2, 2))), "token_states"),
        (tagging(token_states=[np.ones((1, 2)), np.ones((0, 2)), np.ones((2, 2))]), "different numbers of words"),
        ({"size": 1, "token_states": np.ones((2, 2))}, "give ArrayView both"),
        ({"token_probs": (np.ones((3, 1)), [0, 2])}, r"token_probs.offsets must be .* to the 3 rows"),
        ({"token_probs": 3}, "must be a TokenProbs, a pair"),
        ({"token_probs": [np.ones((1, 2)), np.ones((1, 3))]}, r"K the same for all, got shapes \(1, 2\), \(1, 3\)"),
        ({"generated": (["a"], [-1.0, -2.0])}, r"1 texts but log_probs of shape \(2,\)"),
        ({"generated": ["a", "b", "c"]}, "must be a Generated or a pair"),
        ({"generated": (["a", 3], [-1.0, -2.0])}, "one text for each candidate"),
        ({"generated": (["a"], [-1.0]), "generate_passes": [(["a", "b"], [0.0, 0.0])]}, "generate_passes.0. has 2"),
        ({"size": 2, "surprisal": np.ones((3, 8))}, "size has 2, surprisal has 3"),
        ({"size": 2, "task": "taging"}, 'task must be one of .* Did you mean "tagging"'),
        ({"size": 2, "task": "tagging", "multilabel": True}, "multilabel=True does not fit"),
        ({"size": 2, "multilabel": True, "labelled_y": [[0, 2]]}, "which labels each document has"),
        ({"probs": [[0.5]], "multilabel": True, "labelled_y": [[0, 1]]}, "classes: probs has 1, labelled_y has 2"),
        ({"size": 2, "task": "generation", "labelled_y": "abc"}, "one answer for each labelled document"),
        ({"size": 2, "lengths": [0.5, 1]}, "lengths must hold whole numbers"),
    ],
)
def test_what_a_model_says_of_other_documents_is_refused(given_as, said):
    with pytest.raises(StrategyError, match=said):
        ArrayView(**given_as)


def test_what_was_not_given_is_said_by_methods_too():
    view = ArrayView(token_probs=[np.ones((1, 1))])
    with pytest.raises(
        StrategyError, match=r"no token_states. Give it: ArrayView\(token_states=…, vectors of the words"
    ):
        view.token_states(np.array([0]))
    with pytest.raises(StrategyError, match=r"no token_passes.*a list of token_probs, one a pass"):
        list(view.token_passes(2))
    with pytest.raises(StrategyError, match=r"no surprisal.*scipy csr"):
        view.surprisal(128)
    with pytest.raises(StrategyError, match="no generate_passes"):
        view.generate_passes(2)
    with pytest.raises(StrategyError, match=r"no generated.*texts, log_probs"):
        _ = view.generated


def full(n=6, labelled=2):
    rng = np.random.default_rng(0)
    return ArrayView(
        probs=rng.dirichlet(np.ones(3), n),
        embeddings=rng.normal(size=(n, 4)),
        labelled_embeddings=rng.normal(size=(labelled, 4)),
        labelled_y=np.arange(labelled),
        features=rng.normal(size=(n, 5)),
        labelled_features=rng.normal(size=(labelled, 5)),
        head=(rng.normal(size=(3, 5)), np.zeros(3)),
        mc_probs=rng.dirichlet(np.ones(3), (2, n)),
        sources=np.array(list("abcdef"))[:n],
        prices=np.arange(n),
    )


def test_vectors_stand_for_what_a_frozen_encoder_with_a_linear_head_has():
    view = ArrayView(embeddings=np.eye(3), labelled_embeddings=np.ones((1, 3)))
    for name in ("base_embeddings", "features"):
        assert np.shares_memory(getattr(view, name), view.embeddings)
        assert np.shares_memory(getattr(view, f"labelled_{name}"), view.labelled_embeddings)
    assert view.reference_embeddings(2).tolist() == np.eye(3)[:2].tolist()
    own = ArrayView(embeddings=np.eye(3), labelled_embeddings=np.ones((1, 3)), features=np.ones((3, 7)))
    assert not hasattr(own, "labelled_features")  # of another width, so the vectors cannot stand for it
    assert ArrayView(embeddings=np.eye(3), reference_embeddings=np.ones((9, 3))).reference_embeddings(20).shape[0] == 9
    with pytest.raises(StrategyError, match="no base_embeddings"):
        ArrayView(size=3).reference_embeddings(2)


@pytest.mark.parametrize(
    ("given_as", "said"),
    [
        ({"embeddings": np.ones((3, 2)), "head": (np.ones((2, 4)), np.ones(2))}, "features: head_weights has 4, emb"),
        ({"features": np.ones((3, 2)), "head": (np.ones((2, 4)), np.ones(2))}, "features: features has 2, head_weig"),
        ({"size": 3, "head": (np.ones((2, 4)), np.ones(3))}, "classes: head_weights has 2, head_bias has 3"),
        ({"size": 3, "head": np.ones((3, 4))}, "head must be a pair of weights"),
        ({"size": 3, "mc_probs": np.ones((2, 4, 1))}, "candidates: mc_probs has 4, size has 3"),
        ({"embeddings": np.ones((3, 2)), "reference_embeddings": np.ones((5, 3))}, "dimensions of the pretrained"),
        ({"size": 3, "mc_probs": np.ones((3, 2))}, r"mc_probs must have 3 axes \(T passes, N candidates, C classes\)"),
    ],
)
def test_what_a_model_gives_has_to_fit_together(given_as, said):
    with pytest.raises(StrategyError, match=said):
        ArrayView(**given_as)


def test_passes_with_dropout_come_one_at_a_time():
    view = full()
    assert [one.shape for one in view.mc_probs(2, consistent=True)] == [(6, 3), (6, 3)]
    with pytest.raises(StrategyError, match="given for 2 passes, but 3"):
        list(view.mc_probs(3))
    with pytest.raises(StrategyError, match=r"no mc_probs. Give it: ArrayView\(mc_probs=…, class prob"):
        list(ArrayView(size=1).mc_probs(1))
    assert not hasattr(ArrayView(size=1), "head")


def test_a_part_of_a_view_is_the_view_of_some_candidates():
    view = full()
    part = view.take([4, 1])
    assert (part.size, part.n_classes, part.task) == (2, 3, "classification")
    for name in ("probs", "embeddings", "base_embeddings", "features", "sources", "candidates", "prices"):
        assert getattr(part, name).tolist() == getattr(view, name)[[4, 1]].tolist(), name
    assert next(part.mc_probs(1)).tolist() == next(view.mc_probs(1))[[4, 1]].tolist()
    assert part.labelled_features is view.labelled_features
    assert part.head is view.head
    assert part.reference_embeddings(6).tolist() == view.reference_embeddings(6).tolist()
    assert part.take([1]).candidates.tolist() == [1]
    assert view.size == 6
    with pytest.raises(ValueError, match="read-only"):
        part.probs.sort()
    for wrong in ([6], [-1], [0.5], [[0]]):
        with pytest.raises(StrategyError, match="positions must be"):
            view.take(wrong)
    made = []
    assert [v.kept("it", lambda: made.append(1) or "once") for v in (part, view, part.take([0]))] == ["once"] * 3
    assert len(made) == 1


def test_a_part_of_words_and_texts():
    rng = np.random.default_rng(0)
    words = [rng.dirichlet(np.ones(3), k) for k in (2, 0, 3)]
    view = ArrayView(token_probs=words, token_states=[np.ones((k, 4)) * k for k in (2, 0, 3)], token_passes=[words])
    part = view.take([2, 1])
    assert part.lengths.tolist() == [3, 0]
    assert part.token_probs.of(0).tolist() == words[2].tolist()
    assert next(part.token_passes(1)).of(0).tolist() == words[2].tolist()
    assert part.token_states(np.array([0]))[1].tolist() == [[3.0] * 4] * 3
    written = ArrayView(generated=(["a", "b"], [-1.0, -2.0]), generate_passes=[(["c", "d"], [-1.0, -2.0])]).take([1])
    assert written.generated.texts == ["b"]
    assert written.generate_passes(1)[0].texts == ["d"]
