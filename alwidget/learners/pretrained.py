"""Vectors that no training changes, for learners that train their encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alwidget.learners.base import Batch, Progress, Stop

if TYPE_CHECKING:
    from alwidget.learners.frozen import FrozenEncoder

__all__ = ["WithPretrained"]


class WithPretrained:
    """Mix-in for learners that stand on a transformer's folder; they say which in `_masked_folder`.

    The checkpoint is loaded a second time, frozen and in the precision that suits the machine, when its vectors are
    first asked for. They are kept on disk by content, in the cache that ``"encoder:NAME"`` uses too.
    """

    _pretrained: FrozenEncoder | None = None
    _cache_dir: Path | None = None

    def _masked_folder(self) -> tuple[Path, str | None]:
        """Return the folder, and the device to run it on."""
        raise NotImplementedError

    def base_embed(
        self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None
    ) -> np.ndarray:
        """Return vectors of the checkpoint as it came, whatever was learned since, float32 (n, d).

        They are pooled as its sentence-transformers files ask for, else by the mean; of two texts that belong together
        as `alwidget.learners.pairs.pair_vectors` makes them.
        """
        if self._pretrained is None:
            from alwidget.learners.frozen import FrozenEncoder

            folder, device = self._masked_folder()
            self._pretrained = FrozenEncoder(folder, cache_dir=self._cache_dir, device=device)
        return self._pretrained.embed(documents, stop=stop, progress=progress)
