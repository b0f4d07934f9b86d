"""The command line: ``alwidget demo | export | check | info``."""

from __future__ import annotations

from alwidget.cli.app import main

__all__ = ["main"]
