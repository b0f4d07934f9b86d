"""What the README and CONTRIBUTING say is true: their code runs, and what they point at exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import alwidget as alw

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = [
    "It broke after a day.",
    "Lovely, works well.",
    "Does it come in red?",
    "Never again.",
    "Great value.",
    "When?",
]


def blocks(document: str) -> list[str]:
    """Return the Python blocks of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    """Go to an empty folder that has a file of reviews."""
    monkeypatch.chdir(tmp_path)
    rows = ["text", *(f'"{text} ({i})"' for i in range(4) for text in TEXTS)]
    Path("reviews.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def test_the_readmes_code_runs(reviews):
    start, harvest, script = blocks("README.md")
    names = {"texts": TEXTS, "oracle": lambda text: "yes" if "!" in text else "no"}
    exec(start, names)
    session = names["session"]
    for item, label in zip(session.next(6), ["praise", "complaint", "question"] * 2, strict=True):
        session.record(item.id, label)
    exec(harvest, names)
    session.close()
    assert len((reviews / "labels.jsonl").read_text(encoding="utf-8").splitlines()) == 6
    exec(script, names)
    assert len(alw.load_annotations("simulated.alw")) == len(TEXTS)


def test_contributings_strategy_runs(reviews):
    (strategy,) = blocks("CONTRIBUTING.md")
    names: dict[str, object] = {}
    exec(strategy, names)
    session = names["session"]
    for item, label in zip(session.next(8), ["praise", "complaint"] * 4, strict=True):
        session.record(item.id, label)
    session.train(wait=True)
    assert session.next(1)[0].why["strategy"] == "unsure"
    session.close()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_points_at_exists(document):
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    files = {target.split("#")[0] for target in targets if "://" not in target} - {""}
    assert [file for file in files if not (document.parent / file).exists()] == []
