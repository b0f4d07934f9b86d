"""``alwidget distill`` and ``alwidget adapt``: models made before anybody labels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

__all__ = ["adapt", "distill"]


def distill(given: argparse.Namespace) -> int:
    """Make a student and say where it is and what it is worth."""
    from alwidget.reuse.distil import distill as make

    made = make(given.teacher, _pool(given), layers=given.layers, **_common(given))
    return _said(made)


def adapt(given: argparse.Namespace) -> int:
    """Let a model read the documents and say where it is and what that brought."""
    from alwidget.reuse.adapt import adapt as make

    return _said(make(given.model, _pool(given), **_common(given)))


def _pool(given: argparse.Namespace) -> Any:
    from alwidget.pool import Pool

    return Pool.load(Path(given.documents), text=given.text, progress=not given.quiet)


def _common(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "out": given.output,
        "epochs": given.epochs,
        "steps": given.steps,
        "seed": given.seed,
        "device": given.device,
        "resume": not given.fresh,
        "progress": not given.quiet,
    }


def _said(made: Any) -> int:
    sys.stdout.write(f"{made.summary()}\n{made.folder}\n")
    return 0
