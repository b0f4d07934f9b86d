"""Tagging in a real browser: spans by mouse and by keyboard alone, offsets against Python's, and what must not move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from alwidget import tasks
from alwidget.tasks.words import word_spans
from browser.driver import wait_until
from browser.plain_page import PlainPage
from browser.pointing import click, drag, ends, shown

TEXT = "Ada Lovelace met Charles Babbage in London, and Ada wrote to Charles again."
LABELS = ["PER", "LOC", "ORG"]
TEXTS = {
    "emoji": ("🙂🙃 then 🎉 Bo saw 👩‍👩‍👧‍👦 twice.", "Bo", "👩‍👩‍👧‍👦"),
    "combining marks": ("Cafe\u0301 Noe\u0308l e\u0301tait 👍🏽 ferme\u0301.", "Noe\u0308l", "👍🏽"),
    "Japanese": ("𠮷野家は東京都にある。", "東", "都"),
    "line ends and tabs": ("one\r\n\r\n\ttwo 🙂\tthree\r\nfour", "two", "three"),
    "Arabic": ("وصل القطار 🚆 إلى حلب مساءً", "القطار", "حلب"),
    "mixed directions": ("The train הרכבת IC 42 left חיפה at 9.", "הרכבת", "42"),
    "mathematical letters": ("𝔘𝔫𝔦 and 𝒜 of 𝔅", "and", "𝔅"),
}


@pytest.fixture
def tag(plain) -> Callable[..., PlainPage]:
    """Return a function that opens a tagging page on these texts, with the words that the kernel would send."""

    def open_one(*texts: str, **options: Any) -> PlainPage:
        look = {name: options.pop(name) for name in ("theme", "size", "color_scheme", "contrast") if name in options}
        documents = [
            {"item": f"doc-{i}", "text": text, "words": word_spans(text).ravel().tolist()}
            for i, text in enumerate(texts or (TEXT, "The second one."))
        ]
        given = {"task": "tagging", "labels": LABELS, "suggest": False, "answered": 0, "documents": documents}
        return plain(given | options, **look).ready()

    return open_one


def expect_spans(page: PlainPage, text: str, *spans: tuple[str, str]) -> None:
    """Wait until the page shows these spans, as (label, text)."""

    def now() -> list[tuple[str, str]]:
        return [(label, text[start:end]) for label, start, end, _ in shown(page)]

    try:
        wait_until(page.tab, lambda: now() == list(spans), f"the spans are {spans}")
    except AssertionError:
        assert now() == list(spans)


def submitted(page: PlainPage, text: str) -> list[tuple[str, str]]:
    """Wait for one answer in the kernel, hold it against the document as a session would, and return (label, text)."""
    wait_until(page.tab, lambda: len(page.said()) == 1, "the kernel hears the answer")
    value = page.said()[0]["value"]
    task = tasks.get("tagging", LABELS, overlap=page.kernel("return session.options.overlap === true"))
    assert task.validate(value, text=text) == value
    return [(span["label"], span["text"]) for span in value]


def label(page: PlainPage, name: str) -> Locator:
    return page.labels.filter(has_text=name)


def test_a_document_is_labelled_by_mouse_alone(tag):
    page = tag()
    drag(page, TEXT, "da Lov", "elac")
    label(page, "PER").click()
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"))
    click(page, TEXT, "London", count=2)
    label(page, "LOC").click()
    drag(page, TEXT, "Charles Babbage", back=True)
    expect(page.root.get_by_test_id("span-bar")).to_contain_text("Charles Babbage")
    label(page, "PER").click()
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"), ("PER", "Charles Babbage"), ("LOC", "London"))
    page.root.get_by_test_id("submit").click()
    assert submitted(page, TEXT) == [("PER", "Ada Lovelace"), ("PER", "Charles Babbage"), ("LOC", "London")]


def test_a_document_is_labelled_by_keyboard_alone(tag):
    page = tag()
    page.focus()
    page.press("t", "Shift+ArrowRight", "1")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"))
    page.press("ArrowRight", "ArrowRight", "Space", "ArrowRight", "1", "ArrowRight", "ArrowRight", "2")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"), ("PER", "Charles Babbage"), ("LOC", "London"))
    page.press("3", "[", "Delete", "End", "ArrowLeft", "Enter")
    assert submitted(page, TEXT) == [("PER", "Ada Lovelace"), ("ORG", "London")]


def test_a_label_at_hand_labels_every_drag_and_double_click_at_once(tag):
    page = tag()
    page.focus()
    page.press("2")
    expect(label(page, "LOC")).to_have_attribute("aria-pressed", "true")
    drag(page, TEXT, "London")
    click(page, TEXT, "Babbage", count=2)
    expect_spans(page, TEXT, ("LOC", "Babbage"), ("LOC", "London"))
    page.press("1")
    drag(page, TEXT, "Ada", "Lovelace")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"), ("LOC", "Babbage"), ("LOC", "London"))
    page.press("Escape")
    expect(label(page, "PER")).to_have_attribute("aria-pressed", "false")
    drag(page, TEXT, "again")
    page.press("3")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"), ("LOC", "Babbage"), ("LOC", "London"), ("ORG", "again"))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_offsets_are_pythons(tag, name, by):
    text, first, last = TEXTS[name]
    start = text.index(first)
    end = text.index(last, start) + len(last)
    page = tag(text)
    assert page.text.evaluate("e => e.textContent") == text
    if by == "keyboard":
        words = [tuple(word) for word in word_spans(text).tolist()]
        begin, stop = (next(i for i, word in enumerate(words) if word[0] <= at < word[1]) for at in (start, end - 1))
        page.focus()
        page.press("t", "Home")
        for _ in range(begin):
            forward(page, text, extend=False)
        for _ in range(stop - begin):
            forward(page, text, extend=True)
    else:
        drag(page, text, first, last)
    page.press("1")
    wait_until(page.tab, lambda: len(shown(page)) == 1, "the span is there")
    assert shown(page) == [("PER", start, end, "human")]
    assert page.root.get_by_test_id("span").evaluate("e => e.textContent") == text[start:end]
    assert page.text.evaluate("e => e.textContent") == text
    page.press("Enter")
    assert submitted(page, text) == [("PER", text[start:end])]


def forward(page: PlainPage, text: str, *, extend: bool) -> None:
    """Press the arrow that goes on in the text: the left one where its line runs to the left."""
    key = "ArrowLeft" if text[0] > "\u0590" and text[0] < "\u0700" else "ArrowRight"
    page.press(f"Shift+{key}" if extend else key)


def test_with_shift_a_drag_takes_letters_and_a_cut_word_is_mended_with_a_key(tag):
    page = tag()
    left, right = ends(page, TEXT, "Love", "ondo")
    mouse = page.tab.mouse
    mouse.move(left["left"] + 1, left["y"])
    mouse.down()
    page.tab.keyboard.down("Shift")
    mouse.move(right["right"] - 1, right["y"], steps=3)
    mouse.up()
    page.tab.keyboard.up("Shift")
    expect(page.root.get_by_test_id("cuts-word")).to_be_visible()
    page.press("3")
    expect_spans(page, TEXT, ("ORG", "Lovelace met Charles Babbage in Londo"))
    page.press("w")
    expect_spans(page, TEXT, ("ORG", "Lovelace met Charles Babbage in London"))
    expect(page.root.get_by_test_id("cuts-word")).to_have_count(0)
    page.press("Control+z", "]", "Shift+W")
    expect_spans(page, TEXT, ("ORG", "Lovelace met Charles Babbage in"))


def test_while_dragging_what_will_be_chosen_is_shown_snapped_to_words(tag):
    page = tag()
    left, right = ends(page, TEXT, "vela", "arl")
    page.tab.mouse.move(left["left"] + 2, left["y"])
    page.tab.mouse.down()
    page.tab.mouse.move(right["right"] - 2, right["y"], steps=4)
    mark = page.root.locator(".alwidget-mark.is-preview")
    first, last = ends(page, TEXT, "Lovelace", "Charles")
    box = mark.bounding_box()
    assert box
    assert abs(box["x"] - first["left"]) < 2
    assert abs(box["x"] + box["width"] - last["right"]) < 2
    page.tab.mouse.up()
    expect(page.root.locator(".alwidget-mark.is-chosen")).to_have_count(1)


def test_a_span_is_relabelled_and_deleted(tag):
    page = tag()
    drag(page, TEXT, "London")
    page.press("1")
    page.press("Escape")
    click(page, TEXT, "London")
    page.press("2")
    expect_spans(page, TEXT, ("LOC", "London"))
    expect(page.root.get_by_test_id("live")).to_have_text("LOC: London.")
    page.press("Escape", "Backspace")
    expect_spans(page, TEXT, ("LOC", "London"))
    click(page, TEXT, "London")
    page.root.get_by_test_id("span-delete").click()
    expect_spans(page, TEXT)
    page.press("Control+z")
    expect_spans(page, TEXT, ("LOC", "London"))


def suggestions(text: str, **where: str) -> dict[str, Any]:
    spans = sorted((text.index(part), text.index(part) + len(part), name) for name, part in where.items())
    value = [
        {"start": start, "end": end, "label": name, "text": text[start:end], "confidence": 0.83}
        for start, end, name in spans
    ]
    return {"value": value, "confidence": 0.83, "probs": None, "candidates": None}


def suggested(tag: Callable[..., PlainPage], **options: Any) -> PlainPage:
    """Open a page whose first document has three suggestions."""
    first = {
        "item": "doc-0",
        "text": TEXT,
        "words": word_spans(TEXT).ravel().tolist(),
        "suggestion": suggestions(TEXT, PER="Ada Lovelace", ORG="Charles Babbage", LOC="London"),
    }
    return tag(**{"documents": [first, {"item": "doc-1", "text": "The second one."}], **options})


def test_suggestions_that_nobody_touched_are_accepted_as_they_are(tag):
    page = suggested(tag)
    page.focus()
    assert {origin for *_, origin in shown(page)} == {"suggested"}
    assert page.text.evaluate("e => e.textContent") == TEXT
    expect(page.root.get_by_test_id("submit")).to_have_text("Accept 3 spans⏎")
    page.press("Enter")
    assert submitted(page, TEXT) == [("PER", "Ada Lovelace"), ("ORG", "Charles Babbage"), ("LOC", "London")]
    assert page.said()[0]["origin"] == "accepted"


def test_suggestions_are_accepted_rejected_and_relabelled_one_by_one(tag):
    page = suggested(tag)
    page.focus()
    page.press("]", "a")
    wait_until(page.tab, lambda: [row[3] for row in shown(page)] == ["accepted", "suggested", "suggested"], "accepted")
    page.press("1")
    wait_until(page.tab, lambda: [row[3] for row in shown(page)] == ["accepted", "human", "suggested"], "relabelled")
    page.press("]", "x")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"), ("PER", "Charles Babbage"))
    page.press("Enter")
    assert submitted(page, TEXT) == [("PER", "Ada Lovelace"), ("PER", "Charles Babbage")]
    assert page.said()[0]["origin"] == "edited"


def test_all_suggestions_are_accepted_with_one_key_and_one_undo_gives_them_back(tag):
    page = suggested(tag)
    page.focus()
    page.press("Shift+A")
    wait_until(page.tab, lambda: {row[3] for row in shown(page)} == {"accepted"}, "all are accepted")
    page.press("Control+z")
    wait_until(page.tab, lambda: {row[3] for row in shown(page)} == {"suggested"}, "they are suggestions again")
    page.root.get_by_test_id("span-takeAll").click()
    wait_until(page.tab, lambda: {row[3] for row in shown(page)} == {"accepted"}, "all are accepted")


def test_the_same_text_everywhere_is_previewed_and_is_one_undo_step(tag):
    text = "Ada, an Adas, Ada; ada.\nAda 🙂 Ada"
    page = tag(text)
    drag(page, text, "Ada")
    page.press("1")
    page.press("e")
    expect(page.root.locator(".alwidget-mark.is-elsewhere")).to_have_count(3)
    expect(page.root.get_by_test_id("span-bar")).to_contain_text("3 more")
    assert len(shown(page)) == 1, "a preview labels nothing"
    page.press("Enter")
    expect_spans(page, text, *[("PER", "Ada")] * 4)
    page.press("Control+z")
    expect_spans(page, text, ("PER", "Ada"))
    click(page, text, "Ada")
    page.root.get_by_test_id("span-everywhere").click()
    page.root.get_by_test_id("span-everywhere-all").click()
    page.press("Escape", "Enter")
    assert submitted(page, text) == [("PER", "Ada")] * 4


def test_overlapping_spans_are_refused_in_words_where_they_are_not_allowed(tag):
    page = tag()
    drag(page, TEXT, "Charles Babbage")
    page.press("1")
    drag(page, TEXT, "Babbage in London")
    page.press("2")
    expect(page.root.get_by_test_id("notice")).to_contain_text("“Charles Babbage” is PER")
    expect_spans(page, TEXT, ("PER", "Charles Babbage"))
    drag(page, TEXT, "Charles Babbage")
    page.press("3")
    expect_spans(page, TEXT, ("ORG", "Charles Babbage"))


def test_overlapping_and_nested_spans_where_they_are_allowed(tag):
    page = tag(overlap=True)
    for part, key in (("Charles Babbage", "1"), ("Babbage in London", "3"), ("London", "2")):
        drag(page, TEXT, part)
        page.press(key, "Escape")
    wanted = [("PER", "Charles Babbage"), ("ORG", "Babbage in London"), ("LOC", "London")]
    expect_spans(page, TEXT, *wanted)
    assert page.text.evaluate("e => e.textContent") == TEXT
    click(page, TEXT, "London")
    expect(page.root.get_by_test_id("live")).to_contain_text("LOC: London; 3 of 3")
    page.press("Enter")
    assert submitted(page, TEXT) == wanted


def test_undo_takes_back_edits_and_then_documents(tag):
    page = tag()
    page.focus()
    page.press("t", "1", "ArrowRight", "2", "Enter")
    page.expect_item("doc-1")
    page.press("t", "3", "Control+z")
    expect_spans(page, "The second one.")
    page.press("Control+z")
    page.expect_item("doc-0")
    expect_spans(page, TEXT, ("PER", "Ada"), ("LOC", "Lovelace"))
    page.press("Control+Shift+z")
    page.expect_item("doc-1")
    page.press("ArrowLeft")
    page.expect_item("doc-0")
    expect_spans(page, TEXT, ("PER", "Ada"), ("LOC", "Lovelace"))
    page.press("]", "Delete", "Control+z", "Delete", "Enter")  # what an undo brings back is chosen as it was
    wait_until(page.tab, lambda: [s["action"] for s in page.said()] == ["annotate", "annotate"], "the new answer")
    assert [[span["text"] for span in said["value"]] for said in page.said()] == [["Ada", "Lovelace"], ["Lovelace"]]


def test_a_draft_outlives_a_reload_with_what_was_rejected(tag):
    page = suggested(tag)
    page.focus()
    page.press("]", "a", "x", "Escape", "t", "End", "ArrowLeft", "1")
    wanted = [("PER", "Ada Lovelace"), ("LOC", "London"), ("PER", "again")]
    expect_spans(page, TEXT, *wanted)
    kept = (
        "() => Object.entries(localStorage).some(([key, value]) => key.includes('drafts') && value.includes('again'))"
    )
    page.tab.wait_for_function(kept)
    page.tab.reload()
    page.ready()
    expect_spans(page, TEXT, *wanted)
    assert [row[3] for row in shown(page)] == ["accepted", "suggested", "human"]
    page.focus()
    page.press("Control+z")
    expect_spans(page, TEXT, *wanted[:2])


def test_nothing_said_is_no_spans(tag):
    page = tag()
    expect(page.root.get_by_test_id("submit")).to_have_text("Submit no spans⏎")
    page.focus()
    page.press("Enter")
    assert submitted(page, TEXT) == []
    page.expect_item("doc-1")
    page.press("ArrowLeft")
    expect(page.root.get_by_test_id("why")).to_contain_text("You said no spans")


@pytest.mark.parametrize("name", ["Arabic", "mixed directions"])
def test_labelling_does_not_reorder_letters(tag, name):
    text, first, last = TEXTS[name]
    page = tag(text)
    order = """(text) => { const range = document.createRange(); const found = []; let at = 0;
        const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode())
            for (let i = 0; i < node.data.length; i += 1, at += 1) {
                range.setStart(node, i); range.setEnd(node, i + 1);
                const box = range.getBoundingClientRect();
                if (box.width > 0) found.push([box.left, at]); }
        return found.sort((a, b) => a[0] - b[0]).map(([, index]) => index); }"""
    before = page.text.evaluate(order)
    for part in (first, last):
        click(page, text, part)
        page.press("2", "Escape")
    wait_until(page.tab, lambda: len(shown(page)) == 2, "both are labelled")
    assert page.text.evaluate(order) == before


def test_works_in_a_shadow_root(tag):
    page = tag()
    page.tab.evaluate(
        """async () => {
            const css = await (await fetch('../alwidget/widget/static/widget.css')).text();
            document.querySelector('link[rel=stylesheet]').remove();
            window.opened.close();
            const host = document.createElement('div');
            document.body.append(host);
            const el = document.createElement('div');
            host.attachShadow({mode: 'open'}).append(el);
            window.opened = window.demo.open(window.widget, el, {...window.demoOptions, session: 'shadow', css});
        }"""
    )
    page.ready()
    drag(page, TEXT, "da Lov", "elac")
    page.press("1")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"))
    click(page, TEXT, "London")
    page.press("2")
    native = """root => { const text = root.querySelector('[data-testid="text"]');
        const node = text.querySelector('[data-block]').lastChild; const selection = getSelection();
        selection.setBaseAndExtent(node, node.data.length - 14, node, node.data.length - 11); }"""
    page.press("Escape")
    page.root.evaluate(native)
    page.press("3")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"), ("LOC", "London"), ("ORG", "Charles"))
    page.press("Enter")
    assert submitted(page, TEXT) == [("PER", "Ada Lovelace"), ("LOC", "London"), ("ORG", "Charles")]


def test_what_the_browser_itself_has_selected_is_labelled(tag):
    page = tag()
    page.focus()
    page.text.evaluate(
        "e => { const {firstChild} = e.firstChild; getSelection().setBaseAndExtent(firstChild, 5, firstChild, 2) }"
    )
    page.press("1")
    expect_spans(page, TEXT, ("PER", "Ada Lovelace"))


def test_a_long_document_keeps_its_text_and_an_edit_draws_one_block_again(tag):
    line = "In March the mill at Ulm 🙂 closed, and Bo went to live with Ada.\r\n"
    text = line * 3_000
    at, name = line.index("Ulm"), "LOC"
    value = [
        {"start": i * len(line) + at, "end": i * len(line) + at + 3, "label": name, "text": "Ulm", "confidence": 0.9}
        for i in range(2_000)
    ]
    suggestion = {"value": value, "confidence": 0.9, "probs": None, "candidates": None}
    document = {"item": "long", "text": text, "words": word_spans(text).ravel().tolist(), "suggestion": suggestion}
    page = tag(documents=[document])
    assert page.text.evaluate("e => e.textContent") == text
    assert len(shown(page)) == 2_000
    page.text.evaluate(
        """e => { window.touched = new Set(); new MutationObserver(records => records.forEach(record => {
            const block = (record.target.nodeType === 1 ? record.target : record.target.parentElement).closest('[data-block]');
            window.touched.add(block === null ? 'text' : block.dataset.block);
        })).observe(e, {subtree: true, childList: true, characterData: true, attributes: true}) }"""
    )
    page.focus()
    page.press("t", "1")
    wait_until(page.tab, lambda: len(shown(page)) == 2_001, "the word is labelled")
    assert page.tab.evaluate("() => [...window.touched]") == ["0"]
    page.press("End", "2")
    wait_until(page.tab, lambda: len(shown(page)) == 2_002, "the last one too")
    assert page.text.evaluate("e => e.textContent") == text
    assert shown(page)[-1][:3] == ("LOC", len(text) - 3, len(text) - 2)
    assert page.root.evaluate("e => e.querySelector('[data-scroll]').scrollTop") > 10_000, "it is brought into sight"


def test_labels_are_found_by_typing_and_coined_while_reading(tag):
    page = tag(labels=[f"Kind {i}" for i in range(30)], openLabels=True)
    drag(page, TEXT, "London")
    page.press("/")
    page.tab.keyboard.type("kind 27")
    page.press("Enter")
    expect_spans(page, TEXT, ("Kind 27", "London"))
    drag(page, TEXT, "Ada")
    page.press("/")
    page.tab.keyboard.type("Author")
    page.press("Enter")
    expect_spans(page, TEXT, ("Author", "Ada"), ("Kind 27", "London"))
    assert [said["action"] for said in page.said()] in ([], ["label-add"])


def test_no_plain_key_leaves_the_widget_and_none_of_its_keys_decides(tag):
    page = suggested(tag)
    page.tab.evaluate("() => { window.heard = []; document.addEventListener('keydown', e => heard.push(e.key)) }")
    page.focus()
    for keys in ("t", "ArrowUp", "ArrowDown", "Home", "Space", "e", "w", "Shift+W", "[", "]", "Backspace", "Delete"):
        page.press(keys)
    page.press("a", "x", "Shift+A", "d", "1", "9")
    assert page.tab.evaluate("() => heard") == []
    assert page.said() == []
    page.expect_item("doc-0")


def test_listens_to_nothing_outside_of_itself(tag):
    page = tag()
    counted = page.tab.evaluate(
        """() => { const counted = [];
            for (const target of [window, document]) {
                const add = target.addEventListener;
                target.addEventListener = function (type, ...rest) { counted.push(type); return add.call(this, type, ...rest); };
            }
            const el = document.createElement('div'); document.body.append(el);
            window.demo.open(window.widget, el, {task: 'tagging'});
            return counted; }"""
    )
    assert counted == []


def test_labels_that_would_like_to_be_code_stay_text(tag):
    image = "<img src=x onerror=\"window.hacked = 'image'\">"
    names = [image, "__proto__", '"); } * { display: none', "constructor"]
    text = f"{image} & <b>bold</b>"
    page = tag(text, labels=names)
    page.focus()
    for i, key in enumerate("1234"):
        page.press("t" if i == 0 else "ArrowRight", key)
    wait_until(page.tab, lambda: [row[0] for row in shown(page)] == names, "all are labelled")
    assert page.text.evaluate("e => e.textContent") == text
    assert page.tab.evaluate("() => window.hacked") is None
    assert page.root.evaluate("root => root.querySelectorAll('img, b:empty').length") == 0


def test_a_read_only_session_shows_spans_and_changes_none(tag):
    page = tag()
    page.focus()
    page.press("t", "1", "Enter")
    page.expect_item("doc-1")
    page.kernel("session.options.readOnly = true; kernel.models.forEach(m => m.deliver(session.snapshot()))")
    expect(page.root.get_by_text("read-only").first).to_be_visible()
    page.press("ArrowLeft")
    page.expect_item("doc-0")
    page.press("]", "Delete")
    expect(page.root.get_by_test_id("notice")).to_contain_text("read-only")
    expect_spans(page, TEXT, ("PER", "Ada"))


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"theme": "light"},
    "dark": {"theme": "dark", "color_scheme": "dark"},
    "narrow": {"theme": "light", "size": (320, 900)},
    "more contrast": {"theme": "dark", "contrast": "more"},
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(tag, look):
    found = {}
    for keys in ((), ("]",), ("t", "1"), ("t", "e"), ("]", "e"), ("2",)):
        page = suggested(tag, **LOOKS[look])
        page.focus()
        page.press(*keys)
        found["".join(keys)] = page.violations()
        assert (
            page.tab.evaluate("() => document.documentElement.scrollWidth") <= (LOOKS[look].get("size") or [2000])[0]
        )
    long = tag("A line that goes on for a while.\n" * 900, **LOOKS[look])
    found["long"] = long.violations()
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("width", [320, 700, 1100])
def test_nothing_moves_when_the_next_card_comes(tag, width):
    texts = ["short", TEXT * 9, "", "one\n" * 80, TEXT]
    page = tag(*texts, size=(width, 1100))
    page.focus()
    places = set()
    for keys in (["t", "1"], ["Enter"], ["t", "2", "e"], ["Enter", "Escape"], ["Enter"], ["Enter"], ["t"]):
        page.press(*keys)
        page.tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        parts = [*page.labels.all(), page.text.locator("xpath=.."), page.root.get_by_test_id("skip"), page.root]
        boxes = [part.bounding_box() for part in parts]
        boxes[-3] = {"y": boxes[-3]["y"]} if boxes[-3] else None
        places.add(str([boxes[0], boxes[-2], boxes[-1]]))
    assert len(places) == 1, places
