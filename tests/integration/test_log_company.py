"""Threads, processes, forks and interrupts: many hands on one session, and none of them loses anything."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alwidget.log import Log, StoredDocument, check, read_session, session_file
from alwidget.tasks import read_labels

CHILD = Path(__file__).parents[1] / "log_child.py"
THREADS, EACH = 8, 120


def start(folder: Path, annotator: str = "ana") -> Log:
    return Log.open(folder, task="classification", labels=read_labels(["A", "B"]), annotator=annotator)


def test_threads_hammering_one_log(tmp_path):
    folder = tmp_path / "s.alw"
    log = start(folder)
    heard: list[str] = []
    log.subscribe(lambda _ids, entries: heard.extend(entry.client for entry in entries if not entry.undone))
    begin = threading.Barrier(THREADS)

    def hammer(number: int) -> list[str]:
        rng, said = random.Random(number), []
        begin.wait()
        for i in range(EACH):
            client = f"{number}-{i}"
            turn = rng.random()
            if turn < 0.6:
                document = StoredDocument(f"text {i % 10}")
                log.append("annotate", id=f"d{i % 10}", value=rng.choice("AB"), client=client, document=document)
                said.append(client)
            elif turn < 0.7:
                log.append_many([{"kind": "skip", "id": f"s{j}", "client": f"{client}-{j}"} for j in range(5)])
                said += [f"{client}-{j}" for j in range(5)]
            elif turn < 0.8:
                log.undo(client=client)
            elif turn < 0.85:
                log.flush_snapshot()
            else:
                log.refresh()
                rows = list(log.records())
                assert len(rows) == len({row["id"] for row in rows})
                assert log.state.history(10, query="text")[:1] or True
                sum(log.state.label_counts.values())
        return said

    with ThreadPoolExecutor(THREADS) as threads:
        said = [client for future in [threads.submit(hammer, n) for n in range(THREADS)] for client in future.result()]
    assert len(set(said)) == len(said)
    answers = {a.id: (a.value, a.client) for a in log.state.answers.values()}
    log.close()
    archive = read_session(folder)
    assert {a.id: (a.value, a.client) for a in archive.state.answers.values()} == answers
    events = list(archive.state)
    assert {one.event.client for one in events} >= set(said)
    assert set(heard) >= set(said)
    assert [one.event.seq for one in events] == list(range(1, len(events) + 1))
    assert check(folder).ok


def test_one_client_sent_by_many_threads_at_once_is_written_once(tmp_path):
    with start(tmp_path / "s.alw") as log:
        begin = threading.Barrier(THREADS)

        def send(_number: int) -> bool:
            begin.wait()
            return log.append("annotate", id="x", value="A", client="c").repeated

        with ThreadPoolExecutor(THREADS) as threads:
            repeated = list(threads.map(send, range(THREADS)))
        assert sorted(repeated) == [False] + [True] * (THREADS - 1)
        assert log.state.n_events == 1


def test_two_processes_write_and_see_each_other(tmp_path):
    folder = tmp_path / "s.alw"
    command = [sys.executable, str(CHILD), "write_and_refresh", json.dumps(str(folder))]
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # the same person twice, and somebody else
    processes = [subprocess.Popen([*command, json.dumps(who), "150"], **pipe) for who in ("ana", "ana", "bob")]
    said = sorted(process.stdout.readline().split() for process in processes)
    assert [writer for writer, _ in said] == ["ana", "ana-2", "bob"]
    assert len({session for _, session in said}) == 1, "they all made the session, and only one did"
    views = [json.loads(process.communicate("", timeout=120)[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert views[0] == views[1] == views[2]
    state = read_session(folder).state
    assert {a.id: [a.value, a.client, a.time] for a in state.answers.values()} == views[0][0]
    assert [entry.client for entry in state.history(None)] == views[0][1]
    clients = {entry.client for entry in state.history(None)}
    assert clients == {f"{who}-{i}" for who in ("ana", "bob") for i in range(150)}
    assert check(folder, repair=True).ok


def test_a_session_that_another_process_makes_at_the_last_moment_is_the_session(tmp_path, monkeypatch):
    folder, prepare, first = tmp_path / "s.alw", session_file.prepare, []

    def overtaken(path: Path) -> None:
        prepare(path)
        if not first:
            first.append(session_file.new("classification", read_labels(["A", "B"]), {}, open_labels=False))
            session_file.create(path, first[0], "another")

    monkeypatch.setattr(session_file, "prepare", overtaken)
    with start(folder) as log:
        assert log.session_id == first[0].session
    assert read_session(folder).info.session == first[0].session


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(CHILD), name, *(json.dumps(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def test_a_forked_child_keeps_its_hands_off(tmp_path):
    run("fork_while_open", str(tmp_path / "s.alw"))
    assert check(tmp_path / "s.alw", repair=True).ok


def test_interrupts_at_any_moment(tmp_path):
    result = json.loads(run("be_interrupted", str(tmp_path / "s.alw"), 400, 0))
    assert result["interrupts"] == 400
    assert result["acknowledged"] > 0
    assert check(tmp_path / "s.alw", repair=True).ok
