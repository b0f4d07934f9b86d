"""Corpora that are on every machine, with gold labels, so that everything runs with nothing downloaded.

>>> from alwidget import datasets
>>> sorted(datasets.available())
['docstrings']
"""

from __future__ import annotations

from alwidget.datasets.docstrings import available, docstrings, labels

__all__ = ["available", "docstrings", "labels"]
