"""Data maps: known values, the borders of difficulty, what an ablation removes, and sessions of each kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import alwidget as alw
from alwidget.diagnostics import datamap, difficulty
from alwidget.errors import ArgumentError, SessionError
from session_of import LABELS, documents, labelled


def test_the_known_document():
    found = datamap(gold=[[0.2], [0.6], [0.9]], correct=[[False], [True], [True]], ids=["x"])
    row = found.frame.iloc[0]
    assert row["confidence"] == pytest.approx(0.566667, abs=1e-6)
    assert row["variability"] == pytest.approx(0.286744, abs=1e-6)  # ddof 1 would be .351188
    assert row["correctness"] == pytest.approx(2 / 3)
    assert (row["id"], row["difficulty"], found.epochs) == ("x", "medium", 3)


@given(st.floats(0, 1))
def test_each_confidence_has_exactly_one_difficulty(value):
    name = difficulty([value])[0]
    expected = "easy" if value >= 0.75 else "medium" if value >= 0.5 else "hard" if value >= 0.25 else "impossible"
    assert name == expected


def test_the_borders_belong_to_the_class_above():
    assert difficulty([1, 0.75, 0.5, 0.25, 0]).tolist() == ["easy", "easy", "medium", "hard", "impossible"]
    with pytest.raises(ArgumentError):
        difficulty([1.5])


def made(confidence, variability, sources=None):
    """Return a map with these means and deviations, from two epochs."""
    c, v = np.array(confidence), np.array(variability)
    return datamap(gold=np.stack([c - v, c + v]), correct=np.ones((2, len(c)), bool), sources=sources)


def test_the_product_rule_removes_an_easy_document_before_an_impossible_one():
    found = made([0.98, 0.10, 0.6, 0.6], [0.005, 0.06, 0.3, 0.3]).outliers("product", share=0.25)
    assert found.frame.index.tolist() == [0]  # .0049 < .0060
    assert found.easy == 1
    assert found.note == 'rule="product" leaves out 1 documents: 1 easy.'
    other = made([0.98, 0.10, 0.6, 0.3], [0.005, 0.06, 0.3, 0.2]).outliers("low_conf")
    assert other.frame.index.tolist() == [1, 3]
    assert other.easy == 0


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(0, 1)),
    st.floats(0, 1),
    st.data(),
)
def test_each_source_loses_its_own_share(values, share, data):
    n = len(values)
    sources = data.draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n))
    found = datamap(gold=values.T, correct=values.T > 0.5, sources=sources)
    fallen = set(found.outliers(share=share).frame.index)
    product = found.frame["confidence"] * found.frame["variability"]
    for name in set(sources):
        members = [i for i in range(n) if sources[i] == name]
        smallest = sorted(members, key=lambda i: (product[i], i))[: int(share * len(members))]
        assert fallen & set(members) == set(smallest)
    together = found.outliers(share=share, by=None)
    assert len(together) == int(share * n)


def test_what_cannot_be_asked_is_refused():
    found = made([0.5], [0.1])
    for options in ({"rule": "produkt"}, {"share": 2}, {"by": "nothing"}):
        with pytest.raises(ArgumentError):
            found.outliers(**options)
    with pytest.raises(ArgumentError, match="session, or gold="):
        datamap()
    with pytest.raises(ArgumentError, match="one entry for each"):
        datamap(gold=[[0.5]], correct=[[True]], ids=["a", "b"])


def test_a_session_is_mapped_from_its_last_round_without_learning_again(tmp_path):
    with labelled(tmp_path, 40) as session:
        session.train(wait=True)
        learner = session.engine.run(lambda learner: learner)
        before = learner.fit
        learner.fit = None  # nothing may be learnt
        found = alw.diagnostics.datamap(session)
        learner.fit = before
        assert len(found.frame) == 40
        assert set(found.frame["source"]) == {"one", "two"}
        assert found.epochs > 1
        by_id = {a.id: a.value for a in session.annotations}
        assert dict(zip(found.frame["id"], found.frame["label"], strict=True)) == by_id
        item = session.next()[0]
        session.record(item.id, LABELS[0])
        assert len(alw.diagnostics.datamap(session).frame) == 41
        figure = found.plot()
        assert len(figure.axes) == 2


def test_wrong_labels_lie_at_the_bottom_of_the_map(tmp_path):
    with labelled(tmp_path, 60, wrong=6) as session:
        found = datamap(session).frame.set_index("id")
        wrong = found.index.isin(session.wrong)
        assert found["confidence"][wrong].mean() < found["confidence"][~wrong].mean() - 0.05


def test_a_read_only_session_and_one_with_too_little(tmp_path):
    with labelled(tmp_path, 30) as session:
        path = session.path
    with alw.open(path) as kept:
        assert len(datamap(kept).frame) == 30
    with alw.annotate(documents(20), labels=LABELS, path=tmp_path / "empty.alw", model="tf-idf") as session:
        with pytest.raises(SessionError, match="at least, and this session has 0"):
            datamap(session)
        for item in session.next(3):
            session.record(item.id, LABELS[0])
        with pytest.raises(SessionError, match="two different labels"):
            datamap(session)
