"""The command line: ``alwidget demo | export | check | distill | adapt | info``."""

from __future__ import annotations

from alwidget.cli.app import main

__all__ = ["main"]
