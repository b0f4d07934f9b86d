"""What processes do to a session in the tests: each function is the life of one. Run as ``python log_child.py NAME …``.

It imports the log and nothing heavy, so that hundreds of lives fit into a test.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alwidget.errors import SessionError, StorageError
from alwidget.log import Log, StoredDocument, read_session, store
from alwidget.tasks import read_labels


def start(folder: str | Path, annotator: str = "ana", **options: Any) -> Log:
    labels = read_labels(["A", "B"])
    return Log.open(folder, **{"task": "classification", "labels": labels, "annotator": annotator, **options})


def label_for_ever(folder: str, annotator: str, seed: int, acknowledgements: int) -> None:
    """Say things, and after each write to the pipe what was said; never ends by itself."""
    rng = random.Random(seed)
    log = start(folder, annotator)
    say(acknowledgements, {"ready": log.writer})
    count = 0
    while True:
        count += 1
        client, doc = f"{os.getpid()}-{seed}-{count}", f"d{rng.randrange(400)}"
        turn = rng.random()
        if turn < 0.70:
            value = rng.choice("AB")
            log.append("annotate", id=doc, value=value, client=client, document=StoredDocument(f"text {doc} " * 20))
            said = [{"client": client, "id": doc, "value": value}]
        elif turn < 0.80:
            recorded = log.undo(client=client)
            said = [{"client": client, "undo": True}] if recorded else []
        elif turn < 0.88:
            items = [{"kind": "skip", "id": f"b{rng.randrange(400)}", "client": f"{client}-{i}"} for i in range(20)]
            log.append_many(items, group=client)
            said = [{"client": item["client"], "id": item["id"], "value": None} for item in items]
        else:
            log.flush_snapshot()
            said = []
        for one in said:
            say(acknowledgements, one)


def tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def refused(error: type[Exception], *says: str) -> Iterator[None]:
    """Fail unless what is done inside is refused in these words."""
    try:
        yield
    except error as caught:
        text = str(caught)
    else:
        text = ""
    missing = [part for part in says if part not in text]
    assert not missing, f"{missing} not in {text!r}"


def say(pipe: int, what: dict[str, Any]) -> None:
    os.write(pipe, json.dumps(what).encode() + b"\n")


def kill_again_and_again(folder: str, kills: int, seed: int) -> None:
    """Fork writers and kill them at random moments; after each, look for everything that was acknowledged.

    Forking from a process that has imported everything makes a life as short as a few milliseconds.
    """
    rng = random.Random(seed)
    with start(folder) as log:
        log.append_many({"kind": "annotate", "id": f"old{i}", "value": "A"} for i in range(1500))
    acknowledged: list[dict[str, Any]] = []
    unready = 0
    for life in range(kills):
        at_start = rng.random() < 0.2
        lines = one_life(folder, seed * 1_000_000 + life, rng.uniform(0, 0.03), wait_until_ready=not at_start)
        unready += not lines
        if lines:
            assert lines[0] == {"ready": "ana"}, f"the lock of a dead process was respected: {lines[0]}"
        acknowledged += lines[1:]
        if life % 10 == 9 or life == kills - 1:
            look_for(folder, acknowledged)
    tell(json.dumps({"acknowledged": len(acknowledged), "kills": kills, "before_ready": unready}))


def one_life(folder: str, seed: int, delay: float, *, wait_until_ready: bool) -> list[dict[str, Any]]:
    """Return what one writer acknowledged until it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            label_for_ever(folder, "ana", seed, writing)
        except BaseException:  # noqa: BLE001  the parent must hear of it, whatever it is
            import traceback

            traceback.print_exc()
        os._exit(3)
    os.close(writing)
    if wait_until_ready:
        assert select.select([reading], [], [], 120)[0], "the writer never got ready"
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def look_for(folder: str, acknowledged: list[dict[str, Any]]) -> None:
    """Fail when something that was acknowledged is not in the log, or annotations.json is not whole."""
    archive = read_session(folder)
    for one in acknowledged:
        said = archive.state.find(one["client"])
        assert said is not None, f"lost: {one}"
        if "undo" in one:
            assert said.event.event == "undo"
        else:
            assert (said.event.id, said.event.value) == (one["id"], one["value"])
    content = json.loads(Path(folder, "annotations.json").read_bytes())
    assert content["annotations"]


def write_and_refresh(folder: str, annotator: str, count: int) -> None:
    """Say things while reading what another process says."""
    rng = random.Random(annotator)
    log = start(folder, annotator)
    for i in range(count):
        log.append("annotate", id=f"d{rng.randrange(20)}", value=rng.choice("AB"), client=f"{annotator}-{i}")
        if rng.random() < 0.3:
            log.undo()
        log.refresh()
    tell(f"{log.writer} {log.session_id}")
    sys.stdin.read()
    log.refresh()
    log.refresh()
    answers = {a.id: [a.value, a.client, a.time] for a in log.state.answers.values()}
    tell(json.dumps([answers, [entry.client for entry in log.state.history(None)]]))
    log.close()


def meet_the_file_size_limit(folder: str) -> None:
    """Write until the limit, go on saying things, raise the limit, and find everything on disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = start(folder)
    file = Path(folder, "log", "ana.jsonl")
    heard: list[str | None] = []
    log.on_storage(heard.append)
    for i in range(3):
        log.append("annotate", id=f"d{i}", value="A")
    size = file.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 250, resource.RLIM_INFINITY))
    saved = 3
    for i in range(3, 20):
        try:
            log.append("annotate", id=f"d{i}", value="B", client=f"c{i}")
            saved += 1
        except StorageError:
            pass
        assert file.read_bytes().endswith(b"\n"), "part of a line was left"
        assert (log.unsaved, log.state.n_labelled) == (i + 1 - saved, i + 1)
    assert saved < 6
    with refused(StorageError, "file size limit", f"{20 - saved} decisions are kept in memory, in order"):
        log.append("annotate", id="d19", value="B", client="c19")
    assert log.unsaved == 20 - saved
    assert len(read_session(folder).state.answers) == saved
    with refused(StorageError, "kept in memory"):
        log.close()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.close()
    assert heard[0] is not None
    assert heard[-1] is None
    state = read_session(folder).state
    assert [entry.id for entry in reversed(state.history(None))] == [f"d{i}" for i in range(20)]
    assert [said.event.seq for said in state] == list(range(1, 21))


def leave_with_unsaved_decisions(folder: str, temporary: str) -> None:
    """End while the disk takes nothing: what was said goes to the folder for temporary files."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.environ["TMPDIR"] = temporary
    log = start(folder)
    log.append("annotate", id="x", value="A")
    size = Path(folder, "log", "ana.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for doc in "yz":
        with refused(StorageError, "file size limit"):
            log.append("annotate", id=doc, value="B")
    # the disk of the temporary folder has room
    real = store.write_synced

    def roomy(*args: Any, **kwargs: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        real(*args, **kwargs)

    store.write_synced = roomy


def label_as_nobody(folder: str) -> None:
    """Open a session in a folder that this user may not write."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    heard: list[str | None] = []
    log = start(folder)
    assert log.storage_error is not None
    assert "may not read or write" in log.storage_error
    assert any("Nothing can be saved" in report for report in log.reports)
    log.on_storage(heard.append)
    for doc in "xyz":
        with refused(StorageError, "change its permissions"):
            log.append("annotate", id=doc, value="A", client=doc)
    assert (log.unsaved, log.state.n_labelled, len(read_session(folder).state.answers)) == (3, 4, 1)
    tell("waiting")
    sys.stdin.readline()
    deadline = time.monotonic() + 120
    while log.unsaved and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (log.unsaved, heard[-1], log.storage_error) == (0, None, None)
    log.append("annotate", id="last", value="B")
    tell(log.writer)
    log.close()


def fork_while_open(folder: str) -> None:
    """A child must not write with its parent's hands, nor take the lock with it, nor give it away."""
    log = start(folder)
    log.append("annotate", id="x", value="A")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with refused(SessionError, "forked"):
                log.append("annotate", id="child", value="B")
            log.close()
            with start(folder) as own:
                assert own.writer == "ana-2", own.writer
                own.append("annotate", id="own", value="B")
            del log
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    with start(folder) as other:
        assert other.writer == "ana-2", "the child gave the lock away"
    log.append("annotate", id="y", value="A")
    log.refresh()
    assert log.state.labelled == {"x", "y", "own"}
    # a child that lives on does not keep the lock of a parent that is gone, once it has begun to live
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, b"!")
        time.sleep(300)
        os._exit(0)
    try:
        assert os.read(reading, 1) == b"!"
        log.close()
        with start(folder) as again:
            assert again.writer == "ana"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def be_interrupted(folder: str, times: int, seed: int) -> None:
    """Label while interrupts come at any moment; what was acknowledged is there, and memory agrees with the disk."""
    rng = random.Random(seed)

    armed = [False]

    def interrupt(*_: object) -> None:
        if armed[0]:
            armed[0] = False
            raise KeyboardInterrupt

    log = start(folder)
    other = start(folder, "bob")
    acknowledged, interrupts, i = [], 0, 0
    signal.signal(signal.SIGALRM, interrupt)
    began = time.perf_counter()
    for j in range(20):
        log.append("annotate", id=f"first{j}", value="A")
    usual = (time.perf_counter() - began) / 20
    while interrupts < times:
        try:
            armed[0] = True
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.05, 5) * usual)
            while True:
                i += 1
                log.append("annotate", id=f"d{i % 50}", value="AB"[i % 2], client=f"c{i}")
                acknowledged.append(f"c{i}")
                if i % 7 == 0:
                    log.undo(client=f"u{i}")
                    acknowledged.append(f"u{i}")
                if i % 5 == 0:
                    log.refresh()
        except KeyboardInterrupt:
            interrupts += 1
        if interrupts % 10 == 0:
            other.append("skip", id=f"s{interrupts}", client=f"o{interrupts}")
    assert log.flush()
    log.refresh()
    memory = {a.id: (a.value, a.client) for a in log.state.answers.values()}
    n = len(log.state.history(None))
    log.close()
    other.close()
    state = read_session(folder).state
    assert all(state.find(client) for client in acknowledged)
    assert {a.id: (a.value, a.client) for a in state.answers.values()} == memory
    assert len(state.history(None)) == n
    tell(json.dumps({"acknowledged": len(acknowledged), "interrupts": interrupts}))


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    globals()[name](*(json.loads(argument) for argument in arguments))
