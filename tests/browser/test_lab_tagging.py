"""Entity spans in JupyterLab, by mouse and by keyboard: what is on disk is what Python slices, also after a kill."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from browser.cells import SHOW
from browser.driver import PATIENCE, Notebook, decisions, wait_until
from browser.letters import CELL, DOCUMENTS, PAUSED, SESSION, by_keyboard, by_mouse, gold, parts, text_of
from browser.pointing import click, drag, shown

PLAIN_KEYS = ["t", "a", "x", "d", "d", "b", "e", "w", "z", "m", "y", "[", "]", "Delete", "Escape", "Shift+Enter"]


def on_disk(notebook: Notebook) -> list[tuple[str, Any]]:
    return [(e["id"], e["value"]) for e in decisions(notebook.path.parent / SESSION) if e["event"] == "annotate"]


@pytest.fixture
def lab(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [PAUSED, SHOW, ""], lab=True)
    notebook.run_cell(0)
    notebook.run_cell(1)
    return notebook


@pytest.mark.parametrize("way", [by_mouse, by_keyboard])
def test_spans_are_on_disk_as_python_slices_them(lab, way):
    widget = lab.widget().ready()
    widget.focus()
    given = []
    for count in range(1, 6):
        item = widget.item
        assert widget.text.evaluate("e => e.textContent") == text_of(item)
        way(widget, text_of(item))
        widget.expect_saved(count)
        expect(widget.card).not_to_have_attribute("data-item-id", item, timeout=PATIENCE)
        given.append((item, gold(text_of(item))))
    assert on_disk(lab) == given
    assert lab.kernel_json("[[a.id, a.value] for a in session.annotations if a.text[a.value[0]['start']:][:1]]") == [
        list(pair) for pair in sorted(given, key=lambda pair: int(pair[0].removeprefix("doc-")))
    ]
    lab.kernel("session.export('people.json')")
    exported = json.loads((lab.path.parent / "people.json").read_text(encoding="utf-8"))["annotations"]
    assert {row["id"]: row["spans"] for row in exported} == dict(given)
    for row in exported:
        assert all(row["text"][span["start"] : span["end"]] == span["text"] for span in row["spans"])


def test_a_killed_kernel_loses_neither_spans_nor_what_was_begun(lab):
    widget = lab.widget().ready()
    widget.focus()
    first = widget.item
    by_keyboard(widget, text_of(first))
    widget.expect_saved(1)
    second = widget.item
    drag(widget, text_of(second), parts(text_of(second))[0])
    widget.press("1")
    wait_until(lab.page, lambda: len(shown(widget)) == 1, "a span is begun")
    lab.kill_kernel()
    lab.run_cell(0)
    lab.run_cell(1)
    widget = lab.widget().ready()
    widget.expect_saved(1)
    widget.expect_item(second)
    span = gold(text_of(second))[0]
    wait_until(
        lab.page, lambda: shown(widget) == [("PER", span["start"], span["end"], "human")], "what was begun is there"
    )
    widget.focus()
    widget.press("Enter")
    widget.expect_saved(2)
    assert on_disk(lab) == [(first, gold(text_of(first))), (second, [span])]
    widget.press("Control+z", "Control+z")
    wait_until(lab.page, lambda: lab.kernel_json("len(session.annotations)") == 0, "both are taken back")
    widget.expect_item(first)


def test_no_key_of_the_card_reaches_the_notebook(lab):
    widget = lab.widget().ready()
    widget.focus()
    click(widget, text_of(widget.item), "Letter")
    before = lab.shape()
    widget.press(*PLAIN_KEYS)
    # Only a wait can show that nothing happens.
    lab.page.wait_for_timeout(500)
    assert lab.shape() == before


def test_the_model_learns_spans_and_its_suggestions_are_accepted_with_one_key(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [CELL, SHOW], lab=True)
    notebook.run_cell(0)
    spans = {document["id"]: gold(document["text"]) for document in DOCUMENTS}
    notebook.kernel(
        f"gold = {spans!r}\nfor item in session.next(30): session.record(item.id, gold[item.id])\n"
        "session.train(wait=True)"
    )
    notebook.run_cell(1)
    widget = notebook.widget().ready()
    found = notebook.kernel_json(
        "{i.id: [[s['start'], s['end'], s['label']] for s in i.suggestion] for i in session.next(9)}"
    )
    right = [item for item, some in found.items() if some == [[s["start"], s["end"], s["label"]] for s in spans[item]]]
    assert len(right) >= 5, "the tagger has learnt what a letter looks like"
    widget.focus()
    item = widget.item
    wait_until(notebook.page, lambda: len(shown(widget)) == len(found[item]), "the suggestions are drawn")
    assert {origin for *_, origin in shown(widget)} <= {"suggested"}
    widget.press("Enter")
    widget.expect_saved(31)
    last = decisions(notebook.path.parent / SESSION)[-1]
    assert (last["id"], last["origin"]) == (item, "accepted")
    assert [[s["start"], s["end"], s["label"]] for s in last["value"]] == found[item]
