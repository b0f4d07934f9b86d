"""A kernel that is busy, gone, or of the older kind: the page goes on, and every decision arrives once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.cells import BUSY, LABELLING, LABELS, SESSION, SHOW
from browser.driver import PATIENCE, Notebook, Widget, answers, decisions, wait_until
from browser.servers import KERNEL_6

KERNELS = ["python3", KERNEL_6]
BUSY_CELL = 2


@pytest.fixture(params=KERNELS)
def lab(request, open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [LABELLING, SHOW, BUSY], lab=True, kernel=request.param)
    notebook.run_cell(0)
    notebook.run_cell(1)
    major = notebook.kernel_json("__import__('ipykernel').version_info[0]")
    assert (major < 7) == (request.param == KERNEL_6)
    return notebook


def label_while_busy(notebook: Notebook, widget: Widget, count: int) -> list[tuple[str, str]]:
    """Answer `count` cards in a busy kernel; the page must move on, and never call saved what is not on disk."""
    session = notebook.path.parent / SESSION
    notebook.wait_busy()
    widget.focus()
    given = []
    for i in range(count):
        given.append((widget.answer(str(i % 3 + 1)), LABELS[i % 3]))
        assert widget.saved_count() <= len(answers(session))
    return given


def test_answers_given_while_a_cell_runs_arrive_once(lab):
    widget = lab.widget().ready()
    widget.focus()
    first = [(widget.answer("1"), LABELS[0])]
    widget.expect_saved(1)
    lab.start_cell(BUSY_CELL)
    given = first + label_while_busy(lab, widget, 5)
    lab.release()
    lab.wait_cell()
    widget.expect_saved(6)
    session = lab.path.parent / SESSION
    assert answers(session) == given
    clients = [event["client"] for event in decisions(session)]
    assert len(set(clients)) == len(clients) == 6
    assert lab.kernel_json("len(session.annotations)") == 6


def test_a_reload_comes_back_to_the_same_card(lab):
    widget = lab.widget().ready()
    widget.focus()
    given = [(widget.answer(key), LABELS[int(key) - 1]) for key in "12"]
    widget.expect_saved(2)
    card = widget.item
    lab.reload()
    widget = lab.widget().ready()
    widget.expect_item(card)
    widget.expect_saved(2)
    widget.focus()
    given.append((widget.answer("3"), LABELS[2]))
    widget.expect_saved(3)
    assert answers(lab.path.parent / SESSION) == given


def test_a_reload_while_a_cell_runs_loses_and_repeats_nothing(lab):
    widget = lab.widget().ready()
    widget.focus()
    given = [(widget.answer("1"), LABELS[0])]
    widget.expect_saved(1)
    lab.save()
    lab.start_cell(BUSY_CELL)
    given += label_while_busy(lab, widget, 3)
    card = widget.item
    lab.page.reload()
    lab.wait_open(idle=False)
    lab.release()
    widget = lab.widget().ready()
    widget.expect_item(card)
    widget.expect_saved(4)
    session = lab.path.parent / SESSION
    assert answers(session) == given
    widget.focus()
    given.append((widget.answer("2"), LABELS[1]))
    widget.expect_saved(5)
    assert answers(session) == given


def test_after_a_restart_the_page_says_disconnected_and_a_rerun_goes_on_from_disk(lab):
    widget = lab.widget().ready()
    widget.focus()
    given = [(widget.answer(key), LABELS[int(key) - 1]) for key in "12"]
    widget.expect_saved(2)
    lab.restart_kernel()
    # This one can only be kept by the page: no kernel hears it.
    given.append((widget.answer("3"), LABELS[2]))
    expect(widget.root).to_contain_text(re.compile("disconnected", re.IGNORECASE), timeout=PATIENCE)
    assert widget.saved_count() == 2
    lab.wait_open()
    lab.run_cell(0)
    lab.run_cell(1)
    widget = lab.widget().ready()
    widget.expect_saved(3)
    session = lab.path.parent / SESSION
    assert answers(session) == given
    assert widget.item not in {item for item, _ in given}
    assert lab.kernel_json("len(session.annotations)") == 3


def test_with_subshells_decisions_do_not_wait_for_a_running_cell(open_notebook, jupyterlab):
    """Also when the engine's thread has reported before: a message from a plain thread would make clicks wait again."""
    notebook = open_notebook(jupyterlab, [LABELLING, SHOW, BUSY], lab=True)
    notebook.run_cell(0)
    notebook.run_cell(1)
    widget = notebook.widget().ready()
    widget.focus()
    for key in "123123":
        widget.answer(key)
    wait_until(notebook.page, lambda: notebook.kernel_json("session.status.round") > 0, "the engine has done a round")
    notebook.start_cell(BUSY_CELL)
    label_while_busy(notebook, widget, 6)
    widget.expect_saved(12)
    assert len(answers(notebook.path.parent / SESSION)) == 12
    notebook.release()
    notebook.wait_cell()
