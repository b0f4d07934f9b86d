"""The form that every benchmark's numbers take: rows of what, wanted and measured, with the machine named."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "pyarrow", "ipykernel", "jupyterlab")


@dataclass(frozen=True)
class Row:
    """One measurement: what, what was wanted, what was seen, and whether it holds (None: nothing was wanted)."""

    what: str
    measured: str
    wanted: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Result:
    """The rows of one benchmark with the machine they were seen on."""

    name: str
    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    machine: dict[str, str] = field(default_factory=dict)
    when: str = ""


def machine() -> dict[str, str]:
    """Return what the numbers depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {number}" for name, number in versions.items()),
    }


def emit(name: str, title: str, rows: list[Row], notes: list[str] | None = None) -> Result:
    """Print the rows as a table and as JSON, and keep them in ``benchmarks/results``."""
    result = Result(name, title, rows, notes or [], machine(), datetime.now(UTC).strftime("%Y-%m-%d"))
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(table(result) + "\n" + text + "\n")
    return result


def table(result: Result) -> str:
    """Return the rows as a Markdown table with its notes."""
    lines = [f"## {result.title}", "", "| what | wanted | measured | |", "| --- | --- | --- | --- |"]
    marks = {True: "holds", False: "**falls short**", None: ""}
    lines += [f"| {row.what} | {row.wanted} | {row.measured} | {marks[row.holds]} |" for row in result.rows]
    lines += ["", *[f"- {note}" for note in result.notes]]
    return "\n".join(lines).rstrip() + "\n"


def _processor() -> str:
    try:
        out = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, timeout=5).stdout
        for line in out.splitlines():
            if line.startswith("Model name:"):
                return line.partition(":")[2].strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return platform.processor() or platform.machine()
