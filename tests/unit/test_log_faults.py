"""Every call to the operating system may fail, at any time: nothing that was said is lost, doubled or out of order."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alwidget.errors import StorageError
from alwidget.log import Log, check, files, read_session, store, writer
from alwidget.tasks import read_labels

SEQUENCES, STEPS = 120, 40
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT)


class Faulty:
    """The operating system on a bad day."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.chance, self.failures = rng, 0.0, 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self.wrap(real) if name in {"open", "fsync", "ftruncate", "link", "write"} else real

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.rng.random() < self.chance:
                if real is os.write and self.rng.random() < 0.7:
                    real(args[0], bytes(args[1])[: self.rng.randrange(len(args[1]) + 1)])
                self.failures += 1
                raise OSError(self.rng.choice(ERRORS), "bad luck")
            return real(*args, **kwargs)

        return call


class Bench:
    """A session with two writers, and all that they said."""

    def __init__(self, folder: Path, rng: random.Random, system: Faulty) -> None:
        self.folder, self.rng, self.system = folder, rng, system
        self.said: dict[str, list[str]] = {"ana": [], "bob": []}
        self.logs = {who: self.open(who) for who in self.said}
        self.refused = 0

    def open(self, who: str) -> Log:
        log = Log.open(self.folder, task="classification", labels=read_labels(["A", "B"]), annotator=who)
        log._retry.stop()  # the test decides when it is tried again
        log._snapshots.stop()
        return log

    def step(self, number: int) -> None:
        who = self.rng.choice(["ana", "bob"])
        log, turn, client = self.logs[who], self.rng.random(), f"{who}-{number}"
        if turn < 0.5:
            with self.kept(who, [client]):
                log.append("annotate", id=f"d{number % 7}", value=self.rng.choice("AB"), client=client)
        elif turn < 0.6:
            clients = [f"{client}-{i}" for i in range(self.rng.randrange(1, 40))]
            with self.kept(who, clients):
                log.append_many({"kind": "skip", "id": name, "client": name} for name in clients)
        elif turn < 0.7 and log.can_undo:
            with self.kept(who, [client]):
                log.undo(client=client)
        elif turn < 0.75 and self.said[who]:
            again = self.rng.choice(self.said[who])
            with self.kept(who, []):
                log.append("annotate", id="x", value="A", client=again)
        elif turn < 0.8:
            log.refresh()
        elif turn < 0.85:
            log.flush_snapshot()
        elif turn < 0.9:
            log.flush()
        else:
            self.accident(who)

    def accident(self, who: str) -> None:
        """Do to the folder what people and programs do."""
        file, turn = self.folder / "log" / f"{self.logs[who].writer}.jsonl", self.rng.random()
        if turn < 0.25 and file.exists():
            file.unlink()
        elif turn < 0.5 and file.exists():
            with file.open("r+b") as handle:
                handle.truncate(self.rng.randrange(file.stat().st_size + 1))
        elif turn < 0.6 and self.folder.exists():
            shutil.rmtree(self.folder)
        elif turn < 0.7 and self.folder.exists():
            copy = self.folder.with_name("copy")
            shutil.copytree(self.folder, copy)
            shutil.rmtree(self.folder)
            copy.rename(self.folder)
        elif not self.folder.exists():
            self.folder.mkdir()
        else:
            self.system.chance = self.rng.choice([0.0, 0.1, 0.5, 1.0])

    @contextmanager
    def kept(self, who: str, clients: list[str]) -> Iterator[None]:
        """What is refused for the disk's sake counts all the same; what is acknowledged must not be waiting."""
        log = self.logs[who]
        self.said[who] += clients
        try:
            yield
        except StorageError:
            self.refused += 1
            assert log.unsaved > 0
            assert log.storage_error is not None
        else:
            assert log.unsaved == 0 or not clients
        assert all(log.state.find(client) is not None for client in clients)

    def end(self) -> None:
        self.system.chance = 0.0
        self.folder.mkdir(exist_ok=True)
        for _ in range(3):
            for log in self.logs.values():
                log.refresh()
                assert log.flush(), log.storage_error
        for log in self.logs.values():
            log.close()


def test_nothing_is_lost_doubled_or_out_of_order(tmp_path, monkeypatch):
    failures = refused = 0
    for seed in range(SEQUENCES):
        rng = random.Random(seed)
        system = Faulty(rng)
        with monkeypatch.context() as patch:
            for module in (files, writer, store):
                patch.setattr(module, "os", system)
            patch.setattr(files, "_DATASYNC", system.wrap(os.fdatasync))
            bench = Bench(tmp_path / f"{seed}.alw", rng, system)
            system.chance = rng.choice([0.0, 0.1, 0.5])
            for number in range(STEPS):
                bench.step(number)
            bench.end()
        failures, refused = failures + system.failures, refused + bench.refused
        archive = read_session(bench.folder)
        for who, clients in bench.said.items():
            found = [one.event.client for one in archive.state if one.event.annotator == who]
            # a decision that was moved to another file may stand in both; it counts once, at its first place
            assert list(dict.fromkeys(found)) == clients, f"seed {seed}"
            live = bench.logs[who].state
            assert {a.id: (a.value, a.client) for a in live.answers.values()} == {
                a.id: (a.value, a.client) for a in archive.state.answers.values()
            }, f"seed {seed}"
        report = check(bench.folder, repair=True)
        assert report.ok, f"seed {seed}: {report}"
        shutil.rmtree(bench.folder)
    assert failures > 10 * SEQUENCES
    assert refused > 5 * SEQUENCES


@pytest.mark.parametrize("chance", [0.3, 1.0])
def test_a_session_may_begin_on_a_bad_day(tmp_path, monkeypatch, chance):
    for seed in range(30):
        rng = random.Random(seed)
        system = Faulty(rng)
        system.chance = chance
        with monkeypatch.context() as patch:
            for module in (files, writer, store):
                patch.setattr(module, "os", system)
            patch.setattr(files, "_DATASYNC", system.wrap(os.fdatasync))
            folder = tmp_path / f"{seed}.alw"
            log = Log.open(folder, task="classification", labels=read_labels(["A", "B"]), annotator="ana")
            log._retry.stop()
            for i in range(10):
                try:
                    log.append("annotate", id=f"d{i}", value="A")
                except StorageError:
                    assert log.unsaved
            system.chance = 0.0
            assert log.flush()
            log.close()
        assert [one.event.id for one in read_session(folder).state] == [f"d{i}" for i in range(10)], f"seed {seed}"
        assert check(folder, repair=True).ok
