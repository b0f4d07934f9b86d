"""The documents: read from whatever holds them, with ids and content hashes that outlive order and format."""

from __future__ import annotations

from alwidget.pool.identity import content_hash
from alwidget.pool.pool import Document, Ids, Pool
from alwidget.pool.problems import Problem

__all__ = ["Document", "Ids", "Pool", "Problem", "content_hash"]
