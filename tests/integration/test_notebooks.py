"""Every notebook runs from top to bottom in an empty folder, as a newcomer runs it, and leaves what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Run all cells of a notebook in `folder`; a cell that raises raises here."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)


def check_quickstart(folder: Path, outputs: list[nbformat.NotebookNode]) -> None:
    """The widget is shown twice, with what viewers show that run no widgets, and what was labelled is exported."""
    shown = [output["data"]["text/html"] for output in outputs if WIDGET in output.get("data", {})]
    assert len(shown) == 2
    assert "<table" in shown[1]
    assert "docstrings.alw" in shown[1], "how to resume"
    records = [json.loads(line) for line in (folder / "docstrings.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = json.loads((folder / "docstrings.alw" / "annotations.json").read_text(encoding="utf-8"))["annotations"]
    assert len(records) == 6
    assert [(r["id"], r["label"]) for r in records] == [(r["id"], r["label"]) for r in kept]


def check_entities(folder: Path, outputs: list[nbformat.NotebookNode]) -> None:
    """The widget is shown, every exported span is a slice of its text, and the model says something of a new one."""
    assert sum(WIDGET in output.get("data", {}) for output in outputs) == 1
    records = read_lines(folder / "parameters.jsonl")
    assert len(records) == 30
    for record in records:
        assert record["spans"]
        assert all(record["text"][span["start"] : span["end"]] == span["text"] for span in record["spans"])
    said = "".join(output.get("text", "") for output in outputs)
    assert "name  'n_jobs'" in said, said


def check_multilabel_and_text(folder: Path, outputs: list[nbformat.NotebookNode]) -> None:
    """Two widgets are shown; answers of both kinds are exported."""
    assert sum(WIDGET in output.get("data", {}) for output in outputs) == 2
    kinds, summaries = read_lines(folder / "kinds.jsonl"), read_lines(folder / "summaries.jsonl")
    assert (len(kinds), len(summaries)) == (100, 5)
    assert any(len(record["labels"]) > 1 for record in kinds)
    assert all(record["target"].endswith(".") for record in summaries)


def check_your_own_strategy(folder: Path, outputs: list[nbformat.NotebookNode]) -> None:
    """The strategy chooses in the widget's session, is measured beside others, and is asked by another library."""
    assert sum(WIDGET in output.get("data", {}) for output in outputs) == 1
    shown = [output["data"]["text/plain"] for output in outputs if "text/plain" in output.get("data", {})]
    assert any("Ranked(indices=array([1, 0])" in text for text in shown)
    assert "'undecided-and-new'" in shown
    said = "".join(output.get("text", "") for output in outputs)
    means = dict(re.findall(r"^(random|own|tyrogue) .*  (0\.\d+)$", said, re.MULTILINE))
    assert set(means) == {"random", "own", "tyrogue"}
    assert float(means["tyrogue"]) > 0.3, "something is learned"
    assert "small-text" in said
    assert re.search(r"modAL would ask \[( *\d+){5}\]", said)
    assert (folder / "own.alw" / "annotations.json").is_file()


def check_reuse_with_plasm(folder: Path, outputs: list[nbformat.NotebookNode]) -> None:
    """A model of another kind is trained, what was dropped is mostly wrong, and everything is kept."""
    said = "".join(output.get("text", "") for output in outputs)
    assert re.search(r"TextCNN, taught by TF-IDF", said), said
    assert "labels of people 160 (32 held out)" in said
    assert any("image/png" in output.get("data", {}) for output in outputs)
    shown = "".join(output["data"].get("text/plain", "") for output in outputs if "data" in output)
    shares = dict(re.findall(r"^(dropped|pseudo) +(0\.\d+)$", shown, re.MULTILINE))
    assert float(shares["dropped"]) > float(shares["pseudo"])
    assert (folder / "reuse.alw" / "plasm" / "report" / "report.html").is_file()
    assert len(read_lines(folder / "reuse.alw" / "plasm" / "successor" / "labels.jsonl")) == 500


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


CHECKS = {
    "01_quickstart": check_quickstart,
    "02_entities": check_entities,
    "03_multilabel_and_text": check_multilabel_and_text,
    "04_reuse_with_plasm": check_reuse_with_plasm,
    "05_your_own_strategy": check_your_own_strategy,
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path):
    notebook = execute(path, tmp_path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    warnings = [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert warnings == [], "a newcomer sees no warnings"
    CHECKS[path.stem](tmp_path, outputs)
