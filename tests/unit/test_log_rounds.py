"""What rounds did, written beside the log: whole lines of all writers, and no harm where it cannot be written."""

from __future__ import annotations

import json
import logging
import os
import threading

import msgspec
import pytest

import alwidget as alw
from alwidget.log import RoundLog, RoundRecord, check
from alwidget.strategies import Schedule
from small_learner import SmallLearner

WORDS = ["good", "bad"]


def session_at(path, n=80, **options):
    texts = [f"{WORDS[i % 2]} film number {i} {'plot' if i % 3 else 'cast'}" for i in range(n)]
    options = {"labels": WORDS, "model": SmallLearner(), "annotator": "ana", "batch_size": 8, **options}
    return alw.annotate(texts, path=path, **options)


def answered(session, n=8):
    for item in session.next(n):
        session.record(item.id, item.text.split()[0])


def numbers(rounds):
    return [record.round for record in rounds.records()]


def test_a_line_a_round_of_all_writers_in_order(tmp_path):
    ana, bob = RoundLog(tmp_path, lambda: "ana"), RoundLog(tmp_path, lambda: "bob")
    ana.append(RoundRecord(round=1, time="2026-01-01T00:00:00.000Z"))
    bob.append(RoundRecord(round=2, time="2026-01-01T00:00:01.000Z", loss=0.5, seconds={"training": 1.5}))
    ana.append(RoundRecord(round=3, time="2026-01-01T00:00:02.000Z", notes=("Ω",), foreseen={"a": "good"}))
    assert numbers(ana) == numbers(bob) == [1, 2, 3]
    assert RoundLog(tmp_path).records() == ana.records()
    assert ana.records()[2].notes == ("Ω",)
    lines = (tmp_path / "rounds" / "ana.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 3]


def test_the_order_of_the_lines_counts_where_the_clock_goes_back(tmp_path):
    rounds = RoundLog(tmp_path, lambda: "ana")
    for number, second in enumerate((5, 1, 9), start=1):
        rounds.append(RoundRecord(round=number, time=f"2026-01-01T00:00:0{second}.000Z"))
    assert numbers(rounds) == numbers(RoundLog(tmp_path)) == [1, 2, 3]


@pytest.mark.parametrize("torn", [b'{"round":2,"ti', b"\x00\x00\x00", b"{}", b'{"round":"two"}', b"[1]", b"\xff\xfe"])
def test_a_torn_line_is_left_out_and_does_not_run_into_the_next(tmp_path, torn):
    rounds = RoundLog(tmp_path, lambda: "ana")
    rounds.append(RoundRecord(round=1))
    file = tmp_path / "rounds" / "ana.jsonl"
    file.write_bytes(file.read_bytes() + torn)
    fresh = RoundLog(tmp_path, lambda: "ana")
    assert numbers(fresh) == numbers(rounds) == [1]
    fresh.append(RoundRecord(round=3))
    assert numbers(fresh) == numbers(rounds) == numbers(RoundLog(tmp_path)) == [1, 3]


def test_what_a_later_version_adds_is_passed_over(tmp_path):
    (tmp_path / "rounds").mkdir()
    (tmp_path / "rounds" / "ana.jsonl").write_text('{"v":2,"round":4,"colour":"red"}\n')
    (tmp_path / "rounds" / "notes.txt").write_text("not a log")
    (tmp_path / "rounds" / "folder.jsonl").mkdir()
    assert numbers(RoundLog(tmp_path)) == [4]


def test_a_file_that_was_replaced_or_cut_is_read_anew(tmp_path):
    rounds = RoundLog(tmp_path, lambda: "ana")
    for number in (1, 2):
        rounds.append(RoundRecord(round=number))
    file = tmp_path / "rounds" / "ana.jsonl"
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    assert numbers(rounds) == [1]
    file.unlink()
    assert numbers(rounds) == []


@pytest.mark.parametrize("how", ["a file in the way", "gone", "full"])
def test_where_it_cannot_be_written_a_warning_says_so_once(tmp_path, how, caplog, monkeypatch):
    folder = tmp_path / "session"
    if how == "full":
        folder.mkdir()
        (folder / "rounds").mkdir()
        try:
            (folder / "rounds" / "ana.jsonl").symlink_to("/dev/full")
        except OSError:
            pytest.skip("no symbolic links here")
        if not os.path.exists("/dev/full"):  # noqa: PTH110
            pytest.skip("no /dev/full here")
    elif how == "a file in the way":
        folder.mkdir()
        (folder / "rounds").write_text("")
    rounds = RoundLog(folder, lambda: "ana")
    with caplog.at_level(logging.WARNING):
        for number in (1, 2):
            rounds.append(RoundRecord(round=number))
    assert numbers(rounds) == [1, 2]
    assert len(caplog.records) == 1
    assert "rounds are not written down" in caplog.text


def test_several_threads(tmp_path):
    rounds = RoundLog(tmp_path, lambda: "ana")
    threads = [threading.Thread(target=lambda: [rounds.append(RoundRecord(round=1)) for _ in range(30)])] * 1
    threads += [threading.Thread(target=lambda: [rounds.records() for _ in range(30)])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rounds.records()) == 30


def test_a_session_writes_down_its_rounds_and_shows_those_of_earlier_runs(tmp_path):
    path = tmp_path / "s.alw"
    with session_at(path, strategy="entropy", subsample="random:60") as session:
        session.train(wait=True)
        answered(session)
        session.train(wait=True)
        answered(session)
        session.train(wait=True)
        first = session.rounds
        assert [r.round for r in first] == [1, 2, 3]
        cold, second, third = first
        assert (cold.asked, cold.acting, cold.fallback) == ("entropy", "random", "entropy needs a trained model")
        assert (cold.model, cold.labels, cold.loss) == (None, 0, None)
        assert cold.foreseen == {}
        assert cold.notes == ("entropy needs a trained model; this round drew at random",)
        assert (second.asked, second.acting, second.fallback) == ("entropy", "entropy", None)
        assert (second.subsample, second.candidates, second.labels, second.batch) == ("random:60", 60, 8, 8)
        assert (second.model, second.epochs, second.loss) == ("small centroids", 1, 0.0)
        assert set(second.seconds) == {"training", "inference", "selection"}
        assert second.agreement is None
        assert second.compared == 0
        assert third.compared == 8
        gold = {doc: session.pool[session.pool.index_of(doc)].text.split()[0] for doc in second.foreseen}
        expected = sum(second.foreseen[doc] == gold[doc] for doc in gold) / 8
        assert third.agreement == pytest.approx(expected)
        assert all(r.time.endswith("Z") for r in first)
    with session_at(path, strategy="entropy") as again:
        assert again.rounds == first
        answered(again)
        again.train(wait=True)
        assert [r.round for r in again.rounds] == [1, 2, 3, 4]
        assert again.rounds[3].compared == 8
    with (path / "rounds" / "ana.jsonl").open("ab") as file:
        file.write(b'{"round": 5, "ti')
    assert check(path).ok
    with alw.open(path) as read_only:
        assert [r.round for r in read_only.rounds] == [1, 2, 3, 4]
        before = (path / "rounds" / "ana.jsonl").read_bytes()
    assert (path / "rounds" / "ana.jsonl").read_bytes() == before


def test_a_round_does_not_fail_where_it_cannot_be_written_down(tmp_path):
    path = tmp_path / "s.alw"
    with session_at(path) as session:
        (path / "rounds").write_text("in the way")
        session.train(wait=True)
        assert [r.round for r in session.rounds] == [1]
        answered(session)
        assert session.train(wait=True).fitted
        assert [r.round for r in session.rounds] == [1, 2]


def test_nothing_in_a_record_is_more_than_json(tmp_path):
    with session_at(tmp_path / "s.alw") as session:
        answered(session, 4)
        session.train(wait=True)
        for record in session.rounds:
            assert msgspec.json.decode(msgspec.json.encode(record), type=RoundRecord) == record


def test_a_schedule_by_plateau_goes_on_alike_after_a_restart(tmp_path):
    """Hold an uninterrupted run against some that are closed and opened again with a new model."""

    def run(name, stops):
        def opened():
            schedule = Schedule([("random", 1), ("breaking-ties", {"plateau": 1, "gain": 0.3}), ("entropy", None)])
            return session_at(tmp_path / name, strategy=schedule)

        session = opened()
        for number in range(7):
            if number in stops:
                session.close()
                session = opened()
            session.train(wait=True)
            answered(session)
        rounds, history = session.rounds, [entry.id for entry in session.history(None)]
        session.close()
        return [record.acting for record in rounds], [record.agreement for record in rounds], history

    acting, agreements, history = run("whole.alw", ())
    assert acting[0] == "random"
    assert acting[-1] == "entropy"
    assert acting.count("breaking-ties") >= 2
    assert sum(agreement is not None for agreement in agreements) >= 4
    for name, stops in (("once.alw", (2,)), ("often.alw", (1, 3, 4, 5))):
        assert run(name, stops) == (acting, agreements, history)
