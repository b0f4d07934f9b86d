"""What the stages write and read: plain JSON, Parquet and arrays; nothing in them is ever executed."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import StorageError
from alwidget.reuse.labelling import Said

if TYPE_CHECKING:
    import pandas as pd

    from alwidget.reuse.material import Material

__all__ = ["labels_of", "read_json", "read_labels", "read_said", "versions", "write_labels", "write_said"]

LABELS = "labels.parquet"
PACKAGES = ("alwidget", "torch", "transformers", "scikit-learn", "numpy")


def write_said(file: Path, said: Sequence[Said | None], ids: Sequence[str] | None = None) -> None:
    """Write what a model said of documents, with their ids where they have some."""
    import pandas as pd

    table = {
        "value": [None if one is None else json.dumps(one.value, ensure_ascii=False) for one in said],
        "confidence": [np.nan if one is None else one.confidence for one in said],
    }
    pd.DataFrame(table if ids is None else {"id": list(ids), **table}).to_parquet(file, index=False)


def read_said(file: Path) -> list[Said | None]:
    """Return what `write_said` wrote.

    Raises
    ------
    alwidget.errors.StorageError
        The file is not there or broken.
    """
    import pandas as pd

    try:
        table = pd.read_parquet(file)
        return [
            Said(json.loads(value), float(sure)) if isinstance(value, str) else None
            for value, sure in zip(table["value"].tolist(), table["confidence"], strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{file} cannot be read ({error}). Delete its folder; it is made again."
        raise StorageError(message) from error


def labels_of(
    material: Material, rest: np.ndarray, said: Sequence[Said], influence: np.ndarray, why: np.ndarray
) -> pd.DataFrame:
    """Return a row for every document that has a label, people's first."""
    import pandas as pd

    at, people = np.concatenate([material.people, rest]), len(material.answers)
    values = [*material.answers, *(one.value for one in said)]
    table: dict[str, Any] = {
        "id": [material.ids[i] for i in at],
        "text": [material.documents.texts[i] for i in at],
        material.task.key: values,
        "origin": ["human"] * people + ["dropped" if reason else "pseudo" for reason in why],
        "confidence": [np.nan] * people + [one.confidence for one in said],
        "influence": np.concatenate([np.full(people, np.nan), influence]),
        "why": [""] * people + list(why),
    }
    if material.documents.pairs is not None:
        table["text_pair"] = [material.documents.pairs[i] for i in at]
    if material.worded and material.documents.words is not None:
        texts, words = material.documents.texts, material.documents.words
        table["tokens"] = [[texts[i][start:end] for start, end in words[i]] for i in at]
    return pd.DataFrame(table)


def write_labels(folder: Path, labels: pd.DataFrame) -> None:
    """Write the labels as Parquet, and as JSON lines for people and other tools."""
    labels.to_parquet(folder / LABELS, index=False)
    labels.to_json(folder / "labels.jsonl", orient="records", lines=True, force_ascii=False)


def read_labels(folder: Path) -> pd.DataFrame:
    """Return what `write_labels` wrote; lists are lists again."""
    import pandas as pd

    table = pd.read_parquet(folder / LABELS)
    for name in ("labels", "spans", "tokens"):
        if name in table:
            table[name] = [_listed(value) for value in table[name]]
    return table


def read_json(file: Path) -> dict[str, Any]:
    """Return what is known of a stage.

    Raises
    ------
    alwidget.errors.StorageError
        The file is not there or broken.
    """
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        message = f"{file} cannot be read ({error}). Delete its folder; it is made again."
        raise StorageError(message) from error


def versions() -> dict[str, str]:
    """Return what this was made with."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # pragma: no cover  they are all installed with us
            continue
    return found


def _listed(value: Any) -> Any:
    return [dict(part) if isinstance(part, dict) else part for part in np.asarray(value).tolist()]
