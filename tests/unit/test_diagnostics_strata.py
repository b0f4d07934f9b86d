"""Scores by difficulty and by source: counted as the definition has it, and found in data made so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alwidget as alw
from alwidget.diagnostics import difficulty, leave_one_source_out, stratified
from alwidget.errors import ArgumentError, SessionError
from session_of import LABELS, documents, labelled


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from("ab")), min_size=1, max_size=30))
def test_each_stratum_is_its_share(rows):
    confidence, right, sources = zip(*rows, strict=True)
    frame = stratified(confidence=confidence, right=right, sources=sources).frame
    for row in frame.itertuples():
        some = [r for c, r, s in rows if difficulty([c])[0] == row.difficulty and row.source in ("all", s)]
        assert row.documents == len(some)
        if some:
            assert row.accuracy == pytest.approx(np.mean(some))
            assert row.low <= row.accuracy <= row.high
        else:
            assert np.isnan(row.accuracy)
    assert frame[frame["source"] == "all"]["documents"].sum() == len(rows)


def test_a_session_is_tested_by_difficulty_and_stays_as_it_was(tmp_path):
    test = documents(160, seed=9)
    texts, answers, sources = ([row[name] for row in test] for name in ("text", "truth", "source"))
    answers[:8] = [LABELS[1 - LABELS.index(answer)] for answer in answers[:8]]  # impossible ones
    with labelled(tmp_path, 100) as session:
        before = session.predict_proba(texts)
        found = stratified(session, texts, answers, sources=sources)
        np.testing.assert_array_equal(session.predict_proba(texts), before)
        predicted = np.array(session.predict(texts)) == np.array(answers)
        np.testing.assert_array_equal(found.documents["right"], predicted)
        assert found.frame["documents"].sum() == 2 * len(test)
        wrong = found.documents["confidence"][:8].mean()
        assert wrong < found.documents["confidence"][8:].mean()
        assert len(found.plot().axes) == 1
        for bad in ((texts, answers[:3]), (texts, ["unknown"] * len(texts)), ([], [])):
            with pytest.raises(ArgumentError, match="session's labels"):
                stratified(session, *bad)


def test_arrays_that_do_not_fit_are_refused():
    for arrays in (
        {},
        {"confidence": [0.5]},
        {"confidence": [0.5], "right": [True, False]},
        {"confidence": [], "right": []},
    ):
        with pytest.raises(ArgumentError):
            stratified(**arrays)


def test_a_source_of_other_words_is_not_reached_from_the_others(tmp_path):
    rng = np.random.default_rng(0)
    words = {("s", 0): "pan oven", ("s", 1): "rake hedge", ("t", 0): "vis vim", ("t", 1): "lux pax"}
    rows = []
    for i in range(80):
        source, label = "st"[i % 2], int(rng.integers(2))
        rows.append({"text": f"{words[source, label]} {i}", "source": source, "label": LABELS[label]})
    options = {"labels": LABELS, "label": "label", "path": tmp_path / "s.alw", "model": "tf-idf"}
    with alw.annotate(rows, **options) as session:
        before = session.predict_proba(["pan vim"])
        found = leave_one_source_out(session).frame
        np.testing.assert_array_equal(session.predict_proba(["pan vim"]), before)
        assert found.index.tolist() == ["s", "t"]
        assert found["documents"].tolist() == found["learnt_from"].tolist()[::-1] == [40, 40]
        assert (found["within"] > 0.9).all()
        assert (found["accuracy"] < 0.75).all()
        assert len(leave_one_source_out(session).plot().axes) == 1


def test_one_source_is_none(tmp_path):
    rows = [{"text": row["text"]} for row in documents(40)]
    with alw.annotate(rows, labels=LABELS, path=tmp_path / "s.alw", model="tf-idf") as session:
        for i, item in enumerate(session.next(12)):
            session.record(item.id, LABELS[i % 2])
        with pytest.raises(SessionError, match="source="):
            leave_one_source_out(session)
    with labelled(tmp_path, 4, name="few.alw") as session, pytest.raises(SessionError, match="10 labelled"):
        leave_one_source_out(session)
