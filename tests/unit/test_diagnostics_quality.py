"""Honest estimates: Wilson's interval, coverage under a strategy that hunts hard documents, and real sessions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alwidget as alw
from alwidget.diagnostics import quality
from alwidget.diagnostics.intervals import wilson
from alwidget.diagnostics.measuring import estimate
from alwidget.engine.audit import mixed
from alwidget.engine.openset import OpenSet
from alwidget.engine.queue import Queued
from alwidget.errors import ArgumentError, SessionError
from alwidget.log.events import Why
from session_of import LABELS, documents, labelled


@given(st.integers(1, 300), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(n, data, confidence):
    from scipy.stats import binomtest

    hits = data.draw(st.integers(0, n))
    found = wilson(hits, n, confidence)
    expected = binomtest(hits, n).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_wilson_needs_documents():
    for hits, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ArgumentError):
            wilson(hits, n)


def simulated(seed: int, share: float, rounds: int = 15, batch: int = 30, size: int = 1500):
    """Return what a session logs whose strategy takes the hardest documents first, and the truth about the pool."""
    rng = np.random.default_rng(seed)
    chance = np.where(rng.random(size) < 0.3, 0.35, 0.95)
    right = rng.random(size) < chance
    available, order = OpenSet(size), np.argsort(chance + 0.01 * rng.random(size))
    rows = []
    for number in range(rounds):
        still = [int(i) for i in order if int(i) in available][:batch]
        chosen = [Queued(i, Why("entropy", number, 1, batch, propensity=1.0)) for i in still]
        for entry in mixed(chosen, available, share, seed=seed, number=number, model=None):
            rows.append((right[entry.index], entry.why.strategy == "random", entry.why.propensity, number))
            available.close(entry.index)
    return *(np.array(column) for column in zip(*rows, strict=True)), size, right.mean()


def test_the_intervals_hold_the_truth_and_what_was_chosen_does_not():
    inside, narrower, biased = np.zeros(2), 0, []
    runs = 200
    pool_errors = []
    for seed in range(runs):
        *given_, truth = simulated(seed, 0.15)
        random, pool, chosen = estimate(*given_)
        inside += [random.low <= truth <= random.high, pool.low <= truth <= pool.high]
        narrower += pool.high - pool.low < random.high - random.low
        biased.append(chosen.high < truth)
        pool_errors.append(pool.value - truth)
    assert inside[1] / runs >= 0.92
    assert np.mean(biased) > 0.95
    # what is answered already needs no estimate
    assert narrower == runs
    assert abs(np.mean(pool_errors)) < 0.012


def test_it_is_the_mean_of_what_each_draw_says_of_the_pool():
    # two imported (round -1), then in round 0 a draw of two, in round 1 one chosen and one drawn
    right = np.array([1, 0, 1, 0, 0, 1], bool)
    drawn = np.array([0, 0, 1, 1, 0, 1], bool)
    rounds = np.array([-1, -1, 0, 0, 1, 1])
    p = np.array([np.nan, np.nan, 0.2, 0.2, 1.0, 0.1])
    size = 10
    expected = np.mean([(1 + 8 * 1) / 10, (1 + 8 * 0) / 10, (2 + 6 * 1) / 10])
    random, pool, chosen = estimate(right, drawn, p, rounds, size)
    assert pool.value == pytest.approx(expected)
    assert random.value == pytest.approx(2 / 3)
    assert chosen.value == pytest.approx(1 / 3)


def test_unequal_chances_of_one_draw_count_by_their_inverse():
    random, _, chosen = estimate([True, False], [True, True], [0.1, 0.4], [0, 0], 100)
    assert random.value == pytest.approx(0.8)
    assert random.n == pytest.approx(25 / 17)
    assert chosen is None
    for wrong in ([0.0, 0.5], [2.0, 0.5], [np.nan, 0.5]):
        with pytest.raises(ArgumentError, match="drawn at random"):
            estimate([True, False], [True, True], wrong, [0, 0], 100)


def test_a_session_with_an_audit_is_measured_and_its_model_is_as_before(tmp_path):
    with labelled(tmp_path, 100, rounds=5, audit=0.2) as session:
        before = session.predict_proba(["pan and rake", "old rose"])
        found = quality(session)
        np.testing.assert_array_equal(session.predict_proba(["pan and rake", "old rose"]), before)
        drawn = [a for a in session.annotations if a.strategy == "random"]
        assert found.random.n == pytest.approx(len(drawn))
        assert found.chosen.n == 100 - len(drawn)
        truth = {row["id"]: row["truth"] for row in documents(200)}
        texts = {doc.id: doc.text for doc in session.pool}
        predicted = dict(zip(texts, session.predict(list(texts.values())), strict=True))
        labelled_already = {a.id for a in session.annotations}
        rest = np.mean([predicted[doc] == truth[doc] for doc in texts if doc not in labelled_already])
        assert found.weighted.low - 0.1 < rest < found.weighted.high + 0.1
        assert quality(session) == found
        assert "drawn at random" in str(found)
        assert len(found.plot().axes) == 1
        earlier = quality(session, by="prequential")
        audits = [a for a in drawn if a.round > 0]
        assert earlier.random.n == pytest.approx(len(audits))
        assert any("before a model could foresee" in note for note in earlier.notes)


def test_a_read_only_session_says_with_what_it_was_measured(tmp_path):
    with labelled(tmp_path, 40, rounds=2, audit=0.3) as session:
        path = session.path
    with alw.open(path) as kept:
        found = quality(kept)
        assert any("Without its data" in note for note in found.notes)
        assert found.weighted.low < found.weighted.high


def test_without_chance_nothing_is_said_and_the_audit_is_offered(tmp_path):
    rows = [{"id": f"d{i}", "text": row["text"], "label": row["truth"]} for i, row in enumerate(documents(30))]
    options = {"labels": LABELS, "label": "label", "path": tmp_path / "s.alw", "model": "tf-idf"}
    with alw.annotate(rows, **options) as session, pytest.raises(SessionError, match=r"audit=0\.05"):
        quality(session)
    with labelled(tmp_path, 4, name="few.alw") as session, pytest.raises(SessionError, match="10 labelled"):
        quality(session)
    with labelled(tmp_path, 20, name="by.alw") as session, pytest.raises(ArgumentError, match="prequential"):
        quality(session, by="preqential")
    with labelled(tmp_path, 20, name="none.alw") as session, pytest.raises(SessionError, match="cross-validation"):
        quality(session, by="prequential")


def test_unknown_chances_and_skips_are_said(tmp_path):
    with labelled(tmp_path, 30) as session:
        for item in session.next(3):
            session.skip(item.id)
        found = quality(session)
        assert found.skipped == 3
        assert any("skipped" in note for note in found.notes)
        assert found.chosen is None
        assert found.random.value == pytest.approx(found.weighted.value)
