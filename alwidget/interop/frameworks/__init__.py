"""Strategies of small-text, scikit-activeml and modAL in alwidget, and those of alwidget in theirs."""

from __future__ import annotations

from alwidget.interop.frameworks.names import LIBRARIES, available, strategy_class
from alwidget.interop.frameworks.ours import to_modal, to_skactiveml, to_small_text

__all__ = ["LIBRARIES", "available", "strategy_class", "to_modal", "to_skactiveml", "to_small_text"]
