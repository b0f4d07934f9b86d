"""SEALS: only neighbours of labelled documents are candidates."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView, Schedule
from alwidget.strategies.functional import seals
from alwidget.strategies.functional.seals import Nearby

LINE = np.arange(10.0)[:, None]


def at(memory, labelled, among=range(10), x=LINE):
    """Return the pool indices of the neighbours, when these are labelled and the others of `among` are candidates."""
    labelled = np.array(labelled)
    candidates = np.setdiff1d(np.array(among), labelled)
    return candidates[memory.update(candidates, x[candidates], labelled, x[labelled])].tolist()


def test_known_values():
    memory = Nearby(2)
    assert at(memory, [0]) == [1, 2]
    assert at(memory, [0, 2]) == [1, 3]
    assert at(memory, [0, 2, 1]) == [3]  # of 1 they are 0 and 2; never a labelled one
    assert at(Nearby(2), [0, 2]) == [1, 3]
    assert seals(LINE[1:], LINE[:1], 2).tolist() == [0, 1]
    assert seals(LINE, None, 2).tolist() == []
    assert seals(LINE, LINE[:0], 2).tolist() == []


def naive(x, labelled, among, k):
    found = set()
    for one in labelled:
        others = sorted((j for j in among if j != one), key=lambda j: (((x[j] - x[one]) ** 2).sum(), j))
        found |= set(others[:k])
    return sorted(found - set(labelled))


@given(seed=st.integers(0, 9999), k=st.integers(1, 12), n=st.integers(4, 40))
def test_whatever_came_before_it_is_what_the_definition_says(seed, k, n):
    """Documents are labelled, come and go, and answers are taken back; places in the pool never drift."""
    rng = np.random.default_rng(seed)
    x, memory = rng.normal(size=(n, 3)), Nearby(k)
    labelled, among = [int(rng.integers(n))], set(range(n)) if seed % 2 else set(range(0, n, 2))
    among |= set(labelled)
    for _ in range(6):
        assert at(memory, labelled, sorted(among), x) == naive(x, labelled, sorted(among), k)
        step = rng.integers(4)
        free = sorted(among - set(labelled))
        if step <= 1 and len(free) > 1:
            labelled += rng.choice(free, min(2, len(free) - 1), replace=False).tolist()
        elif step == 2 and seed % 3:
            among |= set(rng.choice(n, 3).tolist())
        elif seed % 3 and len(free) > 2:
            among -= {free[0]}
        elif len(labelled) > 1:
            labelled.pop(0)


def test_a_round_searches_for_what_is_new_alone(monkeypatch):
    asked = []
    module = __import__("alwidget.strategies.functional.seals", fromlist=["nearest"])
    search = module.nearest
    monkeypatch.setattr(module, "nearest", lambda q, p, k: asked.append((len(q), len(p))) or search(q, p, k))
    x = np.random.default_rng(0).normal(size=(200, 4))
    memory = Nearby(5)
    at(memory, [3, 8, 20], range(180), x)
    assert asked == [(3, 177), (3, 3)]
    asked.clear()
    at(memory, [3, 8, 20, 50], range(180), x)
    assert asked == [(1, 176), (1, 4)]
    asked.clear()
    at(memory, [3, 8, 20, 50], range(190), x)
    assert asked == [(4, 10)]
    asked.clear()
    at(memory, [3, 8, 20, 50], range(190), x)
    assert asked == []


def test_duplicates_of_a_labelled_document_are_its_neighbours():
    x = np.zeros((6, 2))
    assert seals(x[1:], x[:1], 3).tolist() == [0, 1, 2]


def test_it_refuses():
    with pytest.raises(StrategyError, match="k must be at least 1"):
        seals(LINE, LINE[:1], 0)
    with pytest.raises(StrategyError, match="have 2 dimensions"):
        seals(LINE, np.zeros((1, 2)), 3)
    with pytest.raises(StrategyError, match="holds NaN"):
        seals(LINE * np.nan, LINE[:1], 3)


def view(n=400, labelled=6, seed=0, **changes):
    rng = np.random.default_rng(seed)
    given = {
        "probs": rng.dirichlet(np.ones(3), n),
        "embeddings": rng.normal(size=(n, 4)),
        "labelled_embeddings": rng.normal(size=(labelled, 4)),
        "labelled_probs": rng.dirichlet(np.ones(3), labelled),
        "labelled_y": rng.integers(0, 3, labelled),
    }
    return ArrayView(**given | changes)


@pytest.mark.parametrize("base", ["entropy", "bert-km", "random", "tyrogue", "actune"])
def test_the_wrapped_strategy_chooses_among_neighbours(base):
    there = view()
    near = seals(there.embeddings, there.labelled_embeddings, 20)
    assert 20 <= len(near) < 120
    strategy = strategies.get("seals", base=base, k=20)
    for _ in range(2):  # from nothing, and from what is kept
        found = strategy.select(there, 10, np.random.default_rng(0))
        alone = strategies.get(base).select(there.take(near), 10, np.random.default_rng(0))
        assert found.indices.tolist() == near[alone.indices].tolist()
        np.testing.assert_array_equal(found.scores, alone.scores)


def test_scores_of_every_candidate_are_there_for_neighbours():
    class Scored(strategies.Strategy):
        name = "scored"
        needs = frozenset({"probs"})

        def select(self, view, size, rng):
            del rng
            scores = view.probs[:, 0]
            order = np.argsort(-scores, kind="stable")[:size]
            return strategies.Ranked(order, scores[order], scores)

    there = view()
    near = seals(there.embeddings, there.labelled_embeddings, 20)
    found = strategies.get("seals", base=Scored, k=20).select(there, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(found.every[near], there.probs[near, 0])
    assert np.isnan(np.delete(found.every, near)).all()


def test_too_few_neighbours_are_joined_by_random_documents():
    there = view(labelled=1)
    near = seals(there.embeddings, there.labelled_embeddings, 4).tolist()
    strategy = strategies.get("seals", base="entropy", k=4)
    found = [set(strategy.select(there, 10, np.random.default_rng(seed)).indices.tolist()) for seed in range(2)]
    assert all(set(near) < one and len(one) == 10 for one in found)
    assert found[0] != found[1]


def test_with_as_many_neighbours_as_candidates_it_is_the_wrapped_strategy():
    there = view()
    alone = strategies.get("entropy").select(there, 10, np.random.default_rng(0))
    for k in (400, 10_000):
        found = strategies.get("seals", k=k).select(there, 10, np.random.default_rng(0))
        assert found.indices.tolist() == alone.indices.tolist()


def test_memory():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100_000, 256)).astype(np.float32)
    tracemalloc.start()
    try:
        assert len(seals(x[500:], x[:500], 100)) > 1000
        assert tracemalloc.get_traced_memory()[1] < 256 << 20
    finally:
        tracemalloc.stop()


def test_wrappers_follow_what_they_wrap():
    for name, base in (("seals", "tyrogue"), ("seals", "mnlp"), ("actune", "breaking-ties"), ("seals", "idds")):
        inner, outer = strategies.get(base), strategies.get(name, base=base)
        assert set(inner.needs) < set(outer.needs)
        assert outer.subsample == inner.subsample
        assert outer.works_cold == inner.works_cold
        assert outer.tasks == (inner.tasks if name == "seals" else ("classification",))
    cold = view(labelled=2, fitted=False)
    outer = strategies.get("seals", base="tyrogue")
    assert "probs" in outer.needs
    assert "probs" not in outer.at(cold).needs
    assert not outer.at(cold).needs_model
    assert outer.at(cold).options() == {"base": {"strategy": "tyrogue", "options": {"r": 1}}, "k": 100}
    with pytest.raises(StrategyError, match='"seals" is for tagging, not for classification'):
        strategies.get("seals", base="mnlp").select(cold, 3, np.random.default_rng(0))


@pytest.mark.parametrize(
    "made",
    [
        lambda: strategies.get("seals"),
        lambda: strategies.get("actune", base=strategies.get("entropy", agg="mean"), regions=9),
        lambda: strategies.get("seals", base=strategies.get("actune", base="breaking-ties"), k=7),
        lambda: strategies.get("seals", base=Schedule([("bert-km", {"labels": 50}), ("actune", None)])),
        lambda: Schedule([("random", 1), (strategies.get("seals", base="badge"), None)]),
        lambda: strategies.get("actune", base=Schedule([("least-confidence", 2), ("entropy", None)])),
    ],
)
def test_wrappers_are_kept_in_settings(made):
    import json

    strategy = made()
    kept = json.loads(json.dumps(strategies.to_settings(strategy)))
    again = strategies.from_settings(kept)
    assert repr(again) == repr(strategy)
    assert strategies.to_settings(again) == kept
    assert repr(eval(repr(strategy), {"strategies": strategies, "Schedule": Schedule})) == repr(strategy)


def test_settings_with_a_file_inside_run_nothing(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("raise SystemExit('it was run')", encoding="utf-8")
    for base in (f"{path}:Mine", {"strategy": f"{path}:Mine"}, {"schedule": [[f"{path}:Mine", None]]}):
        with pytest.raises(StrategyError, match="a file of code"):
            strategies.from_settings({"strategy": "seals", "options": {"base": base}})
        nested = {"strategy": "actune", "options": {"base": {"strategy": "seals", "options": {"base": base}}}}
        with pytest.raises(StrategyError, match="a file of code"):
            strategies.from_settings(nested)
        if not isinstance(base, str):
            with pytest.raises(StrategyError, match="a file of code"):
                strategies.get("seals", base=base)


def test_a_class_of_your_own_inside_has_to_be_passed_again():
    class Mine(strategies.Pointwise):
        name = "mine"
        needs = frozenset({"probs"})

        def scores(self, view):
            return view.probs[:, 0]

    strategy = strategies.get("actune", base=Mine)
    assert len(strategy.select(view(), 5, np.random.default_rng(0)).indices) == 5
    with pytest.raises(StrategyError, match="cannot be kept"):
        strategies.to_settings(strategy)


@pytest.mark.parametrize("base", ["bert-km", "random", "seals", "actune", "cluster-margin", "cartography"])
def test_what_has_no_scores_cannot_be_spread_over_regions(base):
    with pytest.raises(StrategyError, match=rf'"{base}" does not: it chooses a set'):
        strategies.get("actune", base=base)
    with pytest.raises(StrategyError, match=rf'"{base}" does not'):
        strategies.get("actune", base=Schedule([("entropy", 2), (Schedule([(base, 3), ("entropy", None)]), None)]))


def test_actune_is_for_one_label_a_document():
    with pytest.raises(StrategyError, match='"mnlp" is for tagging'):
        strategies.get("actune", base="mnlp")


def test_actune_spreads_the_scores_of_what_it_wraps():
    there = view()
    found = strategies.get("actune", base="breaking-ties", regions=5).select(there, 20, np.random.default_rng(0))
    scores = strategies.functional.breaking_ties(there.probs)
    expected = strategies.functional.actune(scores, there.probs, there.embeddings, 20, 0, regions=5)
    assert found.indices.tolist() == expected.tolist()
    np.testing.assert_array_equal(found.every, scores)
    acting = Schedule([("entropy", 2), ("breaking-ties", None)])
    later = view()
    later.round = 5
    assert (
        strategies.get("actune", base=acting, regions=5).select(later, 20, np.random.default_rng(0)).indices.tolist()
        == expected.tolist()
    )
