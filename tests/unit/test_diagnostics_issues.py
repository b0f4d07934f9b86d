"""Label issues: the definition, and how many of those that are put first were really put wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alwidget as alw
from alwidget.diagnostics import label_issues
from alwidget.errors import ArgumentError, SessionError
from session_of import LABELS, labelled


@given(st.integers(0, 2**32 - 1), st.integers(1, 25), st.integers(2, 4))
def test_candidates_are_those_of_the_definition(seed, n, c):
    rng = np.random.default_rng(seed)
    probs, y = rng.dirichlet(np.ones(c), size=n), rng.integers(0, c, size=n)
    found = label_issues(probs=probs, y=y)
    thresholds = [probs[y == j, j].mean() if (y == j).any() else np.inf for j in range(c)]
    expected = set()
    for i in range(n):
        sure = [j for j in range(c) if probs[i, j] >= thresholds[j] - 1e-12]
        if sure and max(sure, key=lambda j: probs[i, j]) != y[i]:
            expected.add(i)
    assert set(found.candidates["id"]) == expected
    assert len(found) == len(expected)
    margins = found.candidates["margin"].to_numpy()
    assert (np.diff(margins) <= 1e-12).all()
    assert sorted(found.frame["id"]) == list(range(n))


def test_arrays_that_do_not_fit_are_refused():
    for arrays in (
        {},
        {"probs": [[1.0]]},
        {"probs": [[0.5, 0.5]], "y": [2]},
        {"probs": [[0.5, 0.5]], "y": [0], "ids": []},
    ):
        with pytest.raises(ArgumentError):
            label_issues(**arrays)


def test_a_session_shows_its_wrong_labels_first_and_stays_as_it_was(tmp_path):
    with labelled(tmp_path, 150, wrong=12, size=240, strategy="random") as session:
        before = session.predict_proba(["pan rake"])
        found = label_issues(session)
        np.testing.assert_array_equal(session.predict_proba(["pan rake"]), before)
        first = found.frame["id"][:12]
        assert len(found.frame) == 150
        assert set(found.frame["suggested"]) <= set(LABELS)
        # of what a third of the documents with telling words allows; by chance it would be 1 of 12
        assert np.mean([doc in session.wrong for doc in first]) >= 0.5
        assert len(found.plot().axes) == 1
        path = session.path
    with alw.open(path) as kept:
        assert len(label_issues(kept).frame) == 150


def test_too_little_and_other_tasks_are_refused(tmp_path):
    with labelled(tmp_path, 10) as session, pytest.raises(SessionError, match="20 labelled"):
        label_issues(session)
    tagging = {"labels": ["A"], "task": "tagging", "path": tmp_path / "t.alw", "strategy": "random"}
    with alw.annotate(["a b"], **tagging) as session, pytest.raises(SessionError, match='task="classification"'):
        label_issues(session)


def test_precision_on_news_with_a_tenth_of_the_labels_wrong(tmp_path: Path, data_dir: Path):
    file = data_dir / "agnews.jsonl.gz"
    if not file.exists():
        pytest.skip(f"{file} is not there; set ALWIDGET_DATA to the folder that has it")
    with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(1000), strict=False)]
    names = sorted({row["label"] for row in rows})
    rng = np.random.default_rng(0)
    wrong = set(rng.choice(len(rows), 100, replace=False).tolist())
    data = [
        {
            "id": str(i),
            "text": row["text"],
            "label": names[(names.index(row["label"]) + int(rng.integers(1, 4))) % 4] if i in wrong else row["label"],
        }
        for i, row in enumerate(rows)
    ]
    with alw.annotate(data, labels=names, label="label", path=tmp_path / "n.alw", model="tf-idf") as session:
        found = label_issues(session)
    top = [int(doc) in wrong for doc in found.frame["id"][:100]]
    candidates = [int(doc) in wrong for doc in found.candidates["id"]]
    assert np.mean(top[:50]) >= 0.6, f"precision at 50 {np.mean(top[:50]):.2f}, at 100 {np.mean(top):.2f}"
    assert np.mean(top) >= 0.5, f"precision at 50 {np.mean(top[:50]):.2f}, at 100 {np.mean(top):.2f}"
    assert np.sum(candidates) >= 60, f"{np.sum(candidates)} of {len(candidates)} candidates"
