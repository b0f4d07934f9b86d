"""A real JupyterLab in a real Chromium, as the browser tests drive it, and probes that run inside the page."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import corpus

sys.path.insert(0, str(corpus.ROOT / "tests"))

from browser import chromium, servers
from browser.driver import Notebook, write_notebook

__all__ = ["Opener", "Probe", "first_card", "jupyterlab"]

Opener = Callable[[str, Sequence[str]], Notebook]

SEEN = ("painted", "handling", "painting", "frames")
PROBE = Path(__file__).with_name("probe.js").read_text(encoding="utf-8")


@contextmanager
def jupyterlab(*flags: str) -> Iterator[Opener]:
    """Start JupyterLab and Chromium, and yield what opens a notebook of some cells in a new tab with a new kernel.

    Parameters
    ----------
    flags
        More arguments for Chromium.
    """
    from playwright.sync_api import sync_playwright

    binary = chromium.find()
    if binary is None:
        message = 'There is no Chromium; "make chromium" installs one, or set ALWIDGET_CHROMIUM to its path.'
        raise SystemExit(message)
    os.environ["ALWIDGET_CACHE"] = str(corpus.cache_folder())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, state = Path(folder, "notebooks"), Path(folder, "state")
        root.mkdir()
        server = servers.jupyter("jupyterlab", root, state)
        browser = playwright.chromium.launch(executable_path=binary, args=[*chromium.arguments(), *flags])
        try:
            page_of = browser.new_context(viewport={"width": 1280, "height": 1100}).new_page

            def open_one(name: str, cells: Sequence[str]) -> Notebook:
                path = write_notebook(root / name / "labelling.ipynb", cells)
                return Notebook(page_of(), server, path, lab=True).open()

            yield open_one
        finally:
            browser.close()
            server.stop()


def first_card(notebook: Notebook, index: int) -> float:
    """Run a cell and return the seconds until the first card of its output is painted, by the page's clock."""
    notebook.page.evaluate(PROBE)
    return float(notebook.page.evaluate("index => probe.firstCard(index)", index))


class Probe:
    """Answers cards in a notebook that shows one widget, and tells how long everything took.

    Parameters
    ----------
    keys
        The key to press for each document, by id.
    """

    def __init__(self, notebook: Notebook, keys: dict[str, str]) -> None:
        self.page, self.keys = notebook.page, keys
        self.widget = notebook.widget().ready()
        self.widget.focus()
        self.page.evaluate(PROBE)

    def at_human_pace(self, count: int, every: float = 0.25, first: int = 10) -> dict[str, list[float]]:
        """Answer a card every so many seconds and return milliseconds, without those of the first ones."""
        clock = "() => performance.now()"
        self.page.evaluate("() => probe.clear()")
        due = self.page.evaluate(clock)
        for _ in range(first + count):
            self.page.keyboard.press(self.keys.get(self.widget.item, "1"))
            due += 1000 * every
            self.page.wait_for_timeout(max(0.0, due - self.page.evaluate(clock)))
        return self._read(first + count, first)

    def back_to_back(self, count: int, first: int = 20) -> dict[str, list[float]]:
        """Answer cards as fast as they are acknowledged."""
        self.page.evaluate("() => probe.clear()")
        self.page.evaluate("of => probe.backToBack(of)", [self.keys, first + count])
        return self._read(first + count, first)

    def _read(self, expected: int, first: int) -> dict[str, list[float]]:
        self.page.wait_for_function("n => probe.seen.acks.length >= n", arg=expected, timeout=120_000)
        seen: dict[str, Any] = self.page.evaluate("() => probe.seen")
        cards = seen["cards"][first:]
        return {"ack": seen["acks"][first:], **{name: [card[name] for card in cards] for name in SEEN}}
