"""Profiles: the tables are what the functions of one array say, in sessions of every task, by source and by round."""

from __future__ import annotations

import math

import numpy as np
import pytest

import alwidget as alw
from alwidget.diagnostics import divergence, profile
from alwidget.errors import ArgumentError, SessionError
from alwidget.strategies import functional
from session_of import LABELS, documents, labelled


def test_known_values_from_arrays():
    found = profile(
        embeddings=[[0.0], [1.0], [2.0], [4.0], [5.0]],
        picked=[0, 3],
        probs=[[0.5, 0.5]] * 5,
        texts=[["a", "b"], ["b"], ["c"], ["c"], ["d"]],
        y=[0, 0, 1, 0, 1],
        sources=["x", "x", "y", "y", "y"],
        rounds=[1, 2],
    )
    row = found.frame.loc["all"]
    assert row["representation_diversity"] == pytest.approx(0.75)
    assert row["uncertainty"] == row["pool_uncertainty"] == pytest.approx(math.log(2))
    assert row["input_diversity"] == pytest.approx(2 / 4)
    assert row["documents"] == 2
    assert row["kl"] == pytest.approx(divergence([1, 0], [0.6, 0.4])) == pytest.approx(math.log(1 / 0.6))
    assert found.classes["acquired"].tolist() == [1, 0]
    assert found.factors.loc[1].tolist() == pytest.approx([1 / (2 / 5), 0])
    assert found.factors.loc[2].tolist() == pytest.approx([0, 1 / (3 / 4)])
    assert found.frame.loc["x", "documents"] == 1
    assert found.batches["documents"].tolist() == [1, 1]
    assert len(found.plot().axes) == 2


def test_a_source_that_has_run_out_is_nan():
    found = profile(embeddings=np.eye(4), picked=[0, 1], sources=["a", "b", "b", "b"], rounds=[1, 2])
    assert math.isnan(found.factors.loc[2, "a"])
    assert found.factors.loc[2, "b"] == 1


def test_divergence_of_what_the_reference_lacks_is_infinite():
    assert divergence([0.5, 0.5], [0.5, 0.5]) == 0
    assert divergence([0.5, 0.5], [1, 0]) == math.inf
    assert divergence([1, 0], [0.5, 0.5]) == pytest.approx(math.log(2))
    with pytest.raises(ArgumentError):
        divergence([1], [0.5, 0.5])


def test_a_session_by_source_and_round(tmp_path):
    with labelled(tmp_path, 60, rounds=3, audit=0.2) as session:
        found = profile(session, sample=80)
        assert set(found.frame.index) == {"all", "one", "two"}
        assert found.frame.loc["all", "documents"] == 60
        assert found.sample == 80
        assert found.frame.notna().all().all()
        assert found.classes["acquired"].sum() == pytest.approx(1)
        assert found.pool_is == "predicted"
        source = {row["id"]: row["source"] for row in documents(200)}
        gone = dict.fromkeys(("one", "two"), 0)
        for number in sorted({a.round for a in session.annotations}):
            batch = [a for a in session.annotations if a.round == number]
            picks = [a for a in batch if a.round == 0 or a.strategy != "random"]
            there = {name: 100 - gone[name] for name in gone}
            expected = functional.acquisition_factor([source[a.id] for a in picks], np.arange(len(picks)), there)
            assert found.factors.loc[number].to_dict() == pytest.approx(expected)
            for a in batch:
                gone[source[a.id]] += 1
        again = profile(session, sample=80)
        assert again.frame.equals(found.frame)
        path = session.path
    with alw.open(path) as kept:
        alone = profile(kept)
        assert alone.sample == 0
        assert math.isnan(alone.frame.loc["all", "representation_diversity"])
        assert alone.frame.loc["all", "redundancy"] > 0


def test_several_labels_and_spans(tmp_path):
    rows = [row["text"] for row in documents(40)]
    with alw.annotate(rows, labels=LABELS, task="multilabel", path=tmp_path / "m.alw", model="tf-idf") as session:
        for i, item in enumerate(session.next(20)):
            session.record(item.id, [LABELS[i % 2]] if i % 3 else LABELS)
        found = profile(session)
        assert found.classes["acquired"].sum() == pytest.approx(1)
        assert 0 < found.frame.loc["all", "uncertainty"] <= 2 * math.log(2)
        assert found.factors is None
    options = {"labels": ["T"], "task": "tagging", "path": tmp_path / "t.alw", "model": "bilstm-crf"}
    with alw.annotate(rows, strategy="random", **options) as session:
        for item in session.next(4):
            session.record(item.id, [{"start": 0, "end": len(item.text.split()[0]), "label": "T"}])
        found = profile(session)
        assert found.classes["acquired"].tolist() == [1]
        assert math.isnan(found.frame.loc["all", "uncertainty"])


def test_what_does_not_fit_is_refused(tmp_path):
    for arrays in (
        {},
        {"embeddings": np.eye(3)},
        {"embeddings": np.eye(3), "picked": [0, 0]},
        {"embeddings": np.eye(3), "picked": [3]},
        {"embeddings": np.eye(3), "picked": [0], "y": [1]},
        {"embeddings": np.eye(3), "picked": [0], "rounds": [1, 2]},
    ):
        with pytest.raises(ArgumentError):
            profile(**arrays)
    with labelled(tmp_path, 1) as session, pytest.raises(SessionError, match="2 labelled"):
        profile(session)
