"""``alwidget bench``: a benchmark from a file or from flags, and its summary."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any

from alwidget.bench.config import read_config
from alwidget.bench.results import Results
from alwidget.bench.run import benchmark
from alwidget.errors import ArgumentError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bench", "table"]

FLAGS = {
    "data": "datasets",
    "strategy": "strategies",
    "subsample": "subsamplers",
    "model": "model",
    "seeds": "seeds",
    "rounds": "rounds",
    "batch_size": "batch_size",
    "initial": "initial",
    "executor": "executor",
    "workers": "workers",
    "threads": "threads",
    "output": "out",
}
"""Flag to argument of `alwidget.benchmark`; a flag goes before what the file says."""


def bench(given: argparse.Namespace) -> int:
    """Run a benchmark and print what came of it; 1 where a cell failed."""
    asked: dict[str, Any] = read_config(given.config) if given.config else {}
    asked.update({name: value for flag, name in FLAGS.items() if (value := getattr(given, flag)) is not None})
    if given.task is not None:
        asked["datasets"] = [
            {**each, "task": given.task} if isinstance(each, dict) else {"data": each, "task": given.task}
            for each in asked.get("datasets", [])
        ]
    if given.no_full:
        asked["full"] = False
    for name, flag in (("datasets", "--data"), ("out", "-o")):
        if not asked.get(name):
            message = f"There is no {name}: give {flag}, or a file that has it."
            raise ArgumentError(message)
    results = benchmark(**asked, resume=given.resume, progress=not given.quiet)
    failures = results.failures
    if len(failures) < len(results.cells):
        results.save(results.path / "tables")
    done = results.cells[(results.cells["state"] == "done") & (results.cells["kind"] == "curve")]
    if len(done):
        page = results.to_html(results.path / "report.html")
        sys.stdout.write(
            f"{table(results)}\n\nThe report is {page}; everything raw is in {results.path / 'tables'}.\n"
        )
    for line in results.warnings:
        sys.stderr.write(f"alwidget bench: {line}\n")
    for name, error in failures.items():
        sys.stderr.write(f"alwidget bench: failed: {name}: {error}\n")
    return 1 if failures else 0


def table(results: Results) -> str:
    """Return the summary in letters: scores with their intervals, and the gain over random."""
    summary = results.summary()
    rows = [["dataset", "model", "strategy", "seeds", "labels", "final", "AULC", "gain over random", "s/round"]]
    rows += [_row(row, summary) for row in summary.to_dict("records")]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    texts = 3
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < texts else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(row: dict[str, Any], summary: pd.DataFrame) -> list[str]:
    several = len(summary["subsample"].unique()) > 1
    strategy = f"{row['strategy']} ({row['subsample']})" if several else str(row["strategy"])
    seconds = row["training"] + row["inference"] + row["selection"]
    return [
        str(row["dataset"]),
        str(row["model"]),
        strategy,
        str(row["seeds"]),
        f"{row['labels']:,}",
        _pm(row["final"], row["final_half"]),
        _pm(row["aulc"], row["aulc_half"]),
        _gain(row),
        f"{seconds:.2f}",
    ]


def _pm(mean: float, half: float) -> str:
    return f"{100 * mean:.1f}" + (f" ± {100 * half:.1f}" if math.isfinite(half) else "")


def _gain(row: dict[str, Any]) -> str:
    gain, low, high = (row.get(name, float("nan")) for name in ("gain", "gain_low", "gain_high"))
    if not math.isfinite(gain):
        return ""
    return f"{100 * gain:+.1f}" + (f" ({100 * low:+.1f} … {100 * high:+.1f})" if math.isfinite(low) else "")
