"""Subsamplers: what comes in, with which probability, and what a person may write for them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import UPS, Naive, Subsampler, Subset, subsample_setting, subsampler

N = 200


def memory(n=N, seed=0, unscored=0.2):
    rng = np.random.default_rng(seed)
    scores, ages = rng.normal(size=n), rng.integers(9, 13, n)
    never = rng.random(n) < unscored
    scores[never], ages[never] = np.nan, -1
    return {"scores": scores, "ages": ages}


def select(kind, seed=0, round=13, least=0, **last):  # noqa: A002
    n = len(last["scores"]) if last else N
    return kind.select(np.arange(n) * 2, np.random.default_rng(seed), least=least, round=round, **last)


def test_they_are_listed():
    assert list(strategies.available_subsamplers()) == ["random", "naive", "ups", "seals", "none"]
    assert all(line.endswith(".") for line in strategies.available_subsamplers().values())


@pytest.mark.parametrize("round", [0, 1, 4, 8])
def test_ups_looks_at_everything_in_some_rounds(round):  # noqa: A002
    subset = select(UPS(), round=round, **memory())
    assert subset.positions.tolist() == list(range(N))
    assert (subset.propensity == 1).all()
    assert len(select(UPS(full=(), stale=None), round=round, **memory()).positions) < N


def test_ups_looks_at_everything_without_scores():
    nothing = {"scores": np.full(N, np.nan), "ages": np.full(N, -1)}
    assert len(select(UPS(), **nothing).positions) == len(select(UPS()).positions) == N
    assert len(select(Naive(), **nothing).positions) == len(select(Naive()).positions) == N


def test_what_was_never_scored_comes_in_and_takes_no_place_from_the_others():
    last = memory(unscored=0.5)
    known = np.flatnonzero(~np.isnan(last["scores"]))
    for kind in (UPS(temperature=0.0), Naive()):
        positions = select(kind, **last).positions
        assert set(np.flatnonzero(np.isnan(last["scores"])).tolist()) <= set(positions.tolist())
        scored = np.intersect1d(positions, known)
        best = known[np.argsort(-last["scores"][known], kind="stable")]
        assert scored.tolist() == sorted(best[: math.floor(0.1 * len(known)) + 1].tolist())


def test_old_scores_are_not_believed():
    last = memory(unscored=0)
    last["ages"][:] = 12
    last["ages"][[3, 5]] = 5
    last["ages"][7] = 20
    last["scores"][[3, 5, 7]] = -9
    assert {3, 5, 7} <= set(select(UPS(), round=13, **last).positions.tolist())
    assert {3, 5, 7}.isdisjoint(select(UPS(stale=None), round=13, **last).positions.tolist())
    assert {3, 5}.isdisjoint(select(UPS(stale=9), round=13, **last).positions.tolist())


def test_no_score_grows_older_than_it_may():
    """Round after round, with scores that change: every document is looked at again in time."""
    rng = np.random.default_rng(0)
    scores, ages, looked = np.full(500, np.nan), np.full(500, -1), []
    for round_ in range(60):
        positions = select(UPS(), seed=round_, round=round_, scores=scores, ages=ages).positions
        scores[positions], ages[positions] = rng.normal(size=len(positions)), round_
        looked.append(len(positions) / 500)
        assert (round_ - ages < 8).all()
    assert [round_ for round_, share in enumerate(looked[:16]) if share == 1] == [0, 1, 4, 8]
    assert 0.11 < np.mean(looked[16:]) < 0.4


@pytest.mark.parametrize("kind", [UPS(), UPS(gamma=0.0, temperature=0.05), UPS(0.1, 0.3, (), None), Naive(0.2)])
@pytest.mark.parametrize("least", [0, 40])
def test_the_propensity_is_how_often_a_document_comes_in(kind, least):
    last, draws = memory(), 1500
    counts, told = np.zeros(N), np.full(N, np.nan)
    for seed in range(draws):
        subset = select(kind, seed, least=least, **last)
        counts[subset.positions] += 1
        assert (np.isnan(told[subset.positions]) | (told[subset.positions] == subset.propensity)).all()
        told[subset.positions] = subset.propensity
        assert len(subset.positions) >= least
    came = ~np.isnan(told)
    deviation = np.sqrt(told[came] * (1 - told[came]) / draws)
    assert (np.abs(counts[came] / draws - told[came]) <= 4.5 * deviation + 1e-9).all()


@given(st.integers(0, 30), st.integers(0, 40), st.integers(0, 5), st.integers(0, 20))
def test_whatever_is_remembered_the_subset_is_one(n, least, seed, round):  # noqa: A002
    last = memory(n, seed) if n else {"scores": np.empty(0), "ages": np.empty(0, dtype=int)}
    for kind in (UPS(), Naive()):
        subset = select(kind, seed, round=round, least=least, **last)
        assert subset.positions.dtype == np.int64
        assert len(subset.positions) == len(subset.propensity) >= min(least, n)
        assert (np.diff(subset.positions) > 0).all()
        assert ((subset.propensity > 0) & (subset.propensity <= 1)).all()


@pytest.mark.parametrize(
    ("written", "options", "again"),
    [
        ("ups", {}, "ups"),
        ("ups:0.2", {"gamma": 0.2}, "ups:0.2"),
        ("ups:1", {"gamma": 1.0}, "ups:1.0"),
        ("ups:0.2,0.05", {"gamma": 0.2, "temperature": 0.05}, "ups:0.2,temperature=0.05"),
        ("ups:temperature=0.5", {"temperature": 0.5}, "ups:0.1,temperature=0.5"),
        ("ups:0.1, full=0+2 ,stale=20", {"full": (0, 2), "stale": 20}, "ups:0.1,full=0+2,stale=20"),
        ("ups:full=3", {"full": (3,)}, "ups:0.1,full=3"),
        ("ups:full=none,stale=none,temperature=inf", {"full": (), "stale": None, "temperature": math.inf}, None),
        ("naive", {}, "naive:0.1"),
        ("naive:0.3", {"share": 0.3}, "naive:0.3"),
        ("naive:share=0.3", {"share": 0.3}, "naive:0.3"),
        ("seals", {"k": 100}, "seals:100"),
        ("seals:7", {"k": 7}, "seals:7"),
        ("random:size=70", {"size": 70}, "random:70"),
    ],
)
def test_what_is_written_is_read_and_written_again(written, options, again):
    kind = subsampler(written)
    assert options.items() <= kind.options().items()
    assert again is None or str(kind) == again
    same = subsampler(str(kind))
    assert type(same) is type(kind)
    assert same.options() == kind.options() == type(kind)(**kind.options()).options()
    assert json.loads(json.dumps(subsample_setting(kind))) == str(kind)
    assert repr(kind) == f'subsampler("{kind}")'


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("upss", 'no subsampler "upss"; choose from .*Did you mean "ups"'),
        ("ups:", 'cannot be read; write gamma and what else differs \\("ups:0.2"'),
        ("ups:much", "cannot be read; write gamma"),
        ("ups:1.5", "cannot be read.*gamma must be a share between 0 and 1, got 1.5"),
        ("ups:temperatur=1", 'no option "temperatur". Did you mean "temperature".*gamma, temperature, full, stale'),
        ("ups:0.1,0.1,1,8,3", '"3" is one too many'),
        ("ups:0.1,gamma=0.2", 'no option "gamma"|twice'),
        ("ups:full=1+x", "cannot be read"),
        ("ups:stale=0", "stale must be at least 1"),
        ("ups:stale=1.5", "stale must be a whole number"),
        ("seals:0", "cannot be read; write how many neighbours .*k must be at least 1"),
        ("seals:0.5", "k must be a whole number"),
        ("naive:2", "cannot be read; write a share .*share must be a share"),
        ("naive:0.1,5", "one too many"),
    ],
)
def test_what_cannot_be_read_is_said(spec, said):
    with pytest.raises(StrategyError, match=said):
        subsampler(spec)


@pytest.mark.parametrize("options", [{"full": "0"}, {"full": (0.5,)}, {"full": (-1,)}, {"stale": 0}, {"gamma": None}])
def test_options_that_make_no_sense(options):
    with pytest.raises(StrategyError):
        UPS(**options)


def test_one_of_your_own_is_used_and_not_kept():
    class EverySecond(Subsampler):
        name = "every-second"

        def select(self, available, rng, *, least=0, scores=None, ages=None, round=0):  # noqa: A002, ARG002
            return Subset(np.arange(0, len(available), 2), np.ones((len(available) + 1) // 2))

    mine = EverySecond()
    assert subsampler(mine) is mine
    assert subsample_setting(mine) is None
    assert (subsample_setting("ups"), subsample_setting(None), subsample_setting("auto")) == ("ups", "none", "auto")


def test_scores_of_all_candidates_come_with_the_answer():
    rng = np.random.default_rng(0)
    view = strategies.ArrayView(probs=rng.dirichlet(np.ones(3), 80), embeddings=rng.normal(size=(80, 4)))
    ranked = strategies.get("entropy").select(view, 5, rng)
    assert ranked.every.shape == (80,)
    np.testing.assert_array_equal(ranked.every[ranked.indices], ranked.scores)
    ranked = strategies.get("tyrogue").select(view, 5, rng)
    assert np.isfinite(ranked.every).sum() == 15
    np.testing.assert_array_equal(ranked.every[ranked.indices], ranked.scores)
    assert ranked.every[ranked.indices].min() >= np.nanquantile(ranked.every, 0.6)
    assert np.isfinite(strategies.get("tyrogue", r=None).select(view, 5, rng).every).all()
    assert strategies.get("tyrogue", r=1).select(view, 5, rng).every is None
    assert strategies.get("bert-km").select(view, 5, rng).every is None
    scored = {name: strategies.get(name).scored for name in ("entropy", "tyrogue", "bert-km", "random")}
    assert scored == {"entropy": True, "tyrogue": True, "bert-km": False, "random": False}
    assert not strategies.get("tyrogue", r=1).scored
