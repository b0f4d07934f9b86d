"""Drives notebooks as a person does, through Playwright: one class for a notebook page, one for the widget on it."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import expect

from browser.cells import GO
from browser.servers import TOKEN, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request

PATIENCE = 60_000
"""Milliseconds until a wait gives up. Long: a busy machine must not fail a test; waits end as soon as they may."""

NOT_OURS = (
    # Notebook 7 logs this one on every page, with or without a widget.
    r"reading 'schema'",
)
CURRENT = "window.jupyterapp.shell.currentWidget"
KERNEL = f"{CURRENT}.sessionContext.session.kernel"


class Watch:
    """Everything a page said or asked for that a test may want to hold against it."""

    def __init__(self, page: Page, home: str) -> None:
        self.errors: list[str] = []
        self.console: list[str] = []
        self.elsewhere: list[str] = []
        self._host = urlsplit(home).netloc
        page.on("pageerror", self._page_error)
        page.on("console", self._said)
        page.on("request", self._asked)

    def _page_error(self, error: Error) -> None:
        text = f"{error.message}\n{error.stack or ''}"
        if not any(re.search(pattern, text) for pattern in NOT_OURS):
            self.errors.append(text)

    def _said(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        line = f"{message.type}: {message.text} ({where})"
        self.console.append(line)
        # Widgets' modules are imported from blobs; what the notebook itself complains about is not ours to judge.
        if message.type == "error" and (where.startswith("blob:") or "alwidget" in message.text):
            self.errors.append(line)

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob", "about"} and address.netloc != self._host:
            self.elsewhere.append(request.url)


class Widget:
    """One view of the widget, by the selectors that are promised to people's own scripts."""

    def __init__(self, root: Locator) -> None:
        self.root = root
        self.page = root.page
        self.card = root.get_by_test_id("card")
        self.text = root.get_by_test_id("text")
        self.labels = root.get_by_test_id("label")
        self.saved = root.get_by_test_id("saved")

    def ready(self) -> Widget:
        """Wait until a card can be answered."""
        expect(self.root).to_have_attribute("data-state", "ready", timeout=PATIENCE)
        expect(self.card).to_be_visible(timeout=PATIENCE)
        return self

    @property
    def item(self) -> str:
        """The id of the document on the card."""
        value = self.card.get_attribute("data-item-id", timeout=PATIENCE)
        assert value, "the card carries no data-item-id"
        return value

    def expect_item(self, item: str) -> None:
        """Wait until this document is on the card: going to one that the page does not hold takes a question."""
        expect(self.card).to_have_attribute("data-item-id", item, timeout=PATIENCE)

    def focus(self) -> None:
        """Put the keyboard into the widget, as a click on the card's document does."""
        inside = "root => root.contains(root.getRootNode().activeElement)"
        # a notebook that is still settling may take the focus away again, as it does from a person
        for _ in range(5):
            self.text.click(position={"x": 4, "y": 4})
            if self.root.evaluate(inside):
                return
            self.page.wait_for_timeout(500)
        message = "a click on the document does not bring the keyboard into the widget"
        raise AssertionError(message)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def answer(self, key: str) -> str:
        """Answer the card by this key, wait until another card is there, and return the id of the one answered."""
        item = self.item
        self.press(key)
        expect(self.card).not_to_have_attribute("data-item-id", item, timeout=PATIENCE)
        return item

    def expect_saved(self, count: int) -> None:
        """Wait until the page says that this many decisions are on disk and none is waiting."""
        expect(self.saved).to_contain_text(re.compile(rf"saved {count} of {count}\b"), timeout=PATIENCE)

    def saved_count(self) -> int:
        """Return how many decisions the page says are on disk now."""
        match = re.search(r"saved (\d+)", self.saved.inner_text())
        assert match, self.saved.inner_text()
        return int(match[1])


class Notebook:
    """A notebook open in JupyterLab or Notebook 7."""

    def __init__(self, page: Page, server: Server, path: Path, *, lab: bool) -> None:
        self.page = page
        self.server = server
        self.path = path
        self.lab = lab
        self.watch = Watch(page, server.url)
        page.on("dialog", lambda dialog: dialog.accept())

    def open(self) -> Notebook:
        """Open the notebook and wait for its kernel."""
        name = self.path.relative_to(self.server.root).as_posix()
        place = f"lab/tree/{name}?token={TOKEN}&reset" if self.lab else f"notebooks/{name}?token={TOKEN}"
        self.page.goto(f"{self.server.url}/{place}")
        return self.wait_open()

    def wait_open(self, *, idle: bool = True) -> Notebook:
        """Wait until the notebook is there, and by default until its kernel is idle."""
        restored = "() => window.jupyterapp?.restored.then(() => true) ?? false"
        # The application may go on to an address of its own while it starts; a wait outlives that, an evaluation does not.
        self.page.wait_for_function(restored, timeout=PATIENCE)
        self.page.locator(".jp-Notebook").first.wait_for(timeout=PATIENCE)
        kernel = f"{CURRENT}?.sessionContext?.session?.kernel"
        condition = f'{kernel}?.status === "idle"' if idle else f"!!{kernel}"
        self.page.wait_for_function(f"() => {condition}", timeout=PATIENCE)
        return self

    def reload(self, *, idle: bool = True) -> Notebook:
        """Reload the page, as a person who has saved the notebook does."""
        self.save()
        self.page.reload()
        return self.wait_open(idle=idle)

    def run_all(self) -> None:
        """Run every cell and wait for the last to end; one that raised fails the test here."""
        self.command("notebook:run-all-cells")
        self.check_cells()

    def start_cell(self, index: int) -> None:
        """Start one cell and return at once."""
        self.page.evaluate(
            f"""index => {{ const notebook = {CURRENT}.content;
                notebook.activeCellIndex = index; notebook.deselectAll();
                window.running = window.jupyterapp.commands.execute('notebook:run-cell'); }}""",
            index,
        )

    def release(self) -> None:
        """Let `browser.cells.BUSY` end."""
        (self.path.parent / GO).touch()

    def run_cell(self, index: int) -> None:
        """Run one cell and wait for its end."""
        self.start_cell(index)
        self.wait_cell()

    def wait_cell(self) -> None:
        """Wait for the end of the cell started last; if it raised, the test fails here."""
        self.page.evaluate("() => window.running")
        self.check_cells()

    def check_cells(self) -> None:
        """Fail when a cell shows an error."""
        raised = self.page.evaluate(
            f"""() => {CURRENT}.content.widgets.flatMap(cell => cell.model.outputs?.toJSON() ?? [])
                      .filter(output => output.output_type === 'error')
                      .map(output => output.ename + ': ' + output.evalue)"""
        )
        assert raised == []

    def command(self, name: str, **arguments: Any) -> None:
        """Execute a command of the application and wait for it."""
        run = "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => true)"
        self.page.evaluate(run, [name, arguments])

    def save(self) -> None:
        self.command("docmanager:save")

    def restart_kernel(self) -> None:
        self.page.evaluate(f"() => {KERNEL}.restart()")

    def kill_kernel(self) -> None:
        """Kill the kernel as a crash does, and wait until the server's new one is there; cells have to be run again."""
        old = self.kernel_json("__import__('os').getpid()")
        os.kill(old, signal.SIGKILL)
        self.page.get_by_role("dialog").get_by_role("button", name="Ok").click(timeout=PATIENCE)
        self.wait_open()
        wait_until(self.page, lambda: self.kernel_json("__import__('os').getpid()") != old, "a new kernel runs")

    def wait_busy(self) -> None:
        """Wait until the kernel says that it runs something; replies of a subshell may make it say idle again."""
        self.page.wait_for_function(f"() => {KERNEL}.status === 'busy'", timeout=PATIENCE)

    def shape(self) -> dict[str, Any]:
        """Return what a stray shortcut would change: the cells, which is active, and the mode."""
        return dict(
            self.page.evaluate(
                f"""() => {{ const notebook = {CURRENT}.content;
                    return {{ cells: notebook.widgets.map(cell => [cell.model.type, cell.model.sharedModel.source]),
                              active: notebook.activeCellIndex, mode: notebook.mode,
                              outputs: notebook.widgets.map(cell => cell.model.outputs?.length ?? -1) }}; }}"""
            )
        )

    def kernel(self, code: str) -> str:
        """Run code in the kernel without touching the notebook and return what it printed."""
        return str(
            self.page.evaluate(
                f"""async code => {{ let out = '';
                    const future = {KERNEL}.requestExecute({{code, store_history: false}});
                    future.onIOPub = message => {{
                        if (message.header.msg_type === 'stream') out += message.content.text;
                        if (message.header.msg_type === 'error') out += 'ERROR ' + message.content.evalue; }};
                    await future.done; return out; }}""",
                code,
            )
        )

    def kernel_json(self, expression: str) -> Any:
        """Return the value of a Python expression in the kernel."""
        printed = self.kernel(f"import json; print(json.dumps({expression}))")
        assert not printed.startswith("ERROR"), printed
        return json.loads(printed)

    def widget(self, index: int = 0) -> Widget:
        """Return a view of the widget, the first on the page by default."""
        return Widget(self.page.locator(".jp-OutputArea-output .alwidget-root").nth(index))


def write_notebook(path: Path, cells: Iterable[str], kernel: str = "python3") -> Path:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def decisions(session: Path) -> list[dict[str, Any]]:
    """Return the events in a session's log, oldest first, read without the package under test."""
    events = [
        json.loads(line)
        for file in sorted((session / "log").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return sorted(events, key=lambda event: (event["time"], event["seq"]))


def answers(session: Path) -> list[tuple[str, str]]:
    """Return (id, label) of every annotation in a session's log, oldest first."""
    return [(event["id"], event["value"]) for event in decisions(session) if event["event"] == "annotate"]


def wait_until(page: Page, condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds, letting the page go on meanwhile."""
    for _ in range(PATIENCE // 100):
        if condition():
            return
        page.wait_for_timeout(100)
    message = f"gave up waiting until {what}"
    raise AssertionError(message)
