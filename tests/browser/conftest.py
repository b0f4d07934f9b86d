"""The browser, the servers, and what is kept when a test fails."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from browser import chromium as chromium_binary
from browser import servers
from browser.driver import PATIENCE, Notebook, Watch, write_notebook
from browser.plain_page import PlainPage, build, serve

HERE = Path(__file__).parent
RESULTS = HERE.parents[1] / "test-results"
FAILED = pytest.StashKey[bool]()

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder, so that ``-m "not browser"`` leaves it out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember which tests failed, for the fixture that keeps the evidence."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    path = chromium_binary.find()
    if path is None:
        pytest.fail('no Chromium; "make test" installs one, or set ALWIDGET_CHROMIUM to its path')
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=chromium_binary.arguments())
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One person's browser: its own storage, and nothing left of other tests."""
    context = browser.new_context(viewport={"width": 1280, "height": 1100})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """One tab."""
    return context.new_page()


@pytest.fixture
def evidence(request: pytest.FixtureRequest, context: BrowserContext) -> Iterator[Path]:
    """Where this test may write pictures; when it fails, screenshots of its tabs are put there too."""
    folder = RESULTS / re.sub(r"[^\w.-]+", "-", request.node.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    if request.node.stash.get(FAILED, False):
        for number, page in enumerate(context.pages):
            page.screenshot(path=folder / f"tab-{number}.png", full_page=True)
    if not any(folder.iterdir()):
        folder.rmdir()


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """JupyterLab, with a second kernel that runs ``ipykernel<7``."""
    state = tmp_path_factory.mktemp("lab-state")
    servers.add_kernel_6(state)
    server = servers.jupyter("jupyterlab", tmp_path_factory.mktemp("lab"), state)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def notebook7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """Notebook 7."""
    state = tmp_path_factory.mktemp("notebook7-state")
    server = servers.jupyter("notebook", tmp_path_factory.mktemp("notebook7"), state)
    yield server
    server.stop()


OpenNotebook = Callable[..., Notebook]


@pytest.fixture
def open_notebook(request: pytest.FixtureRequest, context: BrowserContext, evidence: Path) -> Iterator[OpenNotebook]:
    """Return a function that writes a notebook into a folder of its own and opens it in a new tab.

    Whatever the test does, its pages must not throw, and must ask nothing of any other machine.
    """
    opened: list[Notebook] = []

    def open_one(server: servers.Server, cells: list[str], *, lab: bool, kernel: str = "python3") -> Notebook:
        name = re.sub(r"\W+", "-", request.node.name).strip("-")
        path = write_notebook(server.root / name / "labelling.ipynb", cells, kernel)
        notebook = Notebook(context.new_page(), server, path, lab=lab)
        opened.append(notebook)
        return notebook.open()

    yield open_one
    keep(evidence, opened, failed=request.node.stash.get(FAILED, False))
    for notebook in opened:
        assert not notebook.watch.errors
        assert not notebook.watch.elsewhere


def keep(evidence: Path, notebooks: list[Notebook], *, failed: bool) -> None:
    """Keep what the pages and the server said, when a test failed or a page did."""
    for number, notebook in enumerate(notebooks):
        watch: Watch = notebook.watch
        if failed or watch.errors or watch.elsewhere:
            said = ["# errors", *watch.errors, "# asked elsewhere", *watch.elsewhere, "# console", *watch.console]
            (evidence / f"console-{number}.txt").write_text("\n".join(said), encoding="utf-8")
            shutil.copy(notebook.server.log, evidence / "server.log")


@pytest.fixture(scope="session")
def demo_address() -> Iterator[str]:
    """The page that shows the front end, built from its sources, with a kernel made of JavaScript."""
    build()
    with serve() as address:
        yield address


@pytest.fixture
def plain(context: BrowserContext, demo_address: str, evidence: Path) -> Iterator[Callable[..., PlainPage]]:
    """Return a function that opens the front end in a plain page, for what needs a browser and no notebook."""
    opened: list[PlainPage] = []

    def open_one(options: dict[str, object], **look: object) -> PlainPage:
        opened.append(PlainPage(context, demo_address, options, **look))
        return opened[-1]

    yield open_one
    del evidence
    for page in opened:
        assert not page.watch.errors
        assert not page.watch.elsewhere
