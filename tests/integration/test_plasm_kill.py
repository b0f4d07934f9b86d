"""PLASM is killed in every step, and what comes of it is what an undisturbed run makes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pandas as pd

import alwidget as alw

PROGRAM = """
import sys
import alwidget as alw

def told(phase, done, total):
    print(phase, done, total, flush=True)

alw.plasm(sys.argv[1], successor="tf-idf", labeller="tf-idf", folds=3, confidence=0.2, out=sys.argv[2], progress=told)
"""
STEPS = ("labeller", "unseen", "pseudo", "influence", "successor", "report")
LONGEST = 0.2
"""Seconds into a step after which it is killed at the latest; the quickest step takes less."""


def run(data: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(data), str(out)], stdout=subprocess.PIPE, text=True)


def outcome(out: Path) -> tuple[dict, pd.DataFrame, dict[str, bytes]]:
    report = json.loads((out / "report" / "report.json").read_text(encoding="utf-8"))
    assert set(report.pop("seconds")) == set(STEPS)
    model = {
        path.name: path.read_bytes() for path in (out / "successor" / "model").iterdir() if path.suffix != ".json"
    }
    return report, pd.read_parquet(out / "successor" / "labels.parquet"), model


def test_what_is_killed_anywhere_goes_on_to_the_same_end(tmp_path):
    table = alw.datasets.docstrings("classification", n=400)
    table.loc[160:, "label"] = None
    data, rng = tmp_path / "data.jsonl", Random(0)
    table.to_json(data, orient="records", lines=True)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(data, whole).wait(timeout=200) == 0

    for step in STEPS:
        with run(data, broken) as process:
            seen = []
            for line in process.stdout or ():
                seen.append(line)
                if line.startswith(f"{step}: making"):
                    time.sleep(rng.uniform(0, LONGEST))
                    process.send_signal(signal.SIGKILL)
                    break
            assert process.wait(timeout=200) in {-signal.SIGKILL, 0}, seen
    with run(data, broken) as process:
        told = (process.stdout.read() if process.stdout else "").splitlines()
    assert process.returncode == 0
    assert "labeller: there 0 1" in told
    assert not [path.name for path in broken.iterdir() if path.name.startswith(".")]

    (report, labels, model), (wanted, all_labels, the_model) = outcome(broken), outcome(whole)
    assert report == wanted
    pd.testing.assert_frame_equal(labels, all_labels)
    assert model
    assert model == the_model
