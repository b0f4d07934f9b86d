"""``alwidget export`` and ``alwidget check``: what can be done with a session's directory without its documents."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alwidget.errors import SessionError

__all__ = ["check", "export"]


def export(given: argparse.Namespace) -> int:
    """Write a session's annotations to a file."""
    raise NotImplementedError


def check(given: argparse.Namespace) -> int:
    """Verify a session's files; 0 if all is well or everything was repaired."""
    raise NotImplementedError
