"""The widget follows the notebook's theme, can be read in both, and does not jump."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.cells import LABELLING, SHOW
from browser.driver import PATIENCE

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
# Text over the background that is really behind it, as WCAG measures it.
CONTRAST = """element => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const rgba = css => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
                          return [...canvas.getImageData(0, 0, 1, 1).data]; };
    const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] / 255 + below[i] * (1 - top[3] / 255));
    const layers = [];
    for (let e = element; e; e = e.parentElement ?? e.getRootNode().host) layers.push(rgba(getComputedStyle(e).backgroundColor));
    const behind = layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
    const text = over(rgba(getComputedStyle(element).color), behind);
    const light = c => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const [a, b] = [light(text), light(behind)];
    return {contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), background: b};
}"""


@pytest.fixture
def lab(open_notebook, jupyterlab):
    notebook = open_notebook(jupyterlab, [LABELLING, SHOW], lab=True)
    notebook.run_all()
    return notebook


@pytest.mark.parametrize("theme", THEMES)
def test_readable_in_the_notebooks_theme(lab, evidence, theme):
    lab.command("apputils:change-theme", theme=THEMES[theme])
    lab.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=THEMES[theme])
    widget = lab.widget().ready()
    widget.focus()
    widget.answer("1")
    widget.expect_saved(1)
    expect(widget.text).to_be_visible()
    widget.root.screenshot(path=evidence / f"{theme}.png")
    for part in (widget.text, widget.saved, widget.labels.first):
        measured = part.evaluate(CONTRAST)
        assert measured["contrast"] >= 4.5, part
    paper = widget.text.evaluate(CONTRAST)["background"]
    assert paper > 0.5 if theme == "light" else paper < 0.2


def test_the_next_card_moves_nothing(lab):
    widget = lab.widget().ready()
    widget.focus()
    places = []
    for key in "123":
        places.append([label.bounding_box() for label in widget.labels.all()])
        widget.answer(key)
    expect(widget.labels.first).to_be_visible(timeout=PATIENCE)
    assert places[0] == places[1] == places[2]
