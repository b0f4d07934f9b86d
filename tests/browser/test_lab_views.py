"""One session shown twice, in two cells or two tabs, is one session."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.cells import LABELS, PAUSED, SESSION, SHOW
from browser.driver import PATIENCE, Notebook, answers


def test_two_cells_agree(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [PAUSED, SHOW, SHOW], lab=True)
    notebook.run_all()
    first, second = notebook.widget(0).ready(), notebook.widget(1).ready()
    second.expect_item(first.item)
    first.focus()
    given = [(first.answer("1"), LABELS[0])]
    first.expect_saved(1)
    second.expect_saved(1)
    expect(second.card).to_have_attribute("data-item-id", first.item, timeout=PATIENCE)
    second.focus()
    given.append((second.answer("2"), LABELS[1]))
    first.expect_saved(2)
    expect(first.card).to_have_attribute("data-item-id", second.item, timeout=PATIENCE)
    assert answers(notebook.path.parent / SESSION) == given


def test_two_tabs_agree(open_notebook, jupyterlab, context):
    notebook = open_notebook(jupyterlab, [PAUSED, SHOW], lab=True)
    notebook.run_all()
    first = notebook.widget().ready()
    notebook.save()
    tab = Notebook(context.new_page(), jupyterlab, notebook.path, lab=True).open()
    second = tab.widget().ready()
    second.expect_item(first.item)
    second.focus()
    given = [(second.answer("3"), LABELS[2])]
    second.expect_saved(1)
    first.expect_saved(1)
    expect(first.card).to_have_attribute("data-item-id", second.item, timeout=PATIENCE)
    first.page.bring_to_front()
    first.focus()
    given.append((first.answer("1"), LABELS[0]))
    second.expect_saved(2)
    assert answers(notebook.path.parent / SESSION) == given
    assert not tab.watch.errors


def test_closing_a_view_leaves_the_other_working(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [PAUSED, SHOW, SHOW], lab=True)
    notebook.run_all()
    notebook.widget(1).ready()
    # Clearing the first output removes one of the two views.
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.setOutputs([])"
    )
    expect(notebook.page.locator(".jp-OutputArea-output .alwidget-root")).to_have_count(1, timeout=PATIENCE)
    widget = notebook.widget().ready()
    widget.focus()
    widget.answer("1")
    widget.expect_saved(1)
    assert len(answers(notebook.path.parent / SESSION)) == 1
