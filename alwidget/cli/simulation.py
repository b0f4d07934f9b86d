"""``alwidget demo --simulate``: the demonstration, and its learning curves in letters."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from alwidget.demo import MODEL, Demo, run
from alwidget.oracle import MEASURES, Curve

__all__ = ["chart", "simulate", "table"]


def simulate(given: argparse.Namespace) -> int:
    """Run the demonstration and print what came of it."""
    path = (
        Path(given.output)
        if given.output
        else _free("docstrings" if given.task == "classification" else f"docstrings-{given.task}")
    )
    demo = run(
        path,
        task=given.task,
        rounds=given.rounds,
        batch_size=given.batch_size,
        n=given.n,
        strategy=given.strategy,
        model=given.model,
        seed=given.seed,
        baseline=not given.no_baseline,
    )
    sys.stdout.write(report(demo))
    return 0


def _free(name: str) -> Path:
    """Return ``NAME.alw``, or ``NAME-2.alw`` and so on if that is taken: nothing that was labelled is written over."""
    return next(path for i in count(1) if not (path := Path(f"{name}.alw" if i == 1 else f"{name}-{i}.alw")).exists())


def report(demo: Demo) -> str:
    """Return the curves as a table and a chart, what they mean, and where the session is."""
    measure = MEASURES[demo.task]
    parts = [
        f"{demo.model}, {demo.pool:,} documents to choose from, {measure.name} on {demo.test:,} others",
        "" if demo.answers == MODEL else f"This model does not write; measured is the answer to {demo.answers}.",
        table(demo.curves, measure.name, measure.beside),
        chart(demo.curves),
        _comparison(demo.curves),
        f"The session is in {demo.path}; its labels are in {demo.path / 'annotations.json'}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(curves: Sequence[Curve], name: str = "accuracy", beside: str = "macro F1") -> str:
    """Return the score (and the other beside it) by the number of labels, a column for each curve."""
    names = [curve.strategy for curve in curves]
    width = max(16, *(len(name) + 2 for name in names))
    lines = ["labels" + "".join(f"{name:>{width}}" for name in names) + ("     gain" if len(curves) > 1 else "")]
    for points in zip(*(curve.points for curve in curves), strict=False):
        cells = "".join(f"{f'{p.score:.1%} ({p.beside:.2f})':>{width}}" for p in points)
        gain = f"{100 * (points[0].score - points[1].score):>+9.1f}" if len(points) > 1 else ""
        lines.append(f"{points[0].labelled:>6}{cells}{gain}")
    means = "".join(f"{f'{curve.area:.1%}':>{width}}" for curve in curves)
    gain = f"{100 * (curves[0].area - curves[1].area):>+9.1f}" if len(curves) > 1 else ""
    return "\n".join([*lines, f"{'mean':>6}{means}{gain}", f"{name} ({beside})"])


def chart(curves: Sequence[Curve], *, height: int = 12, spacing: int = 5) -> str:
    """Return the scores drawn in letters: ``*`` is the first curve, ``o`` the second, ``@`` both in one place."""
    values = [point.score for curve in curves for point in curve.points]
    low, high = min(values), max(values)
    span = max(high - low, 1e-9)
    columns = len(curves[0].points)
    grid = [[" "] * (columns * spacing) for _ in range(height)]
    for mark, curve in reversed(list(zip("*o", curves, strict=False))):
        for x, point in enumerate(curve.points):
            row = height - 1 - round((point.score - low) / span * (height - 1))
            at = x * spacing + spacing // 2
            grid[row][at] = mark if grid[row][at] == " " else "@"
    lines = []
    for y, row_cells in enumerate(grid):
        value = high - span * y / (height - 1)
        named = f"{value:>6.0%} |" if y in (0, height // 2, height - 1) else "       |"
        lines.append((named + "".join(row_cells)).rstrip())
    axis = "".join(f"{point.labelled:^{spacing}}" for point in curves[0].points).rstrip()
    legend = "   ".join(f"{mark} {curve.strategy}" for mark, curve in zip("*o", curves, strict=False))
    return "\n".join([*lines, "       +" + "-" * (columns * spacing), "        " + axis, "        labels   " + legend])


def _comparison(curves: Sequence[Curve]) -> str:
    if len(curves) != 2:  # noqa: PLR2004  the strategy and the baseline
        return ""
    chosen, chance = curves
    goal = chance.points[-1].score
    needed = chosen.labels_to(goal)
    budget = chance.points[-1].labelled
    if needed is None:
        return f"{chance.strategy} ends at {goal:.1%} with {budget} labels, which {chosen.strategy} did not reach."
    return (
        f"{chance.strategy} ends at {goal:.1%} with {budget} labels; "
        f"{chosen.strategy} was there with {needed} ({needed / budget:.0%})."
    )
