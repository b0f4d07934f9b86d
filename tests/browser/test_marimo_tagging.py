"""Entity spans in marimo, by mouse and by keyboard: a shadow root, where a page's own selection sees nothing."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from browser import servers
from browser.driver import PATIENCE, Watch, Widget, decisions, wait_until
from browser.letters import PAUSED, SESSION, by_keyboard, by_mouse, gold, parts, text_of
from browser.pointing import click, drag, shown

EXPORTED = "people.json"
APP = f"""
import marimo

app = marimo.App()


@app.cell
def _():
{textwrap.indent(PAUSED.strip(), "    ")}
    return (session,)


@app.cell
def _(session):
    import marimo as mo

    shown = mo.ui.anywidget(session.widget)
    shown
    return (mo, shown)


@app.cell
def _(mo):
    export = mo.ui.run_button(label="export")
    export
    return (export,)


@app.cell
def _(export, mo, session):
    mo.stop(not export.value)
    session.export("{EXPORTED}")
    mo.md(f"exported {{session.status.labelled}}")
    return


if __name__ == "__main__":
    app.run()
"""


@pytest.fixture
def app(tmp_path):
    notebook = tmp_path / "app" / "people.py"
    notebook.parent.mkdir()
    notebook.write_text(APP, encoding="utf-8")
    state = tmp_path / "state"
    state.mkdir()
    server = servers.marimo(notebook, state)
    yield server
    server.stop()


@pytest.fixture
def opened(app, page):
    """Return the widget in the app, and what the page said meanwhile is held against it at the end."""
    watch = Watch(page, app.url)
    page.goto(app.url)
    widget = Widget(page.locator(".alwidget-root").first).ready()
    assert widget.root.evaluate("root => root.getRootNode() instanceof ShadowRoot"), "else this tests no shadow root"
    yield widget
    assert not watch.errors
    assert not watch.elsewhere


def on_disk(app: servers.Server) -> list[tuple[str, Any]]:
    return [(e["id"], e["value"]) for e in decisions(app.root / SESSION) if e["event"] == "annotate"]


def exported(app: servers.Server, widget: Widget, count: int) -> list[dict[str, Any]]:
    """Export by the app's own button, and return what is in the file."""
    widget.page.get_by_role("button", name="export").click()
    expect(widget.page.get_by_text(f"exported {count}")).to_be_visible(timeout=PATIENCE)
    rows: list[dict[str, Any]] = json.loads(Path(app.root, EXPORTED).read_text(encoding="utf-8"))["annotations"]
    return rows


@pytest.mark.parametrize("way", [by_mouse, by_keyboard])
def test_spans_over_emoji_are_exported_as_python_slices_them(app, opened, way, evidence):
    widget = opened
    widget.focus()
    given = []
    for count in range(1, 7):
        item = widget.item
        assert widget.text.evaluate("e => e.textContent") == text_of(item)
        way(widget, text_of(item))
        widget.expect_saved(count)
        expect(widget.card).not_to_have_attribute("data-item-id", item, timeout=PATIENCE)
        given.append((item, gold(text_of(item))))
    widget.root.screenshot(path=evidence / f"marimo-{way.__name__}.png")
    assert on_disk(app) == given
    rows = exported(app, widget, 6)
    assert {row["id"]: row["spans"] for row in rows} == dict(given)
    texts = [row["text"][span["start"] : span["end"]] for row in rows for span in row["spans"]]
    assert texts == [span["text"] for row in rows for span in row["spans"]]
    assert any(ord(letter) > 0xFFFF for text in texts for letter in text), "some spans hold what UTF-16 counts as two"


def test_a_span_is_relabelled_deleted_and_brought_back_and_outlives_a_reload(app, opened):
    widget = opened
    widget.focus()
    first = widget.item
    text = text_of(first)
    person, town = gold(text)

    def drawn(*spans: tuple[str, dict[str, Any]]) -> None:
        wanted = [(label, span["start"], span["end"], "human") for label, span in spans]
        wait_until(widget.page, lambda: shown(widget) == wanted, f"the spans are {wanted}")

    drag(widget, text, parts(text)[0])
    widget.press("2")
    drawn(("LOC", person))
    widget.press("1")
    drawn(("PER", person))
    drag(widget, text, parts(text)[1], back=True)
    widget.press("2")
    drawn(("PER", person), ("LOC", town))
    click(widget, text, parts(text)[0])
    widget.press("Delete")
    drawn(("LOC", town))
    widget.press("Control+z")
    drawn(("PER", person), ("LOC", town))
    # What was begun is kept in the page's storage a moment later; only then may the page go away.
    kept = "() => Object.entries(localStorage).some(([key, value]) => key.includes('drafts') && value.includes('LOC'))"
    widget.page.wait_for_function(kept)
    widget.page.reload()
    widget = Widget(widget.page.locator(".alwidget-root").first).ready()
    widget.expect_item(first)
    wait_until(widget.page, lambda: len(shown(widget)) == 2, "what was begun is there")
    widget.focus()
    widget.press("Enter")
    widget.expect_saved(1)
    assert on_disk(app) == [(first, gold(text))]
