"""Which Chromium the browser tests drive; run as a script it prints the path and fails where there is none."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> Path | None:
    """Return ``$ALWIDGET_CHROMIUM``, else the machine's own, else the one that Playwright installed, else None."""
    chosen = os.environ.get("ALWIDGET_CHROMIUM")
    if chosen:
        return Path(chosen)
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return Path(path)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def arguments() -> list[str]:
    """Return the command line: Chromium's sandbox does not work for root, so root runs without."""
    return [*ARGS, "--no-sandbox"] if os.geteuid() == 0 else list(ARGS)


if __name__ == "__main__":
    found = find()
    sys.stdout.write(f"{found or ''}\n")
    sys.exit(found is None)
