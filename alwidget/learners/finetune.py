"""A pretrained transformer, fine-tuned on the labels: the better learner where there is a GPU."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Labelled, Progress, Report, Stop, Watch
from alwidget.learners.checkpoints import device_or_best, loading, reading, write_json
from alwidget.learners.head import checked_smoothing
from alwidget.learners.layers import WithLayers
from alwidget.learners.objectives import Objective, Single
from alwidget.learners.pretrained import WithPretrained
from alwidget.learners.surprisal import WithSurprisal
from alwidget.learners.threads import bounded_threads
from alwidget.learners.thresholds import label_folds
from alwidget.learners.tokens import Tokeniser, Tokens, model_errors, quiet_transformers
from alwidget.learners.watching import LOOKS

if TYPE_CHECKING:
    from alwidget.learners.inference import Answers, Running
    from alwidget.learners.training import Classified, History, Options

__all__ = ["FineTuned"]

LENGTH = 256
TOKENS = {"cpu": (2048, 1024), "cuda": (16_384, 32_768)}
"""Tokens a training step and a prediction batch may hold at once."""


class FineTuned(WithLayers, WithPretrained, WithSurprisal):
    """A transformer with a classification head, trained on all labels.

    A fit trains a model of its own, which takes the place of the last one when it is done: a cancelled or failed fit
    leaves the last one in use. Dropout draws from the fit's own generator and attention dropout is off, so that the
    same seed and labels give the same model whatever else runs in the process (on a GPU up to its rounding).

    Parameters
    ----------
    folder
        The checkpoint folder.
    label, name
        What the model is called in the status line, and the short form a person types.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None: a GPU if there is one.
    start
        ``"fresh"``: every fit starts from the checkpoint, so that its outcome does not depend on the rounds before.
        ``"warm"``: from the last fit, which is faster and drifts.
    max_length
        Tokens a text may have.
    dropout
        The rate of dropout, in training and in `predict_passes`; None: the checkpoint's. Attention drops nothing.
    cache_dir
        Where the vectors of the checkpoint as it came are kept; None: `alwidget.learners.default_cache_dir`.
    objective
        What is learned: by default `Single`, one label a document; `Binary` for several.
    options
        `alwidget.learners.training.Options`, as keywords: ``epochs=3``, ``class_weight="balanced"``, ``holdout=0.1``…
    """

    looks = LOOKS

    def __init__(
        self,
        folder: str | Path,
        *,
        label: str | None = None,
        name: str | None = None,
        device: str | None = None,
        start: str = "fresh",
        max_length: int = LENGTH,
        dropout: float | None = None,
        cache_dir: str | Path | None = None,
        objective: Objective | None = None,
        **options: Any,
    ) -> None:
        if start not in {"fresh", "warm"}:
            message = f'start="{start}" is neither "fresh" nor "warm".'
            raise ModelError(message)
        if dropout is not None and not 0 <= dropout < 1:
            message = f"dropout={dropout!r} is no share of units to drop: it must be at least 0 and below 1."
            raise ModelError(message)
        self.folder = Path(folder)
        self.label = label or self.folder.name
        self.name = name or f"finetune:{self.label}"
        self.device, self.start, self.max_length = device, start, max_length
        self.retrain_seconds = 60.0
        self.objective: Objective = Single() if objective is None else objective
        self.dropout = dropout
        self._cache_dir = Path(cache_dir) if cache_dir is not None else None
        self._given = options
        self._classes: tuple[str, ...] = ()
        self._thresholds = np.empty(0)
        self._tokeniser: Tokeniser | None = None
        self._answers: Answers | None = None

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"distilbert-base-uncased, fine-tuned (cuda)"``."""
        return f"{self.label}, fine-tuned" + (f" ({self.device})" if self.device else "")

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the last fit; empty before the first."""
        return self._classes

    @property
    def thresholds(self) -> np.ndarray:
        """The probability from which on each label is given, float64 (C,); only where it may be several labels."""
        if self.objective.problem == Single.problem:
            message = "Where there is one label a document, the largest probability decides."
            raise AttributeError(message)
        self._check_trained()
        return self._thresholds

    @property
    def options(self) -> Options:
        """How it is trained."""
        from alwidget.learners.training import Options

        try:
            return Options(**self._given)
        except TypeError as error:
            message = f"These options of fine-tuning cannot be used: {error}."
            raise ModelError(message) from error

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch, the tokeniser and the checkpoint; idempotent."""
        if self._answers is not None:
            return
        _ = self.options

        with loading(self.label, stop, progress):
            self.device = device_or_best(self.device)
            self._adopt(self._fresh(self.folder, ("0", "1"), seed=0), ())

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Fine-tune on all labels; see `FineTuned` for what a cancelled fit leaves."""
        if not len(labelled):
            message = "There are no labels to train from."
            raise ModelError(message)
        self.prepare(stop=stop, progress=progress)
        started = time.perf_counter()
        classes = tuple(labelled.classes)
        keys = tuple(labelled.documents.keys)
        if self._certain(classes):
            self._classes = classes
            always = np.ones((1, len(labelled)))
            dynamics = Dynamics(always.astype(np.float16), always.astype(bool), keys)
            return Report(len(labelled), time.perf_counter() - started, loss=0.0, dynamics=dynamics)
        tokens = self._tokens(labelled.documents, stop)
        targets = self.objective.targets(labelled.y)
        teach = partial(self._taught, classes, seed=seed, stop=stop, progress=progress)
        with bounded_threads():
            thresholds = self._tuned(teach, tokens, targets, labelled.weights, len(classes), seed, stop)
            warm = self.start == "warm" and len(self._classes) > 1
            look = None if watch is None else partial(self._looked_at, classes, watch)
            smoothing = checked_smoothing(labelled.smoothing, len(labelled))
            model, history = teach(tokens, targets, labelled.weights, warm=warm, smoothing=smoothing, watch=look)
        self._adopt(model, classes)
        self._thresholds = thresholds
        self.retrain_seconds = seconds = time.perf_counter() - started
        return Report(
            n=len(labelled),
            seconds=seconds,
            epochs=len(history.losses),
            loss=history.losses[-1],
            dynamics=Dynamics(np.stack(history.gold), np.stack(history.correct), keys),
            extra={"steps": history.steps, "losses": tuple(history.losses)},
        )

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return probabilities, float64 (n, C); rows sum to one, but for several labels."""
        self._check_trained()
        if self._certain(self._classes):
            return np.ones((len(documents), 1))
        probs = self._ready().of(documents, stop, None)[1].astype(np.float64)
        if self.objective.problem == Single.problem:
            probs /= probs.sum(axis=1, keepdims=True)
        return probs

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return the mean of the last layer under the present weights, float32 (n, d); at first the checkpoint's."""
        self.prepare(stop=stop, progress=progress)
        return self._ready().of(documents, stop, progress)[0]

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have been run through the present weights; a fit starts over."""
        return np.zeros(len(documents), dtype=bool) if self._answers is None else self._answers.known(documents)

    def save(self, path: Path) -> None:
        """Write a checkpoint that transformers reads: safetensors, config.json, tokenizer.json."""
        if self._answers is None or self._tokeniser is None:
            message = f"{self.label} has not been loaded, so there is nothing to save."
            raise ModelError(message)
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        model = self._answers.model
        config = model.config
        config.problem_type = self.objective.problem
        if self._classes and not self._certain(self._classes):
            config.id2label = dict(enumerate(self._classes))
            config.label2id = {name: i for i, name in enumerate(self._classes)}
        with quiet_transformers():
            model.save_pretrained(str(path))
            self._tokeniser.inner.save_pretrained(str(path))
        about = {
            "format": "alwidget-finetuned/1",
            "classes": list(self._classes),
            "base": self.label,
            "problem": self.objective.problem,
            "thresholds": self._thresholds.tolist(),
        }
        write_json(path / "alwidget.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        path = Path(path)
        with reading(path):
            about = json.loads((path / "alwidget.json").read_text(encoding="utf-8"))
            classes = tuple(map(str, about["classes"]))
            problem = about.get("problem", Single.problem)
            thresholds = np.array(about.get("thresholds", ()), dtype=np.float64)
        if problem != self.objective.problem:
            message = f"The model in {path} was trained for another task ({problem.replace('_', ' ')})."
            raise ModelError(message)
        self.prepare()
        placed = ("0", "1") if not classes or self._certain(classes) else classes
        self._adopt(self._fresh(path, placed, seed=0), classes)
        self._thresholds = thresholds

    def _masked_folder(self) -> tuple[Path, str | None]:
        return self.folder, self.device

    # models

    def _ready(self) -> Answers:
        if self._answers is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._answers

    def _check_trained(self) -> None:
        if not self._classes:
            message = f"{self.label} has not been trained yet; label some documents first."
            raise ModelError(message)

    def _certain(self, classes: tuple[str, ...]) -> bool:
        """Whether there is nothing to learn: a document's one label is the only one there is."""
        return len(classes) == 1 and self.objective.problem == Single.problem

    def _taught(
        self,
        classes: tuple[str, ...],
        tokens: Tokens,
        targets: np.ndarray,
        weights: np.ndarray | None,
        *,
        seed: int,
        stop: Stop | None,
        progress: Progress | None,
        warm: bool = False,
        smoothing: np.ndarray | None = None,
        watch: Callable[[Any, float], None] | None = None,
    ) -> tuple[Any, History]:
        """Return a model of its own, trained on these documents, and what happened."""
        from alwidget.learners.training import train

        model = self._continued(classes, seed) if warm else self._fresh(self.folder, classes, seed)
        how = {"weights": weights, "class_weight": self.options.class_weight, "smoothing": smoothing}
        examples = self._examples(tokens, targets, len(classes), stop=stop, **how)
        history = train(
            model,
            examples,
            options=self.options,
            seed=seed,
            device=str(self.device),
            step_tokens=self._limits()[0],
            stop=stop,
            progress=progress,
            watch=watch,
        )
        return model, history

    def _examples(
        self, tokens: Tokens, targets: np.ndarray, n_classes: int, *, stop: Stop | None, **options: Any
    ) -> Classified:
        from alwidget.learners.training import Classified

        running = self._running()
        return Classified(
            tokens,
            targets,
            n_classes,
            objective=self.objective,
            device=str(self.device),
            predict=lambda trained, some: running.run(trained, some, stop)[1],
            **options,
        )

    def _looked_at(self, classes: tuple[str, ...], watch: Watch, model: Any, rate: float) -> None:
        """Let somebody look through a model that is being trained; what was in use is in use again afterwards."""
        before = self._classes, self._answers
        self._adopt(model, classes)
        try:
            watch(self, rate)
        finally:
            self._classes, self._answers = before

    def _tuned(
        self,
        teach: Callable[..., tuple[Any, History]],
        tokens: Tokens,
        targets: np.ndarray,
        weights: np.ndarray | None,
        n_classes: int,
        seed: int,
        stop: Stop | None,
    ) -> np.ndarray:
        """Return the thresholds, from probabilities of documents that a model of their own has not seen.

        These start from the checkpoint whatever `start` says: the last fit has seen all documents.
        """
        held_out = np.full((len(tokens), n_classes), np.nan)
        if self.objective.folds > 1:
            fold = label_folds(targets > 0, self.objective.folds, np.random.default_rng(seed))
            for k in range(self.objective.folds):
                inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
                if len(inside) and len(outside):
                    some = None if weights is None else weights[inside]
                    model, _ = teach(tokens.take(inside), targets[inside], some)
                    held_out[outside] = self._running().run(model, tokens.take(outside), stop)[1]
        return self.objective.thresholds(held_out, targets)

    def _fresh(self, folder: Path, classes: tuple[str, ...], seed: int) -> Any:
        """Return the checkpoint with a head over `classes`, whatever is new in it drawn from the seed."""
        from alwidget.learners.heads import load_classifier

        model = load_classifier(folder, len(classes), seed, dropout=self.dropout)
        if self._tokeniser is None:
            positions = int(getattr(model.config, "max_position_embeddings", 0) or 512)
            self._tokeniser = Tokeniser(folder, max_length=self.max_length, limit=positions)
        return self._seeded(model, seed)

    def _continued(self, classes: tuple[str, ...], seed: int) -> Any:
        """Return a copy of the last fit, its head's rows moved to where their classes are now."""
        from alwidget.learners.heads import copy_with_classes

        return self._seeded(copy_with_classes(self._ready().model, self._classes, classes, seed), seed)

    def _seeded(self, model: Any, seed: int) -> Any:
        import torch

        from alwidget.learners.training import seed_dropout

        with model_errors(self.folder):
            model = model.to(self.device)
        seed_dropout(model, torch.Generator(device=str(self.device)).manual_seed(seed))
        return model.eval()

    def _adopt(self, model: Any, classes: tuple[str, ...]) -> None:
        """Use this model from now on; what the last one computed is void."""
        from alwidget.learners.inference import Answers

        wanted = self._answers is not None and self._answers.with_features
        self._classes = classes
        self._answers = Answers(model, self._running(), self._tokens, features=wanted)

    # documents

    def _tokens(self, documents: Batch, stop: Stop | None) -> Tokens:
        if self._tokeniser is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._tokeniser(documents.texts, documents.pairs, stop=stop)

    def _running(self) -> Running:
        from alwidget.learners.inference import Running

        return Running(self.objective, str(self.device), self._limits()[1])

    def _limits(self) -> tuple[int, int]:
        return TOKENS["cpu" if str(self.device) == "cpu" else "cuda"]
