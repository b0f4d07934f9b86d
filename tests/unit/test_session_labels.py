"""Labels that are renamed, merged and deleted while a session goes on: answers, model, suggestions, undo, resume."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alwidget as alw
from alwidget.errors import ArgumentError, LabelError, SessionClosedError
from alwidget.host import SessionHost
from alwidget.widget import protocol as p
from small_tasks import ANIMALS, LABELS, ORACLES, SmallSeveral, SmallTagger, texts


def first(text: str) -> str:
    return str(ORACLES["multilabel"](text)[0])


def start(path: Path, **options: Any) -> alw.Session:
    chosen = {"labels": ANIMALS, "model": "tf-idf", "strategy": "random", **options}
    return alw.annotate(texts(80), path=path, **chosen)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[alw.Session]:
    with start(tmp_path / "s.alw") as opened:
        for item in opened.next(40):
            opened.record(item.id, first(item.text))
        opened.train(wait=True)
        yield opened


def counts(session: alw.Session) -> dict[str, int]:
    return dict(session.log.state.label_counts)


def test_a_renamed_label_is_renamed_everywhere(session: alw.Session) -> None:
    before = counts(session)
    session.rename_label("cat", "kitty")
    assert session.labels == ("kitty", "dog", "cow", "hen")
    assert counts(session) == {"kitty" if name == "cat" else name: n for name, n in before.items()}
    assert {a.value for a in session.annotations} == {"kitty", "dog", "cow", "hen"}
    assert all(item.suggestion is None for item in session.next(30)), "nothing is suggested that no longer is a label"
    session.train(wait=True)
    assert {item.suggestion for item in session.next(30)} <= set(session.labels)
    assert session.predict(["Ada saw a cat near Bob"])[0] in session.labels
    session.record(session.next()[0].id, "kitty")
    with pytest.raises(LabelError, match="cat"):
        session.record(session.next()[0].id, "cat")


def test_undo_and_redo_take_a_rename_back_and_bring_it_again(session: alw.Session) -> None:
    before = [a.value for a in session.annotations]
    session.rename_label("dog", "hound")
    renamed = [a.value for a in session.annotations]
    assert renamed != before
    entry = session.undo()
    assert entry is not None
    assert entry.event == "label-rename"
    assert ([a.value for a in session.annotations], session.labels) == (before, tuple(ANIMALS))
    session.redo()
    assert [a.value for a in session.annotations] == renamed


def test_merged_labels_are_one(session: alw.Session) -> None:
    before = counts(session)
    session.merge_labels(["cat", "dog"], into="hen")
    assert session.labels == ("cow", "hen")
    assert counts(session) == {"cow": before["cow"], "hen": before["hen"] + before["cat"] + before["dog"]}
    session.train(wait=True)
    items = session.next(10)
    assert {item.suggestion for item in items} <= {"cow", "hen"}
    assert session.predict_proba(["a cow"]).shape == (1, 2)
    assert session.undo() is not None
    assert counts(session) == before


def test_a_label_with_answers_is_not_deleted_and_one_without_is(session: alw.Session) -> None:
    n = counts(session)["cow"]
    with pytest.raises(LabelError, match=rf'{n} documents have the label "cow".*merge_labels\(\["cow"\], into='):
        session.delete_label("cow")
    assert "cow" in session.labels
    session.add_label("emu")
    session.delete_label("emu")
    assert session.labels == tuple(ANIMALS)
    assert session.undo() is not None
    assert session.labels == (*ANIMALS, "emu")
    session.merge_labels("cow", into="emu")
    assert counts(session)["emu"] == n


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda s: s.rename_label("cta", "x"), LabelError, 'Did you mean "cat"'),
        (lambda s: s.rename_label("cat", "dog"), LabelError, "label already"),
        (lambda s: s.rename_label("cat", " "), LabelError, "not empty"),
        (lambda s: s.merge_labels(["cat"], into="tiger"), LabelError, "no label 'tiger'"),
        (lambda s: s.merge_labels(["lynx"], into="cat"), LabelError, "no label 'lynx'"),
        (lambda s: s.merge_labels(["cat"], into="cat"), ArgumentError, "no label to make part"),
        (lambda s: s.merge_labels([], into="cat"), ArgumentError, "no label to make part"),
        (lambda s: s.delete_label("lynx"), LabelError, "no label 'lynx'"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    session: alw.Session, change: Any, error: type[Exception], said: str
) -> None:
    before = (session.labels, counts(session), len(session.history(None)))
    with pytest.raises(error, match=said):
        change(session)
    assert (session.labels, counts(session), len(session.history(None))) == before
    session.close()
    with pytest.raises(SessionClosedError):
        change(session)


def test_what_was_renamed_stays_so_after_a_resume(tmp_path: Path) -> None:
    with start(tmp_path / "s.alw") as session:
        for item in session.next(12):
            session.record(item.id, first(item.text))
        session.train(wait=True)
        session.rename_label("cat", "kitty")
    with start(tmp_path / "s.alw") as again:
        assert again.labels == ("kitty", "dog", "cow", "hen")
        assert any('"cat" was renamed' in notice for notice in again.notices)
        assert all(item.suggestion is None for item in again.next(20))
        assert "cat" not in {a.value for a in again.annotations}


def test_in_the_background_the_model_is_trained_anew(session: alw.Session) -> None:
    session.train()
    assert session.wait(60)
    before = session.status.round
    session.merge_labels(["cat"], into="dog")
    assert session.wait(60)
    assert session.status.round > before
    suggested = {item.suggestion for item in session.next(20)}
    assert suggested
    assert suggested <= {"dog", "cow", "hen"}


@pytest.mark.parametrize("task", ["multilabel", "tagging"])
def test_several_labels_and_spans_are_renamed_and_merged(tmp_path: Path, task: str) -> None:
    model = {"multilabel": SmallSeveral, "tagging": SmallTagger}[task]()
    with start(tmp_path / "s.alw", task=task, labels=LABELS[task], model=model) as session:
        for item in session.next(30):
            session.record(item.id, ORACLES[task](item.text))
        one, other = LABELS[task][:2]
        session.rename_label(one, "new")
        session.merge_labels([other], into="new")
        session.train(wait=True)
        for annotation in session.annotations:
            names = [v["label"] if isinstance(v, dict) else v for v in annotation.value]
            assert not {one, other} & set(names)
            assert task == "tagging" or len(names) == len(set(names))
        for item in session.next(10):
            names = [v["label"] if isinstance(v, dict) else v for v in item.suggestion]
            assert set(names) <= set(session.labels)
            session.record(item.id, item.suggestion, origin="accepted")


def test_pages_are_told_all_anew(session: alw.Session) -> None:
    host = SessionHost(session, session._engine)
    heard: list[Any] = []
    host.subscribe(heard.append)
    session.add_label("emu")
    assert not any(isinstance(message, p.Snapshot) for message in heard), "one more label leaves all answers alone"
    session.rename_label("cat", "kitty")
    snapshot = next(message for message in heard if isinstance(message, p.Snapshot))
    assert (snapshot.view, snapshot.seq) == (None, None)
    assert [label.name for label in snapshot.labels] == ["kitty", "dog", "cow", "hen", "emu"]
    assert "cat" not in [entry.value for entry in snapshot.history]
    assert all(item.suggestion is None for item in snapshot.queue)
    heard.clear()
    host.decide(p.Decide(view="v", seq=1, client="u", action="undo"))
    assert any(isinstance(message, p.Snapshot) and message.labels[0].name == "cat" for message in heard)
