"""A click inside the widget must leave the keyboard there, though JupyterLab takes every click as one on its cell."""

from __future__ import annotations

import pytest

from browser.cells import LABELLING, LABELS, SESSION, SHOW
from browser.driver import answers


@pytest.fixture
def lab(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [LABELLING, SHOW, ""], lab=True)
    notebook.run_all()
    return notebook


def test_keys_work_after_a_click_on_a_label_a_tab_or_a_row_of_the_history(lab):
    widget = lab.widget().ready()
    before = lab.shape()
    widget.labels.nth(2).click()
    widget.expect_saved(1)
    given = [LABELS[2]]
    widget.answer("1")
    widget.root.get_by_test_id("tab-history").click()
    widget.answer("2")
    widget.expect_saved(3)
    widget.root.get_by_test_id("history-entry").last.click()
    widget.press("3")
    widget.expect_saved(3)
    given += [LABELS[0], LABELS[1], LABELS[2]]
    assert [label for _, label in answers(lab.path.parent / SESSION)] == given
    assert lab.shape()["cells"] == before["cells"]
