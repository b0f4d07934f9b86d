"""What learners share around their models: loading them while somebody watches, and the JSON beside their weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alwidget.errors import ModelError
from alwidget.learners.base import Progress, Stop

__all__ = ["device_or_best", "loading", "reading", "write_json"]


@contextmanager
def loading(label: str, stop: Stop | None, progress: Progress | None) -> Iterator[None]:
    """Say that a model is being loaded and that it is loaded; raise `Cancelled` where a stop was asked for before."""
    if progress is not None:
        progress(f"loading {label}", 0, 1)
    if stop is not None:
        stop.check()
    yield
    if progress is not None:
        progress(f"loading {label}", 1, 1)


def device_or_best(device: str | None) -> str:
    """Return the device that was named, else a GPU if there is one."""
    import torch

    return device or ("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a checkpoint in `path` into a `ModelError` that names it."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        message = f"The checkpoint in {path} cannot be read: {error}"
        raise ModelError(message) from error


def write_json(file: Path, about: Mapping[str, Any]) -> None:
    """Write what is known of a checkpoint beside its weights, for people to read too."""
    file.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
