"""Written text in a real browser: the field and the keys around it, native undo, drafts, and how the card looks."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from browser.answering import IMAGE, LOOKS, WIDE, drafts_kept, heard, places
from browser.driver import wait_until
from browser.plain_page import PlainPage

TEXT = "The lift inspection moved from Thursday to Friday at nine, so please keep both cars free until noon."
CANDIDATES = ["Lift inspection moved to Friday.", "Inspection on Friday.", "Keep both cars free."]
LONG = "The committee met on Tuesday and went home again. " * 60
ARABIC = "انتقل فحص المصعد من الخميس إلى الجمعة."
STATES: dict[str, dict[str, Any]] = {
    "draft": {},
    "no model yet": {"suggest": False},
    "long": {"texts": [LONG]},
    "right to left": {"texts": [ARABIC], "candidates": [ARABIC[:12], ARABIC[:8]]},
    "one candidate": {"candidates": CANDIDATES[:1]},
    "read-only": {"readOnly": True, "answered": 1},
}


@pytest.fixture
def writing(plain):
    """Return a function that opens a page that asks for texts; by default with drafts of a model."""

    def open_one(**options: Any) -> PlainPage:
        look = {
            name: options.pop(name)
            for name in ("theme", "size", "color_scheme", "contrast", "forced_colors")
            if name in options
        }
        texts = options.pop("texts", [TEXT])
        candidates = options.pop("candidates", CANDIDATES)
        suggestion = {"value": candidates[0], "confidence": 0.6, "probs": None, "candidates": candidates}
        model = {"suggestion": suggestion} if options.get("suggest", True) else {}
        documents = [{"item": f"doc-{i}", "text": texts[i % len(texts)], **model} for i in range(8)]
        return plain({"task": "generation", "documents": documents, "answered": 0} | options, **look)

    return open_one


def editor(page: PlainPage):
    return page.root.get_by_test_id("editor")


def test_by_keyboard_alone(writing):
    page = writing()
    page.focus()
    page.press("Control+Enter")
    page.expect_item("doc-1")
    page.press("2", "e")
    page.tab.keyboard.type(" At 9, 123 fcx?/")
    page.press("Enter")
    page.tab.keyboard.type("Bring keys.")
    expect(editor(page)).to_have_value(f"{CANDIDATES[1]} At 9, 123 fcx?/\nBring keys.")
    page.press("Control+Enter")
    page.expect_item("doc-2")
    expect(editor(page)).to_be_focused()
    page.press("Control+a")
    page.tab.keyboard.type("Mine")
    page.press("Control+Enter")
    page.expect_item("doc-3")
    page.press("Escape", "Space", "3", "Control+Enter")
    assert heard(page, 5) == [
        ("doc-0", CANDIDATES[0], "accepted"),
        ("doc-1", f"{CANDIDATES[1]} At 9, 123 fcx?/\nBring keys.", "edited"),
        ("doc-2", "Mine", "edited"),
        ("doc-3", None, None),
        ("doc-4", CANDIDATES[2], "accepted"),
    ]
    page.expect_saved(5)


def test_by_mouse_alone_but_for_the_writing(writing):
    page = writing()
    submit = page.root.get_by_test_id("submit")
    page.root.get_by_test_id("candidate").nth(1).click()
    expect(editor(page)).to_have_value(CANDIDATES[1])
    page.root.get_by_test_id("compare").click()
    expect(page.root.get_by_test_id("changes")).to_contain_text("As the model wrote it")
    editor(page).click()
    page.press("End")
    page.tab.keyboard.type(" Please.")
    expect(page.root.get_by_test_id("changes").locator("ins")).to_have_text(" Please.")
    submit.click()
    page.expect_item("doc-1")
    page.root.get_by_test_id("skip").click()
    page.expect_item("doc-2")
    page.root.get_by_test_id("undo").click()
    page.expect_item("doc-1")
    submit.click()
    assert [(item, value) for item, value, _ in heard(page, 3) if item != "doc-1" or value is not None] == [
        ("doc-0", f"{CANDIDATES[1]} Please."),
        ("doc-1", CANDIDATES[0]),
    ]


def test_the_fields_own_undo_comes_first_then_steps_then_answers(writing):
    page = writing()
    page.focus()
    page.press("Control+Enter", "2", "e")
    page.tab.keyboard.type(" more")
    page.press("Control+z")
    expect(editor(page)).not_to_have_value(f"{CANDIDATES[1]} more")
    for _ in range(6):
        if editor(page).input_value() == CANDIDATES[1]:
            break
        page.press("Control+z")
    expect(editor(page)).to_have_value(CANDIDATES[1])
    page.press("Control+z")
    expect(editor(page)).to_have_value(CANDIDATES[0])
    page.expect_item("doc-1")
    page.press("Control+z")
    page.expect_item("doc-0")
    expect(editor(page)).to_be_focused()
    page.press("Control+Shift+z")
    page.expect_item("doc-1")
    turns = "return kernel.received.filter(m => m.kind === 'decide').map(m => m.action)"
    wait_until(page.tab, lambda: page.kernel(turns) == ["annotate", "undo", "redo"], "the kernel hears of both turns")


def test_what_was_deleted_in_the_field_comes_back(writing):
    page = writing(suggest=False)
    page.focus()
    page.press("e")
    page.tab.keyboard.type("Three whole paragraphs")
    page.press("Control+a", "Delete")
    expect(editor(page)).to_have_value("")
    page.press("Control+z")
    expect(editor(page)).to_have_value("Three whole paragraphs")
    page.press("Control+Enter")
    assert heard(page, 1) == [("doc-0", "Three whole paragraphs", "human")]


def test_what_was_typed_outlives_a_reload_and_waits_while_one_looks_around(writing):
    page = writing()
    page.focus()
    page.press("e")
    page.tab.keyboard.type(" Half a sen")
    drafts_kept(page)
    page.tab.reload()
    page.ready()
    expect(editor(page)).to_have_value(f"{CANDIDATES[0]} Half a sen")
    page.focus()
    page.press("ArrowRight")
    page.expect_item("doc-1")
    expect(editor(page)).to_have_value(CANDIDATES[0])
    page.press("ArrowLeft")
    page.expect_item("doc-0")
    page.press("e")
    page.tab.keyboard.type("tence.")
    page.press("Control+Enter")
    assert heard(page, 1) == [("doc-0", f"{CANDIDATES[0]} Half a sentence.", "edited")]


def test_an_empty_text_is_refused_in_words(writing):
    page = writing()
    page.focus()
    page.press("e", "Control+a", "Delete", "Control+Enter")
    expect(page.root.get_by_test_id("why")).to_have_text("There is no text yet: write one, or skip the document.")
    expect(page.root.get_by_test_id("live")).to_contain_text("There is no text yet")
    expect(page.root.get_by_test_id("submit")).to_be_disabled()
    page.tab.keyboard.type("x")
    expect(page.root.get_by_test_id("submit")).to_be_enabled()
    assert heard(page, 0) == []


def test_letters_of_an_input_method_are_its_own(writing):
    page = writing(suggest=False)
    page.focus()
    page.press("e")
    client = page.tab.context.new_cdp_session(page.tab)
    client.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    composing = "e => e.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', ctrlKey: true, isComposing: true, bubbles: true}))"
    for key in ("Escape", "Enter"):
        editor(page).evaluate(composing % key)
    expect(editor(page)).to_be_focused()
    client.send("Input.insertText", {"text": "日本"})
    expect(editor(page)).to_have_value("日本")
    expect(page.root.get_by_test_id("counts")).to_contain_text("2 characters")
    page.press("Control+Enter")
    assert heard(page, 1) == [("doc-0", "日本", "human")]


def test_a_busy_kernel_is_not_waited_for(writing):
    page = writing()
    page.focus()
    page.kernel("kernel.busy = true")
    page.press("Control+Enter", "3", "Control+Enter")
    page.expect_item("doc-2")
    expect(page.root.get_by_test_id("alert")).to_contain_text("2 waiting")
    page.kernel("kernel.busy = false")
    assert [value for _, value, _ in heard(page, 2)] == [CANDIDATES[0], CANDIDATES[2]]


def test_what_is_said_about_the_text(writing):
    page = writing(texts=["👩‍👩‍👧‍👦 went home."], candidates=["👩‍👩‍👧‍👦 left.", "They left."])
    counts = page.root.get_by_test_id("counts")
    characters = len("👩‍👩‍👧‍👦 left.")
    whole = len("👩‍👩‍👧‍👦 went home.")
    expect(counts).to_contain_text(
        f"{characters} characters · 1 word · {round(100 * characters / whole)} % of the source"
    )
    expect(page.root.get_by_test_id("whose")).to_have_text("draft by the model")
    expect(editor(page)).to_have_accessible_description(counts.inner_text())
    page.focus()
    page.press("e")
    page.tab.keyboard.type("!")
    expect(page.root.get_by_test_id("whose")).to_have_text("edited by you")


def test_no_key_leaves_the_widget_and_tab_leaves_the_field(writing):
    page = writing()
    page.tab.evaluate("() => { window.heard = []; document.addEventListener('keydown', e => heard.push(e.key)) }")
    page.focus()
    page.press("e", "d", "1", "Enter", "Shift+Enter", "Control+Enter", "Escape", "x", "Delete")
    assert set(page.tab.evaluate("() => heard")) <= {"Control", "Shift"}
    page.press("e", "Tab")
    expect(editor(page)).not_to_be_focused()
    assert page.tab.evaluate("() => heard.at(-1)") == "Tab"


def test_the_overlay_lists_the_keys_of_this_task(writing):
    page = writing()
    page.panel("keys")
    rows = page.root.locator(".alwidget-keytable th")
    expect(rows.filter(has_text="take a candidate")).to_have_count(1)
    expect(rows.filter(has_text="label")).to_have_count(0)
    expect(page.root.get_by_test_id("key-accept")).to_contain_text("Ctrl")


def test_a_key_held_down_submits_one_text(writing):
    page = writing()
    page.focus()
    page.press("e")
    page.tab.keyboard.down("Control")
    for _ in range(6):
        page.tab.keyboard.down("Enter")
    page.tab.keyboard.up("Enter")
    page.tab.keyboard.up("Control")
    assert len(heard(page, 1)) == 1


def test_nothing_of_the_texts_runs(writing):
    page = writing(texts=[IMAGE], candidates=[IMAGE, f"{IMAGE}{IMAGE}"])
    page.focus()
    page.press("d", "2", "e")
    page.tab.keyboard.type(IMAGE)
    page.press("Control+Enter", "Escape", "r")
    assert heard(page, 1)[0][1] == IMAGE * 3
    expect(page.root.get_by_test_id("history-entry").first).to_contain_text("<img")
    assert page.root.locator("img").count() == 0
    assert page.tab.evaluate("() => window.hacked") is None


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(writing, look):
    found = {}
    for name, options in STATES.items():
        page = writing(**options, **LOOKS[look])
        page.focus()
        page.press("e", "End", "!", "Escape", "d")
        found[name] = page.violations()
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("options", STATES.values(), ids=STATES)
def test_nothing_sticks_out_of_a_page_320_pixels_wide(writing, options):
    page = writing(**options, size=(320, 1000))
    page.focus()
    page.press("d")
    assert page.tab.evaluate(WIDE) <= 320
    inside = "root => [...root.querySelectorAll('.alwidget-write *, .alwidget-candidates *')].every(e => e.getBoundingClientRect().right <= 320 || e.closest('.alwidget-candidate > span'))"
    assert page.root.evaluate(inside)


@pytest.mark.parametrize("width", [320, 700, 1100])
def test_nothing_moves_from_text_to_text(writing, width):
    page = writing(texts=["Short.", LONG, TEXT], size=(width, 1300))
    page.kernel(
        """for (const [id, item] of session.items) if (id > 'doc-3') session.items.set(id, {...item, suggestion: null});"""
    )
    page.focus()
    seen = set()
    for key in (
        "2",
        "Control+Enter",
        "e",
        "a",
        "Escape",
        "Control+z",
        "Space",
        "Space",
        "Space",
        "Control+Enter",
        "ArrowLeft",
    ):
        page.press(key)
        seen.add(places(page, [editor(page), page.root.get_by_test_id("compare").locator("..")]))
    assert len(seen) == 1, seen
