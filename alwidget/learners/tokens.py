"""Texts to token ids, once, and ids to padded batches that hold a bounded number of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Stop

__all__ = ["Tokeniser", "Tokens", "by_length", "one_line", "quiet_transformers", "token_batches"]

CHARS_A_TOKEN = 16
"""A text is cut to this many characters a token before it is tokenised; prose has four to six."""
CHUNK = 256
"""Texts tokenised in one call: some 10 ms, after which a stop is noticed."""
ENDLESS = 100_000
"""Tokenisers without a limit of their own say 10^30."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of n texts, one after the other.

    Attributes
    ----------
    ids
        int32, all texts together.
    offsets
        int64 (n + 1,): text i is ``ids[offsets[i]:offsets[i + 1]]``.
    types
        int8 like `ids`: which of the two texts of a pair a token is from; None where the model does not ask.
    pad
        The id that fills up a batch.
    """

    ids: np.ndarray
    offsets: np.ndarray
    types: np.ndarray | None
    pad: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Return the number of tokens of each text, int64 (n,)."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> Tokens:
        """Return some texts, in this order."""
        at = np.concatenate([np.arange(self.offsets[i], self.offsets[i + 1]) for i in rows] or [np.empty(0, np.int64)])
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(self.lengths[rows], out=offsets[1:])
        return Tokens(self.ids[at], offsets, None if self.types is None else self.types[at], self.pad)

    def padded(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return ``input_ids``, ``attention_mask`` (and ``token_type_ids``) of some texts, int64 (k, longest)."""
        lengths = self.lengths[rows]
        steps = np.arange(max(int(lengths.max(initial=0)), 1))
        mask = steps < lengths[:, None]
        if not len(self.ids):
            blank = np.full(mask.shape, self.pad, dtype=np.int64)
            return {"input_ids": blank, "attention_mask": mask.astype(np.int64)}
        at = np.minimum(self.offsets[rows][:, None] + steps, len(self.ids) - 1)
        out = {
            "input_ids": np.where(mask, self.ids[at], self.pad).astype(np.int64),
            "attention_mask": mask.astype(np.int64),
        }
        if self.types is not None:
            out["token_type_ids"] = np.where(mask, self.types[at], 0).astype(np.int64)
        return out


class Tokeniser:
    """The tokeniser of a model folder, with truncation at `max_length` tokens, special ones included.

    A text of 200,000 characters is not tokenised whole: it is cut to 16 characters a token first, and only where that
    turns out to hold fewer tokens than fit (a page of blanks) is a longer piece taken, up to the whole text. The
    tokens that are kept are those of the whole text, but for the last word where the cut went through it.

    Parameters
    ----------
    max_length, limit
        The longest text in tokens: what is wanted, and what the model can read.
    written
        Whether the texts are to be written by an encoder-decoder, which some encode in another way.
    """

    def __init__(
        self, folder: str | Path, *, max_length: int | None = None, limit: int = 512, written: bool = False
    ) -> None:
        from transformers import AutoTokenizer

        with quiet_transformers(), model_errors(folder):
            self.inner = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False, use_fast=True
            )
        own = int(min(self.inner.model_max_length, ENDLESS))
        self.max_length = max(8, min(max_length or own, own, limit))
        self.pad = next((i for i in (self.inner.pad_token_id, self.inner.eos_token_id) if i is not None), 0)
        self._written = written
        self._typed = "token_type_ids" in self.inner.model_input_names
        self._rust = getattr(self.inner, "backend_tokenizer", None) if self.inner.is_fast else None
        if self._rust is not None:
            self._rust.enable_truncation(max_length=self.max_length)
            self._rust.no_padding()

    def speak(self, source: str | None, target: str | None, label: str) -> None:
        """Choose the languages of a model of many; see `alwidget.learners.languages.speak`."""
        from alwidget.learners.languages import speak

        speak(self.inner, source, target, label)
        if self._written and hasattr(self.inner, "_switch_to_target_mode"):
            self.inner._switch_to_target_mode()  # noqa: SLF001  what text_target= calls, too, with each text

    def __call__(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, stop: Stop | None = None
    ) -> Tokens:
        """Return the tokens of the texts, or of the pairs of texts."""
        ids: list[np.ndarray] = []
        types: list[np.ndarray] = []
        keep_types = self._typed and pairs is not None
        for start in range(0, len(texts), CHUNK):
            if stop is not None:
                stop.check()
            first = list(texts[start : start + CHUNK])
            second = None if pairs is None else list(pairs[start : start + CHUNK])
            for found, kind in self._clipped(first, second):
                ids.append(np.asarray(found, dtype=np.int32))
                if keep_types:
                    types.append(np.asarray(kind, dtype=np.int8))
        offsets = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum([len(found) for found in ids], out=offsets[1:])
        flat = np.concatenate(ids) if ids else np.empty(0, dtype=np.int32)
        return Tokens(flat, offsets, np.concatenate(types) if types else None, self.pad)

    def _clipped(self, first: list[str], second: list[str] | None) -> list[tuple[Sequence[int], Sequence[int]]]:
        """Tokenise the beginning of each text; where that was too little of it, more."""
        size = CHARS_A_TOKEN * self.max_length
        found = self._encode([t[:size] for t in first], None if second is None else [t[:size] for t in second])
        longest = [max(len(t), len(second[i]) if second else 0) for i, t in enumerate(first)]
        while short := [i for i, row in enumerate(found) if longest[i] > size and len(row[0]) < self.max_length]:
            size *= 8
            again = self._encode(
                [first[i][:size] for i in short], None if second is None else [second[i][:size] for i in short]
            )
            for i, row in zip(short, again, strict=True):
                found[i] = row
        return found

    def _encode(self, first: list[str], second: list[str] | None) -> list[tuple[Sequence[int], Sequence[int]]]:
        try:
            return self._encode_valid(first, second)
        except (UnicodeEncodeError, TypeError):  # half a surrogate pair, as broken JSON holds them
            return self._encode_valid([_valid(t) for t in first], second and [_valid(t) for t in second])

    def _encode_valid(self, first: list[str], second: list[str] | None) -> list[tuple[Sequence[int], Sequence[int]]]:
        if self._rust is not None:
            # without a detour through the Python side; outside of the interpreter lock, in parallel
            batch = first if second is None else list(zip(first, second, strict=True))
            rows = self._rust.encode_batch_fast(batch)
            return [(row.ids, row.type_ids if second is not None else ()) for row in rows]
        texts = {"text_target": first} if self._written else {"text": first, "text_pair": second}
        out = self.inner(
            **texts,
            truncation=True,
            max_length=self.max_length,
            return_token_type_ids=self._typed and not self._written,
        )
        kinds = out.get("token_type_ids") or [()] * len(first)
        return list(zip(out["input_ids"], kinds, strict=True))


def by_length(lengths: np.ndarray) -> np.ndarray:
    """Return positions from the longest text to the shortest, so that the batch that needs most memory comes first."""
    return np.argsort(-lengths, kind="stable")


def token_batches(lengths: np.ndarray, budget: int, *, most: int = 1024) -> Iterator[np.ndarray]:
    """Yield positions, longest first, in batches of at most `budget` tokens with padding (but at least one text).

    >>> [batch.tolist() for batch in token_batches(np.array([3, 10, 4, 3]), 12)]
    [[1], [2, 0, 3]]
    """
    order = by_length(lengths)
    at = 0
    while at < len(order):
        size = min(max(1, budget // max(1, int(lengths[order[at]]))), most)
        yield order[at : at + size]
        at += size


def one_line(error: BaseException) -> str:
    """Return the first sentence of somebody else's error, for a status line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "…"  # noqa: PLR2004


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep load reports and progress bars of transformers off the user's notebook while a model loads."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def model_errors(folder: str | Path) -> Iterator[None]:
    """Turn whatever a stranger's checkpoint makes a library raise into a `ModelError` that names the folder."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except Exception as error:
        message = (
            f"The model in {folder} cannot be loaded: {one_line(error)} "
            "It must be a folder that transformers reads, with config.json, a tokeniser and weights as safetensors; "
            "models that bring code of their own are not run."
        )
        raise ModelError(message) from error


def _valid(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
