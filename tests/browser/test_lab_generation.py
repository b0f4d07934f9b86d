"""Written text in JupyterLab, with a real session: letters and line ends as they were typed, drafts of a learner, the export."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from browser.cells import SESSION, SHOW, WRITING
from browser.driver import PATIENCE, decisions, wait_until

TEXT = 'Moved to "Friday" 👩‍👩‍👧, 9–12 <b>x</b> 1234'


@pytest.fixture
def lab(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [WRITING, SHOW], lab=True)
    notebook.run_all()
    return notebook


def said(lab) -> list[tuple[str, object, str]]:
    events = decisions(lab.path.parent / SESSION)
    return [(event["id"], event["value"], event["origin"]) for event in events if event["event"] == "annotate"]


def exported(lab) -> dict[str, str]:
    lab.kernel("session.export('out.json')")
    file = json.loads((lab.path.parent / "out.json").read_text(encoding="utf-8"))
    assert file["task"] == "generation"
    return {row["id"]: row["target"] for row in file["annotations"]}


def editor(widget):
    return widget.root.get_by_test_id("editor")


def write(widget, text: str) -> str:
    """Write this into the field of the card and submit it; returns the document's id."""
    expect(editor(widget)).to_be_focused(timeout=PATIENCE)
    widget.page.keyboard.insert_text(text)
    return widget.answer("Control+Enter")


def test_texts_by_keyboard_alone(lab):
    widget = lab.widget().ready()
    widget.focus()
    before = lab.shape()
    widget.press("e")
    widget.page.keyboard.type("abdd 1234 /?", delay=5)
    widget.press("Enter", "Enter")
    widget.page.keyboard.type("xz")
    first = widget.answer("Control+Enter")
    second = write(widget, TEXT)
    widget.press("Escape", "Space", "e")
    third = write(widget, "日本語")
    widget.expect_saved(4)
    given = {first: "abdd 1234 /?\n\nxz", second: TEXT, third: "日本語"}
    assert said(lab) == [(item, value, "human") for item, value in given.items()]
    assert lab.kernel_json("{a.id: a.value for a in session.annotations if a.value is not None}") == given
    assert {item: text for item, text in exported(lab).items() if item in given} == given
    assert lab.shape() == before


def test_texts_by_mouse_and_what_the_learner_writes(lab):
    widget = lab.widget().ready()
    for _ in range(6):
        editor(widget).click()
        widget.page.keyboard.insert_text("one two three four")
        item = widget.item
        widget.root.get_by_test_id("submit").click()
        expect(widget.card).not_to_have_attribute("data-item-id", item, timeout=PATIENCE)
    widget.expect_saved(6)
    wait_until(lab.page, lambda: lab.kernel_json("session.status.round") >= 1, "the engine has done a round")
    assert lab.kernel_json("session.status.error") is None
    widget.root.get_by_test_id("skip").click()
    expect(widget.root.get_by_test_id("candidate")).to_have_count(3, timeout=PATIENCE)
    words = widget.text.inner_text().split()
    expect(editor(widget)).to_have_value(" ".join(words[:4]))
    draft = widget.item
    widget.root.get_by_test_id("submit").click()
    expect(widget.card).not_to_have_attribute("data-item-id", draft, timeout=PATIENCE)
    shorter = widget.item
    widget.root.get_by_test_id("candidate").nth(2).click()
    editor(widget).click()
    widget.press("Control+End")
    widget.page.keyboard.insert_text("!")
    taken = editor(widget).input_value()
    widget.root.get_by_test_id("submit").click()
    widget.expect_saved(9)
    assert said(lab)[-2:] == [(draft, " ".join(words[:4]), "accepted"), (shorter, taken, "edited")]
    assert exported(lab)[shorter] == taken


def test_after_the_kernel_was_killed_writing_goes_on_with_what_was_begun(lab):
    widget = lab.widget().ready()
    widget.focus()
    widget.press("e")
    first = write(widget, TEXT)
    widget.expect_saved(1)
    begun = widget.item
    widget.page.keyboard.insert_text("Half a sen")
    lab.page.wait_for_function("() => Object.keys(localStorage).some(key => key.startsWith('alwidget:drafts:'))")
    lab.kill_kernel()
    lab.run_cell(0)
    lab.run_cell(1)
    widget = lab.widget().ready()
    widget.expect_item(begun)
    widget.expect_saved(1)
    expect(editor(widget)).to_have_value("Half a sen")
    widget.focus()
    widget.press("e")
    write(widget, "tence.")
    widget.expect_saved(2)
    assert exported(lab) == {first: TEXT, begun: "Half a sentence."}
