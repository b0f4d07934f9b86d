"""What every test may rely on: its own caches, the real corpora where they are, the order, hypothesis without a clock."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[1]
CACHES = pytest.StashKey[Path]()
ENVIRONMENT = dict(os.environ)
"""The environment as it was before the tests moved the caches; package installers want their own."""

# A slow machine is no reason for a test to fail.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_configure(config: pytest.Config) -> None:
    """Give this run caches of its own, also in the processes that it starts: tests neither read nor fill the user's."""
    caches = Path(tempfile.mkdtemp(prefix="alwidget-tests-"))
    config.stash[CACHES] = caches
    os.environ["XDG_CACHE_HOME"] = str(caches)
    playwright = Path(ENVIRONMENT.get("XDG_CACHE_HOME", Path.home() / ".cache"), "ms-playwright")
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(playwright))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the caches and leave the environment as it was."""
    shutil.rmtree(config.stash[CACHES], ignore_errors=True)
    os.environ.clear()
    os.environ.update(ENVIRONMENT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, the browser last: its driver keeps an event loop running in the main thread."""

    def cost(item: pytest.Item) -> int:
        return 2 * ("browser" in item.path.parts) + ("integration" in item.path.parts)

    items.sort(key=cost)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Return the folder of real corpora: ``$ALWIDGET_DATA``, else ``../shared/data`` beside the repository."""
    folder = Path(os.environ.get("ALWIDGET_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no corpora at {folder}; set ALWIDGET_DATA to the folder that has them")
    return folder


@pytest.fixture(scope="session")
def user_environment() -> dict[str, str]:
    """Return the environment that pytest was started in, for tests that call pip or npm."""
    return dict(ENVIRONMENT)
