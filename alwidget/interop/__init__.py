"""Annotations out of alwidget, into the formats that other tools read."""

from __future__ import annotations

from alwidget.interop.exporting import export
from alwidget.interop.formats import available
from alwidget.interop.frames import to_dataset, to_pandas
from alwidget.interop.reading import read

__all__ = ["available", "export", "read", "to_dataset", "to_pandas"]
