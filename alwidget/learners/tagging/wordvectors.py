"""A frozen encoder that gives every word of a document a vector, and the place where the vectors are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from alwidget.learners.base import Stop
from alwidget.learners.encoder import Encoder, folder_identity
from alwidget.learners.tagging.windows import WordTokeniser, flat_words

__all__ = ["WordEncoder", "word_keys"]

DEPTH = 2 / 3
"""How far up the layers the vectors are read. The last ones of sentence encoders know less about single words: with
the sixth of all-MiniLM-L6-v2 a head found entities with an F1 of 0.73 where it was 0.77 with the fourth."""
STRIDE = np.uint64(0x9E3779B97F4A7C15)


class WordEncoder(Encoder):
    """Words in, vectors out: the mean of a word's pieces, two thirds up the layers of the encoder.

    Layers above are not run, where the model lets itself be cut. Parameters are those of `Encoder`.
    """

    def load(self) -> None:
        """Load tokeniser and weights; idempotent."""
        if self.loaded:
            return
        super().load()
        self._by_word = WordTokeniser(self.folder, max_length=self.max_length, limit=self.max_length)

    @property
    def identity(self) -> str:
        """What the vectors depend on: weights, tokeniser, layer, length, precision."""
        self.load()
        return f"{folder_identity(self.folder)} words layer {self.layer} {self.max_length} {self.dtype}"

    def encode_words(
        self, texts: Sequence[str], words: Sequence[np.ndarray], *, stop: Stop | None = None
    ) -> np.ndarray:
        """Return a vector for each word, one document after the other, float32 (sum L, dim).

        A word that the tokeniser makes nothing of has a vector of zeros. `stop` is looked at before every batch.
        """
        import torch

        self.load()
        pieces = self._by_word.pieces(texts, words, stop=stop)
        windows = self._by_word.windows(pieces)
        out = np.zeros((int(pieces.words[-1]), self.dim), dtype=np.float32)
        for rows in windows.batches(self._budget or 1):
            if stop is not None:
                stop.check()
            at, which = windows.at(rows)
            if not len(at):
                continue
            batch = windows.tokens.padded(rows)
            flat, begins = flat_words(which, windows.firsts[at], windows.ends[at], batch["input_ids"].shape[1])
            with self._inference(batch):
                hidden = self._hidden(self._model, batch, torch)
                states = hidden.reshape(-1, self.dim)[torch.from_numpy(flat).to(hidden.device)].float().cpu().numpy()
            counts = (windows.ends[at] - windows.firsts[at])[:, None]
            out[windows.order[at]] = np.add.reduceat(states, begins, axis=0) / counts
        return out

    def _read(self) -> tuple[Any, int]:
        model, limit = super()._read()
        layers = int(getattr(model.config, "num_hidden_layers", 0) or 1)
        self.layer = max(1, round(DEPTH * layers))
        self._is_cut = _cut(model, self.layer, layers)
        return model, limit

    def _states(self, model: Any, tensors: dict[str, Any]) -> Any:
        if self._is_cut:
            return model(**tensors).last_hidden_state
        return model(**tensors, output_hidden_states=True).hidden_states[self.layer]


def word_keys(keys: Sequence[bytes], words: Sequence[np.ndarray]) -> np.ndarray:
    """Return a key for each word of some documents, uint64 (sum L, 2): from content, words and position."""
    out = []
    for key, bounds in zip(keys, words, strict=True):
        where = np.ascontiguousarray(bounds, dtype="<i4").tobytes()
        high, low = np.frombuffer(hashlib.blake2b(where, key=key[:64], digest_size=16).digest(), dtype="<u8")
        steps = np.arange(len(bounds), dtype=np.uint64) * STRIDE + high  # wraps around
        out.append(np.column_stack([steps, np.full(len(bounds), low, dtype=np.uint64)]))
    return np.concatenate(out) if out else np.empty((0, 2), dtype=np.uint64)


def _cut(model: Any, keep: int, layers: int) -> bool:
    """Remove the layers above `keep` and return True, if what is left gives the states that these layers would see."""
    import torch

    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if isinstance(child, torch.nn.ModuleList) and len(child) == layers
    ]
    if len(found) != 1 or keep == layers:
        return False
    parent, name, whole = found[0]
    ids = torch.arange(1, 17)[None] % int(model.config.vocab_size)
    with torch.inference_mode():
        wanted = model(input_ids=ids, output_hidden_states=True).hidden_states[keep]
        setattr(parent, name, whole[:keep])
        try:
            same = torch.allclose(model(input_ids=ids).last_hidden_state, wanted, atol=1e-4, rtol=1e-3)
        except (RuntimeError, IndexError, AttributeError, TypeError):  # a model that counts on all of its layers
            same = False
    if not same:
        setattr(parent, name, whole)
    return same
