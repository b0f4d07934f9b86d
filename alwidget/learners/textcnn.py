"""Convolutions over words, trained from nothing but the labels: needs no weights and no GPU."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Labelled, Progress, Report, Stop, Watch
from alwidget.learners.checkpoints import device_or_best, reading, write_json
from alwidget.learners.head import checked_smoothing, checked_weights
from alwidget.learners.lexicon import Lexicon
from alwidget.learners.objectives import Objective, Single
from alwidget.learners.sampled import SampleLosses
from alwidget.learners.threads import bounded_threads
from alwidget.learners.thresholds import label_folds
from alwidget.learners.watching import LOOKS

if TYPE_CHECKING:
    from alwidget.learners.convolution import Convolutions
    from alwidget.learners.lexicon import ReadWords
    from alwidget.learners.reading import Pooled
    from alwidget.learners.training import History, Options

__all__ = ["TextCnn"]

MAX_WORDS = 400
STEP_WORDS = 8192
USUAL = {"learning_rate": 2e-3, "epochs": 15, "min_steps": 200, "patience": 5, "warmup": 0.05}


class TextCnn:
    """Words by hash and by their pieces, filters over one to four of them, the largest of each, and a linear layer.

    Every fit starts from the seed, and a cancelled or failed one leaves the last in use. Words and pieces that no
    labelled document has say nothing. Before the first fit documents have vectors all the same: random projections
    of their counted words. Of two texts each is read on its own; see `alwidget.learners.convolution`.

    Parameters
    ----------
    label, name
        What the model is called in the status line, and the short form a person types.
    cache_dir
        Taken as other learners take it; the vectors change with every fit, so nothing is kept.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None: a GPU if there is one.
    dropout
        Share of the pooled features that training sets to zero, above 0 and below 1; also for `predict_passes`.
    max_words
        Words of a text that are read.
    objective
        What is learned: by default `Single`, one label a document; `Binary` for several.
    options
        `alwidget.learners.training.Options`, as keywords: ``epochs=20``, ``class_weight="balanced"``, ``holdout=0.1``…

    References
    ----------
    Kim 2014, "Convolutional neural networks for sentence classification".

    Examples
    --------
    >>> TextCnn(device="cpu").description
    'TextCNN'
    """

    looks = LOOKS

    def __init__(
        self,
        *,
        label: str | None = None,
        name: str | None = None,
        cache_dir: str | Path | None = None,
        device: str | None = None,
        dropout: float = 0.5,
        max_words: int = MAX_WORDS,
        objective: Objective | None = None,
        **options: Any,
    ) -> None:
        del cache_dir
        if not 0 < dropout < 1:
            message = f"dropout={dropout!r} is no share of units to drop: it must be above 0 and below 1."
            raise ModelError(message)
        if max_words < 1:
            message = f"max_words={max_words!r} leaves nothing to read: it must be at least 1."
            raise ModelError(message)
        self.label = label or "TextCNN"
        self.name = name or "textcnn"
        self.device, self.dropout, self.max_words = device, dropout, max_words
        self.objective: Objective = Single() if objective is None else objective
        self.retrain_seconds = 5.0
        self._given = options
        self._classes: tuple[str, ...] = ()
        self._thresholds = np.empty(0)
        self._lexicon = Lexicon(max_words=max_words)
        self._pooled: Pooled | None = None

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"TextCNN"``."""
        return self.label

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

        given = {option: value for option, value in self._given.items() if (option, value) != ("learning_rate", None)}
        try:
            return Options(**{**USUAL, **given})
        except TypeError as error:
            message = f"These options of the TextCNN cannot be used: {error}."
            raise ModelError(message) from error

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch; idempotent."""
        if self._pooled is not None:
            return
        del progress
        _ = self.options
        if stop is not None:
            stop.check()
        self.device = device_or_best(self.device)
        self._adopt(None, ())

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Train on all labels; see `TextCnn` for what a cancelled fit leaves."""
        n, classes, keys = len(labelled), tuple(labelled.classes), tuple(labelled.documents.keys)
        if not n:
            message = "There are no labels to train from."
            raise ModelError(message)
        self.prepare(stop=stop, progress=progress)
        started = time.perf_counter()
        if self._certain(classes):
            self._classes = classes
            always = np.ones((1, n))
            dynamics = Dynamics(always.astype(np.float16), always.astype(bool), keys)
            return Report(n, time.perf_counter() - started, loss=0.0, dynamics=dynamics)
        read = self._read(labelled.documents, stop)
        targets = self.objective.targets(labelled.y)
        weights = None if labelled.weights is None else checked_weights(labelled.weights, n)
        smoothing = checked_smoothing(labelled.smoothing, n)
        pairs = labelled.documents.pairs is not None
        teach = partial(self._taught, len(classes), pairs, seed=seed, stop=stop, progress=progress)
        look = None if watch is None else partial(self._looked_at, classes, watch)
        with bounded_threads():
            thresholds = self._tuned(teach, read, targets, weights, smoothing, len(classes), seed, stop)
            model, history = teach(read, targets, weights, smoothing, watch=look)
        self._adopt(model, classes)
        self._thresholds = thresholds
        self.retrain_seconds = seconds = time.perf_counter() - started
        return Report(
            n=n,
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
        return self._ready().probs(self._ready().features(documents, stop, None))

    def predict_passes(
        self, documents: Batch, passes: int, *, seed: int, consistent: bool = False, stop: Stop | None = None
    ) -> Iterator[np.ndarray]:
        """Yield probabilities with dropout on, float64 (n, C), a pass at a time (Gal & Ghahramani 2016).

        Pooled features are dropped, those of each document by a draw of its own, or with `consistent` the same of all.
        The documents are not read again. The same seed gives the same passes.
        """
        self._check_trained()
        if self._certain(self._classes):
            return iter([np.ones((len(documents), 1))] * passes)
        return self._ready().passes(documents, passes, rate=self.dropout, seed=seed, consistent=consistent, stop=stop)

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return what is pooled of each document under the present weights, float32 (n, d); at first a projection."""
        self.prepare(stop=stop, progress=progress)
        return self._ready().features(documents, stop, progress)

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have been read under the present weights; a fit starts over."""
        return np.zeros(len(documents), dtype=bool) if self._pooled is None else self._pooled.known(documents)

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights (C, f) and bias (C,) of the last layer on what `features` returns, float64."""
        self._check_trained()
        weights, bias = self._ready().weights
        return (weights[:1] * 0, bias[:1] * 0) if self._certain(self._classes) else (weights, bias)

    def features(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Return what the last layer reads, float32 (n, f): the same as `embed`."""
        return self.embed(documents, stop=stop)

    def sample_losses(self, documents: Batch, y: Any, *, stop: Stop | None = None) -> SampleLosses:
        """Return what documents cost the present model with these answers; see `SupportsGradients`."""
        from alwidget.learners.reading import WordExamples

        self._check_trained()
        model = self._ready().model
        if model is None:
            message = f"{self.label} knows one class only, so nothing was learned that documents could have moved."
            raise ModelError(message)
        read, targets = self._read(documents, stop), self.objective.targets(y)
        examples = WordExamples(read, targets, len(self._classes), objective=self.objective, stop=stop)
        return SampleLosses(model, partial(examples.losses, model), examples.lengths)

    def save(self, path: Path) -> None:
        """Write ``model.safetensors`` and ``textcnn.json`` into a folder."""
        from safetensors.torch import save_file

        self._check_trained()
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        model = self._ready().model
        state = {} if model is None else model.state_dict()
        save_file({k: v.detach().cpu().contiguous() for k, v in state.items()}, str(path / "model.safetensors"))
        about = {
            "format": "alwidget-textcnn/1",
            "classes": list(self._classes),
            "problem": self.objective.problem,
            "pairs": model is not None and model.pairs,
            "max_words": self.max_words,
            "thresholds": self._thresholds.tolist(),
        }
        write_json(path / "textcnn.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        from safetensors.torch import load_file

        path = Path(path)
        self.prepare()
        with reading(path):
            about = json.loads((path / "textcnn.json").read_text(encoding="utf-8"))
            classes, problem = tuple(map(str, about["classes"])), str(about["problem"])
            thresholds = np.array(about["thresholds"], dtype=np.float64)
            pairs, max_words = bool(about["pairs"]), int(about["max_words"])
            state = load_file(str(path / "model.safetensors"))
        if problem != self.objective.problem:
            message = f"The model in {path} was trained for another task ({problem.replace('_', ' ')})."
            raise ModelError(message)
        model = None
        if state:
            with reading(path):
                known = (state["word_hashes"].numpy(), state["piece_buckets"].numpy())
                model = self._fresh(*known, len(state["out.bias"]), pairs=pairs, seed=0)
                model.load_state_dict(state)
        self.max_words, self._lexicon = max_words, Lexicon(max_words=max_words)
        self._adopt(model, classes)
        self._thresholds = thresholds

    # models

    def _ready(self) -> Pooled:
        if self._pooled is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._pooled

    def _check_trained(self) -> None:
        if not self._classes:
            message = f"{self.label} has not been trained yet; label some documents first."
            raise ModelError(message)

    def _certain(self, classes: tuple[str, ...]) -> bool:
        """Whether there is nothing to learn: a document's one label is the only one there is."""
        return len(classes) == 1 and self.objective.problem == Single.problem

    def _taught(
        self,
        n_classes: int,
        pairs: bool,  # noqa: FBT001  bound by its place
        read: ReadWords,
        targets: np.ndarray,
        weights: np.ndarray | None,
        smoothing: np.ndarray | None,
        *,
        stop: Stop | None,
        **how: Any,
    ) -> tuple[Convolutions, History]:
        """Return a model of its own, trained on these documents, and what happened."""
        from alwidget.learners.reading import WordExamples
        from alwidget.learners.training import train

        model = self._fresh(*read.known(), n_classes, pairs=pairs, seed=how["seed"])
        examples = WordExamples(
            read,
            targets,
            n_classes,
            objective=self.objective,
            weights=weights,
            smoothing=smoothing,
            class_weight=self.options.class_weight,
            stop=stop,
        )
        at: dict[str, Any] = {"device": str(self.device), "step_tokens": STEP_WORDS}
        history = train(model, examples, options=self.options, stop=stop, **at, **how)
        return model, history

    def _tuned(
        self,
        teach: Callable[..., tuple[Convolutions, History]],
        read: ReadWords,
        targets: np.ndarray,
        weights: np.ndarray | None,
        smoothing: np.ndarray | None,
        n_classes: int,
        seed: int,
        stop: Stop | None,
    ) -> np.ndarray:
        """Return the thresholds, from probabilities of documents that a model of their own has not seen."""
        from alwidget.learners.reading import word_probs

        held_out = np.full((len(read), n_classes), np.nan)
        if self.objective.folds > 1:
            fold = label_folds(targets > 0, self.objective.folds, np.random.default_rng(seed))
            for k in range(self.objective.folds):
                inside, outside = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
                if len(inside) and len(outside):
                    some = [None if each is None else each[inside] for each in (weights, smoothing)]
                    model, _ = teach(read.take(inside), targets[inside], *some)
                    held_out[outside] = word_probs(model, self.objective, read.take(outside), stop)
        return self.objective.thresholds(held_out, targets)

    def _looked_at(self, classes: tuple[str, ...], watch: Watch, model: Any, rate: float) -> None:
        """Let somebody look through a model that is being trained; what was in use is in use again afterwards."""
        before = self._classes, self._pooled
        self._adopt(model, classes)
        try:
            watch(self, rate)
        finally:
            self._classes, self._pooled = before

    def _fresh(self, words: np.ndarray, pieces: np.ndarray, outputs: int, *, pairs: bool, seed: int) -> Convolutions:
        import torch

        from alwidget.learners.convolution import Convolutions

        model = Convolutions(
            words,
            pieces,
            outputs,
            pairs=pairs,
            dropout=self.dropout,
            generator=torch.Generator().manual_seed(seed),
            draws=torch.Generator(device=str(self.device)).manual_seed(seed),
        )
        return model.to(self.device).eval()

    def _adopt(self, model: Convolutions | None, classes: tuple[str, ...]) -> None:
        """Use this model from now on; what the last one pooled is void."""
        from alwidget.learners.reading import Pooled

        self._classes = classes
        self._pooled = Pooled(model, self.objective, self._read)

    def _read(self, documents: Batch, stop: Stop | None) -> ReadWords:
        if not self._lexicon.has_room(len(documents)):
            self._lexicon = Lexicon(max_words=self.max_words)
        return self._lexicon.read(documents, stop)
