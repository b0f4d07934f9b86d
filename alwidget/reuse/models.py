"""Models to train without labels: found by name, loaded with or without their head over the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ArgumentError, ModelError
from alwidget.learners.base import Progress, Stop
from alwidget.learners.tokens import Tokeniser, model_errors, quiet_transformers

if TYPE_CHECKING:
    from alwidget.learners.pooling import Pooling

__all__ = ["Given", "Words", "find", "read_given", "reader_of", "without_words", "words_of"]

LENGTH = 256
FROM_ONE_PAST_PADDING = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Their positions begin after the padding's."""


@dataclass(frozen=True, slots=True)
class Given:
    """A model as it was found: what it is called, and its folder."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Words:
    """What a tokeniser says of its words: ids that stand for no text (int64), the mask, and how many ids there are."""

    special: np.ndarray
    mask: int | None
    count: int


def find(model: Any, *, stop: Stop | None = None, progress: Progress | None = None) -> Given:
    """Return the folder of a model: a hub name, a path, ``"encoder:NAME"`` or ``"finetune:NAME"``.

    Raises
    ------
    alwidget.errors.ArgumentError
        It is no such name.
    alwidget.errors.ModelError
        It is not on this machine and cannot be fetched.
    """
    from alwidget.learners.auto import locate
    from alwidget.learners.names import read_name

    wanted = read_name(str(model))
    if wanted.kind not in {"encoder", "finetune", "any"}:
        message = f'"{model}" is no pretrained transformer; give a hub name, a path or "encoder:NAME".'
        raise ArgumentError(message)
    if wanted.folder is not None:
        return Given(wanted.name, wanted.folder)
    return Given(wanted.name, locate(wanted.name, stop=stop, progress=progress))


def read_given(folder: Path) -> tuple[Any, bool]:
    """Return a model in single precision on the CPU, and whether it has a head over its vocabulary.

    Without one it is the encoder alone, whose output is ``last_hidden_state``.
    """
    import torch
    from transformers import AutoModel

    from alwidget.learners.surprisal import NoMaskedHeadError, masked_model

    try:
        return masked_model(folder), True
    except NoMaskedHeadError:
        pass
    with quiet_transformers(), model_errors(folder), torch.random.fork_rng(devices=[]):
        model = AutoModel.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
    if getattr(model.config, "is_encoder_decoder", False) or not hasattr(model.config, "hidden_size"):
        message = f"{folder.name} is a {model.config.model_type}; only encoders can be trained without labels here."
        raise ModelError(message)
    return model.to(torch.float32).eval().requires_grad_(requires_grad=False), False


def reader_of(folder: Path, model: Any, pooling: Pooling, max_length: int | None) -> Tokeniser:
    """Return the tokeniser, cut to the length at which the model reads texts in a session."""
    positions = int(getattr(model.config, "max_position_embeddings", 0) or 512)
    positions -= 2 * (model.config.model_type in FROM_ONE_PAST_PADDING)
    return Tokeniser(folder, max_length=max_length or pooling.max_length or LENGTH, limit=positions)


def words_of(tokenise: Tokeniser) -> Words:
    """Return what the tokeniser says of its words; an unknown word is text."""
    inner = tokenise.inner
    special = np.array(sorted(set(inner.all_special_ids) - {inner.unk_token_id}), dtype=np.int64)
    return Words(special, inner.mask_token_id, len(inner))


def without_words(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parameters by name, but for the vectors of the words, whether used to read or to write."""
    words = {id(p) for p in model.get_input_embeddings().parameters()}
    for name, parameter in model.named_parameters():
        if id(parameter) not in words:
            yield name, parameter
