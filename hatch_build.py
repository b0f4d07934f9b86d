"""Build hook: puts the built front end into the distributions."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = ("widget.js", "widget.css")
TAIL = 2000


class FrontEndHook(BuildHookInterface):
    """Run ``npm ci && npm run build`` in ``js/`` when the bundle is not there yet.

    An editable install is left alone: it needs no bundle to be installed, and ``make setup`` builds one.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle if this distribution needs it and it is missing."""
        del build_data
        if version == "editable":
            return
        root = Path(self.root)
        static = root / "alwidget" / "widget" / "static"
        if all((static / name).is_file() for name in BUNDLE):
            return
        npm = shutil.which("npm")
        if npm is None:
            message = (
                "alwidget's front end is not built and npm was not found to build it. Install Node 20 or newer "
                "(https://nodejs.org, or your system's packages nodejs and npm) and try again, or install alwidget "
                "from a wheel, which has the front end in it and needs no Node."
            )
            raise RuntimeError(message)
        for command in (["ci"], ["run", "build"]):
            self.app.display_info(f"Building the front end: npm {' '.join(command)}")
            run = subprocess.run([npm, *command], cwd=root / "js", capture_output=True, text=True, check=False)
            if run.returncode:
                message = (
                    f"'npm {' '.join(command)}' failed in {root / 'js'} (exit {run.returncode}); it needs Node 20 or "
                    f"newer. Its output ends with:\n{(run.stdout + run.stderr)[-TAIL:]}"
                )
                raise RuntimeError(message)
        missing = [name for name in BUNDLE if not (static / name).is_file()]
        if missing:
            message = f"'npm run build' succeeded but did not write {', '.join(missing)} to {static}."
            raise RuntimeError(message)
