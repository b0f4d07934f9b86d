"""A package of somebody else's that offers a strategy, built and installed by pip as one from an index would be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "alw-shortest"
version = "0.3"

[project.entry-points."alwidget.strategies"]
shortest = "alw_shortest:Shortest"
misnamed = "alw_shortest:Shortest"
broken = "alw_shortest.nothing:There"
"""
CODE = '''
import numpy as np
from alwidget import Ranked, Strategy


class Shortest(Strategy):
    """Documents of the first class last, as somebody else wants it."""

    name = "shortest"
    needs = {"probs"}
    works_cold = False

    def __init__(self, column: int = 0):
        self.column = column

    def select(self, view, size, rng):
        scores = 1 - view.probs[:, self.column]
        order = np.argsort(-scores, kind="stable")[:size]
        return Ranked(order, scores[order])

    def options(self):
        return {"column": self.column}
'''
USE = """
import json, sys
import alwidget as alw
from alwidget import strategies
from alwidget.errors import StrategyError

found = {"imported": "alw_shortest" in sys.modules}
found["line"] = strategies.available()["shortest"]
found["listed"] = [name for name in ("misnamed", "broken") if name in strategies.available()]
for name in ("misnamed", "broken", "shortst"):
    try:
        strategies.get(name)
    except StrategyError as error:
        found[name] = str(error)
texts = [f"{'good' if i % 2 else 'bad'} film {i}" for i in range(40)]
chosen = strategies.get("shortest", column=1)
with alw.annotate(texts, labels=["good", "bad"], path="x.alw", model="tf-idf", strategy=chosen) as session:
    for item in session.next(8):
        session.record(item.id, "good" if "good" in item.text else "bad")
    session.train(wait=True)
    found["asked by"] = session.next(1)[0].why["strategy"]
with alw.open("x.alw", texts, model="tf-idf") as session:
    found["kept"] = repr(session.strategy)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, user_environment: dict[str, str]) -> Path:
    source, site = (tmp_path_factory.mktemp(name) for name in ("source", "site"))
    (source / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (source / "alw_shortest.py").write_text(CODE, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [*pip, "--disable-pip-version-check", "--target", str(site), str(source)]
    done = subprocess.run(command, env=user_environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return site


def test_a_strategy_of_an_installed_package(site: Path, tmp_path: Path) -> None:
    path = os.pathsep.join(filter(None, [str(site), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(USE)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["imported"] is False, "nothing of a package is imported before somebody asks"
    assert found["line"] == "Documents of the first class last, as somebody else wants it."
    assert found["listed"] == [], "what cannot be used is left out"
    assert 'of alw-shortest (alw_shortest:Shortest) calls itself "shortest"' in found["misnamed"]
    assert "of alw-shortest (alw_shortest.nothing:There) cannot be imported" in found["broken"]
    assert 'Did you mean "shortest"?' in found["shortst"]
    assert found["asked by"] == "shortest"
    assert found["kept"] == 'strategies.get("shortest", column=1)'
