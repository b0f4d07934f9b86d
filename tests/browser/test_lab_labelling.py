"""Labelling in JupyterLab: the keyboard reaches the kernel and the disk, and nothing else."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.cells import LABELLING, LABELS, SESSION, SHOW, TOPICS
from browser.driver import PATIENCE, answers, decisions, wait_until

NOTEBOOK_SHORTCUTS = ["a", "b", "x", "d", "d", "z", "m", "y", "Shift+Enter"]


@pytest.fixture
def lab(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [LABELLING, SHOW, ""], lab=True)
    notebook.run_all()
    return notebook


def test_three_answers_by_keyboard_are_in_the_kernel_and_on_disk(lab):
    widget = lab.widget().ready()
    names = [label.inner_text() for label in widget.labels.all()]
    assert [any(name in shown for shown in names) for name in LABELS] == [True, True, True]
    widget.focus()
    given = [(widget.answer(str(key)), LABELS[key - 1]) for key in (1, 2, 3)]
    widget.expect_saved(3)
    assert answers(lab.path.parent / SESSION) == given
    held = lab.kernel_json("{a.id: a.value for a in session.annotations}")
    assert held == dict(given)


def test_the_card_shows_the_document_unchanged_and_labels_can_be_clicked(lab):
    widget = lab.widget().ready()
    item = widget.item
    text = lab.kernel_json(f"[d['text'] for d in documents if d['id'] == {item!r}][0]")
    assert widget.text.evaluate("e => e.textContent") == text
    label = widget.labels.nth(1)
    expect(label).to_have_accessible_name(re.compile(rf"^{LABELS[1]}"))
    label.click()
    widget.expect_saved(1)
    assert answers(lab.path.parent / SESSION) == [(item, LABELS[1])]


def test_undo_and_redo_by_keyboard_are_on_disk(lab):
    widget = lab.widget().ready()
    widget.focus()
    first = widget.answer("1")
    widget.answer("2")
    widget.expect_saved(2)
    second_card = widget.item
    widget.press("Control+z")
    wait_until(lab.page, lambda: lab.kernel_json("len(session.annotations)") == 1, "the undo is in the kernel")
    assert lab.kernel_json("[a.id for a in session.annotations]") == [first]
    assert widget.item != second_card, "what was undone is asked again"
    widget.press("Control+Shift+z")
    wait_until(lab.page, lambda: lab.kernel_json("len(session.annotations)") == 2, "the redo is in the kernel")
    assert [event["event"] for event in decisions(lab.path.parent / SESSION)] == [
        "annotate",
        "annotate",
        "undo",
        "redo",
    ]


def test_no_key_reaches_the_notebook(lab):
    widget = lab.widget().ready()
    widget.focus()
    before = lab.shape()
    widget.press(*NOTEBOOK_SHORTCUTS)
    # Only a wait can show that nothing happens.
    lab.page.wait_for_timeout(500)
    assert lab.shape() == before
    # The same keys do reach a notebook that has the focus, so the test can fail.
    lab.command("notebook:enter-command-mode")
    lab.page.locator(".jp-Notebook .jp-Cell").last.locator(".jp-InputPrompt").click()
    lab.page.keyboard.press("b")
    cells = len(before["cells"])
    wait_until(lab.page, lambda: len(lab.shape()["cells"]) == cells + 1, "b adds a cell below")


def test_training_in_the_background_goes_on_while_labelling(lab):
    widget = lab.widget().ready()
    widget.focus()
    given = []
    for rounds in (1, 2):
        for _ in range(10):
            topic = next(
                i for i, words in enumerate(TOPICS) if any(word in widget.text.inner_text() for word in words)
            )
            given.append((widget.answer(str(topic + 1)), LABELS[topic]))
        wait_until(lab.page, lambda n=rounds: lab.kernel_json("session.status.round") >= n, f"round {rounds} is done")
    widget.expect_saved(20)
    assert answers(lab.path.parent / SESSION) == given
    assert len({item for item, _ in given}) == len(given), "nothing is asked twice"
    assert lab.kernel_json("session.status.error") is None

    suggestion = lab.kernel_json("{item.id: item.suggestion for item in session.next(20)}")
    expect(widget.root.get_by_test_id("submit")).to_be_enabled()
    accepted = widget.answer("Enter")
    widget.expect_saved(21)
    last = decisions(lab.path.parent / SESSION)[-1]
    assert (last["id"], last["value"], last["origin"]) == (accepted, suggestion[accepted], "accepted")
    assert last["seen"]["value"] == suggestion[accepted]


def test_labelling_to_the_end_says_so(open_notebook, jupyterlab):
    few = LABELLING.replace("range(40)", "range(6)")
    notebook = open_notebook(jupyterlab, [few, SHOW], lab=True)
    notebook.run_all()
    widget = notebook.widget().ready()
    widget.focus()
    for key in "12312":
        widget.answer(key)
    widget.press("3")
    expect(widget.root).to_have_attribute("data-state", "done", timeout=PATIENCE)
    widget.expect_saved(6)
    assert len({item for item, _ in answers(notebook.path.parent / SESSION)}) == 6
