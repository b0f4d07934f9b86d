from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from alwidget.errors import (
    ArgumentError,
    LabelError,
    LogError,
    SessionClosedError,
    SessionError,
    StorageError,
)
from alwidget.log import Log, StoredDocument, Why, load_annotations
from alwidget.tasks import Label, read_labels

AB = read_labels(["A", "B"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s.alw"


def start(folder: Path, annotator: str = "ana", **options: Any) -> Log:
    return Log.open(folder, **{"task": "classification", "labels": AB, "annotator": annotator, **options})


def lines(folder: Path, writer: str = "ana") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log" / f"{writer}.jsonl").read_bytes().splitlines()]


def test_a_decision_is_one_line_that_says_everything(folder):
    why = Why("tyrogue", 3, 4, 50, 0.67, 0.0021, "model", "torn between A and B")
    with start(folder) as log:
        recorded = log.append(
            "annotate", id="x", value="A", key="ab" * 16, seconds=2.4, client="c1", why=why, origin="accepted",
            seen={"value": "A", "confidence": 0.9}, document=StoredDocument("the text"),
        )  # fmt: skip
        assert (recorded.entry.value, recorded.repeated, recorded.id, recorded.ids) == ("A", False, "x", ("x",))
    (line,) = lines(folder)
    assert line.pop("time").endswith("Z")
    assert line == {
        "v": 1, "seq": 1, "annotator": "ana", "event": "annotate", "id": "x", "value": "A", "key": "ab" * 16,
        "origin": "accepted", "seconds": 2.4, "client": "c1", "seen": {"value": "A", "confidence": 0.9},
        "why": {"strategy": "tyrogue", "round": 3, "rank": 4, "of": 50, "score": 0.67, "propensity": 0.0021,
                "model": "model", "text": "torn between A and B"},
        "document": {"text": "the text"},
    }  # fmt: skip


def test_a_document_is_written_once_for_each_content(folder):
    with start(folder) as log:
        for key in ("k1", "k1", "k2"):
            log.append("annotate", id="x", value="A", key=key, document=StoredDocument(f"text {key}"))
        log.append_many({"kind": "skip", "id": "y", "key": "k", "document": StoredDocument("y")} for _ in range(3))
    assert ["document" in line for line in lines(folder)] == [True, False, True, True, False, False]


def test_what_is_in_memory_is_what_will_be_read(folder):
    with start(folder) as log:
        log.append(
            "annotate", id="x", value=np.str_("A"), seconds=np.float32(1.5),
            why=Why("s", 1, np.int64(2), 3, np.float64(0.25), float("nan")),
            seen={"value": ("A", "B"), "confidence": np.array([0.5])},
        )  # fmt: skip
        before = log.state.answer("x"), log.state.history(None)
    with start(folder) as log:
        assert (log.state.answer("x"), log.state.history(None)) == before
        assert (before[0].why.score, before[0].why.propensity, before[0].seconds) == (0.25, None, 1.5)


def test_half_a_surrogate_pair_is_no_reason_to_refuse_a_decision(folder):
    with start(folder) as log:
        log.append(
            "annotate", id="x", value="A", note="bad \ud83d end", document=StoredDocument("a\udcffb \ud83d\ude00")
        )
        answer = log.state.answer("x")
        assert (answer.note, answer.document.text) == ("bad \ufffd end", "a\ufffdb 😀")
    with start(folder) as log:
        assert log.state.answer("x") == answer


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0, "soon"])
def test_a_clock_that_makes_no_sense_is_left_out(folder, seconds):
    with start(folder) as log:
        log.append("annotate", id="x", value="A", seconds=seconds)
        assert log.state.answer("x").seconds is None


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        ({"kind": "annotate", "id": "x", "value": "C"}, LabelError, "not one of the labels"),
        ({"kind": "annotate", "id": "x", "value": None}, LabelError, "one label name"),
        ({"kind": "annotate", "value": "A"}, ArgumentError, "needs the id"),
        ({"kind": "anotate", "id": "x"}, ArgumentError, 'Did you mean "annotate"'),
        ({"kind": "annotate", "id": 5, "value": "A"}, ArgumentError, "id=5 is int"),
        ({"kind": "annotate", "id": "x" * 5000, "value": "A"}, ArgumentError, "5,000 characters"),
        ({"kind": "annotate", "id": "x", "value": "A", "note": "n" * 1_000_001}, ArgumentError, "1,000,001"),
        ({"kind": "annotate", "id": "x", "value": "A", "origin": "robot"}, ArgumentError, "origin='robot'"),
        ({"kind": "annotate", "id": "x", "value": "A", "why": {"strategy": "s"}}, ArgumentError, "must be a Why"),
        ({"kind": "annotate", "id": "x", "value": "A", "secs": 1}, ArgumentError, 'no field "secs"'),
        ({"kind": "annotate", "id": "x", "value": "A", "seen": object()}, ArgumentError, "no JSON form"),
        ({"kind": "skip", "id": "x", "value": "A"}, LabelError, "takes no value"),
        ({"kind": "note", "id": "x"}, ArgumentError, "needs its text"),
        ({"kind": "label-add", "value": " "}, LabelError, "not empty"),
        ({"kind": "label-rename", "value": {"from": "A", "to": "B"}}, LabelError, "label-merge"),
        ({"kind": "label-rename", "value": {"from": "AA", "to": "C"}}, LabelError, "no label 'AA'"),
        ({"kind": "label-merge", "value": {"from": ["A"], "to": "C"}}, LabelError, "no label 'C'"),
        ({"kind": "label-delete", "value": "C"}, LabelError, "no label 'C'"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(folder, what, error, says):
    with start(folder) as log:
        with pytest.raises(error, match=says.replace("(", r"\(").replace("[", r"\[")):
            log.append_many([what])
        with pytest.raises(error, match="Nothing was written"):
            log.append_many([{"kind": "annotate", "id": "y", "value": "A"}, what])
        assert (log.state.n_events, log.unsaved) == (0, 0)
    assert lines(folder) == []


def test_a_client_is_written_once_however_often_it_is_sent(folder):
    with start(folder) as log:
        first = log.append("annotate", id="x", value="A", client="c")
        again = log.append("annotate", id="x", value="A", client="c")
        assert (first.repeated, again.repeated, again.entry) == (False, True, first.entry)
        both = log.append_many([{"kind": "skip", "id": "y", "client": "d"}] * 2)
        assert [one.repeated for one in both] == [False, True]
        undone = log.undo(client="u")
        assert log.undo(client="u").repeated
        assert (undone.entry.client, undone.entry.undone) == ("d", True)
    with start(folder) as log:
        assert log.append("annotate", id="x", value="B", client="c").repeated
        assert log.undo(client="u").repeated
        assert (log.state.answer("x").value, log.state.answer("y")) == ("A", None)
    assert len(lines(folder)) == 3


def test_undo_and_redo_without_end_across_restarts(folder):
    with start(folder) as log:
        for i in range(20):
            log.append("annotate", id=f"d{i}", value="A")
        assert (log.can_undo, log.can_redo) == (True, False)
    with start(folder) as log:
        for i in reversed(range(20)):
            assert log.undo().id == f"d{i}"
        assert log.undo() is None
        assert not log.can_undo
    with start(folder) as log:
        for i in range(20):
            assert log.redo().entry == log.state.entry(log.state.find(f"ana:{i + 1}"))
        assert log.redo() is None
        assert log.state.n_labelled == 20
    assert [line["seq"] for line in lines(folder)] == list(range(1, 61))


def test_undo_by_name(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A", client="c")
        log.append("annotate", id="y", value="A")
        assert log.append("undo", target="c").id == "x"
        assert log.undo("c") is None
        assert log.redo("ana:1").id == "x"
        assert log.redo("ana:1") is None
        for target in ("never", "ana:99"):
            with pytest.raises(SessionError, match=f'no decision "{target}"'):
                log.undo(target)
        assert log.state.labelled == {"x", "y"}


def test_a_bulk_action_is_written_and_undone_as_one(folder, monkeypatch):
    synced: list[int] = []
    with start(folder) as log:
        real = os.fdatasync
        monkeypatch.setattr("alwidget.log.files._DATASYNC", lambda fd: (synced.append(fd), real(fd)))
        log.append_many(({"kind": "annotate", "id": f"d{i}", "value": "A"} for i in range(2000)), group="g")
        assert len(synced) == 1
        assert log.undo().ids == tuple(f"d{i}" for i in range(2000))
        assert log.state.n_labelled == 0
        log.redo()
    with start(folder) as log:
        assert log.state.n_labelled == 2000
        assert len({line["time"] for line in lines(folder)[:2000]}) == 1


def test_a_label_that_is_coined_comes_and_goes_with_its_answer(folder):
    with start(folder, labels=(), open_labels=True) as log:
        log.append("annotate", id="x", value="Spotrs")
        assert log.labels == (Label("Spotrs"),)
        log.undo()
        assert (log.labels, log.state.n_labelled) == ((), 0)
        log.append("annotate", id="x", value="Sports")
        log.append("annotate", id="y", value="Sports")
        log.undo("ana:4")
        assert (log.labels, log.state.labelled) == ((Label("Sports"),), {"y"})
        assert log.task.labels == ("Sports",)
        log.append_many([{"kind": "annotate", "id": doc, "value": "World"} for doc in "abc"])
    assert [line["event"] for line in lines(folder)].count("label-add") == 3


def test_labels_change_while_labelling(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
        log.append("label-rename", value={"from": "A", "to": "Z"})
        with pytest.raises(LabelError):
            log.append("annotate", id="y", value="A")
        changed = log.append("label-delete", value="Z")
        assert (changed.ids, log.state.answers.get("x"), log.labels) == (("x",), None, (Label("B"),))
        assert changed.entry.value == "Z"
        log.undo()
        log.undo()
        assert (log.state.answer("x").value, [label.name for label in log.labels]) == ("A", ["A", "B"])


def test_resuming_adds_labels_that_were_never_there_and_keeps_the_rest(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="B")
        log.append("label-rename", value={"from": "A", "to": "Z"})
    named = (Label("C", "a third"), Label("A"), Label("B", "now defined"))
    with start(folder, labels=named) as log:
        assert log.labels == (Label("Z"), Label("B", "now defined"), Label("C", "a third"))
        assert any('"A" was renamed' in report for report in log.reports)
        assert log.undo().entry.event == "label-rename", "what came with the call is not the person's last action"
        log.redo()
    with start(folder, labels=named) as log:
        assert len(log.labels) == 3
    assert [line["event"] for line in lines(folder)].count("label-add") == 2


def test_a_session_keeps_its_task(folder):
    start(folder).close()
    text = (folder / "session.json").read_text()
    (folder / "session.json").write_text(text.replace('"classification"', '"tagging"'))
    with pytest.raises(SessionError, match='is of task "tagging", and cannot go on as "classification"'):
        start(folder)


def test_settings_are_kept_and_the_newest_wins(folder):
    with start(folder, settings={"model": "auto", "pool": {"fingerprint": "f"}}) as log:
        log.update_settings(model="tf-idf", batch_size=20)
        log.update_settings(model="tf-idf")
        assert json.loads((folder / "session.json").read_text())["settings"]["model"] == "tf-idf"
        assert not log.can_undo
    with start(folder, settings={"model": "other", "seed": 1}) as log:
        assert log.settings == {"model": "tf-idf", "pool": {"fingerprint": "f"}, "batch_size": 20, "seed": 1}
    assert [line["event"] for line in lines(folder)] == ["setting", "setting"]
    assert Log.describe(folder)["settings"]["model"] == "tf-idf"


def test_opening_what_is_not_there(folder):
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(SessionError, match="There is no session"):
            start(folder, **options)
    assert not folder.exists()
    folder.write_text("a file")
    with pytest.raises(SessionError, match="is a file"):
        start(folder)
    with pytest.raises(SessionError, match="no session"):
        load_annotations(folder.parent / "nothing.alw")


def test_reading_only_changes_nothing(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with start(folder, read_only=True) as log:
        assert log.state.n_labelled == 1
        with pytest.raises(SessionError, match="for reading only"):
            log.append("annotate", id="y", value="A")
        with pytest.raises(SessionError, match="for reading only"):
            log.undo()
        assert log.flush()
        assert log.refresh() == []
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_reader_follows_a_writer(folder):
    with start(folder) as log, start(folder, read_only=True) as reader:
        log.append("annotate", id="x", value="A")
        assert [event.id for event in reader.refresh()] == ["x"]
        assert reader.state.n_labelled == 1


def test_a_closed_log_says_so(folder):
    log = start(folder)
    log.append("annotate", id="x", value="A")
    log.close()
    log.close()
    assert log.closed
    with pytest.raises(SessionClosedError, match="is closed"):
        log.append("annotate", id="y", value="A")
    assert log.refresh() == []
    assert json.loads((folder / "annotations.json").read_text())["annotations"][0]["label"] == "A"


def test_two_logs_in_one_process_get_two_files_and_see_each_other(folder):
    with start(folder) as ana, start(folder) as second, start(folder, "bob") as bob:
        assert [log.writer for log in (ana, second, bob)] == ["ana", "ana-2", "bob"]
        ana.append("annotate", id="x", value="A")
        assert [event.id for event in second.refresh()] == ["x"]
        second.append("annotate", id="x", value="B")
        bob.append("skip", id="y")
        for log in (ana, second, bob):
            log.refresh()
            assert (log.state.answer("x").value, log.state.skipped) == ("B", {"y"})
            assert log.session_id == ana.session_id
        assert second.undo().id == "x"
        ana.refresh()
        assert ana.state.answer("x").value == "A"
        assert second.undo() is None
    with start(folder) as log:
        assert log.writer == "ana"


def test_time_goes_on_from_whatever_was_seen(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
    file = folder / "log" / "bob.jsonl"
    line = (folder / "log" / "ana.jsonl").read_text().replace('"id":"x"', '"id":"y"')
    ahead = json.loads(line) | {"time": "2199-01-01T00:00:00.000Z", "client": "b"}
    file.write_text(json.dumps(ahead) + "\n")
    with start(folder) as log:
        log.append("annotate", id="y", value="B")
        assert log.state.answer("y").value == "B"
        assert log.state.answer("y").time == "2199-01-01T00:00:00.001Z"


@pytest.mark.parametrize("name", ["", "   ", "../../etc", "Zoë K.", "a/b", "x" * 300, ".hidden", "\ud800"])
def test_any_name_makes_a_file_name(folder, name):
    with start(folder, name) as log:
        log.append("annotate", id="x", value="A")
    (file,) = (folder / "log").glob("*.jsonl")
    assert file.name.isascii()
    assert len(file.name) < 100


def test_names_that_look_alike_get_files_of_their_own(folder):
    for name in ("José", "Jos", "Jos-", "Jos?"):
        with start(folder, name) as log:
            log.append("annotate", id="x", value="A")
    assert len(list((folder / "log").glob("*.jsonl"))) == 4


def test_listeners_hear_what_changed_and_cannot_hurt(folder, caplog):
    heard: list[Any] = []
    with start(folder) as log, start(folder, "bob") as bob:
        log.subscribe(lambda ids, entries: heard.append((list(ids), [(e.event, e.undone) for e in entries])))
        log.subscribe(lambda *_: 1 / 0)
        leave = log.subscribe(lambda *_: heard.append("leaving"))
        leave()
        log.append("annotate", id="x", value="A", client="c")
        log.append("annotate", id="x", value="A", client="c")
        log.undo()
        bob.append("skip", id="y")
        log.refresh()
        log.append("label-add", value="C")
    assert heard == [
        (["x"], [("annotate", False)]),
        (["x"], [("annotate", True)]),
        (["y"], [("skip", False)]),
        ([], [("label-add", False)]),
    ]
    assert "a listener to the log failed" in caplog.text


def test_a_listener_may_use_the_log(folder):
    with start(folder) as log:

        def answer(ids: Any, entries: Any) -> None:
            if "x" in ids:
                log.append("skip", id="y")

        log.subscribe(answer)
        log.append("annotate", id="x", value="A")
        assert log.state.skipped == {"y"}


def test_session_json_of_another_kind_or_a_newer_version(folder):
    start(folder).close()
    file = folder / "session.json"
    text = file.read_text()
    file.write_text(text.replace("alwidget/1", "alwidget/2"))
    with pytest.raises(SessionError, match=r"newer alwidget.*Upgrade"):
        start(folder)
    file.write_text('{"format": "npm"}')
    with pytest.raises(SessionError, match="not from alwidget"):
        start(folder)
    file.write_text(text)
    line = '{"v":2,"seq":1,"time":"2026-01-05T10:11:12.345Z","annotator":"b","event":"hologram"}\n'
    (folder / "log" / "bob.jsonl").write_text(line)
    with pytest.raises(SessionError, match="newer alwidget"):
        start(folder)


@pytest.mark.parametrize("damage", [None, b"", b'{"format": "alw', b"\0" * 50])
def test_a_lost_session_json_is_put_together_again(folder, damage):
    with start(folder, labels=read_labels(["A", "B"])) as log:
        log.append("annotate", id="x", value="A")
        session = log.session_id
    file = folder / "session.json"
    file.unlink() if damage is None else file.write_bytes(damage)
    assert list(load_annotations(folder)["label"]) == ["A"]
    with start(folder) as log:
        assert (log.session_id, log.state.n_labelled) == (session, 1)
        assert "put together again from annotations.json" in log.reports[0]
    with start(folder) as log:
        assert log.reports == []
    file.unlink()
    (folder / "annotations.json").unlink()
    with start(folder) as log:
        assert log.state.n_labelled == 1
        assert "made anew from this call" in log.reports[0]
    file.unlink()
    (folder / "annotations.json").unlink()
    with pytest.raises(SessionError, match=r"alw.annotate\(data"):
        load_annotations(folder)


def test_an_annotations_json_without_a_log_is_kept(folder):
    folder.mkdir()
    precious = '{"format": "something else", "annotations": [1, 2, 3]}'
    (folder / "annotations.json").write_text(precious)
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
        log.flush_snapshot()
        assert "it is kept as annotations.json.before" in log.reports[0]
    assert (folder / "annotations.json.before").read_text() == precious
    assert len(load_annotations(folder)) == 1


def test_a_broken_line_is_an_error_that_names_it(folder):
    with start(folder) as log:
        for doc in "xyz":
            log.append("annotate", id=doc, value="A")
    file = folder / "log" / "ana.jsonl"
    data = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(data[0] + data[1][:40] + b"\n" + data[2])
    with pytest.raises(LogError, match=r"ana\.jsonl, line 2 .*alwidget check .*s\.alw --repair"):
        start(folder)
    with pytest.raises(LogError, match="line 2"):
        load_annotations(folder)
    assert file.read_bytes() == data[0] + data[1][:40] + b"\n" + data[2]
    file.write_bytes(b"".join(data))
    start(folder).close()


def test_importing_the_log_brings_no_heavy_library():
    import subprocess
    import sys

    code = "import sys, alwidget.log; print([m for m in ('numpy', 'pandas', 'torch', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_errors_are_what_people_catch():
    assert issubclass(StorageError, OSError)
    assert msgspec.json.encode({"a": 1}) == b'{"a":1}'
