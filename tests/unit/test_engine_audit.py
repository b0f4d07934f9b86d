"""The audit stream: how many are drawn, from what, that it repeats itself, and that it is a setting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alwidget as alw
from alwidget.engine.audit import DRAWN_TO_MEASURE, bought, mixed
from alwidget.engine.openset import OpenSet
from alwidget.engine.queue import Queued
from alwidget.errors import ArgumentError
from alwidget.log.events import Why
from small_learner import SmallLearner
from small_tasks import ANIMALS, ORACLES, SmallSeveral, SmallTagger, SmallWriter
from small_tasks import texts as some_texts

LABELS = ["good", "bad"]


def texts(n: int = 200) -> list[str]:
    return [f"{'good' if i % 2 else 'bad'} film number {i} of kind {i % 7}" for i in range(n)]


def chosen(*indices: int) -> list[Queued]:
    return [Queued(i, Why("entropy", 3, rank, len(indices), propensity=1.0)) for rank, i in enumerate(indices, 1)]


def test_each_place_has_its_share_and_all_open_documents_their_chance():
    available = OpenSet(40, np.array([0, 1]))
    drawn, places = np.zeros(40), np.zeros(10)
    runs = 3000
    for number in range(runs):
        out = mixed(chosen(*range(2, 12)), available, 0.2, seed=0, number=number, model="m")
        assert len(out) == 10
        assert len({entry.index for entry in out}) == 10
        audits = [entry for entry in out if entry.why.text == DRAWN_TO_MEASURE]
        for entry in audits:
            assert entry.why.strategy == "random"
            assert entry.why.propensity == len(audits) / 38
            drawn[entry.index] += 1
        places += [entry.why.text == DRAWN_TO_MEASURE for entry in out]
    np.testing.assert_allclose(places / runs, 0.2, atol=0.03)
    assert drawn[:2].sum() == 0  # closed
    # those that the strategy chose are drawn as often as the others
    np.testing.assert_allclose(drawn[2:] / drawn.sum(), 1 / 38, atol=0.008)


def test_the_strategys_order_is_kept_and_no_audit_is_no_change():
    entries = chosen(*range(20, 0, -1))
    out = mixed(entries, OpenSet(100), 0.3, seed=1, number=1, model=None)
    kept = [entry.index for entry in out if entry.why.strategy == "entropy"]
    assert kept == sorted(kept, reverse=True)
    assert mixed(entries, OpenSet(100), 0.0, seed=1, number=1, model=None) == entries
    few = OpenSet(3)
    assert {e.index for e in mixed(chosen(0, 1, 2), few, 0.5, seed=0, number=2, model=None)} == {0, 1, 2}


def ask(path: Path, audit: float, seed: int = 0) -> list[tuple[str, str]]:
    asked = []
    options = {"strategy": "entropy", "batch_size": 20, "model": SmallLearner(), "seed": seed, "audit": audit}
    with alw.annotate(texts(), labels=LABELS, path=path, **options) as session:
        for _ in range(4):
            for item in session.next(20):
                asked.append((item.id, item.why["text"]))
                session.record(item.id, "good" if "good" in item.text else "bad")
            session.train(wait=True)
        rows = [a for a in session.annotations if a.strategy == "random" and a.round > 0]
        assert all(0 < a.propensity < 1 for a in rows)
    return asked


def test_a_session_mixes_them_in_the_same_for_the_same_seed(tmp_path):
    one, two = (ask(tmp_path / name, 0.25) for name in ("a.alw", "b.alw"))
    assert one == two
    measured = [doc for doc, why in one if why == DRAWN_TO_MEASURE]
    assert 5 <= len(measured) <= 30
    assert not [doc for doc, why in ask(tmp_path / "c.alw", 0.0) if why == DRAWN_TO_MEASURE]


def test_it_is_kept_with_the_session_and_can_be_turned_off(tmp_path):
    path = tmp_path / "s.alw"
    made = {"labels": LABELS, "path": path, "model": "tf-idf"}
    with alw.annotate(texts(), audit=0.1, **made):
        pass
    with alw.open(path, texts()) as session:
        assert session._engine.audit == 0.1
        assert session.log.settings["audit"] == 0.1
    with alw.annotate(texts(), **made):
        pass
    with alw.open(path, texts()) as session:
        assert session._engine.audit == 0


def test_a_share_that_is_none_is_refused(tmp_path):
    for wrong in (-0.1, 0.9, "0.1", True, float("nan")):
        with pytest.raises(ArgumentError, match="audit="):
            alw.annotate(texts(), labels=LABELS, path=tmp_path / "s.alw", audit=wrong)


def test_what_it_buys_is_said_in_one_line():
    assert "one question in 20" in bought(0.05, 1000)
    assert "±10 points" in bought(0.05, 1000)


@pytest.mark.parametrize(
    ("task", "learner", "strategy"),
    [("multilabel", SmallSeveral, "entropy"), ("tagging", SmallTagger, "mnlp"), ("generation", SmallWriter, "nsp")],
)
def test_every_task_has_it_and_its_documents_are_suggested_as_the_others(tmp_path, task, learner, strategy):
    labels = {"multilabel": ANIMALS, "tagging": ["PER", "LOC"], "generation": None}[task]
    options = {"labels": labels, "task": task, "path": tmp_path / "s.alw", "model": learner()}
    with alw.annotate(some_texts(60), strategy=strategy, batch_size=12, audit=0.4, **options) as session:
        for item in session.next(12):
            session.record(item.id, ORACLES[task](item.text))
        session.train(wait=True)
        items = session.next(12)
        assert {item.why["strategy"] for item in items} == {"random", strategy}
        assert all(item.suggestion is not None for item in items)
        assert len({item.id for item in items}) == 12
