"""Learning curves, drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.bench.statistics import mean_interval
from alwidget.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from alwidget.bench.results import Results

__all__ = ["plot"]

COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#b07aa1",
    "#9c755f",
    "#76b7b2",
    "#edc948",
    "#ff9da7",
    "#79706e",
)
DASHES = ("-", "--", ":", "-.")
ACROSS = 3


def plot(results: Results, *, confidence: float = 0.95, by: str = "labelled") -> Figure:
    """Return the figure of `Results.plot`."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = 'plot needs matplotlib: pip install "alwidget[plots]".'
        raise MissingExtraError(message) from error

    curves = results.curves
    settings = ["dataset", "model", "subsample"]
    panels = list(curves.groupby(settings, sort=False))
    across = min(len(panels), ACROSS) or 1
    down = -(-len(panels) // across) or 1
    figure = Figure(figsize=(4.6 * across, 3.4 * down), layout="constrained")
    several = [name for name in settings if len(curves[name].unique()) > 1] if len(curves) else []
    styles = {name: _style(at) for at, name in enumerate(dict.fromkeys(curves["strategy"]))} if len(curves) else {}
    lines: dict[str, Any] = {}
    for at, (names, panel) in enumerate(panels, start=1):
        axes = figure.add_subplot(down, across, at)
        shown = dict(zip(settings, names, strict=True))
        for strategy, mine in panel.groupby("strategy", sort=False):
            x, mean, half = _band(mine, by, confidence)
            (line,) = axes.plot(x, mean, **styles[strategy])
            axes.fill_between(x, mean - half, mean + half, color=line.get_color(), alpha=0.15, linewidth=0)
            lines.setdefault(_plain(strategy), line)
        full = results.full
        if len(full):
            mine = full[(full["dataset"] == shown["dataset"]) & (full["model"] == shown["model"])]
            if len(mine):
                lines.setdefault("all labels", axes.axhline(mine["score"].mean(), color="0.6", linewidth=1))
        axes.set_title(_plain(" · ".join(str(shown[name]) for name in several or ["dataset"])), fontsize=10)
        axes.set_xlabel("labels" if by == "labelled" else by)
        axes.set_ylabel(results.plan["datasets"][shown["dataset"]]["measure"][0])
        axes.grid(alpha=0.25)
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _band(curves: pd.DataFrame, by: str, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean curve over the seeds, by round, and the half widths of its intervals (0 for one seed)."""
    rows = list(_rounds(curves, by, confidence))
    x, mean, half = (np.array(column) for column in zip(*rows, strict=True))
    return x, mean, half


def _rounds(curves: pd.DataFrame, by: str, confidence: float) -> Iterator[tuple[float, float, float]]:
    for _, at in curves.groupby("round"):
        found = mean_interval(at["score"].to_numpy(), confidence)
        yield float(at[by].mean()), found.mean, 0.0 if np.isnan(found.half) else found.half


def _style(at: int) -> dict[str, Any]:
    return {
        "color": COLOURS[at % len(COLOURS)],
        "linestyle": DASHES[at // len(COLOURS) % len(DASHES)],
        "linewidth": 1.6,
        "marker": "o",
        "markersize": 2.5,
    }


def _plain(text: Any) -> str:
    """Return text that is drawn as it is: matplotlib would read dollars as mathematics."""
    return str(text).replace("$", r"\$")
