"""The session without a front end: asking, answering, resuming, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import alwidget as alw
from alwidget.errors import (
    AlwidgetError,
    ArgumentError,
    LabelError,
    SessionClosedError,
    SessionError,
    UnknownDocumentError,
)
from small_learner import SmallLearner

LABELS = ["good", "bad"]


def texts(n: int = 120) -> list[str]:
    return [f"{'good' if i % 2 else 'bad'} film number {i} of kind {i % 7}" for i in range(n)]


def answer(session: alw.Session, n: int) -> None:
    for item in session.next(n):
        session.record(item.id, "good" if "good" in item.text else "bad")


@pytest.fixture
def session(tmp_path: Path):
    with alw.annotate(texts(), labels=LABELS, path=tmp_path / "films.alw", model=SmallLearner()) as opened:
        yield opened


def test_a_plain_loop_is_active_learning(session: alw.Session) -> None:
    while session.status.labelled < 120:
        answer(session, 10)
    assert session.next() == []
    assert session.status.remaining == 0
    strategies = {annotation.strategy for annotation in session.annotations}
    assert strategies == {"random", "tyrogue"}
    assert session.predict(["a good film", "a bad film"]) == ["good", "bad"]


def test_an_item_stays_next_until_it_is_answered(session: alw.Session) -> None:
    first = session.next(3)
    assert session.next(3) == first
    session.record(first[0].id, "good")
    assert session.next(2) == first[1:]
    assert session.next(1, exclude=[first[1].id]) == [first[2]]


def test_annotations_are_in_the_pools_order_and_on_disk_when_closed(session: alw.Session) -> None:
    answer(session, 12)
    order = list(session.pool.ids)
    ids = [annotation.id for annotation in session.annotations]
    assert ids == sorted(ids, key=order.index)
    session.close()
    stored = json.loads((session.path / "annotations.json").read_text())
    assert stored["format"] == "alwidget/1"
    assert [record["id"] for record in stored["annotations"]] == ids
    assert set(stored["annotations"][0]) >= {
        "id", "text", "label", "status", "annotator", "updated", "seconds", "origin", "round", "strategy", "propensity",
    }  # fmt: skip


def test_skip_flag_clear_undo_redo(session: alw.Session) -> None:
    a, b, c = (item.id for item in session.next(3))
    session.record(a, "good")
    session.skip(b)
    session.flag(c, "which film?")
    assert (session.status.labelled, session.status.skipped, session.status.flagged) == (1, 1, 1)
    assert not {a, b, c} & {item.id for item in session.next(200)}
    session.clear(a)
    assert session.next()[0].id == a
    assert session.undo() is not None
    assert session.status.labelled == 1
    for _ in range(3):
        session.undo()
    assert session.undo() is None
    assert session.annotations == []
    assert {item.id for item in session.next(3)} == {a, b, c}
    for _ in range(3):
        session.redo()
    assert (session.status.labelled, session.status.skipped, session.status.flagged) == (1, 1, 1)
    notes = {annotation.id: annotation.note for annotation in session.annotations}
    assert notes[c] == "which film?"


def test_resuming_goes_on_where_it_was(tmp_path: Path) -> None:
    where = tmp_path / "films.alw"
    with alw.annotate(texts(), labels=LABELS, path=where, model=SmallLearner()) as first:
        answer(first, 20)
        first.train(wait=True)
        ahead = [item.id for item in first.next(10)]
    with alw.annotate(texts(), labels=LABELS, path=where, model=SmallLearner()) as second:
        assert second.status.labelled == 20
        assert second.status.round == 1
        assert [item.id for item in second.next(10)] == ahead
        assert second.next()[0].suggestion in LABELS
        second.undo()
        assert second.status.labelled == 19


def test_same_seed_same_answers_same_questions_also_after_a_resume(tmp_path: Path) -> None:
    asked = []
    for name in ("a", "b"):
        seen = []
        for _ in range(3):
            with alw.annotate(
                texts(), labels=LABELS, path=tmp_path / name, model=SmallLearner(), batch_size=10, seed=5
            ) as session:
                session.train(wait=True)
                seen += [item.id for item in session.next(10)]
                answer(session, 10)
        asked.append(seen)
    assert asked[0] == asked[1]


def test_answers_are_never_shown_under_another_text(tmp_path: Path) -> None:
    where = tmp_path / "s.alw"
    rows = [{"id": "1", "text": "the first text"}, {"id": "2", "text": "the second text"}]
    with alw.annotate(rows, labels=LABELS, path=where, model=SmallLearner()) as session:
        session.record("1", "good")
        session.record("2", "bad")
    changed = [{"id": "1", "text": "something else altogether"}, rows[1], {"id": "3", "text": "a third text"}]
    with alw.annotate(changed, labels=LABELS, path=where, model=SmallLearner()) as session:
        assert any("no longer holds" in notice for notice in session.notices)
        kept = {annotation.id: annotation for annotation in session.annotations}
        assert kept["1"].text == "the first text"
        assert {item.id for item in session.next(5)} == {"1", "3"}


def test_a_pool_that_grew_and_one_that_shrank(tmp_path: Path) -> None:
    where = tmp_path / "s.alw"
    with alw.annotate(texts(10), labels=LABELS, path=where, model=SmallLearner()) as session:
        answer(session, 10)
    with alw.annotate(texts(15), labels=LABELS, path=where, model=SmallLearner()) as session:
        assert session.status.remaining == 5
    with alw.annotate(texts(4), labels=LABELS, path=where, model=SmallLearner()) as session:
        assert session.status.remaining == 0
        assert len(session.annotations) == 10


def test_open_without_data_shows_and_refuses(tmp_path: Path) -> None:
    where = tmp_path / "s.alw"
    with alw.annotate(texts(), labels=LABELS, path=where, model=SmallLearner()) as session:
        answer(session, 3)
        said = session.annotations
    (where / "annotations.json").unlink()
    with alw.open(where) as session:
        assert {a.text for a in session.annotations} == {a.text for a in said}
        assert session.next(5) == []
        with pytest.raises(AlwidgetError, match="read"):
            session.record(said[0].id, "bad")
    with alw.open(where, texts()) as session:
        assert session.status.labelled == 3
        assert session.labels == tuple(LABELS)
    assert len(alw.load_annotations(where)) == 3
    with pytest.raises(SessionError, match="not a session directory"):
        alw.open(tmp_path / "nowhere.alw")


def test_labels_coined_while_labelling(tmp_path: Path) -> None:
    with alw.annotate(texts(), labels=[], path=tmp_path / "s.alw", model=SmallLearner()) as session:
        a, b = session.next(2)
        session.record(a.id, "comedy")
        session.add_label("drama")
        session.record(b.id, "drama")
        assert session.labels == ("comedy", "drama")


def test_labels_that_the_data_brings(tmp_path: Path) -> None:
    rows = [{"text": t, "label": t.split()[0] if i < 30 else None} for i, t in enumerate(texts(60))]
    with alw.annotate(rows, label="label", path=tmp_path / "s.alw", model=SmallLearner()) as session:
        assert session.labels == ("bad", "good")
        assert session.status.labelled == 30
        assert {annotation.origin for annotation in session.annotations} == {"imported"}
        session.train(wait=True)
        assert session.next()[0].suggestion in LABELS
    with alw.annotate(rows, path=tmp_path / "s.alw", model=SmallLearner()) as session:
        assert session.status.labelled == 30


def test_labels_that_nobody_asked_for_are_no_answers(tmp_path: Path) -> None:
    rows = [{"text": t, "label": t.split()[0]} for t in texts(60)]
    with alw.annotate(rows, path=tmp_path / "s.alw", model=SmallLearner()) as session:
        assert session.labels == ("bad", "good")
        assert session.status.labelled == 0
        assert any('label="label"' in notice for notice in session.notices)


def test_running_the_cell_again_takes_over(tmp_path: Path) -> None:
    first = alw.annotate(texts(), labels=LABELS, path=tmp_path / "s.alw", model=SmallLearner())
    answer(first, 2)
    second = alw.annotate(texts(), labels=LABELS, path=tmp_path / "s.alw", model=SmallLearner())
    assert second.status.labelled == 2
    with pytest.raises(SessionClosedError, match="opened again"):
        answer(first, 1)
    second.close()


def test_the_wrong_answer_the_wrong_document_the_wrong_number(session: alw.Session) -> None:
    item = session.next()[0]
    with pytest.raises(LabelError, match='Did you mean "good"'):
        session.record(item.id, "goood")
    with pytest.raises(LabelError):
        session.record(item.id, ["good"])
    with pytest.raises(UnknownDocumentError, match="nope"):
        session.record("nope", "good")
    with pytest.raises(KeyError):
        session.skip("nope")
    for wrong in (-1, 1.5, "3", True):
        with pytest.raises(ArgumentError):
            session.next(wrong)  # type: ignore[arg-type]
    assert session.status.labelled == 0


def test_all_bad_arguments_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError) as caught:
        alw.annotate(texts(), labels=["a", "a"], task="clasification", batch_size=0, seed=-1, path=tmp_path / "s.alw")
    said = str(caught.value)
    for part in ('"a" is there twice', 'Did you mean "classification"', "batch_size=0", "seed=-1"):
        assert part in said
    assert not (tmp_path / "s.alw").exists()


@pytest.mark.parametrize("wrong", [{"strategy": "tyroge"}, {"subsample": "randm:10"}, {"annotator": " "}])
def test_a_typing_error_is_named(wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        alw.annotate(texts(), labels=LABELS, path=tmp_path / "s.alw", **wrong)  # type: ignore[arg-type]


def test_another_task_at_the_same_path_is_refused(tmp_path: Path) -> None:
    alw.annotate(texts(), labels=LABELS, path=tmp_path / "s.alw", model=SmallLearner()).close()
    with pytest.raises(SessionError, match='is of task "classification"'):
        alw.annotate(texts(), labels=LABELS, task="multilabel", path=tmp_path / "s.alw", strategy="random")


def test_the_strategy_changes_while_it_runs(session: alw.Session) -> None:
    answer(session, 10)
    session.strategy = "breaking-ties"
    session.train(wait=True)
    assert session.next()[0].why["strategy"] == "breaking-ties"  # type: ignore[index]
    with pytest.raises(AlwidgetError, match="entropy"):
        session.strategy = "entropi"
    with pytest.raises(ArgumentError):
        session.batch_size = 0


def test_predicting_without_any_label_says_so(session: alw.Session) -> None:
    with pytest.raises(SessionError, match="nothing to predict from"):
        session.predict(["a film"])
    with pytest.raises(ArgumentError, match="list of texts"):
        session.predict("a film")


def test_a_script_that_ends_without_closing_loses_nothing_and_does_not_hang(tmp_path: Path) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import alwidget as alw
from small_learner import SmallLearner
s = alw.annotate([f"text {{i}}" for i in range(50)], labels=["a", "b"], path={str(tmp_path / "s.alw")!r},
                 model=SmallLearner(slow=60))
for i, item in enumerate(s.next(12)):
    s.record(item.id, "ab"[i % 2])
s.train()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert len(json.loads((tmp_path / "s.alw" / "annotations.json").read_text())["annotations"]) == 12
