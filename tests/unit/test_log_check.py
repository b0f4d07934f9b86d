from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alwidget.errors import SessionError
from alwidget.log import Log, StoredDocument, check, load_annotations
from alwidget.tasks import read_labels

AB = read_labels(["A", "B"])


def start(folder: Path, annotator: str = "ana") -> Log:
    return Log.open(folder, task="classification", labels=AB, annotator=annotator)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "s.alw"
    with start(folder) as log:
        for i in range(5):
            log.append("annotate", id=f"d{i}", value="AB"[i % 2], document=StoredDocument(f"text {i}"))
        log.undo()
    with start(folder, "bob") as log:
        log.append("skip", id="s")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def everything(folder: Path) -> bytes:
    return b"".join(files(folder).values())


def test_a_sound_session(session):
    before = files(session)
    for repair in (False, True):
        report = check(session, repair)
        assert report.ok
        assert report.problems == []
        assert (report.events, report.writers, report.answers) == (7, 2, 5)
        assert str(report).endswith("7 events by 2 writers, 5 answers. All is well.")
    assert {k: v for k, v in files(session).items() if not k.endswith(".lock")} == {
        k: v for k, v in before.items() if not k.endswith(".lock")
    }


def test_no_session(tmp_path):
    with pytest.raises(SessionError, match="no session"):
        check(tmp_path)
    with pytest.raises(SessionError, match="no session"):
        check(tmp_path / "nothing")


def cut_tail(session: Path) -> None:
    file = session / "log" / "ana.jsonl"
    file.write_bytes(file.read_bytes()[:-30])


def break_line(session: Path) -> None:
    file = session / "log" / "ana.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], b"oops\n", *lines[2:]]))


def lose_session_json(session: Path) -> None:
    (session / "session.json").unlink()


def tear_session_json(session: Path) -> None:
    (session / "session.json").write_text('{"format": "alwid')


def stale_annotations(session: Path) -> None:
    file = session / "annotations.json"
    file.write_text(file.read_text().replace('"label": "A"', '"label": "B"', 1))


def tear_annotations(session: Path) -> None:
    (session / "annotations.json").write_text('{"format": "alwidget/1", "annot')


def lose_annotations(session: Path) -> None:
    (session / "annotations.json").unlink()


def leave_temporary(session: Path) -> None:
    (session / ".annotations.json.ana.tmp").write_text("half a")
    (session / "log" / ".ana.jsonl.ana.tmp").write_text("half a log")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut_tail, "log/ana.jsonl: the last line is cut short"),
        (break_line, "log/ana.jsonl, line 2: cannot be read"),
        (lose_session_json, "session.json: is missing"),
        (tear_session_json, "session.json: cannot be read"),
        (stale_annotations, "annotations.json: does not agree with the log about 1 documents"),
        (tear_annotations, "annotations.json: cannot be read"),
        (lose_annotations, "annotations.json: is missing"),
        (leave_temporary, ".annotations.json.ana.tmp: was being written"),
    ],
)
def test_damage_is_found_and_repaired_and_nothing_is_thrown_away(session, damage, says):
    logs = {name: data for name, data in files(session).items() if name.endswith(".jsonl")}
    damage(session)
    damaged = files(session)
    report = check(session)
    assert not report.ok
    assert says in str(report)
    assert files(session) == damaged, "a check alone changes nothing"
    repaired = check(session, repair=True)
    assert repaired.ok, str(repaired)
    assert "→" in str(repaired)
    again = check(session)
    assert again.ok, str(again)
    if damage not in {cut_tail, break_line}:
        assert {name: data for name, data in files(session).items() if name.endswith(".jsonl")} == logs
    # every byte of every line is still somewhere
    rest = everything(session)
    for name, data in damaged.items():
        if name.startswith("log/") and not name.endswith(".lock"):
            assert all(raw in rest for raw in data.split(b"\n"))
    with start(session) as log:
        assert log.state.n_skipped == 1


def test_missing_numbers_are_a_problem_that_needs_an_older_copy(session):
    file = session / "log" / "ana.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], *lines[3:]]))
    for repair in (False, True):
        report = check(session, repair)
        assert not report.ok
        assert "numbers 2 to 3 missing" in str(report)


def test_several_broken_lines_explain_the_gap_that_they_leave(session):
    file = session / "log" / "ana.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([b"x\n", lines[1], b"y\n", b"z\n", *lines[4:]]))
    report = check(session, repair=True)
    assert report.ok
    assert sorted(p.name for p in (session / "log" / "broken").iterdir()) == [
        "ana.jsonl.1-seq1", "ana.jsonl.3-seq3", "ana.jsonl.4-seq4",
    ]  # fmt: skip
    assert check(session).ok


def test_two_copies_merged_into_one_file(session):
    """What git's union merge leaves: all lines of both, some twice, numbers used twice."""
    file = session / "log" / "ana.jsonl"
    base = file.read_bytes()
    with start(session) as log:
        log.append("annotate", id="here", value="A")
    ours = file.read_bytes()[len(base) :]
    file.write_bytes(base)
    with start(session) as log:
        log.append("annotate", id="there", value="B")
    file.write_bytes(base + ours + file.read_bytes()[len(base) :] + base.splitlines(keepends=True)[0])
    check(session, repair=True)
    report = check(session)
    assert report.ok
    assert "is there 2 times" in str(report)
    assert "written down twice; they count once" in str(report)
    assert {"here", "there"} <= set(load_annotations(session)["id"])


def test_one_name_for_two_decisions(session):
    file = session / "log" / "bob.jsonl"
    line = json.loads(file.read_text())
    other = line | {"seq": 2, "event": "flag"}
    file.write_text(json.dumps(line) + "\n" + json.dumps(other) + "\n")
    report = check(session)
    assert not report.ok
    assert f'"{line["client"]}" names two decisions, bob:1 and bob:2' in str(report)


def test_a_live_writer_is_named_and_left_alone(session):
    with start(session) as log:
        file = session / "log" / "ana.jsonl"
        good = file.read_bytes()
        file.write_bytes(good[:50] + b"\n" + good[51:])
        before = file.read_bytes()
        report = check(session, repair=True)
        assert not report.ok
        assert f"being written by process {__import__('os').getpid()} on " in str(report)
        assert "close it and repair again" in str(report)
        assert file.read_bytes() == before
        file.write_bytes(good)
        log.append("annotate", id="new", value="A")
        assert check(session).ok, "annotations.json may lag behind while somebody is at work"


def test_repair_keeps_texts_and_order_that_only_annotations_json_knew(session):
    rows: list[dict[str, Any]] = json.loads((session / "annotations.json").read_text())["annotations"]
    content = json.loads((session / "annotations.json").read_text())
    content["annotations"] = [{**row, "text": f"from the pool: {row['id']}"} for row in reversed(rows)]
    content["annotations"][0]["status"] = "nonsense"
    (session / "annotations.json").write_text(json.dumps(content))
    assert check(session, repair=True).ok
    after = json.loads((session / "annotations.json").read_text())["annotations"]
    assert [row["id"] for row in after] == [row["id"] for row in reversed(rows)]
    assert {row["text"] for row in after} == {f"from the pool: {row['id']}" for row in rows}


def test_a_newer_session_is_refused_not_repaired(session):
    file = session / "log" / "ana.jsonl"
    newer = (
        file.read_bytes() + b'{"v":7,"seq":7,"time":"2026-01-05T10:11:12.345Z","annotator":"a","event":"teleport"}\n'
    )
    file.write_bytes(newer)
    with pytest.raises(SessionError, match="newer alwidget"):
        check(session, repair=True)
    assert file.read_bytes() == newer


def test_a_session_without_session_json_and_annotations_is_inferred(session):
    (session / "session.json").unlink()
    (session / "annotations.json").unlink()
    assert check(session, repair=True).ok
    assert Log.describe(session)["task"] == "classification"
    with start(session) as log:
        assert log.state.n_labelled == 4
