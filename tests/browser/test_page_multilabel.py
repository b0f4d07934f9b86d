"""Several labels on one document in a real browser: by keyboard alone, by mouse alone, and how the card looks."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from browser.answering import IMAGE, LOOKS, WIDE, drafts_kept, heard, places
from browser.plain_page import PlainPage

LABELS = ["World", "Sports", "Business", "Sci/Tech"]
MANY = [
    f"{thing} {what}"
    for thing in ("Card", "Loan", "Login")
    for what in ["abroad", "help", "late", "limit", "lost", "rate", "stop", "why"]
]
LONG = {
    "World": "Between countries",
    "Sports and games of all kinds, also at school": "",
    "Verwaltungsverfahrensrecht": "",
}
ARABIC = [{"item": f"ar-{i}", "text": "فاز الفريق بهدفين مقابل هدف (2-1)."} for i in range(4)]
SUGGESTED: dict[str, Any] = {
    "suggestion": {
        "value": ["World", "Business"],
        "confidence": 0.7,
        "probs": [0.9, 0.1, 0.7, 0.2],
        "candidates": None,
    }
}
STATES: dict[str, dict[str, Any]] = {
    "suggested": {"suggest": True},
    "no model yet": {"answered": 0, "suggest": False},
    "many labels": {"labels": MANY},
    "long labels": {"labels": LONG},
    "right to left": {"documents": ARABIC, "labels": ["أخبار", "رياضة"], "answered": 1},
    "read-only": {"readOnly": True},
    "open labels": {"labels": [], "openLabels": True, "answered": 0, "suggest": False},
}


@pytest.fixture
def several(plain):
    """Return a function that opens a page that asks for several labels; by default with two of them suggested."""

    def open_one(**options: Any) -> PlainPage:
        look = {
            name: options.pop(name)
            for name in ("theme", "size", "color_scheme", "contrast", "forced_colors")
            if name in options
        }
        documents = [{"item": f"doc-{i}", "text": f"The text number {i}.", **SUGGESTED} for i in range(8)]
        given = {"task": "multilabel", "labels": LABELS, "documents": documents, "answered": 0}
        if "suggest" in options or "labels" in options:
            given = {"task": "multilabel", "suggest": True}
        return plain(given | options, **look)

    return open_one


def checked(page: PlainPage) -> list[str]:
    boxes = page.root.get_by_test_id("label").and_(page.root.get_by_role("checkbox", checked=True))
    return [box.locator(".alwidget-label-name").inner_text() for box in boxes.all()]


def test_by_keyboard_alone(several):
    page = several()
    page.focus()
    assert checked(page) == ["World", "Business"]
    page.press("Enter")
    page.expect_item("doc-1")
    page.press("2", "3", "Enter")
    page.expect_item("doc-2")
    page.press("x", "Enter")
    expect(page.root.get_by_test_id("why")).to_contain_text("Nothing is checked")
    page.press("4", "Enter")
    page.expect_item("doc-3")
    page.press("n", "Space", "Enter")
    assert heard(page, 6) == [
        ("doc-0", ["World", "Business"], "accepted"),
        ("doc-1", ["World", "Sports"], "edited"),
        ("doc-2", ["Sci/Tech"], "edited"),
        ("doc-3", [], "human"),
        ("doc-4", None, None),
        ("doc-5", ["World", "Business"], "accepted"),
    ]
    page.expect_saved(6)


def test_by_mouse_alone(several):
    page = several()
    submit = page.root.get_by_test_id("submit")
    expect(submit).to_have_text("Accept World, Business⏎")
    page.labels.nth(1).click()
    expect(submit).to_have_text("Submit 3 labels⏎")
    page.labels.nth(0).click()
    submit.click()
    page.expect_item("doc-1")
    page.root.get_by_test_id("uncheck").click()
    expect(submit).to_be_disabled()
    page.root.get_by_test_id("undo").click()
    assert checked(page) == ["World", "Business"]
    page.root.get_by_test_id("none").click()
    page.expect_item("doc-2")
    page.root.get_by_test_id("undo").click()
    page.expect_item("doc-1")
    page.root.get_by_test_id("undo").click()
    page.expect_item("doc-0")
    assert checked(page) == ["Sports", "Business"], "what was taken back is still checked"
    assert [(item, value) for item, value, _ in heard(page, 2)] == [("doc-0", ["Sports", "Business"]), ("doc-1", [])]
    assert page.kernel("return session.counts().labelled") == 0


def test_the_eleventh_to_twentieth_label_have_shift_and_a_digit(several):
    page = several(labels=MANY, suggest=False, answered=0)
    page.focus()
    page.press("Shift+Digit1", "0", "Shift+Digit0", "1", "1", "Enter")
    assert heard(page, 1)[0][1] == [MANY[9], MANY[10], MANY[19]]


def test_more_labels_than_keys_are_found_by_typing(several):
    page = several(labels=MANY, suggest=False, answered=0)
    page.focus()
    page.tab.keyboard.type("/logwhy")
    page.press("Enter")
    field = page.root.get_by_test_id("picker-input")
    expect(field).to_have_value("")
    page.tab.keyboard.type("card lost")
    page.press("Enter")
    expect(
        page.root.get_by_test_id("picker-option").and_(page.root.get_by_role("option", selected=True))
    ).to_have_count(2)
    page.press("Escape")
    expect(field).to_have_count(0)
    page.press("1", "Enter")
    assert heard(page, 1)[0][1] == ["Card abroad", "Card lost", "Login why"]
    page.root.get_by_test_id("find").click()
    page.root.get_by_test_id("picker-option").nth(5).click()
    page.root.get_by_test_id("picker-option").nth(5).click()
    page.root.get_by_test_id("picker-option").nth(2).click()
    page.press("Control+Enter")
    assert len(heard(page, 2)[1][1]) == 1


def test_each_check_is_undone_before_the_answer_is(several):
    page = several()
    page.focus()
    page.press("Enter", "2", "4")
    page.press("Control+z")
    assert checked(page) == ["World", "Sports", "Business"]
    page.press("Control+z", "Control+z")
    page.expect_item("doc-0")
    page.press("Control+Shift+z")
    page.expect_item("doc-1")
    page.press("Control+Shift+z", "Control+Shift+z", "Enter")
    assert heard(page, 2)[-1] == ("doc-1", LABELS, "edited")


def test_what_was_checked_outlives_a_reload(several):
    page = several()
    page.focus()
    page.press("2", "1")
    drafts_kept(page)
    page.tab.reload()
    page.ready()
    assert checked(page) == ["Sports", "Business"]
    page.focus()
    page.press("Control+z", "Enter")
    assert heard(page, 1) == [("doc-0", ["World", "Sports", "Business"], "edited")]


def test_a_busy_kernel_is_not_waited_for(several):
    page = several()
    page.focus()
    page.kernel("kernel.busy = true")
    page.press("Enter", "2", "Enter", "n")
    page.expect_item("doc-3")
    expect(page.root.get_by_test_id("alert")).to_contain_text("3 waiting")
    page.kernel("kernel.busy = false")
    assert [value for _, value, _ in heard(page, 3)] == [["World", "Business"], ["World", "Sports", "Business"], []]
    page.expect_saved(3)


def test_names_and_states_for_those_who_listen(several):
    page = several()
    first = page.labels.nth(0)
    expect(first).to_have_role("checkbox")
    expect(first).to_have_accessible_name("World (suggested)")
    expect(first).to_have_attribute("aria-keyshortcuts", "1")
    page.focus()
    page.press("2")
    expect(page.root.get_by_test_id("live")).to_have_text("Sports checked.")
    expect(page.labels.nth(1)).to_have_accessible_name("Sports")
    page.press("1", "1")
    expect(first).to_have_accessible_name("World")
    page.press("n")
    expect(page.root.get_by_test_id("live")).to_have_text("none of these. Document 2.")


def test_labels_reached_with_tab_are_checked_by_space(several):
    page = several()
    page.labels.nth(1).focus()
    page.press("Space")
    assert checked(page) == ["World", "Sports", "Business"]
    assert heard(page, 0) == []


def test_what_goes_together_is_marked_for_who_wants_it(several):
    page = several(labels=LABELS, suggest=False, answered=30)
    page.focus()
    page.press("1")
    marked = page.root.locator(".alwidget-label.is-hinted")
    expect(marked).to_have_count(0)
    page.root.get_by_test_id("together").click()
    expect(marked.first).to_contain_text("with World in")
    page.tab.reload()
    page.ready()
    expect(page.root.get_by_test_id("together")).to_be_checked()


def test_the_overlay_lists_the_keys_of_this_task(several):
    page = several()
    page.panel("keys")
    rows = page.root.locator(".alwidget-keytable th")
    expect(rows.filter(has_text="none of these")).to_have_count(1)
    expect(rows.filter(has_text="labels 11 to 20")).to_have_count(0)
    page.root.get_by_test_id("key-none").click()
    page.press("u")
    page.focus()
    page.press("u")
    assert heard(page, 1)[0][1] == []


def test_nothing_of_the_labels_runs(several):
    page = several(labels={IMAGE: IMAGE, "constructor": "", "__proto__": ""}, suggest=False, answered=0)
    page.focus()
    page.press("1", "2", "3", "Enter", "r")
    assert heard(page, 1)[0][1] == [IMAGE, "constructor", "__proto__"]
    page.expect_saved(1)
    expect(page.root.get_by_test_id("history-entry")).to_contain_text("<img")
    assert page.root.locator("img").count() == 0
    assert page.tab.evaluate("() => window.hacked") is None


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(several, look):
    found = {}
    for name, options in STATES.items():
        page = several(**options, **LOOKS[look])
        page.focus()
        page.press("1", "Enter", "x", "Enter")
        found[name] = page.violations()
    page = several(labels=MANY, **LOOKS[look])
    page.focus()
    page.press("/")
    found["picker"] = page.violations()
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("options", STATES.values(), ids=STATES)
def test_nothing_sticks_out_of_a_page_320_pixels_wide(several, options):
    page = several(**options, size=(320, 1000))
    assert page.tab.evaluate(WIDE) <= 320
    inside = "root => [...root.querySelectorAll('.alwidget-labels *, .alwidget-beside *')].every(e => e.getBoundingClientRect().right <= 320)"
    assert page.root.evaluate(inside)


@pytest.mark.parametrize("width", [320, 700, 1100])
def test_nothing_moves_whatever_is_checked(several, width):
    page = several(labels=LABELS, suggest=True, answered=0, size=(width, 1100))
    page.focus()
    parts = [*page.labels.all(), page.root.get_by_test_id("none"), page.root.get_by_test_id("uncheck")]
    seen = set()
    for key in ("1", "2", "Enter", "x", "Enter", "n", "ArrowLeft", "Control+z", "3", "Control+z", "Space"):
        page.press(key)
        seen.add(places(page, parts))
    assert len(seen) == 1, seen
