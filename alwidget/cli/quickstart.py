"""``alwidget demo``: the quickstart notebook in JupyterLab."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

from alwidget.errors import ArgumentError, MissingExtraError

__all__ = ["quickstart", "template"]

NAME = "01_quickstart.ipynb"


def quickstart(*, port: int | None = None, browser: bool = True) -> int:
    """Open JupyterLab on the quickstart notebook in the working directory, and stay until it ends.

    A notebook of that name that is there already is opened as it is; else a copy of the one that comes with alwidget
    is written.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        message = "JupyterLab is not installed. Install it with: pip install 'alwidget[lab]'"
        raise MissingExtraError(message)
    notebook = Path(NAME)
    if not notebook.exists():
        notebook.write_bytes(template())
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    if not browser or not _display():
        sys.stdout.write("Open the address below in a browser. Ctrl+C twice ends JupyterLab.\n")
        sys.stdout.flush()
        command.append("--no-browser")
    if port is not None:
        command.append(f"--port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return _become(command)


def _become(command: list[str]) -> int:
    """Run `command` in this process's place where that can be done, so that signals reach it as they are."""
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606  our own interpreter, and a fixed module
    return subprocess.run(command, check=False).returncode  # noqa: S603  the same


def template() -> bytes:
    """Return the quickstart notebook that comes with alwidget; in a checkout, the one of the checkout."""
    packaged = resources.files("alwidget") / "templates" / NAME
    if packaged.is_file():
        return packaged.read_bytes()
    checkout = Path(__file__).parents[2] / "notebooks" / NAME
    if checkout.is_file():
        return checkout.read_bytes()
    message = f"This installation of alwidget has no {NAME}; install alwidget again."
    raise ArgumentError(message)


def _display() -> bool:
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
