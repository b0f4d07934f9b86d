"""How the widget looks to everybody: contrast, names and roles, narrow pages, and a card that does not jump."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from browser.plain_page import PlainPage

WORDS = "The committee met on Tuesday and went home again. "
SIZES = [3, 40, 12, 90, 1, 400]
MANY = [
    f"{thing} {what}"
    for thing in ("Card", "Loan", "Login", "Refund")
    for what in ("lost", "abroad", "late", "help", "limit", "rate")
]
GUIDELINES = "# What to label\n\nThe **main** subject.\n\n- a `match` is *Sports*\n\n[more](https://example.org/)"
ARABIC = [{"item": f"ar-{i}", "text": "فاز الفريق بهدفين مقابل هدف (2-1) في مباراة مثيرة."} for i in range(4)]
STATES: dict[str, dict[str, Any]] = {
    "card": {},
    "no model yet": {"suggest": False, "answered": 0},
    "many labels": {"labels": MANY},
    "definitions": {"labels": {"World": "Between countries", "Sports": "On the field"}, "guidelines": GUIDELINES},
    "done": {"count": 9, "answered": 9},
    "read-only": {"readOnly": True},
    "right to left": {"documents": ARABIC, "labels": ["أخبار", "رياضة"], "answered": 1},
    "long": {"documents": [{"text": WORDS * 300}], "answered": 0},
    "pair": {"documents": [{"text": "A man sleeps.", "text_pair": "A man is awake."}], "answered": 0},
    "problems and a notice": {"problems": ["a.csv, line 3: torn"], "notice": "1 line was set aside."},
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"theme": "light"},
    "dark": {"theme": "dark", "color_scheme": "dark"},
    "narrow": {"theme": "light", "size": (320, 900)},
    "more contrast": {"theme": "dark", "contrast": "more"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_state(plain, look):
    found = {name: plain(options, **LOOKS[look]).violations() for name, options in STATES.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_panel_or_prompt(plain, look):
    found = {}
    for name in ("history", "guidelines", "model", "keys", "problems"):
        page = plain({"problems": ["a.csv, line 3: torn"], "guidelines": GUIDELINES}, **LOOKS[look])
        page.panel(name)
        found[name] = page.violations()
    for key in ("f", "c", "g", "/"):
        page = plain({}, **LOOKS[look])
        page.focus()
        page.press(key)
        found[key] = page.violations()
    for state, code in {
        "busy": "kernel.busy = true",
        "storage": "kernel.storageError = 'No space left on device'",
        "looking back": "",
    }.items():
        page = plain({}, **LOOKS[look])
        page.kernel(code)
        page.focus()
        page.press("1", "2", "ArrowLeft")
        if code:
            page.root.get_by_test_id("alert").wait_for()
        found[state] = page.violations()
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("options", STATES.values(), ids=STATES)
def test_nothing_sticks_out_of_a_page_320_pixels_wide(plain, options):
    page = plain(options, size=(320, 900))
    wide = "() => document.documentElement.scrollWidth"
    assert page.tab.evaluate(wide) <= 320
    for name in ("history", "guidelines", "model", "keys"):
        page.panel(name)
        assert page.tab.evaluate(wide) <= 320
        assert page.tab.evaluate(
            """() => [...document.querySelectorAll('.alwidget-side-scroll *')].every(
                e => e.getBoundingClientRect().right <= 320 || getComputedStyle(e).position === 'absolute')"""
        )
        page.root.get_by_label("close", exact=False).first.click()


@pytest.mark.parametrize("width", [320, 700, 1100])
def test_nothing_moves_when_the_next_card_comes(plain, width):
    documents = [{"item": f"doc-{i}", "text": WORDS * SIZES[i % len(SIZES)]} for i in range(20)]
    page = plain({"documents": documents, "suggest": True, "answered": 0}, size=(width, 1100))
    page.focus()
    page.kernel(
        "for (const [id, item] of session.items) if (id > 'doc-15') session.items.set(id, {...item, suggestion: null, why: null})"
    )
    places = set()
    for key in ("1", "Enter", " ", "2", "ArrowLeft", "3", "Control+z", "Enter", "1", "2"):
        page.press(key)
        page.tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        boxes = [part.bounding_box() for part in [*page.labels.all(), page.root.get_by_test_id("skip"), page.root]]
        places.add(str(boxes))
    assert len(places) == 1, places


def test_a_suggestion_that_comes_late_moves_nothing(plain):
    page = plain({"suggest": False, "answered": 0})
    before = [label.bounding_box() for label in page.labels.all()]
    page.kernel(
        """for (const [id, item] of session.items) session.items.set(id, {...item,
             suggestion: {value: 'Sports', confidence: 0.9, probs: [0.05, 0.9, 0.03, 0.02]},
             why: {strategy: 'tyrogue', round: 2, rank: 1, of: 50, score: null, propensity: null,
                   text: 'the model is torn between Sports and something with a very long name indeed'}});
           kernel.pushQueue()"""
    )
    expect(page.root.get_by_test_id("submit")).to_contain_text("Accept Sports")
    assert [label.bounding_box() for label in page.labels.all()] == before
    assert page.item == "doc-0"


def test_follows_a_host_that_puts_it_into_the_page_later(plain):
    page = plain({}, theme="auto")
    page.tab.evaluate(
        """() => { const host = document.createElement('div'); host.dataset.jpThemeLight = 'false';
                   const el = document.createElement('div'); host.append(el); window.late = host;
                   const outside = document.createElement('div'); outside.id = 'late';
                   window.widget.render({model: window.opened.model, el: outside, signal: new AbortController().signal});
                   el.append(outside); document.body.append(host) }"""
    )
    expect(page.tab.locator("#late .alwidget-root")).to_have_attribute("data-theme", "dark")


def test_follows_a_host_that_changes_its_theme(plain):
    page = plain({}, theme="auto")
    expect(page.root).to_have_attribute("data-theme", "light")
    page.tab.evaluate("() => { document.body.dataset.jpThemeLight = 'false' }")
    expect(page.root).to_have_attribute("data-theme", "dark")
    page.tab.evaluate("() => { document.body.dataset.jpThemeLight = 'true' }")
    expect(page.root).to_have_attribute("data-theme", "light")
    page.tab.evaluate("() => { delete document.body.dataset.jpThemeLight; document.body.className = 'vscode-dark' }")
    expect(page.root).to_have_attribute("data-theme", "dark")


def test_is_dark_on_a_dark_background_that_nobody_named(plain):
    page = plain({}, theme="auto")
    page.tab.evaluate("() => { document.body.style.background = 'rgb(10, 10, 20)' }")
    expect(page.root).to_have_attribute("data-theme", "dark")


def test_names_for_those_who_listen(plain):
    page: PlainPage = plain({"suggest": True})
    expect(page.labels.nth(0)).to_have_accessible_name("World (suggested)")
    expect(page.labels.nth(1)).to_have_accessible_name("Sports")
    expect(page.labels.nth(1)).to_have_attribute("aria-keyshortcuts", "2")
    page.focus()
    page.press("2")
    expect(page.root.get_by_test_id("live")).to_have_text("Sports. Document 4340.")
    page.press("ArrowLeft")
    expect(page.labels.nth(1)).to_have_attribute("aria-pressed", "true")
