"""Torn and broken files: what a crash leaves is told from damage, and no byte is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alwidget.errors import LogError, SessionError
from alwidget.log import Log, StoredDocument, check, load_annotations
from alwidget.log.events import Event, encode, write_time
from alwidget.log.reading import read
from alwidget.tasks import read_labels

AB = read_labels(["A", "B"])


def line(seq: int, **what: object) -> bytes:
    time = write_time(1_767_607_872_000 + seq)
    return encode(
        Event(1, seq, time, "ana", "annotate", **{"id": f"d{seq}", "value": "A", "client": f"c{seq}", **what})
    )


def start(folder: Path, annotator: str = "ana") -> Log:
    return Log.open(folder, task="classification", labels=AB, annotator=annotator)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "s.alw"
    start(folder).close()
    return folder


LINES = [line(1), line(2, document=StoredDocument("Zoë – “日本語” 😀")), line(3, note="last ä")]


def test_a_tail_torn_at_any_byte_costs_only_the_torn_line(session):
    file = session / "log" / "ana.jsonl"
    whole = LINES[0] + LINES[1]
    for cut in range(len(LINES[2])):
        file.write_bytes(whole + LINES[2][:cut])
        complete = cut >= len(LINES[2]) - 1
        with start(session) as log:
            assert sorted(log.state.labelled) == ["d1", "d2", "d3"][: 3 if complete else 2]
            torn = cut > 0 and not complete
            assert len(log.reports) == torn
            recorded = log.append("annotate", id="new", value="B")
            assert log.state.find(recorded.entry.client).event.seq == (4 if complete else 3)
        assert file.read_bytes().startswith(whole + (LINES[2] if complete else b""))
        assert read(file.read_bytes()).broken == []
        assert check(session).ok
        if torn:
            assert (session / "log" / "torn" / f"ana.jsonl.{len(whole)}").is_file()
    kept = {each.read_bytes() for each in (session / "log" / "torn").iterdir()}
    assert kept == {LINES[2][:cut] for cut in range(1, len(LINES[2]) - 1)}


@pytest.mark.parametrize("tail", [b"\0" * 4096, b'{"v":1,' + b"\0" * 100, b"\0\n", b"garbage\n", b"\xff\xfe", b"{}\n",
                                  b"\0\0\n\0\0\0\n", b"\0" * 10 + b'"id":"x"}\n' + b"\0\0"])  # fmt: skip
def test_what_power_cuts_leave_is_a_torn_tail(session, tail):
    file = session / "log" / "ana.jsonl"
    file.write_bytes(LINES[0] + tail)
    with start(session, "bob") as log:
        assert log.state.labelled == {"d1"}
        assert "left out" in log.reports[0]
    assert file.read_bytes() == LINES[0] + tail, "it is not bob's to cut"
    with start(session) as log:
        assert "kept in log/torn" in log.reports[0]
        log.append("skip", id="y")
    assert file.read_bytes().startswith(LINES[0] + b'{"v":1,"seq":2,')
    assert (session / "log" / "torn" / f"ana.jsonl.{len(LINES[0])}").read_bytes() == tail
    assert check(session).ok


@pytest.mark.parametrize(
    "middle",
    [b"garbage\n", b'{"v":1,"seq":2\n', b"\0\0\n", b"<<<<<<< HEAD\n", b'{"v":1,"seq":2,"time":"soon","annotator":"a"}\n',
     LINES[1].replace(b'"annotate"', b'"hologram"'), LINES[1].replace(b'"id":"d2",', b""),
     LINES[1].replace(b"2026-", b"9999-"), LINES[1].replace(b'"v":1', b'"v":0')],
)  # fmt: skip
def test_a_line_broken_elsewhere_is_an_error_and_can_be_set_aside(session, middle):
    file = session / "log" / "ana.jsonl"
    whole = LINES[0] + middle + LINES[2]
    file.write_bytes(whole)
    for annotator in ("ana", "bob"):
        with pytest.raises(LogError, match=r"ana\.jsonl, line 2 .*--repair"):
            start(session, annotator)
    assert file.read_bytes() == whole
    assert not check(session).ok
    assert check(session, repair=True).ok
    assert file.read_bytes() == LINES[0] + LINES[2]
    assert (session / "log" / "broken" / "ana.jsonl.2-seq2").read_bytes() == middle
    with start(session) as log:
        assert log.state.labelled == {"d1", "d3"}
    report = check(session)
    assert report.ok
    assert "number 2 set aside" in str(report)


def test_many_broken_lines_at_the_end_are_damage_not_a_crash(session):
    (session / "log" / "ana.jsonl").write_bytes(LINES[0] + b"one\ntwo\nthr")
    with pytest.raises(LogError, match=r"line 2 .*and 1 more"):
        start(session)
    assert check(session, repair=True).ok
    assert {p.name: p.read_bytes() for p in (session / "log").glob("*/*")} == {
        "ana.jsonl.2-seq2": b"one\n", "ana.jsonl.3-seq3": b"two\n", f"ana.jsonl.{len(LINES[0]) + 8}": b"thr",
    }  # fmt: skip


@settings(max_examples=1000)
@given(st.data())
def test_damage_never_reaches_beyond_its_lines(data):
    """Lines that were not touched are read, all others are named or say something; no byte goes missing."""
    lines = [line(i, note="n" * data.draw(st.integers(0, 30))) for i in range(1, 8)]
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=5))
    damaged, size = {
        "flip": (whole[:at] + bytes([whole[at] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[at + 1 :], 1),
        "insert": (whole[:at] + junk + whole[at:], 1),
        "delete": (whole[:at] + whole[at + len(junk) :], len(junk)),
        "nul": (whole[:at] + b"\0" * len(whole[at : at + 64]) + whole[at + 64 :], 64),
    }[data.draw(st.sampled_from(["flip", "insert", "delete", "nul"]))]
    start, untouched = 0, []
    for each in lines:
        # a newline that is hit takes the next line along
        if start + len(each) <= at or at + size < start:
            untouched.append(read(each).events[0])
        start += len(each)
    try:
        reading = read(damaged)
    except SessionError:
        assert damaged.count(b'{"v":1,') < 7, "a version that was hit looks like a newer one"
        return
    assert [event for event in reading.events if event in untouched] == untouched
    assert damaged[reading.end :] == reading.tail
    for broken in reading.broken:
        assert damaged.split(b"\n")[broken.line - 1] == broken.raw
    pieces = len([raw for raw in damaged[: reading.end].split(b"\n") if raw.strip()])
    assert len(set(reading.numbers)) + len(reading.broken) == pieces or not reading.numbers


def test_line_ends_of_other_systems_and_a_byte_order_mark(session):
    file = session / "log" / "ana.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(each.rstrip() for each in LINES) + b"\r\n")
    with start(session) as log:
        assert log.state.n_labelled == 3
        log.append("skip", id="x")
    with start(session) as log:
        assert (log.state.n_labelled, log.state.n_skipped) == (3, 1)
    assert check(session).ok


def test_blank_lines_and_two_events_on_one_line_are_no_damage(session):
    (session / "log" / "ana.jsonl").write_bytes(LINES[0] + b"\n\n" + LINES[1].rstrip() + LINES[2])
    assert len(load_annotations(session)) == 3


def test_unknown_fields_of_a_later_version_are_read_over(session):
    (session / "log" / "ana.jsonl").write_bytes(LINES[0].replace(b'"seq"', b'"mood":"fine","seq"'))
    assert list(load_annotations(session)["id"]) == ["d1"]


def test_times_of_other_tools_are_put_in_order(session):
    (session / "log" / "ana.jsonl").write_bytes(
        line(1).replace(b"2026-01-05T10:11:12.001Z", b"2026-01-05T11:11:12+01:00")
        + line(2, id="d1", value="B").replace(b"2026-01-05T10:11:12.002Z", b"2026-01-05T09:00:00")
    )
    with start(session) as log:
        assert log.state.answer("d1").value == "B", "what stands later in a file was said later"
        assert log.state.answer("d1").time == "2026-01-05T10:11:12.000Z"


def test_a_torn_line_of_a_live_writer_is_waited_for(session):
    with start(session) as ana, start(session, "bob") as bob:
        bob.append("skip", id="y")
        file = session / "log" / "bob.jsonl"
        half = line(2).replace(b'"ana"', b'"bob"')
        with file.open("ab") as handle:
            handle.write(half[:50])
            handle.flush()
            assert [event.id for event in ana.refresh()] == ["y"]
            assert ana.refresh() == []
            handle.write(half[50:])
            handle.flush()
            assert [event.id for event in ana.refresh()] == ["d2"]
        assert ana.reports == []


def test_a_broken_line_of_another_writer_does_not_stop_the_session(session):
    with start(session) as ana, start(session, "bob") as bob:
        bob.append("skip", id="y")
        ana.refresh()
        file = session / "log" / "bob.jsonl"
        good = file.read_bytes()
        file.write_bytes(good + line(2) + b"broken\n" + line(4))
        assert [event.id for event in ana.refresh()] == ["d2"]
        assert ana.refresh() == []
        assert len(ana.reports) == 1
        assert "line 3" in ana.reports[0]
        ana.append("annotate", id="z", value="A")
        file.write_bytes(good + line(2) + line(3) + line(4))
        ana.refresh()
        assert {"d2", "d3", "d4", "z"} <= set(ana.state.answers)


def test_a_file_that_was_cut_or_put_in_place_is_read_again(session):
    with start(session) as ana, start(session, "bob") as bob:
        for doc in "xyz":
            bob.append("annotate", id=doc, value="A")
        ana.refresh()
        file = session / "log" / "bob.jsonl"
        first, rest = file.read_bytes().split(b"\n", 1)
        file.write_bytes(first + b"\n")
        ana.refresh()
        assert set(ana.state.answers) == {"x"}
        other = file.with_suffix(".new")
        other.write_bytes(first + b"\n" + rest)
        other.replace(file)
        ana.refresh()
        assert set(ana.state.answers) == {"x", "y", "z"}
