"""Agreement in sessions of several people: whose votes count, and what is made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import alwidget as alw
from alwidget.diagnostics import agreement
from alwidget.errors import ArgumentError, SessionError

LABELS = ["yes", "no"]
ROWS = [{"id": f"d{i}", "text": f"text {i}"} for i in range(12)]


def said(path, annotator, answers, task="classification"):
    options = {"labels": LABELS, "path": path, "model": "tf-idf", "annotator": annotator, "task": task}
    with alw.annotate(ROWS, **options) as session:
        for doc, value in answers.items():
            session.record(doc, value)
        return session


def test_what_two_people_said_of_the_same_documents(tmp_path):
    path = tmp_path / "s.alw"
    ana = dict(zip((f"d{i}" for i in range(10)), "0011010011", strict=True))
    ben = dict(zip((f"d{i}" for i in range(10)), "0010010111", strict=True))
    names = {"0": "yes", "1": "no"}
    said(path, "ana", {doc: names[v] for doc, v in ana.items()})
    said(path, "ben", {**{doc: names[v] for doc, v in ben.items()}, "d11": "yes"})
    with alw.open(path) as session:
        found = agreement(session)
        pair = found.pairs.iloc[0]
        assert (pair["one"], pair["other"], pair["documents"]) == ("ana", "ben", 10)
        assert pair["kappa"] == pytest.approx(0.6)
        assert pair["agree"] == pytest.approx(0.8)
        assert found.annotators["documents"].to_dict() == {"ana": 10, "ben": 11}
        assert found.consensus.loc["d11", "votes"] == 1
        assert found.consensus.loc["d0", "answer"] == "yes"
        assert set(found.disputed.index) <= set(found.votes.index)
        assert (found.disputed["probability"] < 0.8).all()
        assert len(found.plot().axes) == 2


def test_only_the_last_word_of_each_counts(tmp_path):
    path = tmp_path / "s.alw"
    said(path, "ana", {"d0": "yes", "d1": "yes", "d2": "no"})
    options = {"labels": LABELS, "path": path, "model": "tf-idf", "annotator": "ben"}
    with alw.annotate(ROWS, **options) as session:
        session.record("d0", "no")
        session.record("d0", "yes")  # changed
        session.record("d1", "no")
        session.undo()  # taken back
        session.record("d2", "no")
        session.skip("d2")  # left out after all
        session.record("d3", "no")
        session.rename_label("no", "never")
        found = agreement(session)
        assert found.votes["ben"].to_dict() == {"d0": "yes", "d1": None, "d2": None, "d3": "never"}
        assert found.votes["ana"].to_dict() == {"d0": "yes", "d1": "yes", "d2": "never", "d3": None}


def test_several_labels_are_decisions_of_their_own(tmp_path):
    path = tmp_path / "s.alw"
    said(path, "ana", {"d0": ["yes"], "d1": ["yes", "no"]}, task="multilabel")
    said(path, "ben", {"d0": ["yes"], "d1": ["no"]}, task="multilabel")
    with alw.open(path) as session:
        found = agreement(session)
        assert len(found.votes) == 4
        assert found.pairs.iloc[0]["agree"] == pytest.approx(0.75)
        assert not found.votes.loc[("d1", "yes"), "ben"]


def test_a_table_will_do_and_missing_votes_are_missing():
    found = agreement({"a": [0, 0, 1, 1, None], "b": [0, 1, 1, 1, 0], "c": [None] * 5})
    assert found.alpha == pytest.approx(0.533333, abs=1e-6)
    assert math.isnan(found.fleiss)
    assert math.isnan(found.pairs.set_index(["one", "other"]).loc[("a", "c"), "kappa"])
    rows = {"a": [0, 0, 1, 0], "b": [0, 0, 1, 1], "c": [0, 1, 1, 1]}
    assert agreement(rows).fleiss == pytest.approx(1 / 3)
    whole = agreement(np.array([[0, 0], [1, 1]]))
    assert whole.consensus["answer"].tolist() == [0, 1]


def test_one_person_alone_agrees_with_nobody(tmp_path):
    session = said(tmp_path / "s.alw", "ana", {"d0": "yes"})
    with alw.open(session.path) as kept, pytest.raises(SessionError, match="two people"):
        agreement(kept)
    for table in ({"a": [1]}, {"a": [1, None], "b": [None, 1]}):
        with pytest.raises(ArgumentError, match="two people"):
            agreement(table)
    with (
        alw.annotate(["a b"], labels=["A"], task="tagging", path=tmp_path / "t.alw", strategy="random") as session,
        pytest.raises(SessionError, match="tagging"),
    ):
        agreement(session)
