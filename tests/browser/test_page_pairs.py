"""Two texts on one card: both there, both named, of equal weight, with every task."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from browser.answering import IMAGE, LOOKS, WIDE, heard, places
from browser.plain_page import PlainPage

FIRST = "A man in a red coat sleeps on a bench while a dog watches the people who pass by."
SECOND = "A man is awake."
ARABIC = ("فاز الفريق بهدفين مقابل هدف (2-1).", "خسر الفريق المباراة.")
TASKS: dict[str, dict[str, Any]] = {
    "classification": {"labels": ["entails", "neutral", "contradicts"]},
    "multilabel": {"task": "multilabel", "labels": ["entails", "neutral", "contradicts"]},
    "generation": {"task": "generation"},
}


@pytest.fixture
def pairs(plain):
    """Return a function that opens a page with pairs of texts."""

    def open_one(*texts: tuple[str, str], task: str = "classification", **look: Any) -> PlainPage:
        given = texts or ((FIRST, SECOND),)
        documents = [
            {"item": f"pair-{i}", "text": given[i % len(given)][0], "text_pair": given[i % len(given)][1]}
            for i in range(12)
        ]
        return plain({"documents": documents, "answered": 0, "suggest": True, **TASKS[task]}, **look)

    return open_one


def boxes(page: PlainPage) -> list[dict[str, float]]:
    return [page.root.get_by_role("group", name=name, exact=True).bounding_box() for name in ("first", "second")]


@pytest.mark.parametrize("task", TASKS)
def test_both_texts_are_there_unchanged_and_named(pairs, task):
    odd = ("one\r\n\n two\t👩‍👩‍👧", f"{IMAGE} & &amp;")
    page = pairs(odd, task=task)
    assert page.text.evaluate("e => e.textContent") == odd[0]
    assert page.root.get_by_test_id("text-pair").evaluate("e => e.textContent") == odd[1]
    expect(page.root.get_by_role("group", name="first", exact=True)).to_contain_text("two")
    expect(page.root.get_by_role("group", name="second", exact=True)).to_contain_text("&amp;")
    assert page.root.locator("img").count() == 0


def test_they_stand_beside_each_other_where_there_is_room(pairs):
    first, second = boxes(pairs(size=(1000, 900)))
    assert first["y"] == second["y"]
    assert first["x"] < second["x"]
    assert (first["width"], first["height"]) == (second["width"], second["height"])


@pytest.mark.parametrize(
    ("task", "size"), [("classification", (400, 900)), ("multilabel", (320, 900)), ("generation", (1000, 900))]
)
def test_and_one_below_the_other_where_there_is_not(pairs, task, size):
    page = pairs(task=task, size=size)
    first, second = boxes(page)
    assert first["x"] == second["x"]
    assert first["width"] == second["width"]
    assert first["y"] + first["height"] <= second["y"]
    assert page.tab.evaluate(WIDE) <= size[0]


@pytest.mark.parametrize("size", [(1000, 900), (360, 1000)])
def test_the_room_fits_both(pairs, size):
    page = pairs(size=size)
    inside = "e => e.getBoundingClientRect().bottom <= e.closest('[data-scroll]').getBoundingClientRect().bottom"
    page.tab.wait_for_function(f"() => [...document.querySelectorAll('.alwidget-part')].every({inside})")


@pytest.mark.parametrize("width", [320, 700, 1100])
def test_nothing_moves_from_pair_to_pair(pairs, width):
    page = pairs((FIRST, SECOND), (SECOND, FIRST * 3), ("a", "b"), size=(width, 1200))
    page.focus()
    seen = set()
    for key in ("1", "2", "Enter", "Space", "ArrowLeft", "3"):
        page.press(key)
        seen.add(places(page, page.labels.all()))
    assert len(seen) == 1, seen
    assert len(heard(page, 5)) == 5


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(pairs, look):
    found = {
        f"{task} {kind}": pairs(texts, task=task, **LOOKS[look]).violations()
        for task in TASKS
        for kind, texts in {"short": (FIRST, SECOND), "long": (FIRST * 20, SECOND), "rtl": ARABIC}.items()
    }
    assert {name: lines for name, lines in found.items() if lines} == {}
