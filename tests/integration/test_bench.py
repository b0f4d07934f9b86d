"""The benchmark as people run it: from the command line, from unguarded scripts, killed in the middle, on a cluster."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import alwidget as alw
from alwidget.bench import Results

COMMAND = [sys.executable, "-c", "import sys; from alwidget.cli import main; sys.exit(main())", "bench"]
CONFIG = """
out = "run"
datasets = [{ data = "docstrings", n = 100, n_test = 50 }]
strategies = ["random", "own.py:Own"]
model = "tf-idf"
seeds = 3
rounds = 3
batch_size = 10
full = false
"""
OWN = """
import alwidget as alw

class Own(alw.Strategy):
    name = "own"
    needs = {"probs"}

    def select(self, view, size, rng):
        print("strategies may print")
        return (-view.probs.max(axis=1)).argsort(kind="stable")[-size:]
"""
STEADY = ["strategy", "seed", "labelled", "score", "beside"]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "bench.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    return tmp_path


def bench(*arguments, cwd):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False, timeout=250
    )


def test_a_run_that_was_killed_goes_on_and_comes_to_the_same(place):
    running = subprocess.Popen([*COMMAND, "bench.toml", "--workers", "2"], cwd=place, stderr=subprocess.DEVNULL)
    cells = place / "run" / "cells"
    while not (cells.is_dir() and any(not path.name.startswith(".") for path in cells.iterdir())):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = {path: path.stat().st_mtime_ns for path in cells.iterdir() if not path.name.startswith(".")}
    killed = Results.load(place / "run")
    assert set(killed.cells["state"]) <= {"done", "missing"}
    assert bench("bench.toml", cwd=place).returncode == 1  # there is a run; --resume goes on with it
    done = bench("bench.toml", "--resume", "--quiet", cwd=place)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not list((place / "run").glob("**/.*.tmp"))
    resumed = Results.load(place / "run")
    assert list(resumed.cells["state"]) == ["done"] * 6
    again = bench("bench.toml", "--executor", "serial", "-o", "other", "--quiet", cwd=place)
    assert again.returncode == 0, again.stderr
    other = Results.load(place / "other")
    pd.testing.assert_frame_equal(resumed.picks, other.picks)
    pd.testing.assert_frame_equal(resumed.curves[STEADY], other.curves[STEADY])
    assert "Own" in done.stdout
    assert "strategies may print" not in done.stdout
    assert (place / "run" / "report.html").is_file()
    assert (place / "run" / "tables" / "picks.csv").is_file()


def test_a_failed_cell_is_told_in_the_exit_code_and_in_flags_go_before_the_file(place):
    (place / "own.py").write_text(OWN.replace("view.probs.max(axis=1)", "view.nothing"), encoding="utf-8")
    done = bench("bench.toml", "--seeds", 1, "--executor", "serial", "--quiet", cwd=place)
    assert done.returncode == 1
    assert "failed: docstrings · Own" in done.stderr
    assert "random" in done.stdout
    assert len(Results.load(place / "run").cells) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nothing.toml"], "nothing.toml"), ([], "--data"), (["--data", "docstring", "-o", "x"], "docstrings")],
)
def test_what_cannot_be_run_is_one_line(arguments, said, tmp_path):
    done = bench(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert said in done.stderr


def test_a_script_without_a_guard_and_a_class_of_its_own_runs_in_processes(tmp_path):
    (tmp_path / "script.py").write_text(
        "import alwidget as alw\n"
        "class Mine(alw.Strategy):\n"
        "    name = 'mine'\n"
        "    def select(self, view, size, rng):\n"
        "        return rng.permutation(view.size)[:size]\n"
        "rows = [{'text': f'{w} {i}', 'label': w} for i in range(20) for w in ('good', 'bad')]\n"
        "found = alw.benchmark({'films': rows}, [Mine], out='run', model='tf-idf', seeds=1, rounds=2, batch_size=5,\n"
        "                      workers=1, full=False, progress=False)\n"
        "print(list(found.cells['state']), found.failures)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.stdout == "['done'] {}\n", done.stderr


def test_workers_end_with_the_process_that_started_them(place):
    running = subprocess.Popen([*COMMAND, "bench.toml", "--workers", "1"], cwd=place, stderr=subprocess.DEVNULL)
    threads = Path(f"/proc/{running.pid}/task")
    if not threads.is_dir():
        running.kill()
        pytest.skip("this system does not list the children of a process")
    found: list[int] = []
    while not found:
        assert running.poll() is None
        time.sleep(0.05)
        for children in threads.glob("*/children"):
            found += [int(pid) for pid in children.read_text().split()]
    running.kill()
    running.wait()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(alive(pid) for pid in found):
        time.sleep(0.05)
    assert not any(alive(pid) for pid in found)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install alwidget[ray]")
def test_a_local_cluster_of_two_workers_gives_what_one_process_gives(tmp_path):
    import ray

    asked = {"model": "tf-idf", "seeds": 2, "rounds": 2, "batch_size": 10, "progress": False}
    data = {"data": "docstrings", "n": 100, "n_test": 50}
    serial = alw.benchmark(data, ["random", "entropy"], out=tmp_path / "s", executor="serial", **asked)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        cluster = alw.benchmark(data, ["random", "entropy"], out=tmp_path / "r", executor="ray", **asked)
    finally:
        ray.shutdown()
    assert cluster.failures == {}
    pd.testing.assert_frame_equal(serial.picks, cluster.picks)
    pd.testing.assert_frame_equal(serial.curves[STEADY], cluster.curves[STEADY])
    pd.testing.assert_frame_equal(serial.full[["seed", "score"]], cluster.full[["seed", "score"]])


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_error_says_how_to_get_it(tmp_path):
    with pytest.raises(alw.errors.MissingExtraError, match="alwidget\\[ray\\]"):
        alw.benchmark("docstrings", ["random"], out=tmp_path / "r", executor="ray", model="tf-idf")
