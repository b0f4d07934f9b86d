"""Stopping: known values, the learning curve's law and its interval, and advice in sessions of both kinds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alwidget as alw
from alwidget.diagnostics import should_stop
from alwidget.diagnostics.forecast import fit_power_law, forecast
from alwidget.diagnostics.stopping import classification_change, kappa_average, overall_uncertainty
from alwidget.errors import ArgumentError, SessionError, StrategyError
from session_of import labelled


def test_overall_uncertainty_of_the_known_rows():
    assert overall_uncertainty([[0.9, 0.1], [0.99, 0.01]]) == pytest.approx(0.274894, abs=1e-6)
    assert overall_uncertainty([[0.25] * 4]) == pytest.approx(1)
    assert overall_uncertainty([[1.0]]) == 0
    assert overall_uncertainty([[0.5, 0.5, 0.5]], multilabel=True) == pytest.approx(1)
    with pytest.raises(StrategyError):
        overall_uncertainty([[3.0, -1.0]])


def test_constant_predictions_agree_and_the_window_is_the_newest():
    assert kappa_average([["a", "a"], ["a", "a"]]) == 1
    rows = [[0, 1, 0, 1], [1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 1, 0], [1, 0, 1, 0]]
    assert kappa_average(rows) == 1
    assert kappa_average(rows, window=4) == pytest.approx((-1 + 3) / 4)
    with pytest.raises(ArgumentError, match="two models"):
        kappa_average([[1]])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=20))
def test_change_is_the_share_that_differs(pairs):
    before, after = zip(*pairs, strict=True)
    assert classification_change(before, after) == pytest.approx(np.mean(np.array(before) != np.array(after)))


@given(st.floats(0.3, 1), st.floats(0.05, 2), st.sampled_from([0.1, 0.5, 1.0, 1.5]))
def test_a_power_law_is_found_again(ceiling, scale, exponent):
    sizes = np.array([10, 20, 40, 80, 160, 320])
    scores = ceiling - scale * sizes**-exponent
    law = fit_power_law(sizes, scores)
    assert ((law.ceiling[0], law.scale[0], law.exponent[0])) == pytest.approx((ceiling, scale, exponent), rel=1e-5)


def test_no_grid_of_curves_is_nearer():
    rng = np.random.default_rng(0)
    sizes = np.array([20, 50, 100, 200])
    for _ in range(20):
        scores = np.clip(np.sort(rng.random(4)) + rng.normal(0, 0.1, 4), 0, 1)
        law = fit_power_law(sizes, scores)
        ours = ((law.ceiling - law.scale * sizes**-law.exponent - scores) ** 2).sum()
        for c in np.linspace(0, 1, 21):
            for a in np.linspace(0, 3, 31):
                for b in np.linspace(0.1, 2, 20):
                    assert ours <= ((c - a * sizes**-b - scores) ** 2).sum() + 1e-9


def test_a_falling_curve_is_flat_and_too_few_points_are_refused():
    law = fit_power_law([10, 20, 40], [0.9, 0.8, 0.7])
    assert law.at(10)[0] == pytest.approx(law.at(1000)[0]) == pytest.approx(0.8)
    for sizes, scores in (([1, 2], [0.5, 0.6]), ([1, 1, 1], [0, 0, 0]), ([1, 2, 3], [0.5])):
        with pytest.raises(ArgumentError, match="three different"):
            fit_power_law(sizes, scores)


def test_the_interval_holds_what_more_labels_really_bring():
    sizes, inside = np.array([30, 60, 120, 240]), 0
    truth = 0.92 - 1.2 * sizes**-0.6
    then = 0.92 - 1.2 * 480**-0.6
    for seed in range(100):
        ease = np.random.default_rng(seed).random(200)  # the same documents at each point
        found = forecast(sizes, ease < truth[:, None], 240, 480, seed=seed)
        inside += found.low <= then <= found.high
    assert inside >= 88


def test_a_session_is_advised_and_stays_as_it_was(tmp_path):
    with labelled(tmp_path, 60, rounds=3, audit=0.2) as session:
        before = session.predict_proba(["pan rake"])
        found = should_stop(session, ahead=20)
        np.testing.assert_array_equal(session.predict_proba(["pan rake"]), before)
        assert found.minutes == pytest.approx(20 * 3.0 / 60)  # 2, 3 and 4 seconds, a third each
        assert "20 more labels take about 1 minutes" in found.reason
        assert 0 <= found.uncertainty <= 1
        assert -1 <= found.kappa <= 1
        assert len(found.curve) >= 3
        assert (found.curve["low"] <= found.curve["score"]).all()
        assert found.forecast.labels == 80
        assert len(found.plot().axes) == 1
        again = should_stop(session, ahead=20)
        assert (again.kappa, again.reason) == (found.kappa, found.reason)


def test_it_says_stop_once_nothing_changes(tmp_path):
    rows = [f"{'pan oven' if i % 2 else 'rake hedge'} number {i}" for i in range(300)]
    with alw.annotate(rows, labels=["k", "g"], path=tmp_path / "s.alw", model="tf-idf", strategy="random") as session:
        for item in session.next(120):
            session.record(item.id, "k" if "pan" in item.text else "g")
        found = should_stop(session)
        assert found.stop
        assert found.reason.startswith("Stop: successive models agree")
        assert {"kappa", "change"} <= set(found.met)
        assert should_stop(session, criteria=["uncertainty"]).stop == ("uncertainty" in found.met)


def test_read_only_too_little_and_wrong_criteria(tmp_path):
    with labelled(tmp_path, 40) as session:
        path = session.path
        with pytest.raises(ArgumentError, match='Did you mean "kappa"'):
            should_stop(session, criteria=["kapa"])
    with alw.open(path) as kept:
        found = should_stop(kept)
        assert np.isnan(found.kappa)
        assert any("No unlabelled documents" in note for note in found.notes)
    with labelled(tmp_path, 20, name="few.alw") as session, pytest.raises(SessionError, match="30 labelled"):
        should_stop(session)
