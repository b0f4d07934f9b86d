"""The keyboard where it needs a real browser: focus, typing, keys that are held, and keys that are not ours."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.driver import wait_until


@pytest.fixture
def page(plain):
    return plain({"suggest": True})


def answered(page, count: int) -> list[tuple[str, object]]:
    """What the kernel heard, once it has heard `count` decisions; more than that show in the comparison."""
    wait_until(page.tab, lambda: len(page.said()) >= count, f"the kernel hears {count} decisions")
    # Only a wait can show that nothing more comes.
    page.tab.wait_for_timeout(100)
    return [(said["item"], said["value"]) for said in page.said()]


def test_no_plain_key_leaves_the_widget(page):
    page.tab.evaluate("""() => { window.heard = []; document.addEventListener('keydown', e => heard.push(e.key)) }""")
    page.focus()
    page.press(*"abxdzmyjk", "Enter", "Shift+Enter", "Space", "ArrowDown", "Backspace", "Delete", "1")
    assert page.tab.evaluate("() => heard") == []
    page.press("Tab")
    assert page.tab.evaluate("() => heard") == ["Tab"]


def test_tab_goes_through_and_out(page):
    page.tab.evaluate(
        """() => { const after = document.createElement('button'); after.id = 'after'; document.body.append(after) }"""
    )
    page.focus()
    order = []
    for _ in range(40):
        page.press("Tab")
        order.append(page.tab.evaluate("() => document.activeElement.id || document.activeElement.dataset.testid"))
        if order[-1] == "after":
            break
    assert order[-1] == "after"
    assert {"tab-history", "label", "skip", "flag", "undo", "submit"} <= set(order)
    page.press("Shift+Tab")
    assert page.root.evaluate("e => e.contains(document.activeElement)")


def test_a_label_reached_with_tab_is_pressed_by_enter_and_space(page):
    page.labels.nth(1).focus()
    page.press("Enter")
    page.press("Space")
    assert [value for _, value in answered(page, 2)] == ["Sports", "Sports"]
    assert {said["origin"] for said in page.said()} == {"human"}


def test_after_a_click_on_a_label_enter_accepts_the_next_suggestion(page):
    page.labels.nth(3).click()
    suggestion = page.kernel("return session.items.get('doc-129').suggestion.value")
    page.press("Enter")
    assert answered(page, 2) == [("doc-128", "Sci/Tech"), ("doc-129", suggestion)]
    assert [said["origin"] for said in page.said()] == ["human", "accepted"]


def test_a_key_held_down_answers_one_document(page):
    page.focus()
    page.tab.keyboard.down("2")
    for _ in range(10):
        page.tab.keyboard.down("2")
    page.tab.keyboard.up("2")
    assert answered(page, 1) == [("doc-128", "Sports")]


def test_typing_is_not_commanding(page):
    page.focus()
    page.press("f")
    page.tab.keyboard.type("1 fcgh? /")
    expect(page.root.get_by_test_id("flag-input")).to_have_value("1 fcgh? /")
    page.press("Control+z", "Escape")
    assert answered(page, 0) == []
    page.press("r")
    page.root.get_by_test_id("history-search").click()
    page.tab.keyboard.type("2 ferry")
    expect(page.root.get_by_test_id("history-search")).to_have_value("2 ferry")
    assert answered(page, 0) == []
    page.expect_item("doc-128")


def test_typing_may_begin_in_the_same_breath_as_the_key(page):
    page.focus()
    page.tab.keyboard.type("/busi")
    expect(page.root.get_by_test_id("picker-input")).to_have_value("busi")
    page.press("Enter")
    assert answered(page, 1) == [("doc-128", "Business")]
    page.tab.keyboard.type("2")
    assert answered(page, 2)[1] == ("doc-129", "Sports"), "the keys are the widget's again"


def test_letters_of_an_input_method_are_its_own(page):
    page.focus()
    page.press("c")
    client = page.tab.context.new_cdp_session(page.tab)
    client.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    composing = "e => e.dispatchEvent(new KeyboardEvent('keydown', {key: '%s', isComposing: true, bubbles: true}))"
    for key in ("Escape", "1", "Enter"):
        page.root.get_by_test_id("comment-input").evaluate(composing % key)
    client.send("Input.insertText", {"text": "日本"})
    expect(page.root.get_by_test_id("comment-input")).to_have_value("日本")
    page.press("Enter")
    page.root.get_by_test_id("note").wait_for()
    answered(page, 1)
    assert [(said["action"], said["note"]) for said in page.said()] == [("note", "日本")]


def test_ctrl_s_says_what_is_saved_and_opens_no_dialog(page):
    page.focus()
    page.tab.evaluate(
        """() => { window.prevented = []; const prevent = Event.prototype.preventDefault;
                   Event.prototype.preventDefault = function () { prevented.push(this.key); prevent.call(this) } }"""
    )
    page.press("Control+s")
    expect(page.root.get_by_test_id("notice")).to_contain_text("128 answers are on disk")
    assert page.tab.evaluate("() => prevented") == ["s"]


def test_arrows_scroll_a_long_document_and_leave_a_short_one_to_the_page(plain):
    page = plain({"documents": [{"text": "line\n" * 300}, {"text": "short"}], "answered": 0})
    page.focus()
    top = "() => document.querySelector('[data-scroll]').scrollTop"
    page.press("ArrowDown")
    assert page.tab.evaluate(top) > 0
    page.press("End")
    assert page.tab.evaluate(top) > 3000
    page.press("1")
    expect(page.text).to_have_text("short")
    assert page.tab.evaluate(top) == 0


def test_every_key_of_the_overlay_does_what_it_says(page):
    page.focus()
    page.press("?")
    expect(page.root.get_by_test_id("panel-keys")).to_be_visible()
    for key, panel in {"h": "guidelines", "r": "history", "m": "model"}.items():
        page.press(key)
        expect(page.root.get_by_test_id(f"panel-{panel}")).to_be_visible()
    page.press("Escape")
    expect(page.root.locator(".alwidget-side")).to_have_count(0)
    page.press("g")
    page.tab.keyboard.type("4215")
    page.press("Enter")
    page.expect_item("doc-4")
    page.press("Escape")
    page.expect_item("doc-128")


def test_a_click_anywhere_on_the_card_brings_the_keyboard(page):
    page.text.click()
    page.press("1")
    assert answered(page, 1) == [("doc-128", "World")]
