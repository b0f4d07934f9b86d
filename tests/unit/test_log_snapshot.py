from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from alwidget.errors import SessionError
from alwidget.log import Log, StoredDocument, Why, load_annotations
from alwidget.log import snapshot as snapshots
from alwidget.log.background import Later
from alwidget.tasks import read_labels

AB = read_labels(["A", "B"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "s.alw"


def start(folder: Path, annotator: str = "ana", **options: Any) -> Log:
    return Log.open(folder, **{"task": "classification", "labels": AB, "annotator": annotator, **options})


def content(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "annotations.json").read_bytes())


def test_the_file_is_what_was_promised_to_the_byte(folder):
    with start(folder) as log:
        why = Why("tyrogue", 3, 4, 50, 0.5, 0.0021)
        log.append(
            "annotate", id="x", value="A", seconds=2.4, why=why, document=StoredDocument('Zoë 😀\n"q"', "pair", "news")
        )
        log.append("flag", id="y", note="späte <b>Note</b>")
        log.append("skip", id="z", document=StoredDocument("z"))
        times = [log.state.answer(doc).time for doc in "xyz"]
        session = log.session_id
    assert (
        (folder / "annotations.json").read_text(encoding="utf-8")
        == f"""{{
  "format": "alwidget/1",
  "session": "{session}",
  "task": "classification",
  "labels": ["A", "B"],
  "annotations": [
    {{"id": "x", "text": "Zoë 😀\\n\\"q\\"", "text_pair": "pair", "source": "news",
     "label": "A", "status": "labelled",
     "annotator": "ana", "updated": "{times[0]}", "seconds": 2.4, "origin": "human", "round": 3, "strategy": "tyrogue", "propensity": 0.0021}},
    {{"id": "y", "text": null,
     "label": null, "status": "flagged", "flagged": true, "note": "späte <b>Note</b>",
     "annotator": "ana", "updated": "{times[1]}", "seconds": null, "origin": null, "round": null, "strategy": null, "propensity": null}},
    {{"id": "z", "text": "z",
     "label": null, "status": "skipped",
     "annotator": "ana", "updated": "{times[2]}", "seconds": null, "origin": null, "round": null, "strategy": null, "propensity": null}}
  ]
}}
"""
    )


def test_records_stand_in_the_pools_order_and_have_its_texts(folder):
    pool = {"c": 0, "a": 1, "b": 2}
    with start(folder) as log:
        for doc in ["gone-1", "b", "a", "gone-2", "c"]:
            log.append("annotate", id=doc, value="A", document=StoredDocument(f"logged {doc}"))
        log.arrange(pool.get, lambda doc: StoredDocument(f"pool {doc}") if doc in pool else None)
        assert [row["id"] for row in log.records()] == ["c", "a", "b", "gone-1", "gone-2"]
        assert [row["text"] for row in log.records()][2:4] == ["pool b", "logged gone-1"]
    assert [row["id"] for row in content(folder)["annotations"]] == ["c", "a", "b", "gone-1", "gone-2"]


def test_one_record(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A", note="n")
        log.append("note", id="y", note="only a note")
        assert log.record("x")["label"] == "A"
        assert (log.record("y")["status"], log.record("y")["note"]) == ("unanswered", "only a note")
        assert list(log.record("z"))[:3] == ["id", "text", "label"]
        assert [row["id"] for row in log.records()] == ["x"]


def test_it_is_written_by_itself_soon_after(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
        deadline = time.monotonic() + 60
        while not (folder / "annotations.json").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert content(folder)["annotations"][0]["id"] == "x"


def test_it_agrees_with_the_log_after_any_close(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
        assert log.flush_snapshot()
        log.undo()
    assert content(folder)["annotations"] == []
    with start(folder) as log:
        log.redo()
    assert len(content(folder)["annotations"]) == 1


def test_decisions_of_others_are_in_it(folder):
    with start(folder) as ana, start(folder, "bob") as bob:
        ana.append("annotate", id="x", value="A")
        bob.append("annotate", id="y", value="B")
        ana.flush_snapshot()
        assert [row["annotator"] for row in content(folder)["annotations"]] == ["ana", "bob"]


def test_two_processes_never_leave_the_older_of_two_snapshots(folder):
    """Whoever writes the file last has read what the other one wrote before."""
    with start(folder) as ana, start(folder, "bob") as bob:
        reached, go_on = threading.Event(), threading.Event()

        def slow(doc: str) -> None:
            reached.set()
            go_on.wait(60)

        ana.append("annotate", id="x", value="A")
        ana.arrange(slow)
        writing = threading.Thread(target=ana.flush_snapshot)
        writing.start()
        assert reached.wait(60)
        bob.append("annotate", id="y", value="B")
        other = threading.Thread(target=bob.flush_snapshot)
        other.start()
        other.join(0.2)
        assert not (folder / "annotations.json").exists()
        go_on.set()
        writing.join()
        other.join()
        assert {row["id"] for row in content(folder)["annotations"]} == {"x", "y"}


def test_a_snapshot_that_a_killed_process_could_not_write_is_made_up_for(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
    (folder / "annotations.json").unlink()
    with start(folder) as log:
        log.flush_snapshot()
        assert len(content(folder)["annotations"]) == 1


def test_failing_to_write_it_fails_no_decision_and_is_told(folder):
    heard: list[str | None] = []
    with start(folder) as log:
        log.on_storage(heard.append)
        (folder / "annotations.json").mkdir()
        log.append("annotate", id="x", value="A")
        assert not log.flush_snapshot()
        assert log.storage_error is None
        assert len(heard) == 1
        (folder / "annotations.json").rmdir()
        assert log.flush_snapshot()
        assert heard[1:] == [None]
    assert len(content(folder)["annotations"]) == 1


def test_nothing_is_left_behind(folder):
    with start(folder) as log:
        for i in range(20):
            log.append("annotate", id=f"d{i}", value="A")
            log.flush_snapshot()
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert names == [
        ".gitattributes", ".gitignore", "annotations.json", "log", "log/.ana.lock", "log/.annotations.json.lock",
        "log/ana.jsonl", "session.json",
    ]  # fmt: skip


def test_writing_it_never_takes_more_than_a_share_of_the_time(monkeypatch):
    """However often it is asked for, the pauses are ten times as long as the writing."""
    now = [100.0]
    monkeypatch.setattr(snapshots.time, "monotonic", lambda: now[0])
    asked: list[float] = []
    monkeypatch.setattr(Later, "ask", lambda _self, delay: asked.append(delay))

    def write() -> None:
        now[0] += 2.0

    keeper = snapshots.Snapshots(write, lambda _: None, Path("annotations.json"))
    keeper.ask()
    assert asked.pop() == snapshots.QUIET_SECONDS
    keeper.flush()
    keeper.ask()
    assert asked.pop() == pytest.approx(20.0)
    now[0] += 19.0
    keeper.ask()
    assert asked.pop() == pytest.approx(1.0)


def test_flushing_without_news_writes_nothing(folder):
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
        log.flush_snapshot()
        before = (folder / "annotations.json").stat().st_ino
        assert log.flush_snapshot()
        assert (folder / "annotations.json").stat().st_ino == before


def test_load_annotations_reads_a_folder_and_a_file(folder):
    pd = pytest.importorskip("pandas")
    with start(folder) as log:
        log.append(
            "annotate", id="x", value="A", seconds=2.0, why=Why("s", 1, propensity=0.5), document=StoredDocument("t")
        )
        log.append("flag", id="y", note="n")
        log.append("skip", id="z")
    frame = load_annotations(folder)
    assert list(frame.columns) == [
        "id", "text", "label", "status", "annotator", "updated", "seconds", "origin", "round", "strategy",
        "propensity", "flagged", "note",
    ]  # fmt: skip
    assert list(frame["flagged"]) == [False, True, False]
    assert (frame["seconds"][0], frame["round"][0], frame["propensity"][0]) == (2.0, 1, 0.5)
    pd.testing.assert_frame_equal(load_annotations(folder / "annotations.json"), frame)
    pd.testing.assert_frame_equal(load_annotations(str(folder)), frame)
    (folder / "session.json").write_text("{}")
    with pytest.raises(SessionError, match=r"no annotations\.json"):
        load_annotations(folder / "session.json")


def test_load_annotations_of_an_empty_session(folder):
    start(folder).close()
    frame = load_annotations(folder)
    assert len(frame) == 0
    assert list(frame.columns)[:4] == ["id", "text", "label", "status"]


def test_work_that_is_done_later_is_done_once_and_its_thread_ends():
    done: list[int] = []
    finished = threading.Event()

    def job() -> float | None:
        done.append(1)
        if len(done) == 3:
            finished.set()
            return None
        return 0.0

    later = Later(job, "test-later")
    for _ in range(100):
        later.ask(0.05)
    assert finished.wait(60)
    deadline = time.monotonic() + 60
    while any(thread.name == "test-later" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(thread.name == "test-later" for thread in threading.enumerate())
    assert len(done) == 3
    later.stop()
    later.ask(0.0)
    assert later._thread is None
