"""Schedules: half-open, read from the round alone, and every mistake in one named at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alwidget as alw
from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView, Schedule, Until


def view(number=0, labels=0, **others):
    return ArrayView(size=5, round=number, labelled=np.arange(labels), **others)


def acting(schedule, *views):
    return [schedule.at(v).name for v in views]


def test_rounds_are_half_open():
    schedule = Schedule([("bert-km", 2), ("breaking-ties", None)])
    assert acting(schedule, *(view(n) for n in range(4))) == ["bert-km", "bert-km", "breaking-ties", "breaking-ties"]


def test_labels_are_half_open():
    schedule = Schedule([("bert-km", {"labels": 100}), ("entropy", None)])
    found = acting(schedule, view(50, 0), view(50, 99), view(0, 100), view(0, 101))
    assert found == ["bert-km", "bert-km", "entropy", "entropy"]


def test_a_predicate_sees_the_round():
    def two_of_each(v):
        return np.bincount(v.labelled_y, minlength=v.n_classes).min() >= 2

    schedule = Schedule([("random", {"predicate": two_of_each}), ("entropy", None)])
    few = ArrayView(size=5, labelled_y=[0, 0, 1], n_classes=2)
    enough = ArrayView(size=5, labelled_y=[0, 0, 1, 1], n_classes=2)
    assert acting(schedule, few, enough) == ["random", "entropy"]
    assert acting(Schedule([("random", two_of_each), ("entropy", None)]), few, enough) == ["random", "entropy"]


def test_the_first_condition_that_holds_ends_a_part():
    schedule = Schedule([("random", {"rounds": 3, "labels": 10}), ("entropy", None)])
    assert acting(schedule, view(2, 9), view(3, 0), view(0, 10)) == ["random", "entropy", "entropy"]


def test_parts_that_ended_are_passed_over():
    schedule = Schedule([("random", 2), ("bert-km", 3), ("entropy", {"labels": 9}), ("breaking-ties", None)])
    found = acting(schedule, view(1, 50), view(2, 50), view(3, 8), view(3, 9))
    assert found == ["random", "bert-km", "entropy", "breaking-ties"]


@given(
    ends=st.lists(st.integers(1, 30), min_size=1, max_size=5, unique=True).map(sorted),
    number=st.integers(0, 40),
)
def test_the_part_is_the_first_that_has_not_ended(ends, number):
    names = ["random", "bert-km", "entropy", "least-confidence", "tyrogue"][: len(ends)]
    schedule = Schedule([*zip(names, ends, strict=True), ("breaking-ties", None)])
    expected = next((name for name, end in zip(names, ends, strict=True) if number < end), "breaking-ties")
    resumed = Schedule([*zip(names, ends, strict=True), ("breaking-ties", None)])
    assert schedule.at(view(number)).name == resumed.at(view(number)).name == expected


def test_schedules_go_inside_schedules():
    inner = Schedule([("random", 1), ("bert-km", None)])
    schedule = Schedule([(inner, 3), ("entropy", None)])
    assert acting(schedule, *(view(n) for n in range(4))) == ["random", "bert-km", "bert-km", "entropy"]


def test_a_part_may_act_as_another_in_its_round():
    schedule = Schedule([("tyrogue", 2), ("entropy", None)])
    acts = schedule.at(ArrayView(embeddings=np.eye(3), fitted=False))
    assert (acts.name, acts.needs) == ("tyrogue", {"embeddings"})


def test_it_selects_as_the_acting_part():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    schedule = Schedule([("random", 1), ("entropy", None)])
    for number, name in ((0, "random"), (1, "entropy")):
        v = ArrayView(probs=probs, round=number)
        expected = strategies.get(name).select(v, 5, np.random.default_rng(1))
        found = schedule.select(v, 5, np.random.default_rng(1))
        assert found.indices.tolist() == expected.indices.tolist()


def test_it_needs_what_its_parts_need():
    schedule = Schedule([("bert-km", 2), ("breaking-ties", None)])
    assert schedule.needs == {"base_embeddings", "probs"}
    assert schedule.needs_model
    assert schedule.subsample is None
    assert Schedule([("tyrogue", 1), (strategies.get("tyrogue", r=1), None)]).subsample == "random:10000"
    assert schedule.tasks == ("classification", "multilabel")
    assert Schedule([("bert-km", 2), ("random", None)]).tasks == strategies.get("random").tasks


def test_parts_without_a_common_task_are_refused():
    class Tags(strategies.Pointwise):
        name = "tags"
        tasks = ("tagging",)

        def scores(self, view):
            return np.zeros(view.size)

    with pytest.raises(
        StrategyError, match=r"No task can be run by all parts.*entropy: classification, multilabel; tags: tagging"
    ):
        Schedule([("entropy", 1), (Tags, None)])


def test_it_prints_as_the_call_that_makes_it():
    schedule = Schedule(
        [
            ("bert-km", 2),
            (strategies.get("tyrogue", r=5), {"labels": 100, "rounds": 9}),
            (Schedule([("random", 20), ("entropy", None)]), 30),
            ("breaking-ties", None),
        ]
    )
    written = (
        'Schedule([("bert-km", 2), (strategies.get("tyrogue", r=5), {"rounds": 9, "labels": 100}), '
        '(Schedule([("random", 20), ("entropy", None)]), 30), ("breaking-ties", None)])'
    )
    assert repr(schedule) == written
    assert repr(eval(written, {"Schedule": Schedule, "strategies": strategies})) == written
    assert str(schedule) == (
        "bert-km until round 2, then tyrogue until round 9 or 100 labels, "
        "then (random until round 20, then entropy) until round 30, then breaking-ties"
    )


def test_a_predicate_prints_by_its_name():
    def balanced(_view):
        return True

    schedule = Schedule([("random", balanced), ("entropy", None)])
    assert repr(schedule) == 'Schedule([("random", {"predicate": balanced}), ("entropy", None)])'
    assert str(schedule) == "random until balanced, then entropy"


def test_it_is_a_public_name_and_a_strategy():
    assert alw.Schedule is Schedule
    schedule = Schedule([("random", None)])
    assert strategies.get(schedule) is schedule
    assert schedule.name == "schedule"


def test_conditions_can_be_written_out():
    assert Until.read(Until(labels=3)) == Until.read({"labels": 3}) == Until(labels=3)
    assert Until.read(np.int64(2)) == Until(rounds=2)
    assert Until.read(None) is None


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "list of pairs"),
        ("bert-km", "list of pairs"),
        (None, "list of pairs"),
        (["bert-km"], "part 1: a part is a pair"),
        ([("bert-km", 1, 2)], "part 1: a part is a pair"),
        ([("bert-kn", 1), ("entropy", None)], 'part 1: There is no strategy "bert-kn". Did you mean "bert-km"'),
        ([("bert-km", 1)], "last part must end with None"),
        ([("bert-km", None), ("entropy", None)], "Part 1 .bert-km. never ends"),
        ([("bert-km", 2), ("entropy", 2), ("random", None)], "Part 2 .entropy. can never act: it ends at rounds 2"),
        ([("bert-km", {"labels": 9}), ("entropy", {"labels": 5}), ("random", None)], "can never act: .* labels 5"),
        ([("bert-km", 0), ("entropy", None)], "at least 1, got 0"),
        ([("bert-km", -1), ("entropy", None)], "at least 1"),
        ([("bert-km", True), ("entropy", None)], "whole number, got True"),
        ([("bert-km", "2"), ("entropy", None)], "whole number, got '2'"),
        ([("bert-km", 1.5), ("entropy", None)], "whole number, got 1.5"),
        ([("bert-km", {"label": 2}), ("entropy", None)], 'no condition "label" Did you mean "labels"'),
        ([("bert-km", {}), ("entropy", None)], "needs one of rounds, labels, plateau"),
        ([("bert-km", {"predicate": 3}), ("entropy", None)], "predicate must be a function"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(parts, said):
    with pytest.raises(StrategyError, match=said):
        Schedule(parts)


def test_all_mistakes_are_named_together():
    with pytest.raises(StrategyError) as caught:
        Schedule([("bert-kn", 1), ("entropy", 0), ("random", None)])
    assert "part 1: " in str(caught.value)
    assert "part 2: " in str(caught.value)


def test_a_part_that_may_end_early_does_not_bar_the_next():
    schedule = Schedule([("random", {"rounds": 5, "labels": 10}), ("bert-km", 3), ("entropy", None)])
    assert acting(schedule, view(0, 0), view(1, 10), view(3, 10)) == ["random", "bert-km", "entropy"]


def past(*agreements, start=1, **others):
    return [{"round": start + i, "agreement": a, "compared": 10, **others} for i, a in enumerate(agreements)]


def rounds_of(schedule, agreements, labels=None):
    """Return which strategy acts in each round, given what was measured in the rounds before."""
    found, done = [], []
    for number, agreement in enumerate([*agreements, None]):
        count = labels[number] if labels else 0
        found.append(schedule.at(view(number, count, history=done)).name)
        done.append(past(agreement, start=number + 1, labels=count, acting=found[-1])[0])
    return found


def test_a_plateau_ends_a_part_in_the_round_after_it_was_seen():
    schedule = Schedule([("bert-km", {"plateau": 2}), ("entropy", None)])
    assert rounds_of(schedule, [0.5, 0.6, 0.7, 0.8, 0.9]) == ["bert-km"] * 6
    assert rounds_of(schedule, [0.5, 0.6, 0.6, 0.604, 0.9, 0.95]) == ["bert-km"] * 4 + ["entropy"] * 3
    assert rounds_of(schedule, [0.5, 0.6, 0.6, 0.605, 0.605]) == ["bert-km"] * 6  # a gain of 0.005 is one
    assert rounds_of(schedule, [0.6, 0.5]) == ["bert-km"] * 3  # nothing to compare two rounds with
    assert rounds_of(schedule, [None, 0.6, None, 0.5, None, 0.6]) == ["bert-km"] * 6 + ["entropy"]
    coarse = Schedule([("bert-km", {"plateau": 1, "gain": 0.2}), ("entropy", None)])
    assert rounds_of(coarse, [0.5, 0.75, 0.9]) == ["bert-km"] * 3 + ["entropy"]


def test_rounds_with_few_answers_tell_nothing():
    few = [{**one, "compared": 4} for one in past(0.5, 0.5, 0.5, 0.5)]
    schedule = Schedule([("bert-km", {"plateau": 1}), ("entropy", None)])
    assert schedule.at(view(4, history=few)).name == "bert-km"
    assert schedule.at(view(4, history=[*few, *past(0.5)])).name == "bert-km"
    assert schedule.at(view(4, history=past(0.5, 0.5))).name == "entropy"
    assert schedule.at(view(1, history=past(0.5, 0.5))).name == "bert-km"  # a later round is not looked at
    assert schedule.at(view(4)).name == "bert-km"


def test_a_plateau_is_that_of_its_own_part():
    schedule = Schedule([("random", 3), ("bert-km", {"plateau": 1}), ("entropy", None)])
    assert rounds_of(schedule, [0.5] * 5) == ["random"] * 3 + ["bert-km"] * 2 + ["entropy"]
    labels = Schedule([("random", {"labels": 20}), ("bert-km", {"plateau": 1}), ("entropy", None)])
    found = rounds_of(labels, [0.5] * 6, labels=[0, 10, 20, 30, 40, 50, 60])
    assert found == ["random"] * 2 + ["bert-km"] * 2 + ["entropy"] * 3
    two = Schedule([("bert-km", {"plateau": 1}), ("random", {"plateau": 1}), ("entropy", None)])
    assert rounds_of(two, [0.5] * 5) == ["bert-km"] * 2 + ["random"] * 2 + ["entropy"] * 2
    inner = Schedule([("random", 2), (Schedule([("bert-km", {"plateau": 1}), ("tyrogue", None)]), None)])
    assert rounds_of(inner, [0.5] * 4) == ["random"] * 2 + ["bert-km"] * 2 + ["tyrogue"]
    after = Schedule([("random", lambda v: v.round >= 2), ("bert-km", {"plateau": 1}), ("entropy", None)])
    assert rounds_of(after, [0.5] * 4) == ["random"] * 2 + ["bert-km"] * 2 + ["entropy"]


def test_a_plateau_beside_other_conditions():
    schedule = Schedule([("bert-km", {"plateau": 3, "rounds": 2}), ("entropy", None)])
    assert rounds_of(schedule, [0.1, 0.5, 0.9]) == ["bert-km"] * 2 + ["entropy"] * 2
    assert str(schedule) == "bert-km until round 2 or no gain in 3 rounds, then entropy"


@given(agreements=st.lists(st.floats(0, 1), max_size=25), k=st.integers(1, 5), seed=st.integers(0, 3))
def test_a_part_that_ended_never_comes_back(agreements, k, seed):
    schedule = Schedule([("bert-km", {"plateau": k}), ("random", {"plateau": k}), ("entropy", None)])
    order = [["bert-km", "random", "entropy"].index(name) for name in rounds_of(schedule, agreements)]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"plateau": 0}, "plateau must be at least 1"),
        ({"plateau": 2.5}, "plateau must be a whole number"),
        ({"plateau": 2, "gain": -0.1}, "gain must be a number from 0"),
        ({"plateau": 2, "gain": "much"}, "gain must be a number from 0"),
        ({"plateau": 2, "gain": float("nan")}, "gain must be a number from 0"),
        ({"rounds": 2, "gain": 0.1}, "give plateau, too"),
        ({"plataeu": 2}, 'Did you mean "plateau"'),
    ],
)
def test_a_plateau_that_makes_no_sense_is_refused(condition, said):
    with pytest.raises(StrategyError, match=said):
        Schedule([("bert-km", condition), ("entropy", None)])


def test_a_plateau_is_written_and_kept():
    schedule = Schedule([("bert-km", {"plateau": 3, "gain": 0.01}), ("random", {"plateau": 2}), ("entropy", None)])
    assert repr(schedule) == (
        'Schedule([("bert-km", {"plateau": 3, "gain": 0.01}), ("random", {"plateau": 2}), ("entropy", None)])'
    )
    again = strategies.from_settings(strategies.to_settings(schedule))
    assert repr(again) == repr(schedule)


def test_history_of_arrays():
    found = view(history=[{"round": 1, "agreement": 0.5}]).history
    assert (found[0].round, found[0].agreement, found[0].compared) == (1, 0.5, 0)
    for wrong in (3, [{"number": 1}]):
        with pytest.raises(StrategyError, match="history must be a list"):
            view(history=wrong)
