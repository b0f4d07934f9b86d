"""The corpora on disk: built once for each set of library versions, then read back."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["Records", "all_text", "cached", "folder"]

Records = list[dict[str, Any]]

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn")
RECIPE = 1
"""Counts the ways of building a corpus; a corpus that was built in another way is never read back."""


def folder() -> Path:
    """Return the folder of the corpora in the user's cache; it need not be there."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("alwidget")) / "datasets"


def all_text(record: dict[str, Any]) -> bool:
    """Return whether a record holds nothing but strings."""
    return all(isinstance(value, str) for value in record.values())


def cached(
    name: str,
    build: Callable[[], Records],
    *,
    whole: Callable[[dict[str, Any]], bool] = all_text,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Records:
    """Return the corpus called `name`, read from the cache or built and written there.

    A cache that cannot be read, or with a record that is not `whole`, is built again, and one that cannot be written
    is done without: a cache only saves seconds.
    """
    path = Path(cache_dir if cache_dir is not None else folder()) / f"{name}-{_fingerprint()}.json"
    records = _read(path, whole)
    if records is None:
        records = build()
        _write(path, records)
    return records


def _fingerprint() -> str:
    parts = [f"recipe {RECIPE}"]
    for library in LIBRARIES:
        try:
            parts.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            parts.append(f"{library} missing")
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _read(path: Path, whole: Callable[[dict[str, Any]], bool]) -> Records | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, list) or not found:
        return None
    return found if all(isinstance(row, dict) and whole(row) for row in found) else None


def _write(path: Path, records: Records) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError:
        return
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(records, file, ensure_ascii=False, indent=0)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
