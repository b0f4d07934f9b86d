"""A writer is killed at random moments, hundreds of times: every decision that it acknowledged is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from alwidget.log import check

CHILD = Path(__file__).parents[1] / "log_child.py"
ROUNDS, KILLS = 8, 40


def life(name: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHILD), name, *(json.dumps(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False, **options)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_every_acknowledged_decision_survives(tmp_path, round_):
    folder = tmp_path / "s.alw"
    result = json.loads(life("kill_again_and_again", str(folder), KILLS, round_).stdout)
    assert result["acknowledged"] > 0
    assert result["before_ready"] < KILLS
    assert not (folder / "log" / "broken").exists()
    report = check(folder, repair=True)
    assert report.ok, str(report)
    assert not [note for note in report.notes if "missing" in note]


def test_the_same_with_processes_that_start_from_nothing(tmp_path):
    folder, rng = tmp_path / "s.alw", Random(1)
    acknowledged: set[str] = set()
    for seed in range(8):
        reading, writing = os.pipe()
        arguments = [json.dumps(argument) for argument in (str(folder), "ana", seed, writing)]
        process = subprocess.Popen([sys.executable, str(CHILD), "label_for_ever", *arguments], pass_fds=[writing])
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            first = pipe.readline()
            time.sleep(rng.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            rest = pipe.read().split(b"\n")[:-1]
        assert json.loads(first) == {"ready": "ana"}
        acknowledged |= {json.loads(line)["client"] for line in rest}
    events = [json.loads(line) for line in (folder / "log" / "ana.jsonl").read_bytes().split(b"\n")[:-1] if line]
    assert acknowledged <= {event.get("client") for event in events}
    assert check(folder, repair=True).ok
