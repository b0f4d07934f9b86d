"""PLASM from tables, sessions and files: what is never touched, what is kept, and what a second run makes again."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

import alwidget as alw
from alwidget.errors import ArgumentError, DataError
from alwidget.learners.tagging.bilstm import BiLstmCrf
from alwidget.reuse.run import plasm

STEPS = ("labeller", "unseen", "pseudo", "influence", "successor", "report")


@pytest.fixture(scope="module")
def table():
    data = alw.datasets.docstrings("classification", n=400)
    hidden = np.random.default_rng(0).choice(400, 250, replace=False)
    data["gold"] = data["label"]
    data.loc[np.sort(hidden), "label"] = None
    return data


@pytest.fixture(scope="module")
def done(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return plasm(table, successor="tf-idf", labeller="tf-idf", out=out, folds=3)


def test_people_are_never_overruled(table, done):
    given = table.dropna(subset=["label"]).set_index("id")["label"]
    human = done.labels[done.labels["origin"] == "human"].set_index("id")["label"]
    assert dict(human) == dict(given)
    others = done.labels[done.labels["origin"] != "human"]
    assert set(others["id"]) == set(table[table["label"].isna()]["id"])
    assert done.report.counts["human"] == 150
    assert done.report.counts["pseudo"] + done.report.counts["dropped"] == 250
    error = done.report.about["error"]
    assert error["low"] < error["share"] < error["high"]
    assert done.report.counts["dropped"] == round(250 * error["share"])
    assert set(done.report.about["scores"]) == {"labeller", "successor", "successor without pseudo-labels"}


def test_the_most_memorised_are_dropped(done):
    rows = done.labels[done.labels["origin"] != "human"]
    dropped, kept = (rows[rows["origin"] == origin]["influence"] for origin in ("dropped", "pseudo"))
    assert dropped.min() >= kept.max()
    assert done.report.about["threshold"] == pytest.approx(dropped.min())


def test_it_answers_and_tells(done, tmp_path):
    assert done.predict(["sparse matrix factorisation"])[0] in done.report.about["labels"]
    assert "taught by" in str(done.report)
    page = done.report.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "What was trusted, what was not" in page


def test_a_second_run_makes_nothing_again(table, done):
    told = []
    plasm(
        table,
        successor="tf-idf",
        labeller="tf-idf",
        out=done.path,
        folds=3,
        progress=lambda *what: told.append(what[0]),
    )
    assert [what for what in told if what.endswith(("there", "making"))] == [f"{stage}: there" for stage in STEPS]
    told.clear()
    plasm(
        table,
        successor="tf-idf",
        labeller="tf-idf",
        out=done.path,
        folds=3,
        weight=0.5,
        progress=lambda *what: told.append(what[0]),
    )
    assert [what for what in told if what.endswith(("there", "making"))] == [
        "labeller: there",
        "unseen: there",
        "pseudo: there",
        "influence: making",
        "successor: making",
        "report: making",
    ]


def test_a_session_and_its_file_are_the_same_material(tmp_path):
    texts = [f"good film number {i}" if i % 2 else f"bad film number {i}" for i in range(60)]
    with alw.annotate(texts, labels=["good", "bad"], path=tmp_path / "s.alw", model="tf-idf") as session:
        for item in session.next(20):
            session.record(item.id, "good" if item.text.startswith("good") else "bad")
        session.skip(session.next(1)[0].id)
        by_session = plasm(session, successor="tf-idf", folds=2)
    assert by_session.path == tmp_path / "s.alw" / "plasm"
    assert by_session.report.counts["human"] == 20
    assert by_session.report.counts["pseudo"] + by_session.report.counts["dropped"] == 39
    by_file = plasm(
        tmp_path / "s.alw" / "annotations.json",
        data=texts,
        successor="tf-idf",
        labeller="tf-idf",
        folds=2,
        out=tmp_path / "again",
    )
    assert by_file.labels["id"].tolist() == by_session.labels["id"].tolist()
    truth = ["good" if text.startswith("good") else "bad" for text in by_session.labels["text"]]
    assert by_session.labels["label"].tolist() == truth


@pytest.mark.parametrize("task", ["multilabel", "tagging"])
def test_other_tasks(task, tmp_path):
    data = alw.datasets.docstrings(task, n=160)
    key = {"multilabel": "labels", "tagging": "spans"}[task]
    data[key] = [value if i < 100 else None for i, value in enumerate(data[key])]
    quick = partial(BiLstmCrf, device="cpu", epochs=2, min_steps=10)
    model = {"multilabel": "tf-idf", "tagging": quick}[task]
    found = plasm(data, task=task, label=key, successor=model, labeller=model, out=tmp_path, folds=0)
    assert found.report.counts["human"] == 100
    assert found.report.counts["pseudo"] + found.report.counts["dropped"] == 60
    assert isinstance(found.labels[key].iloc[-1], list)
    answer = found.predict([data["text"].iloc[120]])[0]
    assert isinstance(answer, list)


@pytest.mark.parametrize(
    ("given", "error", "about"),
    [
        ({"holdout": 1.0, "smoothing": -1}, ArgumentError, "holdout.*smoothing"),
        ({"folds": 1}, ArgumentError, "folds"),
        ({"successor": 3}, ArgumentError, "successor"),
        ({"task": "generation", "label": "label"}, ArgumentError, "generation"),
        ({"label": "nothing"}, DataError, "nothing"),
    ],
)
def test_what_cannot_be_done_is_said_before_it_begins(table, tmp_path, given, error, about):
    with pytest.raises(error, match=f"(?s){about}"):
        plasm(table, **{"successor": "tf-idf", "labeller": "tf-idf", "out": tmp_path, **given})
    assert not list(tmp_path.iterdir())


def test_broken_files_are_named(tmp_path):
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps({"task": "classification", "labels": ["a"]}))
    with pytest.raises(DataError, match="annotations"):
        plasm(file, out=tmp_path / "out")
