"""The room of the widget: the message protocol, its handler, the sender, and the anywidget class.

`alwidget.widget.widget` is left out here on purpose: it imports anywidget, which only a notebook needs.
"""

from __future__ import annotations

from alwidget.widget import protocol

__all__ = ["protocol"]
