"""What a reader should know of a run before believing its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alwidget.bench.cells import CURVE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["warnings_of"]

SEEDS = 5
"""What the field has come to expect."""


def warnings_of(plan: dict[str, Any], cells: pd.DataFrame) -> list[str]:
    """Return what is to be said of the data, of cells that are missing, of the machines, of too few seeds."""
    found = [f"{name}: {note}" for name, about in plan["datasets"].items() for note in about["notes"]]
    states = list(cells["state"])
    counts = {state: states.count(state) for state in ("failed", "missing")}
    found += [f"{count} of {len(states)} cells are {state}." for state, count in counts.items() if count]
    seeds = len(plan["asked"]["seeds"])
    if seeds < SEEDS:
        found.append(f"{seeds} seeds are few: intervals are wide, or there are none. Take {SEEDS}.")
    done = cells[cells["state"] == "done"]
    if not len(done):
        return found
    differ = [what for what in ("versions", "machine") if len(done[what].unique()) > 1]
    found += [f"Cells were run with different {what}; their seconds are not to be compared." for what in differ]
    asked = done[done["kind"] == CURVE]
    for name, mine in asked.groupby("strategy", sort=False):
        # before there are labels nearly every strategy lacks a model: the first batch of each cell is no news
        rounds = int((mine["fallbacks"] - 1).clip(lower=0).sum())
        if rounds:
            found.append(f"{name}: random stood in for it in {rounds} rounds after the first, all cells together.")
    return found
