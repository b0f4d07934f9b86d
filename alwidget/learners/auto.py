"""From what a person typed to a learner: the best that can be had, at once, and in words why it is that one."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alwidget.errors import ArgumentError, ModelError
from alwidget.learners import hub
from alwidget.learners.base import Learner, Progress, Stop
from alwidget.learners.making import WITHOUT_WEIGHTS, Found, build, how, last_resort
from alwidget.learners.names import KEYWORDS, SPELLINGS, Wanted, read_name
from alwidget.learners.offline import ALIASES, NAME, offline_path
from alwidget.learners.resolving import Resolving

__all__ = ["Choice", "locate", "make"]

ENCODER = f"sentence-transformers/{NAME}"
CHECKPOINT = "distilbert-base-uncased"
WRITERS = {True: ("facebook/bart-base", "google/flan-t5-small"), False: ("google/flan-t5-small",)}
"""Encoder-decoders to look for, best first, with a GPU and without."""
METHODS = ("fit", "embed", "embedded", "prepare", "save", "load", "classes", "name", "description", "retrain_seconds")
METHODS_OF = {
    "classification": ("predict_proba",),
    "multilabel": ("predict_proba",),
    "tagging": ("tag", "token_probs"),
    "generation": (),
}
"""What a learner of one's own must have, besides METHODS."""
GPU_SIGNS = ("/dev/nvidia0", "/proc/driver/nvidia/version", "/dev/kfd")

Fetch = Callable[[str], Path]


@dataclass(frozen=True, slots=True)
class Choice:
    """A learner and why it is this one. Where that needs the hub or torch, it is settled by `Learner.prepare`."""

    learner: Learner
    _why: str = ""

    @property
    def why(self) -> str:
        """One line for the status, such as ``"all-MiniLM-L6-v2 from the offline extra, frozen, …"``."""
        return self.learner.why if isinstance(self.learner, Resolving) else self._why

    @property
    def warning(self) -> str | None:
        """One line if it is not what was asked for, else None."""
        return self.learner.warning if isinstance(self.learner, Resolving) else None


def make(
    model: str | Learner,
    *,
    task: str = "classification",
    cache_dir: str | Path | None = None,
    device: str | None = None,
) -> Choice:
    """Return a learner for `model`. Takes milliseconds: no torch, no network; both wait for `Learner.prepare`.

    Parameters
    ----------
    model
        ``"auto"``, ``"tf-idf"``, ``"textcnn"``, ``"encoder:NAME"``, ``"encoder:NAME+mlp"`` (a small network on the
        frozen vectors), ``"finetune:NAME"``, a bare NAME (fine-tuned with a GPU, frozen without),
        ``"distilled:TEACHER"`` (its small student, likewise), or a `Learner` of your own. NAME is a hub name or a
        path. Entities have ``"bilstm-crf"`` in place of ``"tf-idf"`` and ``"textcnn"``; for written text NAME is an
        encoder-decoder, fine-tuned anywhere. ``ALWIDGET_MODEL`` stands in for ``"auto"`` where it is set and can learn
        the task.
    task
        ``"classification"``, ``"multilabel"``, ``"tagging"`` or ``"generation"``.
    cache_dir
        Where vectors are kept; by default in the user's cache folder.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; by default a GPU if there is one.

    Raises
    ------
    alwidget.errors.ArgumentError
        No such model or task, or a model that cannot learn the task; a misspelt keyword comes with the right one.
    alwidget.errors.ModelError
        A path at which there is no model.

    Examples
    --------
    >>> choice = make("tf-idf")
    >>> choice.learner.description, choice.why
    ('TF-IDF + head', 'TF-IDF with a linear head, as asked for')
    """
    if task not in KEYWORDS:
        message = f'No model here learns the task "{task}"; there are models for {", ".join(KEYWORDS)}.'
        raise ArgumentError(message)
    if not isinstance(model, str):
        return Choice(_own(model, task), "a learner of your own")
    name, hint = model, ""
    if model.strip().lower() == "auto" and os.environ.get("ALWIDGET_MODEL", "").strip():
        name, hint = _from_environment(task)
    wanted = read_name(name, task)
    if wanted.kind in WITHOUT_WEIGHTS:
        why = f"{how(wanted.kind, task)}, as asked for{hint}"
        return Choice(build(Found(wanted.kind, wanted.kind, None, why), task, device=device), _capital(why))
    chooser = _Chooser(wanted, task, device, hint)
    if wanted.kind == "distilled":
        from alwidget.learners.distilled import Distilled

        return Choice(Distilled(name.strip(), chooser, task, cache_dir=cache_dir, device=device))
    return Choice(Resolving(name.strip(), chooser, task, cache_dir=cache_dir, device=device))


class _Chooser:
    """Finds the best there is for one wish: `at_once` without torch or network, `thoroughly` with both."""

    def __init__(self, wanted: Wanted, task: str, device: str | None, hint: str) -> None:
        self._wanted, self._task, self._device, self._hint = wanted, task, device, hint
        self.teacher: Path | None = None

    def at_once(self) -> Found | None:
        """Return what can be said without asking anybody; None where that must wait."""
        gpu = _gpu_for_sure(self._device)
        if gpu is None and self._wanted.kind not in {"encoder", "finetune"}:
            return None
        return self._choose(gpu=bool(gpu), fetch=_refuse if hub.offline_asked() else None, at_once=True)

    def thoroughly(self, stop: Stop | None, progress: Progress | None) -> Found:
        """Return the best there is; may ask the hub, and always finds something."""
        found = self._choose(gpu=_gpu_by_torch(self._device), fetch=_fetcher(stop, progress))
        return found or self.after("nothing else can be had")

    def after(self, reason: str, failed: Found | None = None) -> Found:
        """Return the next best once a model could not be had, or `failed` to load: nothing is fetched any more."""
        lost = failed.name if failed is not None else self._wanted.name
        warning = f"{lost} could not be used: {reason.rstrip('.')}."
        folder, where = _local(ENCODER)
        if folder is not None and (failed is None or (failed.kind, failed.folder) != ("encoder", folder)):
            mlp = self._wanted.mlp
            why = f"{NAME} {where}, {how('encoder', self._task, mlp=mlp)}, in place of {lost}: {reason}"
            return Found("encoder", NAME, folder, why, warning, mlp)
        kind = last_resort(self._task)
        why = _capital(f"{self._last_resort()}, in place of {lost}: {reason}")
        return Found(kind, kind, None, why, warning)

    @property
    def may_fall_back(self) -> bool:
        """Whether another model may stand in: not for a folder that the person named."""
        return self._wanted.folder is None

    def _choose(self, *, gpu: bool, fetch: Fetch | None, at_once: bool = False) -> Found | None:
        wanted = self._wanted
        if wanted.kind == "auto":
            return self._best(gpu=gpu, fetch=fetch)
        kind = wanted.kind
        if kind in {"any", "distilled"}:
            kind = "finetune" if gpu or self._task == "generation" else "encoder"
        way = how(kind, self._task, mlp=wanted.mlp)
        if wanted.folder is not None:
            if wanted.kind == "distilled":
                return self._student(kind, wanted.folder, at_once=at_once)
            why = f"{wanted.name}, {way}, as asked for{self._hint}"
            return Found(kind, wanted.name, wanted.folder, why, mlp=wanted.mlp)
        folder, where = _local(wanted.name)
        if folder is None:
            if fetch is None:
                return None
            try:
                folder, where = fetch(wanted.name), "from the hub"
            except ModelError as error:
                return self.after(f"{error}, and it is not in the cache" if _short(error) else str(error))
        if wanted.kind == "distilled":
            return self._student(kind, folder, at_once=at_once)
        why = f"{wanted.name} {where}, {way}, as asked for{self._hint}"
        return Found(kind, _tail(wanted.name), folder, why, mlp=wanted.mlp)

    def _student(self, kind: str, teacher: Path, *, at_once: bool) -> Found | None:
        """Return the newest student of a teacher; while there is none, some of its layers, which takes a moment."""
        from alwidget.reuse import acquirer

        self.teacher = teacher
        found = acquirer.newest(teacher)
        if found is None and at_once:
            return None
        name = f"{_tail(self._wanted.name)} distilled"
        if found is not None:
            why = f"a student of {self._wanted.name} from the cache, {how(kind, self._task)}"
            return Found(kind, name, found, why)
        try:
            found = acquirer.untrained(teacher)
        except ModelError as error:
            if not self.may_fall_back:
                raise
            return self.after(str(error))
        why = f"some layers of {self._wanted.name}, {how(kind, self._task)}, until its student has learned"
        return Found(kind, name, found, why)

    def _best(self, *, gpu: bool, fetch: Fetch | None) -> Found | None:
        because = "there is a GPU" if gpu else "no GPU here"
        reason = ""
        for kind, name in self._tries(gpu=gpu):
            folder, where = _local(name)
            if folder is None:
                if fetch is None:
                    return None
                try:
                    folder, where = fetch(name), "from the hub"
                except ModelError as error:
                    reason = str(error).rstrip(".")
                    continue
            warning = None
            if self._task == "generation" and kind == "encoder":
                because, warning = reason, f"No model that writes could be had, so there are no drafts: {reason}."
            why = f"{_tail(name)} {where}, {how(kind, self._task)}: {because}{self._hint}"
            return Found(kind, _tail(name), folder, why, warning)
        kind = last_resort(self._task)
        why = (
            f"{_capital(self._last_resort())}: no encoder on this machine, and {reason}; "
            f'pip install "alwidget[offline]" brings one{self._hint}'
        )
        warning = f"No model that writes could be had, so there are no drafts: {reason}."
        return Found(kind, kind, None, why, warning if self._task == "generation" else None)

    def _tries(self, *, gpu: bool) -> list[tuple[str, str]]:
        """Return kinds and names to look for, best first."""
        if self._task == "generation":
            return [*(("finetune", name) for name in WRITERS[gpu]), ("encoder", ENCODER)]
        return [("finetune", CHECKPOINT), ("finetune", ENCODER)] if gpu else [("encoder", ENCODER)]

    def _last_resort(self) -> str:
        if self._task == "generation":
            return "TF-IDF, which chooses documents by their words and writes no drafts"
        return how(last_resort(self._task), self._task)


def locate(name: str, *, stop: Stop | None = None, progress: Progress | None = None) -> Path:
    """Return the folder of a hub model: on this machine, else from the hub; no other model stands in.

    Raises
    ------
    alwidget.errors.ModelError
        It is not here and cannot be fetched.
    """
    folder, _ = _local(name)
    if folder is not None:
        return folder
    try:
        return _fetcher(stop, progress)(name)
    except ModelError as error:
        message = f'"{name}" is not on this machine: {str(error).rstrip(".")}.'
        raise ModelError(message) from error


def _fetcher(stop: Stop | None, progress: Progress | None) -> Fetch:
    """Return what fetches models from the hub, if that answers; it is asked once."""
    asked: list[bool] = []

    def fetch(name: str) -> Path:
        if hub.offline_asked():
            return _refuse(name)
        if not asked:
            asked.append(hub.reachable())
        if not asked[0]:
            message = "the hub cannot be reached"
            raise ModelError(message)
        return hub.download(name, stop=stop, progress=progress)

    return fetch


def _from_environment(task: str) -> tuple[str, str]:
    """Return the model that ``ALWIDGET_MODEL`` names, or "auto" where that cannot learn the task, and a remark."""
    name = os.environ["ALWIDGET_MODEL"]
    try:
        read_name(name, task)
    except (ArgumentError, ModelError) as error:
        if SPELLINGS.get(name.strip().lower(), "auto") not in KEYWORDS[task]:
            return "auto", f" (ALWIDGET_MODEL={name.strip()} cannot learn this task)"
        message = f"The environment variable ALWIDGET_MODEL cannot be used: {error}"
        raise type(error)(message) from error
    return name, " (ALWIDGET_MODEL)"


def _own(model: Any, task: str) -> Learner:
    lacks = [name for name in (*METHODS, *METHODS_OF[task]) if not hasattr(model, name)]
    if isinstance(model, type) or lacks:
        what = "a class; give an instance" if isinstance(model, type) else f"{type(model).__name__}"
        missing = f"; it lacks {', '.join(lacks)}" if lacks and not isinstance(model, type) else ""
        message = f"model= must be a name or a Learner, got {what}{missing}."
        raise ArgumentError(message)
    return model  # type: ignore[no-any-return]


def _refuse(name: str) -> Path:
    del name
    message = "the environment asks to stay offline"
    raise ModelError(message)


def _local(name: str) -> tuple[Path | None, str]:
    """Return the folder of a hub model on this machine, and where that is in words."""
    if name in ALIASES and (folder := offline_path()) is not None:
        return folder, "from the offline extra"
    for known in (name, f"sentence-transformers/{name}") if name in ALIASES else (name,):
        if (folder := hub.cached_folder(known)) is not None:
            return folder, "from the cache of the hub"
    return None, ""


def _gpu_for_sure(device: str | None) -> bool | None:
    """Return whether there is a GPU to compute on; None where only torch can tell and it is not loaded yet."""
    if device is not None:
        return device.startswith("cuda")
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}:
        return False
    if not any(Path(sign).exists() for sign in GPU_SIGNS) and shutil.which("nvidia-smi") is None:
        return False
    return _gpu_by_torch(device) if "torch" in sys.modules else None


def _gpu_by_torch(device: str | None) -> bool:
    if device is not None:
        return device.startswith("cuda")
    try:
        import torch
    except (ImportError, OSError):
        return False
    return bool(torch.cuda.is_available())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tail(name: str) -> str:
    return name.rpartition("/")[2]


def _short(error: ModelError) -> bool:
    return not str(error).endswith(".")
