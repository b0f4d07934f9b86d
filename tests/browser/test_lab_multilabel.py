"""Several labels in JupyterLab, with a real session: from the key or the click to the disk, the learner and the export."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from browser.cells import LABELS, SESSION, SEVERAL, SHOW
from browser.driver import PATIENCE, decisions, wait_until


@pytest.fixture
def lab(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [SEVERAL, SHOW], lab=True)
    notebook.run_all()
    return notebook


def said(lab) -> list[tuple[str, object, str]]:
    events = decisions(lab.path.parent / SESSION)
    return [(event["id"], event["value"], event["origin"]) for event in events if event["event"] == "annotate"]


def exported(lab) -> dict[str, list[str]]:
    lab.kernel("session.export('out.json')")
    file = json.loads((lab.path.parent / "out.json").read_text(encoding="utf-8"))
    assert file["task"] == "multilabel"
    return {row["id"]: row["labels"] for row in file["annotations"]}


def check(widget, wanted: list[str]) -> None:
    """Bring the boxes to these labels by their keys."""
    for key, label in enumerate(LABELS, start=1):
        box = widget.labels.nth(key - 1)
        if (box.get_attribute("aria-checked") == "true") != (label in wanted):
            widget.press(str(key))
            expect(box).to_have_attribute("aria-checked", str(label in wanted).lower(), timeout=PATIENCE)


def test_several_labels_by_keyboard_alone(lab):
    widget = lab.widget().ready()
    widget.focus()
    before = lab.shape()
    widget.press("3", "1", "2", "2")
    first = widget.answer("Enter")
    second = widget.answer("n")
    widget.press("2", "x", "2")
    third = widget.answer("Enter")
    widget.expect_saved(3)
    given = {first: [LABELS[0], LABELS[2]], second: [], third: [LABELS[1]]}
    assert said(lab) == [(item, value, "human") for item, value in given.items()]
    assert lab.kernel_json("{a.id: a.value for a in session.annotations}") == given
    assert exported(lab) == given
    widget.press("Control+z")
    widget.expect_item(third)
    wait_until(lab.page, lambda: len(lab.kernel_json("[a.id for a in session.annotations]")) == 2, "the undo is heard")
    assert lab.shape() == before


def test_several_labels_by_mouse_alone(lab):
    widget = lab.widget().ready()
    first = widget.item
    widget.labels.nth(1).click()
    widget.labels.nth(2).click()
    widget.root.get_by_test_id("submit").click()
    widget.expect_saved(1)
    second = widget.item
    widget.root.get_by_test_id("none").click()
    widget.expect_saved(2)
    assert exported(lab) == {first: LABELS[1:], second: []}


def test_what_the_model_checks_is_accepted_or_changed(lab):
    widget = lab.widget().ready()
    widget.focus()
    for _ in range(10):
        text = widget.text.inner_text()
        item = widget.item
        subjects = (("match", "goal"), ("market", "profit"), ("cell", "orbit"))
        check(
            widget,
            [label for label, words in zip(LABELS, subjects, strict=True) if any(word in text for word in words)],
        )
        widget.press("Enter")
        expect(widget.card).not_to_have_attribute("data-item-id", item, timeout=PATIENCE)
    widget.expect_saved(10)
    wait_until(lab.page, lambda: lab.kernel_json("session.status.round") >= 1, "the engine has done a round")
    assert lab.kernel_json("session.status.error") is None
    # What the queue held may be from before the model; its suggestions come to the cards ahead.
    widget.answer("n")
    expect(widget.root.get_by_test_id("submit")).to_contain_text("Accept", timeout=PATIENCE)
    suggested = [box.get_attribute("aria-checked") == "true" for box in widget.labels.all()]
    item = widget.answer("Enter")
    widget.expect_saved(12)
    last = decisions(lab.path.parent / SESSION)[-1]
    assert (last["id"], last["origin"]) == (item, "accepted")
    assert last["value"] == last["seen"]["value"] == [label for label, on in zip(LABELS, suggested, strict=True) if on]


def test_after_the_kernel_was_killed_checking_goes_on_with_what_was_begun(lab):
    widget = lab.widget().ready()
    widget.focus()
    widget.press("1")
    first = widget.answer("Enter")
    widget.expect_saved(1)
    widget.press("2", "3")
    begun = widget.item
    lab.page.wait_for_function("() => Object.keys(localStorage).some(key => key.startsWith('alwidget:drafts:'))")
    lab.kill_kernel()
    lab.run_cell(0)
    lab.run_cell(1)
    widget = lab.widget().ready()
    widget.expect_item(begun)
    widget.expect_saved(1)
    expect(widget.labels.nth(1)).to_be_checked()
    widget.focus()
    widget.answer("Enter")
    widget.expect_saved(2)
    assert exported(lab) == {first: LABELS[:1], begun: LABELS[1:]}
