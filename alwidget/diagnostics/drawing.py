"""What all pictures of the diagnostics share: no pyplot, no state, one look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alwidget.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "SOFT", "STRONG", "canvas"]

SOFT, STRONG = "#9aa5b1", "#3b6fb6"
COLOURS = {"easy": "#3b8f6f", "medium": "#3b6fb6", "hard": "#d98e32", "impossible": "#b83b4b"}


def canvas(columns: int = 1, *, width: float = 4.6, height: float = 3.6) -> tuple[Figure, list[Any]]:
    """Return a figure with so many axes beside one another.

    Raises
    ------
    alwidget.errors.MissingExtraError
        There is no matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = 'Plots need matplotlib: pip install "alwidget[plots]".'
        raise MissingExtraError(message) from error
    figure = Figure(figsize=(width * columns, height), layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes
