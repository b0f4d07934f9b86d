"""A student before any training: its teacher with some of the layers, and a folder that every library loads."""

from __future__ import annotations

import json
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.errors import ArgumentError, ModelError
from alwidget.reuse.models import read_given

__all__ = ["check_same_words", "kept_layers", "layers_of", "save_model", "shortened"]

TOKENISER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "bpe.codes",
    "*.model",
)
SENTENCES = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json")
OF_A_MODULE = ("*.json", "*.safetensors")


def kept_layers(teacher: int, student: int) -> tuple[int, ...]:
    """Return which of a teacher's layers a student keeps: evenly spaced, from the first to the last.

    >>> kept_layers(12, 6)  # those of DistilBERT
    (0, 2, 4, 7, 9, 11)
    >>> kept_layers(6, 3), kept_layers(6, 1)
    ((0, 2, 5), (5,))
    """
    if not 0 < student < teacher:
        message = f"layers={student}: a student has at least 1 layer and fewer than its teacher, which has {teacher}."
        raise ArgumentError(message)
    if student == 1:
        return (teacher - 1,)
    return tuple(np.linspace(0, teacher - 1, student).round().astype(int).tolist())


def layers_of(model: Any) -> list[str]:
    """Return where the layers of an encoder are: names of the lists that have one entry a layer.

    Raises
    ------
    alwidget.errors.ModelError
        There are none, as where all layers share their weights.
    """
    from torch.nn import ModuleList

    count = int(getattr(model.config, "num_hidden_layers", 0))
    found: list[str] = []
    for name, module in model.base_model.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        if isinstance(module, ModuleList) and len(module) == count > 0 and not inside:
            found.append(name)
    if not found:
        message = f"A {model.config.model_type} has no list of layers of which a student could keep some."
        raise ModelError(message)
    return found


def shortened(folder: Path, layers: int) -> tuple[Any, tuple[int, ...]]:
    """Return the model of a folder with so many of its layers, and which these are."""
    from torch.nn import ModuleList

    model, _ = read_given(folder)
    names = layers_of(model)
    kept = kept_layers(int(model.config.num_hidden_layers), layers)
    for name in names:
        outer, _, last = name.rpartition(".")
        parent = model.base_model.get_submodule(outer)
        whole = getattr(parent, last)
        setattr(parent, last, ModuleList([whole[i] for i in kept]))
    model.config.num_hidden_layers = len(kept)
    kinds = getattr(model.config, "layer_types", None)
    if isinstance(kinds, list):
        model.config.layer_types = [kinds[i] for i in kept]
    return model, kept


def check_same_words(teacher: Path, student: Path) -> None:
    """Raise `ModelError` where two models do not read the same words: then nothing can be compared word by word."""
    from transformers import AutoTokenizer

    both = [
        AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False).get_vocab()
        for folder in (teacher, student)
    ]
    if both[0] != both[1]:
        message = (
            f"{student.name} and {teacher.name} have different tokenisers ({len(both[1]):,} and {len(both[0]):,} "
            "tokens), so one cannot be told what the other makes of each token."
        )
        raise ModelError(message)


def save_model(model: Any, folder: Path, like: Path) -> None:
    """Write a model with the tokeniser and the pooling of the folder `like`, for transformers and for sentences.

    Raises
    ------
    alwidget.errors.ModelError
        What was written does not compute what was meant: the architecture tells its layers apart by their number.
    """
    from alwidget.learners.tokens import quiet_transformers

    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        model.save_pretrained(folder, safe_serialization=True)
    for found in chain.from_iterable(like.glob(name) for name in (*TOKENISER, *SENTENCES)):
        shutil.copyfile(found, folder / found.name)
    for place in _module_folders(like):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for found in chain.from_iterable((like / place).glob(name) for name in OF_A_MODULE):
            shutil.copyfile(found, folder / place / found.name)
    _check(model, folder)


def _module_folders(like: Path) -> list[str]:
    """Return the folders of the modules after the transformer, as ``modules.json`` names them."""
    try:
        modules = json.loads((like / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    paths = [str(m.get("path", "")) for m in modules if isinstance(m, dict)] if isinstance(modules, list) else []
    return [path for path in paths if path and Path(path).name == path and path not in {".", ".."}]


def _check(model: Any, folder: Path) -> None:
    """Raise where the model that is read again gives other states for some words."""
    import torch

    again, _ = read_given(folder)
    few = min(int(model.config.vocab_size), 12)
    ids = torch.arange(few)[None]
    with torch.no_grad():
        meant, found = (
            m.base_model(input_ids=ids.to(next(m.parameters()).device)).last_hidden_state.float().cpu()
            for m in (model, again)
        )
    if not torch.allclose(meant, found, atol=1e-3, rtol=1e-3):
        (folder / "config.json").unlink()
        message = f"A {model.config.model_type} tells its layers apart by their number; none can be left out."
        raise ModelError(message)
