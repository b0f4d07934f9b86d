"""What a person may type for ``model=``, read into what is wanted, with every mistake named."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from alwidget.errors import ArgumentError, ModelError
from alwidget.learners.hub import is_model_folder

__all__ = ["KEYWORDS", "SPELLINGS", "Wanted", "read_name"]

KEYWORDS = {
    "classification": (
        "auto",
        "tf-idf",
        "textcnn",
        "encoder:NAME",
        "encoder:NAME+mlp",
        "finetune:NAME",
        "distilled:TEACHER",
    ),
    "multilabel": ("auto", "tf-idf", "textcnn", "encoder:NAME", "finetune:NAME", "distilled:TEACHER"),
    "tagging": ("auto", "bilstm-crf", "encoder:NAME", "finetune:NAME", "distilled:TEACHER"),
    "generation": ("auto", "encoder:NAME", "finetune:NAME"),
}
"""What may be typed for each task, besides a hub name and a path."""
KINDS = ("encoder", "finetune", "distilled")
MLP = "+mlp"
SPELLINGS = {
    spelling: keyword
    for keyword, spellings in {
        "auto": ("auto",),
        "tf-idf": ("tf-idf", "tfidf", "tf_idf"),
        "textcnn": ("textcnn", "text-cnn", "text_cnn"),
        "bilstm-crf": ("bilstm-crf", "bilstm_crf", "bilstmcrf"),
    }.items()
    for spelling in spellings
}
# what the hub allows in "owner/name"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[\w.-]{1,96})?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model as asked for.

    Attributes
    ----------
    kind
        ``"auto"``, ``"tf-idf"``, ``"textcnn"``, ``"bilstm-crf"``, ``"encoder"``, ``"finetune"``, ``"distilled"``, or
        ``"any"`` for a bare name: fine-tuned where there is a GPU, frozen where there is none.
    name
        The hub name, or the folder's name.
    folder
        The local folder, where a path was given.
    mlp
        Whether a frozen encoder gets a small network in place of a linear head: ``"encoder:NAME+mlp"``.
    """

    kind: str
    name: str = ""
    folder: Path | None = None
    mlp: bool = False


def read_name(model: str, task: str = "classification") -> Wanted:
    """Return what ``model=`` asks for.

    Raises
    ------
    alwidget.errors.ArgumentError
        It is a misspelt keyword, or a model that cannot learn the task.
    alwidget.errors.ModelError
        It is a path at which there is no model.

    Examples
    --------
    >>> read_name("encoder:sentence-transformers/all-MiniLM-L6-v2").name
    'sentence-transformers/all-MiniLM-L6-v2'
    >>> read_name("atuo")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    alwidget.errors.ArgumentError: There is no model "atuo". Did you mean "auto"? ...
    """
    text = model.strip()
    keyword = SPELLINGS.get(text.lower())
    if keyword is not None:
        if keyword not in KEYWORDS[task]:
            message = (
                f'model="{text}" cannot learn task="{task}"; there it can be {_shown(task)}, a hub name or a path.'
            )
            raise ArgumentError(message)
        return Wanted(keyword)
    if text.endswith(MLP) and not Path(text.partition(":")[2] or text).is_dir():
        return _with_mlp(text, task)
    kind, colon, rest = text.partition(":")
    if colon and kind in KINDS and not any(keyword.startswith(text[: len(kind) + 1]) for keyword in KEYWORDS[task]):
        message = f'model="{text}" cannot learn task="{task}"; there it can be {_shown(task)}, a hub name or a path.'
        raise ArgumentError(message)
    if colon and kind in KINDS:
        if not rest.strip():
            message = f'model="{text}" names no model; write "{kind}:NAME" with a hub name or a path.'
            raise ArgumentError(message)
        return _named(kind, rest.strip(), task)
    return _named("any", text, task)


def _with_mlp(text: str, task: str) -> Wanted:
    """Return the frozen encoder whose name stands before ``+mlp``."""
    if task != "classification":
        message = f'model="{text}" cannot learn task="{task}": the small network is for one label a document.'
        raise ArgumentError(message)
    wanted = read_name(text.removesuffix(MLP), task)
    if wanted.kind not in {"any", "encoder"}:
        message = f'model="{text}": only a frozen encoder can have the small network, as "encoder:NAME{MLP}".'
        raise ArgumentError(message)
    return replace(wanted, kind="encoder", mlp=True)


def _named(kind: str, name: str, task: str) -> Wanted:
    path = Path(name).expanduser()
    if name and (path.is_dir() or _looks_like_a_path(name)):
        return Wanted(kind, path.name or str(path), _folder(path, name))
    if kind == "any":
        _refuse_typos(name, task)
    if not _HUB_NAME.fullmatch(name):
        message = f'model="{name}" is neither {_shown(task)}, nor a hub name ("owner/name"), nor a path.'
        raise ArgumentError(message)
    return Wanted(kind, name)


def _folder(path: Path, name: str) -> Path:
    if not path.exists():
        message = f'There is nothing at the path "{name}". Give a folder with config.json and model.safetensors.'
        raise ModelError(message)
    if not is_model_folder(path):
        there = sorted(p.name for p in path.iterdir())[:8] if path.is_dir() else ["a file"]
        message = (
            f'"{name}" is not a model folder: it needs config.json, a tokeniser and model.safetensors; '
            f"there is {', '.join(there) or 'nothing'}."
        )
        raise ModelError(message)
    return path


def _looks_like_a_path(name: str) -> bool:
    drive = re.match(r"[A-Za-z]:[\\/]", name) is not None
    starts = name.startswith((".", "~", os.sep, "/"))
    return drive or starts or "\\" in name or name.count("/") > 1 or Path(name).is_file()


def _refuse_typos(name: str, task: str) -> None:
    """Raise where a bare name is a keyword but for a letter or two; a hub model may still be called ``auto-x``."""
    kind, colon, rest = name.partition(":")
    if colon:
        close = difflib.get_close_matches(kind.lower(), KINDS, n=1, cutoff=0.6)
        hint = f' Did you mean "{close[0]}:{rest}"?' if close else ""
        message = f'There is no kind of model "{kind}:".{hint} It can be {_shown(task)}, a hub name or a path.'
        raise ArgumentError(message)
    if "/" in name:
        return
    close = difflib.get_close_matches(name.lower(), [*KINDS, "auto", "tf-idf", "textcnn", "bilstm-crf"], 1, 0.75)
    if close:
        hint = f"{close[0]}:NAME" if close[0] in KINDS else close[0]
        message = f'There is no model "{name}". Did you mean "{hint}"? It can be {_shown(task)}, a hub name or a path.'
        raise ArgumentError(message)


def _shown(task: str) -> str:
    return ", ".join(f'"{keyword}"' for keyword in KEYWORDS[task])
