"""Notebook 7 takes its shortcuts in another way than JupyterLab; the same promises hold there."""

from __future__ import annotations

import pytest

from browser.cells import LABELS, PAUSED, SESSION, SHOW
from browser.driver import Notebook, answers, wait_until

NOTEBOOK_SHORTCUTS = ["a", "b", "x", "d", "d", "z", "m", "y", "Shift+Enter"]


@pytest.fixture
def notebook(open_notebook, notebook7):
    notebook = open_notebook(notebook7, [PAUSED, SHOW, ""], lab=False)
    notebook.run_all()
    return notebook


def test_answers_by_keyboard_are_in_the_kernel_and_on_disk(notebook):
    widget = notebook.widget().ready()
    widget.focus()
    given = [(widget.answer(key), LABELS[int(key) - 1]) for key in "132"]
    widget.expect_saved(3)
    assert answers(notebook.path.parent / SESSION) == given
    assert notebook.kernel_json("{a.id: a.value for a in session.annotations}") == dict(given)


def test_no_key_reaches_the_notebook(notebook):
    widget = notebook.widget().ready()
    widget.focus()
    before = notebook.shape()
    widget.press(*NOTEBOOK_SHORTCUTS)
    # Only a wait can show that nothing happens.
    notebook.page.wait_for_timeout(500)
    assert notebook.shape() == before
    # The same keys do reach a notebook that has the focus, so the test can fail.
    notebook.command("notebook:enter-command-mode")
    notebook.page.locator(".jp-Notebook .jp-Cell").last.locator(".jp-InputPrompt").click()
    notebook.page.keyboard.press("b")
    cells = len(before["cells"])
    wait_until(notebook.page, lambda: len(notebook.shape()["cells"]) == cells + 1, "b adds a cell below")


def test_a_second_tab_follows_and_a_reload_resumes(notebook, context):
    first = notebook.widget().ready()
    first.focus()
    given = [(first.answer("1"), LABELS[0])]
    first.expect_saved(1)
    notebook.save()
    tab = Notebook(context.new_page(), notebook.server, notebook.path, lab=False).open()
    second = tab.widget().ready()
    second.expect_item(first.item)
    second.focus()
    given.append((second.answer("2"), LABELS[1]))
    second.expect_saved(2)
    first.expect_saved(2)
    card = second.item
    tab.reload()
    again = tab.widget().ready()
    again.expect_item(card)
    again.expect_saved(2)
    assert answers(notebook.path.parent / SESSION) == given
    assert not tab.watch.errors
