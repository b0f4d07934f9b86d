"""From a model that was found to the learner that uses it, by task; nothing is imported before it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alwidget.learners.base import Learner

__all__ = ["WITHOUT_WEIGHTS", "Found", "build", "how", "last_resort"]

TAGGERS = {
    "encoder": "alwidget.learners.tagging.frozen:FrozenTagger",
    "finetune": "alwidget.learners.tagging.finetune:FineTunedTagger",
    "bilstm-crf": "alwidget.learners.tagging.bilstm:BiLstmCrf",
}
WITHOUT_WEIGHTS = {
    "tf-idf": "TF-IDF with a linear head",
    "textcnn": "a TextCNN that knows no language yet",
    "bilstm-crf": "a BiLSTM-CRF that knows no language yet",
}
"""What is learned from nothing, in words."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model that was found.

    Attributes
    ----------
    kind
        ``"encoder"``, ``"finetune"``, ``"tf-idf"``, ``"textcnn"`` or ``"bilstm-crf"``.
    name, folder
        What it is called, and where its weights are; the last three kinds have none.
    mlp
        Whether the encoder gets a small network in place of a linear head.
    why, warning
        Why it is this one, and what to tell if it is not the one that was asked for.
    """

    kind: str
    name: str
    folder: Path | None
    why: str
    warning: str | None = None
    mlp: bool = False


def build(found: Found, task: str, *, cache_dir: str | Path | None = None, device: str | None = None) -> Learner:
    """Return the learner of a task with this model, not loaded yet."""
    kind = found.kind if found.folder is not None or found.kind in WITHOUT_WEIGHTS else last_resort(task)
    if task == "tagging":
        made = _imported(TAGGERS[kind])
        if kind == "bilstm-crf":
            return made(device=device)  # type: ignore[no-any-return]
        return made(found.folder, label=found.name, cache_dir=cache_dir, device=device)  # type: ignore[no-any-return]
    if task == "generation":
        return _writer(kind, found, cache_dir, device)
    several = task == "multilabel"
    if kind == "tf-idf":
        from alwidget.learners.tfidf import TfIdf

        return TfIdf(head=_sigmoid_head() if several else None)
    if kind in {"finetune", "textcnn"}:
        from alwidget.learners.objectives import Binary

        objective = Binary() if several else None
        if kind == "textcnn":
            from alwidget.learners.textcnn import TextCnn

            return TextCnn(device=device, objective=objective)
        from alwidget.learners.finetune import FineTuned

        return FineTuned(_folder(found), label=found.name, device=device, cache_dir=cache_dir, objective=objective)
    from alwidget.learners.frozen import FrozenEncoder
    from alwidget.learners.mlphead import MlpHead

    head = _sigmoid_head() if several else MlpHead() if found.mlp else None
    return FrozenEncoder(_folder(found), label=found.name, cache_dir=cache_dir, device=device, head=head)


def how(kind: str, task: str, *, mlp: bool = False) -> str:
    """Return in words how a model of this kind is used for a task."""
    if mlp:
        return "frozen, with a small network on its vectors"
    if kind in WITHOUT_WEIGHTS:
        return WITHOUT_WEIGHTS[kind]
    if kind == "finetune":
        return "fine-tuned"
    if task == "generation":
        return "frozen; it chooses documents by their vectors and writes no drafts"
    return "frozen, with a linear head" + (" on every word" if task == "tagging" else "")


def last_resort(task: str) -> str:
    """Return the kind of model that needs no weights of anybody's."""
    return "bilstm-crf" if task == "tagging" else "tf-idf"


def _writer(kind: str, found: Found, cache_dir: str | Path | None, device: str | None) -> Learner:
    if kind == "finetune":
        from alwidget.learners.generation import Seq2Seq

        return Seq2Seq(_folder(found), label=found.name, cache_dir=cache_dir, device=device)
    from alwidget.learners.reader import Reader

    if kind == "tf-idf":
        from alwidget.learners.tfidf import TfIdf

        return Reader(TfIdf())
    from alwidget.learners.frozen import FrozenEncoder

    return Reader(FrozenEncoder(_folder(found), label=found.name, cache_dir=cache_dir, device=device))


def _folder(found: Found) -> Path:
    if found.folder is None:
        message = f"{found.name} has no folder of weights."
        raise ValueError(message)
    return found.folder


def _sigmoid_head() -> Any:
    from alwidget.learners.sigmoidhead import SigmoidHead

    return SigmoidHead()


def _imported(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
