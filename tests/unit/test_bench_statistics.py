"""Statistics of the benchmark: known values, naive definitions, invariances, errors."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alwidget.bench.dominance import almost_stochastic_order, bonferroni, violation
from alwidget.bench.statistics import (
    Record,
    aulc,
    labels_to,
    labels_to_all,
    mean_interval,
    paired_difference,
    win_tie_loss,
)
from alwidget.errors import ArgumentError

scores = st.lists(st.integers(0, 20).map(lambda x: x / 20), min_size=1, max_size=7)
pairs = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8)
curves = st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1)), min_size=1, max_size=8)


# Intervals ------------------------------------------------------------------------------------------------------------


def test_the_interval_of_five_scores():
    found = mean_interval([90, 91, 92, 93, 94])
    assert (found.mean, found.half, found.n) == (92, pytest.approx(1.9632, abs=5e-5), 5)
    assert (found.low, found.high) == pytest.approx((90.0368, 93.9632), abs=5e-5)


def test_the_interval_divides_by_n_minus_one_and_not_by_n():
    assert mean_interval([150, 150, 150, 150, 200]).half == pytest.approx(27.76, abs=5e-3)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_is_scipys(values, confidence):
    error = math.sqrt(sum((v - sum(values) / len(values)) ** 2 for v in values) / (len(values) - 1) / len(values))
    found = mean_interval(values, confidence)
    if error > 1e-9:
        low, high = stats.t.interval(confidence, len(values) - 1, np.mean(values), error)
        assert (found.low, found.high) == pytest.approx((low, high))
    else:
        assert found.half == pytest.approx(0, abs=1e-6)


def test_one_seed_has_no_interval():
    assert math.isnan(mean_interval([0.5]).half)


# Curves ---------------------------------------------------------------------------------------------------------------


def test_the_area_under_a_curve_with_unequal_steps_is_not_its_mean():
    assert aulc([100, 200, 400], [0.6, 0.7, 0.8]) == pytest.approx(0.716667, abs=5e-7)


@given(curves)
def test_the_area_is_that_of_trapezoids(steps):
    x = list(itertools.accumulate(step for step, _ in steps))
    y = [height for _, height in steps]
    width = x[-1] - x[0]
    area = sum((x[i + 1] - x[i]) * (y[i] + y[i + 1]) / 2 for i in range(len(x) - 1))
    assert aulc(x, y) == pytest.approx(area / width if width else sum(y) / len(y))


@given(curves, st.floats(0, 1))
def test_labels_to_is_the_first_point_that_is_there(steps, target):
    x = list(itertools.accumulate(step for step, _ in steps))
    y = [height for _, height in steps]
    first = None
    for labelled, score in zip(x, y, strict=True):
        if score >= target:
            first = labelled
            break
    assert labels_to(x, y, target) == first


def test_seeds_that_never_get_there_are_told_and_counted_at_the_budget():
    found = labels_to_all(
        [([50, 100, 150], [0.5, 0.9, 0.9]), ([50, 100, 150], [0.9, 0.1, 0.1]), ([50, 100], [0, 0.1])], 0.8
    )
    assert found.each == (100, 50, None)
    assert (found.reached, found.n) == (2, 3)
    assert found.mean_reached == 75
    assert found.restricted_mean == pytest.approx(250 / 3)
    assert labels_to_all([([50], [0.1])], 0.8, budget=1000).restricted_mean == 1000
    assert math.isnan(labels_to_all([([50], [0.1])], 0.8).mean_reached)


# Pairs ----------------------------------------------------------------------------------------------------------------


@given(pairs, st.integers(0, 3))
def test_wins_ties_and_losses_are_counted_one_by_one(rows, tie):
    wins = sum(a - b > tie for a, b in rows)
    losses = sum(b - a > tie for a, b in rows)
    a, b = zip(*rows, strict=True)
    assert win_tie_loss(a, b, tie=tie) == Record(wins, len(rows) - wins - losses, losses)


def test_the_bootstrap_interval_is_that_of_all_resamples():
    a, b = [0.9, 0.8, 0.85, 0.7], [0.7, 0.8, 0.8, 0.72]
    deltas = np.subtract(a, b)
    every = np.array([np.mean(drawn) for drawn in itertools.product(deltas, repeat=4)])
    found = paired_difference(a, b, draws=200_000)
    assert found.mean == pytest.approx(deltas.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(every, [0.025, 0.975])), abs=0.011)


@given(pairs, st.integers(-5, 5))
def test_a_difference_changes_its_sign_with_its_sides_and_nothing_with_both(rows, shift):
    a, b = (np.array(side, dtype=float) for side in zip(*rows, strict=True))
    one, same = paired_difference(a, b, draws=200), paired_difference(a + shift, b + shift, draws=200)
    assert (one.mean, one.low, one.high) == pytest.approx((same.mean, same.low, same.high), nan_ok=True)
    assert paired_difference(b, a, draws=200).mean == pytest.approx(-one.mean)
    if len(rows) > 1:
        assert one.low <= one.mean + 1e-9
        assert one.mean <= one.high + 1e-9


def test_pairs_and_not_sides_are_resampled():
    base = np.array([0.1, 0.5, 0.9, 0.3, 0.7])
    found = paired_difference(base + 0.01, base)
    assert (found.low, found.high) == pytest.approx((0.01, 0.01))


def test_the_same_seed_draws_the_same_and_memory_does_not_grow_with_the_draws():
    a, b = np.random.default_rng(1).random((2, 2000))
    tracemalloc.start()
    one = paired_difference(a, b, rng=3, draws=5000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one == paired_difference(a, b, rng=3, draws=5000)
    assert peak < 64 << 20


# Almost Stochastic Order ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([1, 2, 3], [0, 1, 2], 0), ([0, 4], [1, 2], 0.2), ([0, 3], [1, 2], 0.5), ([1, 1], [1, 1], 0.5), ([1], [2], 1)],
)
def test_known_violations(a, b, expected):
    assert violation(a, b) == pytest.approx(expected)


@given(scores, scores)
def test_a_violation_is_the_integral_over_a_grid_that_both_share(a, b):
    a, b = sorted(a), sorted(b)
    cells = math.lcm(len(a), len(b))
    below = whole = Fraction(0)
    for cell in range(cells):
        gap = Fraction(a[cell * len(a) // cells]) - Fraction(b[cell * len(b) // cells])
        whole += gap**2
        below += gap**2 if gap < 0 else 0
    assert violation(a, b) == pytest.approx(float(below / whole) if whole else 0.5)


@given(scores, scores, st.integers(-3, 3), st.integers(1, 4))
def test_violations_of_both_sides_are_one_and_scale_does_not_matter(a, b, shift, scale):
    assert violation(a, b) + violation(b, a) == pytest.approx(1)
    moved = [[shift + scale * x for x in side] for side in (a, b)]
    assert violation(*moved) == pytest.approx(violation(a, b), abs=1e-6)
    assert violation(a[::-1], b) == pytest.approx(violation(a, b))


def test_bonferroni_divides_the_error_and_not_what_is_left_of_it():
    assert bonferroni(0.95, 15) == pytest.approx(0.996667, abs=5e-7)
    assert bonferroni(0.95, 1) == 0.95


def test_the_bound_is_the_one_of_the_paper():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.3, 1, 8), rng.normal(0, 1, 6)
    found = almost_stochastic_order(a, b, rng=5, draws=4000)
    drawn, again = [], np.random.default_rng(6)
    for _ in range(4000):
        eps = violation(again.choice(a, 8), again.choice(b, 6))
        drawn.append(math.sqrt(48 / 14) * (eps - found.violation))
    expected = found.violation - math.sqrt(14 / 48) * np.std(drawn) * stats.norm.ppf(0.05)
    assert found.upper == pytest.approx(np.clip(expected, 0, 1), abs=0.02)
    assert found.upper > found.violation


def test_more_comparisons_ask_for_more_and_clear_cases_stay_clear():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 1, 10), rng.normal(0, 1, 10)
    bounds = [almost_stochastic_order(a, b, comparisons=m).upper for m in (1, 4, 15)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[-1]
    assert almost_stochastic_order([3, 4, 5], [0, 1, 2]).upper == 0
    assert almost_stochastic_order([0, 1, 2], [3, 4, 5]).upper == 1


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: mean_interval([]), "shape"),
        (lambda: mean_interval([1, math.nan]), r"values\[1\] is nan"),
        (lambda: mean_interval(["a"]), "no numbers"),
        (lambda: mean_interval([1, 2], 95), "between 0 and 1"),
        (lambda: aulc([1, 2], [0.5]), "at every number of labels"),
        (lambda: aulc([2, 1], [0.5, 0.6]), "descend"),
        (lambda: labels_to_all([], 0.5), "no curves"),
        (lambda: paired_difference([1, 2], [1]), "same seeds"),
        (lambda: paired_difference([1], [1], draws=0), "draws"),
        (lambda: win_tie_loss([1], [1], tie=-1), "tie"),
        (lambda: violation([[1]], [1]), "shape"),
        (lambda: bonferroni(0.95, 0), "comparisons"),
    ],
)
def test_what_cannot_be_used_is_said(act, said):
    with pytest.raises(ArgumentError, match=said):
        act()
