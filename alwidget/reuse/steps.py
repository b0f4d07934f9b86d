"""Steps that are done once: each has a folder, which is finished or not, and belongs to what it was made from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alwidget.errors import StorageError

__all__ = ["Steps", "digest"]

DONE = "done.json"
FORMAT = "alwidget-plasm/1"


def digest(about: Any) -> str:
    """Return a digest of plain JSON.

    >>> digest({"a": 1}) == digest({"a": 1}), digest({"a": 1}) == digest({"a": 2})
    (True, False)
    """
    text = json.dumps(about, ensure_ascii=False, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Steps:
    """The steps of a run in one folder; what is there and was made from the same is not made again.

    A step is made in a folder of another name and renamed when it is whole, so that a run that was killed finds it
    finished or not at all.

    Parameters
    ----------
    folder
        Where the steps are.
    told
        Called with the name of a step and ``"there"`` or ``"making"``.
    """

    def __init__(self, folder: Path, told: Callable[[str, str], None] | None = None) -> None:
        self.folder = folder
        self._told = told or (lambda *_: None)
        self.reused: list[str] = []

    def step(self, name: str, made_from: Any, make: Callable[[Path], None]) -> Path:
        """Return the folder of a step, made now if it is not there or was made from something else.

        Parameters
        ----------
        name
            The name of the step and of its folder.
        made_from
            All that its result depends on, plain JSON.
        make
            Writes the result into the folder that it is given.

        Raises
        ------
        alwidget.errors.StorageError
            The folder cannot be written.
        """
        wanted, place = digest(made_from), self.folder / name
        if self._made_from(place) == wanted:
            self._told(name, "there")
            self.reused.append(name)
            return place
        if place.exists() and self._made_from(place) is None:
            message = f"{place} is in the way and was not made here; move it, or name another folder with out=."
            raise StorageError(message)
        self._told(name, "making")
        fresh, old = self.folder / f".{name}.making", self.folder / f".{name}.old"
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            make(fresh)
            about = {"format": FORMAT, "made_from": wanted}
            (fresh / DONE).write_text(json.dumps(about), encoding="utf-8")
            shutil.rmtree(old, ignore_errors=True)
            if place.exists():
                place.rename(old)  # at once, so that what is half deleted never lies where a step belongs
            fresh.rename(place)
            shutil.rmtree(old, ignore_errors=True)
        except StorageError:
            raise
        except OSError as error:
            message = f"{place} cannot be written: {error.strerror or error}. Name another folder with out=."
            raise StorageError(message) from error
        return place

    @staticmethod
    def _made_from(place: Path) -> str | None:
        """Return the digest of what a step was made from; None where no step is."""
        try:
            about = json.loads((place / DONE).read_text(encoding="utf-8"))
            return str(about["made_from"]) if about["format"] == FORMAT else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
