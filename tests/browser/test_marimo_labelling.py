"""marimo shows widgets in a shadow root and has no comm of ipykernel's: labelling works there too."""

from __future__ import annotations

import textwrap

import pytest

from browser import servers
from browser.cells import LABELLING, LABELS, SESSION
from browser.driver import Watch, Widget, answers

APP = f"""
import marimo

app = marimo.App()


@app.cell
def _():
{textwrap.indent(LABELLING.strip(), "    ")}
    return (session,)


@app.cell
def _(session):
    import marimo as mo

    shown = mo.ui.anywidget(session.widget)
    shown
    return (shown,)


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def app(tmp_path):
    notebook = tmp_path / "app" / "labelling.py"
    notebook.parent.mkdir()
    notebook.write_text(APP, encoding="utf-8")
    state = tmp_path / "state"
    state.mkdir()
    server = servers.marimo(notebook, state)
    yield server
    server.stop()


def test_answers_by_keyboard_are_on_disk_and_a_reload_resumes(app, page, evidence):
    watch = Watch(page, app.url)
    page.goto(app.url)
    widget = Widget(page.locator(".alwidget-root").first).ready()
    assert widget.root.evaluate("root => root.getRootNode() instanceof ShadowRoot"), "else this tests no shadow root"
    widget.focus()
    given = [(widget.answer(key), LABELS[int(key) - 1]) for key in "123"]
    widget.expect_saved(3)
    session = app.root / SESSION
    assert answers(session) == given
    widget.root.screenshot(path=evidence / "marimo.png")
    # The style sheet has reached the shadow root: without it the labels would stand one below the other, unstyled.
    assert widget.labels.first.evaluate("e => getComputedStyle(e).borderRadius") != "0px"

    page.reload()
    widget = Widget(page.locator(".alwidget-root").first).ready()
    assert widget.item not in {item for item, _ in given}
    widget.expect_saved(3)
    widget.focus()
    given.append((widget.answer("2"), LABELS[1]))
    widget.expect_saved(4)
    assert answers(session) == given
    assert not watch.errors
    assert not watch.elsewhere
