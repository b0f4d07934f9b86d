"""How much of the pseudo-labels is dropped, and what the interval says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from alwidget.errors import ArgumentError
from alwidget.reuse.cleaning import FEW, UNKNOWN, ErrorRate, bootstrapped, drop, error_rate


@pytest.mark.parametrize(("wrong", "n"), [(0, 40), (5, 50), (50, 50), (37, 400)])
def test_the_interval_is_wilsons(wrong, n):
    found = error_rate([False] * wrong + [True] * (n - wrong))
    theirs = binomtest(wrong, n).proportion_ci(method="wilson")
    assert (found.share, found.n) == (wrong / n, n)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_weights_correct_for_how_documents_were_asked():
    rng = np.random.default_rng(0)
    hard = rng.random(20_000) < 0.3
    correct = rng.random(20_000) > np.where(hard, 0.4, 0.05)
    asked = rng.random(20_000) < np.where(hard, 0.5, 0.1)
    plain = error_rate(correct[asked])
    weighted = error_rate(correct[asked], 1 / np.where(hard, 0.5, 0.1)[asked])
    truth = 1 - correct.mean()
    assert plain.low > truth
    assert weighted.low < truth < weighted.high
    assert weighted.high - weighted.low > plain.high - plain.low


def test_equal_weights_are_no_weights():
    correct = [True, False, True, True]
    one, other = error_rate(correct), error_rate(correct, [3.0] * 4)
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_spans_are_counted_as_f1():
    found = bootstrapped([1, 2, 0] * 20, [1, 2, 1] * 20, [2, 2, 0] * 20, np.random.default_rng(0))
    assert found.share == pytest.approx(1 - 2 * 3 / (4 + 4))
    assert found.low < found.share < found.high
    nothing = bootstrapped([0] * 40, [0] * 40, [0] * 40, np.random.default_rng(0))
    assert (nothing.share, nothing.low, nothing.high) == (0, 0, 0)


def test_a_handful_of_documents_decides_nothing():
    few = error_rate([False] * (FEW - 1))
    assert not few.trusted
    assert drop(np.arange(100.0), few).sum() == UNKNOWN * 100
    assert error_rate([]).share == UNKNOWN


def test_what_was_left_out_before_counts():
    error = ErrorRate(0.2, 0.1, 0.3, 200, "Wilson")
    influence = np.random.default_rng(0).random(90)
    dropped = drop(influence, error, dropped_before=10)
    assert dropped.sum() == 10
    assert influence[dropped].min() > influence[~dropped].max()
    assert not drop(influence, error, dropped_before=30).any()
    assert not drop(influence, ErrorRate(0.0, 0.0, 0.02, 200, "Wilson")).any()


def test_what_cannot_be_ranked_is_refused():
    with pytest.raises(ArgumentError):
        drop([0.1, np.nan], ErrorRate(0.2, 0.1, 0.3, 200, "Wilson"))
    with pytest.raises(ArgumentError):
        error_rate([True], [-1.0])
