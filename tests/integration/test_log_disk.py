"""Disks that are full, read-only, or not where they were: what is said is kept in order, and written when it can be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alwidget.errors import StorageError
from alwidget.log import Log, check, read_session
from alwidget.log import view as log_view
from alwidget.tasks import read_labels

CHILD = Path(__file__).parents[1] / "log_child.py"


def child(name: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHILD), name, *(json.dumps(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, **options)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def start(folder: Path, annotator: str = "ana", **options: Any) -> Log:
    labels = read_labels(["A", "B"])
    return Log.open(folder, **{"task": "classification", "labels": labels, "annotator": annotator, **options})


def refuse(log: Log, doc: str, *, says: str, client: str | None = None) -> None:
    with pytest.raises(StorageError, match=says):
        log.append("annotate", id=doc, value="A", client=client)


class Told:
    """Hears of the storage, and waits for it."""

    def __init__(self, log: Log) -> None:
        self.heard: list[str | None] = []
        self.well = threading.Event()
        log.on_storage(self)

    def __call__(self, error: str | None) -> None:
        self.heard.append(error)
        (self.well.set if error is None else self.well.clear)()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_view, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr("alwidget.log.recorder.RETRY_SECONDS", 0.05)


def test_the_file_size_limit(tmp_path):
    child("meet_the_file_size_limit", str(tmp_path / "s.alw"))
    assert check(tmp_path / "s.alw").ok


def test_what_a_process_cannot_save_before_it_ends_can_be_found_and_brought_back(tmp_path):
    folder, temporary = tmp_path / "s.alw", tmp_path / "tmp"
    temporary.mkdir()
    done = child("leave_with_unsaved_decisions", str(folder), str(temporary))
    assert "2 decisions are kept in memory" in done.stderr
    (rescued,) = temporary.iterdir()
    assert str(rescued) in done.stderr
    shutil.copy(rescued, folder / "log")
    assert read_session(folder).state.labelled == {"x", "y", "z"}
    assert check(folder, repair=True).ok


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", where], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting a small disk is not permitted here: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError:
            return filler


def test_a_full_disk(small_disk):
    folder = small_disk / "s.alw"
    log = start(folder)
    told = Told(log)
    log.append("annotate", id="d0", value="A")
    filler = fill(small_disk)
    long = "n" * 3000
    saved = 1
    for i in range(1, 12):
        try:
            log.append("annotate", id=f"d{i}", value="B", client=f"c{i}", note=long)
            saved += 1
        except StorageError:
            assert "no space is left on the disk" in log.storage_error
        assert (folder / "log" / "ana.jsonl").read_bytes().endswith(b"\n")
    assert log.unsaved == 12 - saved > 5
    assert log.state.n_labelled == 12
    assert "no space is left" in log.storage_error
    refuse(log, "d11", says="no space", client="c11")
    assert log.unsaved == 12 - saved, "a decision that is sent again waits once"
    filler.unlink()
    assert told.well.wait(60), "it was not written by itself"
    assert (log.unsaved, log.storage_error) == (0, None)
    assert log.append("annotate", id="d11", value="B", client="c11").repeated
    log.close()
    assert [said.event.id for said in read_session(folder).state] == [f"d{i}" for i in range(12)]
    assert check(folder).ok


def test_a_session_that_begins_on_a_full_disk(small_disk):
    filler = fill(small_disk)
    log = start(small_disk / "s.alw")
    told = Told(log)
    for i in range(3):
        refuse(log, f"d{i}", says="no space")
    assert any("Nothing can be saved" in report for report in log.reports)
    filler.unlink()
    assert told.well.wait(60)
    log.close()
    state = read_session(small_disk / "s.alw").state
    assert state.labelled == {"d0", "d1", "d2"}
    assert check(small_disk / "s.alw").ok


def test_a_disk_that_becomes_read_only_and_writable_again(small_disk):
    folder = small_disk / "s.alw"
    with start(folder) as log:
        log.append("annotate", id="x", value="A")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    log = start(folder)
    assert "is read-only" in log.storage_error
    told = Told(log)
    refuse(log, "y", says="read-only; make it writable")
    with pytest.raises(StorageError, match="2 decisions are kept in memory"):
        log.append("skip", id="z")
    with start(folder, read_only=True) as reader:
        assert reader.state.n_labelled == 1
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert told.well.wait(60)
    assert log.writer == "ana"
    log.append("annotate", id="w", value="B")
    log.close()
    said = list(read_session(folder).state)
    assert [(one.event.id, one.event.seq) for one in said] == [("x", 1), ("y", 2), ("z", 3), ("w", 4)]
    assert check(folder).ok


def open_up(folder: Path) -> None:
    """Let everybody come as far as `folder`; pytest keeps its folders to its user."""
    for part in (folder, *folder.parents):
        mode = part.stat().st_mode
        if mode & 0o055 != 0o055:
            part.chmod(mode | 0o055)


def test_a_folder_that_this_user_may_not_write(tmp_path):
    folder = tmp_path / "s.alw"
    with start(folder) as log:
        log.append("annotate", id="old", value="A")
    open_up(tmp_path)
    inside = [folder, folder / "log"]
    for part in inside:
        part.chmod(0o555)
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o444)
    command = [sys.executable, str(CHILD), "label_as_nobody", json.dumps(str(folder))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    line = process.stdout.readline()
    if line.strip() != "waiting":
        pytest.fail(process.communicate()[1][-4000:])
    for part in inside:
        part.chmod(0o777)
    for file in folder.rglob("*"):
        if file.is_file():
            file.chmod(0o666)
    out, err = process.communicate("go\n", timeout=200)
    assert process.returncode == 0, err[-4000:]
    assert out.strip() == "ana"
    state = read_session(folder).state
    assert state.labelled == {"old", "x", "y", "z", "last"}
    assert [said.event.seq for said in state] == [1, 2, 3, 4, 5]


def test_a_session_that_may_not_be_read(tmp_path):
    folder = tmp_path / "s.alw"
    start(folder).close()
    for part in (folder / "log" / "ana.jsonl", folder / "session.json", folder / "log", folder):
        mode = part.stat().st_mode
        part.chmod(0)
        code = f"""if True:
            import os, sys
            sys.path.insert(0, {str(CHILD.parent)!r})
            from alwidget.errors import AlwidgetError
            from log_child import start, read_session
            if os.getuid() == 0:
                os.setgid(65534); os.setuid(65534)
            for attempt in (lambda: start({str(folder)!r}), lambda: read_session({str(folder)!r})):
                try:
                    attempt()
                except AlwidgetError as error:
                    assert "cannot be read" in str(error), error
                else:
                    sys.exit("it was read")
        """
        open_up(tmp_path)
        subprocess.run([sys.executable, "-c", code], check=True)
        part.chmod(mode)


# Folders that go away -------------------------------------------------------------------------------------------------


def test_a_folder_that_is_moved_away_and_back(tmp_path):
    folder, away = tmp_path / "s.alw", tmp_path / "away"
    log = start(folder)
    told = Told(log)
    log.append("annotate", id="x", value="A")
    folder.rename(away)
    refuse(log, "y", says="is gone; put it back", client="c")
    assert not folder.exists(), "the folder may be on a disk that is gone for the moment"
    assert (away / "log" / "ana.jsonl").read_bytes().count(b"\n") == 1, "it was written into the folder's ghost"
    assert log.unsaved == 2, "nothing of ours is where it should be"
    refuse(log, "y", says="is gone", client="c")
    away.rename(folder)
    assert told.well.wait(60)
    log.append("annotate", id="z", value="B")
    log.close()
    assert [said.event.id for said in read_session(folder).state] == ["x", "y", "z"]
    assert check(folder).ok


@pytest.mark.parametrize("say_something", [True, False])
def test_a_folder_that_is_deleted_and_made_anew(tmp_path, say_something):
    folder = tmp_path / "s.alw"
    log = start(folder, settings={"model": "auto"})
    told = Told(log)
    for doc in "abc":
        log.append("annotate", id=doc, value="A")
    log.undo()
    session = log.session_id
    shutil.rmtree(folder)
    if say_something:
        refuse(log, "d", says="is gone")
    else:
        log.refresh()
    assert "is gone" in log.storage_error
    assert log.unsaved == 4 + say_something
    assert not folder.exists()
    folder.mkdir()
    assert told.well.wait(60)
    log.append("annotate", id="e", value="B")
    log.close()
    with start(folder) as again:
        assert again.session_id == session
        assert again.settings["model"] == "auto"
        assert again.state.labelled == {"a", "b", "e"} | ({"d"} if say_something else set())
    assert (folder / "annotations.json").exists()
    assert check(folder).ok


def test_only_the_file_is_deleted_or_put_in_place_by_an_older_copy(tmp_path):
    folder = tmp_path / "s.alw"
    file = folder / "log" / "ana.jsonl"
    with start(folder) as log:
        log.append("annotate", id="a", value="A")
        old = file.read_bytes()
        log.append("annotate", id="b", value="A")
        file.unlink()
        log.append("annotate", id="c", value="A")
        assert file.read_bytes().count(b"\n") == 3
        copy = tmp_path / "copy"
        copy.write_bytes(old)
        copy.replace(file)
        log.append("annotate", id="d", value="A")
        assert file.read_bytes().count(b"\n") == 4
        with file.open("r+b") as handle:
            handle.truncate(len(old) // 2)
        log.refresh()
        assert file.read_bytes().count(b"\n") == 4
        assert log.writer == "ana"
    assert [said.event.seq for said in read_session(folder).state] == [1, 2, 3, 4]
    assert check(folder).ok


def test_a_damaged_copy_in_our_place_is_kept_and_replaced(tmp_path):
    folder = tmp_path / "s.alw"
    file = folder / "log" / "ana.jsonl"
    with start(folder) as log:
        log.append("annotate", id="a", value="A")
        damaged = b"not a line\n" + file.read_bytes() + b'{"v":1,'
        file.write_bytes(damaged)
        log.append("annotate", id="b", value="A")
        assert log.writer == "ana"
    assert (folder / "log" / "torn" / "ana.jsonl.replaced").read_bytes() == damaged
    assert [said.event.seq for said in read_session(folder).state] == [1, 2]
    assert check(folder).ok


def test_somebody_else_writes_into_our_file(tmp_path):
    """It happens when a folder is copied to two machines and back; both sides are kept."""
    folder = tmp_path / "s.alw"
    file = folder / "log" / "ana.jsonl"
    with start(folder) as log:
        log.append("annotate", id="a", value="A")
        before = file.read_bytes()
        log.append("annotate", id="ours", value="A")
        foreign = before.replace(b'"id":"a"', b'"id":"theirs"').replace(b'"seq":1', b'"seq":2')
        client = log.state.answer("a").client.encode()
        other = tmp_path / "other"
        other.write_bytes(before + foreign.replace(client, b"f" * 32))
        other.replace(file)
        log.append("annotate", id="b", value="A")
        assert log.writer == "ana-2"
        assert log.state.labelled == {"a", "ours", "theirs", "b"}
        assert log.undo().id == "b"
        log.append("annotate", id="c", value="A")
        live = log.state.labelled
    assert live == read_session(folder).state.labelled == {"a", "ours", "theirs", "c"}
    with start(folder) as again:
        assert again.writer == "ana"
    assert check(folder).ok


def test_another_session_in_our_place_is_not_written_into(tmp_path):
    folder, away = tmp_path / "s.alw", tmp_path / "away"
    log = start(folder)
    told = Told(log)
    log.append("annotate", id="x", value="A")
    folder.rename(away)
    with start(folder) as other:
        other.append("annotate", id="foreign", value="B")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refuse(log, "y", says="another session lies at")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    shutil.rmtree(folder)
    away.rename(folder)
    assert told.well.wait(60)
    log.close()
    assert read_session(folder).state.labelled == {"x", "y"}


def test_another_process_took_our_name_in_the_new_folder(tmp_path):
    folder = tmp_path / "s.alw"
    log = start(folder)
    log.append("annotate", id="x", value="A")
    saved = tmp_path / "saved"
    shutil.copytree(folder, saved)
    shutil.rmtree(folder)
    saved.rename(folder)
    with start(folder) as other:
        assert other.writer == "ana", "the lock of the folder that is gone binds nobody"
        other.append("annotate", id="theirs", value="B")
        log.append("annotate", id="y", value="A")
        assert log.writer == "ana-2"
        other.refresh()
        assert other.state.labelled == {"x", "y", "theirs"}
    log.refresh()
    assert log.state.labelled == {"x", "y", "theirs"}
    log.close()
    assert check(folder).ok


def test_a_folder_that_cannot_be_made_yet(tmp_path):
    """The session's first folder is on a disk that is not there at first."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file in the way")
    log = start(blocked / "s.alw")
    told = Told(log)
    refuse(log, "x", says="no folder any more")
    blocked.unlink()
    assert told.well.wait(60)
    log.close()
    assert read_session(blocked / "s.alw").state.labelled == {"x"}


def test_a_folder_that_was_read_only_and_then_went_away(tmp_path, monkeypatch):
    folder = tmp_path / "s.alw"
    start(folder).close()

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("alwidget.log.writer.Writer.claim_free", read_only)
        log = start(folder)
    assert "is read-only" in log.storage_error
    told = Told(log)
    shutil.rmtree(folder)
    refuse(log, "x", says="is gone")
    assert not folder.exists()
    folder.mkdir()
    assert told.well.wait(60)
    log.close()
    assert read_session(folder).state.labelled == {"x"}


# Disks that lie -------------------------------------------------------------------------------------------------------


def test_nothing_is_acknowledged_before_it_is_flushed(tmp_path, monkeypatch):
    """What would survive a power cut at each moment holds every decision that was acknowledged until then."""
    durable: dict[Path, bytes] = {}
    real = os.fdatasync

    def sync(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").resolve()
        durable[path] = path.read_bytes()
        real(fd)

    monkeypatch.setattr("alwidget.log.files._DATASYNC", sync)
    with start(tmp_path / "s.alw") as log:
        file = tmp_path / "s.alw" / "log" / "ana.jsonl"
        heard: list[str] = []
        log.subscribe(lambda _ids, entries: heard.extend(entry.client for entry in entries))
        for i in range(30):
            recorded = log.undo() if i % 4 == 3 else log.append("annotate", id=f"d{i}", value="A")
            assert recorded is not None
            assert durable[file] == file.read_bytes()
            assert heard[-1] == recorded.entry.client


def test_a_failed_flush_takes_back_what_it_was_about(tmp_path, monkeypatch):
    """After a failed flush the kernel forgets that pages are dirty; the next flush would succeed and mean nothing."""
    real, fail = os.fdatasync, [False]

    def sync(fd: int) -> None:
        if fail[0]:
            raise OSError(5, "Input/output error")
        real(fd)

    monkeypatch.setattr("alwidget.log.files._DATASYNC", sync)
    with start(tmp_path / "s.alw") as log:
        file = tmp_path / "s.alw" / "log" / "ana.jsonl"
        log.append("annotate", id="x", value="A")
        before = file.read_bytes()
        fail[0] = True
        refuse(log, "y", says="reports an error; look at its health")
        assert file.read_bytes() == before
        fail[0] = False
        log.append("annotate", id="z", value="A")
        assert [json.loads(line)["id"] for line in file.read_bytes().splitlines()] == ["x", "y", "z"]


def test_a_file_that_cannot_even_be_cut_back(tmp_path, monkeypatch):
    """The rest of a line stays in the file; it is replaced as a whole, once that works."""
    real_write, broken = os.write, [False]

    def write(fd: int, data: Any) -> int:
        if broken[0] and bytes(data).startswith(b'{"v"'):
            real_write(fd, bytes(data)[:20])
            raise OSError(28, "No space left on device")
        return real_write(fd, data)

    def no_cut(_fd: int, _size: int) -> None:
        raise OSError(5, "Input/output error")

    with start(tmp_path / "s.alw") as log:
        file = tmp_path / "s.alw" / "log" / "ana.jsonl"
        log.append("annotate", id="x", value="A")
        before = file.read_bytes()
        broken[0] = True
        with monkeypatch.context() as patch:
            patch.setattr("alwidget.log.writer.os.write", write)
            patch.setattr("alwidget.log.writer.os.ftruncate", no_cut)
            patch.setattr("alwidget.log.store.Store._rewrite", lambda *_: no_cut(0, 0))
            refuse(log, "y", says="no space")
            assert file.read_bytes() == before + b'{"v":1,"seq":2,"time'
            refuse(log, "z", says="reports an error")
        assert log.flush()
        assert [json.loads(line)["id"] for line in file.read_bytes().splitlines()] == ["x", "y", "z"]
    assert check(tmp_path / "s.alw", repair=True).ok


def test_lines_that_found_room_are_kept(tmp_path, monkeypatch):
    real_write, room = os.write, [10**9]

    def write(fd: int, data: Any) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        done = real_write(fd, bytes(data)[: room[0]])
        room[0] -= done
        return done

    with start(tmp_path / "s.alw") as log:
        file = tmp_path / "s.alw" / "log" / "ana.jsonl"
        log.append("annotate", id="x", value="A")
        line = len(file.read_bytes())
        with monkeypatch.context() as patch:
            patch.setattr("alwidget.log.writer.os.write", write)
            room[0] = int(2.5 * line)
            with pytest.raises(StorageError, match="2 decisions are kept"):
                log.append_many({"kind": "annotate", "id": doc, "value": "A"} for doc in "abcd")
            assert [json.loads(line)["id"] for line in file.read_bytes().splitlines()] == ["x", "a", "b"]
            room[0] = 10**9
            assert log.flush()
    assert [said.event.id for said in read_session(tmp_path / "s.alw").state] == ["x", "a", "b", "c", "d"]


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def no_locks(_fd: int, *, blocking: bool) -> bool:
        assert not blocking
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("alwidget.log.writer.lock_descriptor", no_locks)
    with start(tmp_path / "s.alw") as first, start(tmp_path / "s.alw") as second:
        assert first.writer != second.writer
        first.append("annotate", id="x", value="A")
        second.append("annotate", id="y", value="A")
        first.refresh()
        assert first.state.labelled == {"x", "y"}
    with start(tmp_path / "s.alw") as log:
        assert log.state.labelled == {"x", "y"}
