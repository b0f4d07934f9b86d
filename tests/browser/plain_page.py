"""A plain page with the built bundle and a kernel made of JavaScript: quick tests of what needs a real browser only."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from browser.driver import Watch, Widget

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

ROOT = Path(__file__).parents[2]
JS = ROOT / "js"
AXE = JS / "node_modules" / "axe-core" / "axe.min.js"
MEDIA = {
    "contrast": "no-preference",
    "forced_colors": "none",
    "color_scheme": "light",
    "reduced_motion": "no-preference",
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output for the tests."""


def build() -> None:
    """Build the bundle and the fake kernel from the sources as they are."""
    node = shutil.which("node")
    if node is None or not (JS / "node_modules").is_dir():
        message = (
            'the front end cannot be built here: install Node 20 and run "npm ci" in js/ ("make setup" does both)'
        )
        raise RuntimeError(message)
    subprocess.run([node, "build.mjs", "--demo"], cwd=JS, check=True, capture_output=True)


@contextmanager
def serve() -> Iterator[str]:
    """Serve the checkout on a free port; yields the demo page's address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/js/demo.html"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class PlainPage(Widget):
    """The widget on the demo page, and its kernel."""

    def __init__(
        self,
        context: BrowserContext,
        address: str,
        options: dict[str, Any],
        *,
        theme: str = "light",
        size: tuple[int, int] = (960, 900),
        **media: str,
    ) -> None:
        self.tab = context.new_page()
        self.watch = Watch(self.tab, address)
        self.tab.set_viewport_size({"width": size[0], "height": size[1]})
        self.tab.emulate_media(**(MEDIA | media))  # type: ignore[arg-type]
        # Parsed as data: in a literal, a label called __proto__ would mean something else.
        self.tab.add_init_script(f"window.demoOptions = JSON.parse({json.dumps(json.dumps(options))})")
        self.tab.goto(f"{address}?{urlencode({'theme': theme})}")
        super().__init__(self.tab.locator(".alwidget-root").first)
        self.root.wait_for()

    def focus(self) -> None:
        """Put the keyboard on the widget itself."""
        self.root.focus()

    def kernel(self, code: str) -> Any:
        """Run JavaScript with `kernel` and `session` at hand; returns its value."""
        return self.tab.evaluate(
            f"() => {{ const {{ kernel }} = window.opened; const {{ session }} = kernel; {code} }}"
        )

    def said(self) -> list[dict[str, Any]]:
        """Return the decisions that the kernel wrote down, without those from before the page."""
        code = "return session.said.map(s => s.decide).filter(d => d.view !== 'earlier')"
        return list(self.kernel(code))

    def panel(self, name: str) -> None:
        """Open a panel, through the menu where the tabs are in one."""
        menu = self.root.get_by_label("open the menu")
        if menu.is_visible():
            menu.click()
        self.root.get_by_test_id(f"tab-{name}").click()
        self.root.get_by_test_id(f"panel-{name}").wait_for()

    def violations(self) -> list[str]:
        """Return what axe finds wrong with the widget, one line each."""
        self.tab.add_script_tag(path=str(AXE))
        found = self.tab.evaluate(
            """async () => (await axe.run(document.querySelector('.alwidget-root'), { resultTypes: ['violations'] }))
                .violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.failureSummary}`))"""
        )
        return [str(line) for line in found]
