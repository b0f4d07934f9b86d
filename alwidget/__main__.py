"""``python -m alwidget`` is the command line."""

from __future__ import annotations

from alwidget.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
