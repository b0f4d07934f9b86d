"""Offsets that the page counts in UTF-16 and Python in code points: `js/tests/offsets.test.ts` reads the same file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alwidget import tasks
from alwidget.errors import LabelError
from alwidget.tasks.words import word_spans

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "offsets.json").read_text(encoding="utf-8")
)
each = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def units(text: str) -> int:
    """Count as JavaScript does."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@each
def test_lengths_and_slices_are_those_of_the_page(case):
    text = case["text"]
    assert (len(text), units(text)) == (case["points"], case["units"])
    for span in case["spans"]:
        assert text[span["start"] : span["end"]] == span["text"]
        assert (units(text[: span["start"]]), units(text[: span["end"]])) == (span["from"], span["to"])


@each
def test_words_are_those_that_the_page_finds(case):
    assert word_spans(case["text"]).ravel().tolist() == case["words"]


@each
def test_what_the_page_sends_is_accepted_and_what_is_shifted_is_not(case):
    task = tasks.get("tagging", ["X"])
    sent = [{"start": s["start"], "end": s["end"], "label": "X", "text": s["text"]} for s in case["spans"]]
    assert task.validate(sent, text=case["text"]) == sent
    shifted = [
        {"start": s["from"], "end": s["to"], "label": "X", "text": s["text"]}
        for s in case["spans"]
        if (s["from"], s["to"]) != (s["start"], s["end"])
    ]
    for span in shifted:
        with pytest.raises(LabelError, match="but the"):
            task.validate([span], text=case["text"])
