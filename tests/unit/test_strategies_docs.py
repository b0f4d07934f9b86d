"""What the reference says of strategies is true: its code runs, its tables are complete."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from alwidget import strategies
from alwidget.strategies import catalogue, functional
from alwidget.strategies.registry import _BUILT_IN

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "strategies.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def names():
    """Return the names that the page's code leaves, after all of it has run."""
    found: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL):
        exec(block, found)
    return found


def test_its_code_runs_and_says_what_comes_out(names):
    assert str(names["schedule"]) == "bert-km until round 2, then breaking-ties"
    assert names["ranked"].indices.shape == (50,)
    best = functional.top(functional.breaking_ties([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]]), 2)
    assert best.tolist() == [1, 0]
    assert "array([1, 0])" in PAGE


@pytest.mark.parametrize("name", ["Unsure", "FarOut"])
def test_its_strategies_work(names, name):
    strategy = strategies.get(names[name])
    vectors = np.diag(np.arange(1.0, 6.0))
    view = strategies.ArrayView(probs=[[0.9, 0.1], [0.4, 0.6], [1, 0], [0, 1], [0.8, 0.2]], embeddings=vectors)
    ranked = strategy.select(view, 3, np.random.default_rng(0))
    assert ranked.indices.tolist() == {"Unsure": [1, 4, 0], "FarOut": [4, 3, 2]}[name]


def test_every_strategy_stands_in_the_table_with_its_options():
    table = PAGE.partition("| name |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|(.*)\|$", table, flags=re.MULTILINE))
    assert list(rows) == list(strategies.available(None))
    for name, row in rows.items():
        strategy = strategies.get(name)
        options = strategy.options()
        assert row.count("`") == 2 * len(options)
        for option, value in options.items():
            assert f"`{option}={value!r}`".replace("'", '"') in row
        told = row.split("|")[1].strip()
        assert told == ("all" if len(strategy.tasks) == 4 else ", ".join(strategy.tasks))


def test_the_catalogue_is_complete_and_its_page_is_as_written():
    assert not set(_BUILT_IN) - set(catalogue.CATALOGUE)
    written = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
    assert written == catalogue.page(), "write it again: python -m alwidget.strategies.catalogue > docs/strategies.md"


def test_every_function_stands_in_the_table():
    shown = set(re.findall(r"`([a-z_]+)\(", PAGE))
    assert set(functional.__all__) <= shown
    for name in functional.__all__:
        (arguments,) = re.findall(rf"`{name}\(([^`]*?)\)`[ ,][^`]*(?:\||`)", PAGE.partition("| function |")[2])
        assert [a.split("=")[0] for a in arguments.split(", ")] == list(
            inspect.signature(getattr(functional, name)).parameters
        )
