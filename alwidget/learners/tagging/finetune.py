"""A pretrained transformer, fine-tuned to tag words: the best tagger where there is a GPU."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Labelled, Progress, Report, Stop, Watch
from alwidget.learners.checkpoints import device_or_best, loading, reading, write_json
from alwidget.learners.finetune import TOKENS
from alwidget.learners.head import checked_smoothing
from alwidget.learners.pretrained import WithPretrained
from alwidget.learners.surprisal import WithSurprisal
from alwidget.learners.tagging.decoding import best_tags
from alwidget.learners.tagging.neural import Memory, NetworkTagger, Output, WindowExamples
from alwidget.learners.tagging.targets import TINY, offsets_of, targets_of, training_weights, words_of
from alwidget.learners.tagging.windows import Windows, WordTokeniser
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import model_errors, quiet_transformers
from alwidget.tasks.tags import tag_names

if TYPE_CHECKING:
    import torch

    from alwidget.learners.training import Options

__all__ = ["FineTunedTagger"]

LENGTH = 256
NO_CLASSES = ("O", "B-?", "I-?")


class FineTunedTagger(WithPretrained, WithSurprisal, NetworkTagger):
    """A transformer with a linear layer on the first piece of each word, trained on all labels.

    The other pieces of a word are read and not learned. Documents longer than the model takes are read in windows that
    overlap by half; each word is taken from the window in whose middle it stands nearest. The tags of a document are
    the likeliest sequence that is possible (Viterbi over probabilities, with transitions that are allowed or not).

    A fit trains a model of its own, which takes the place of the last one when it is done: a cancelled or failed fit
    leaves the last one in use. Dropout draws from the fit's own generator and attention dropout is off, so that the
    same seed and labels give the same model whatever else runs in the process (on a GPU up to its rounding).

    Parameters
    ----------
    folder
        The checkpoint folder.
    label, name
        What the model is called in the status line, and the short form a person types.
    cache_dir
        Where the vectors of the checkpoint as it came are kept; None: `alwidget.learners.default_cache_dir`. Those of
        the trained model change with every fit, so none of them is kept.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None: a GPU if there is one.
    start
        ``"fresh"``: every fit starts from the checkpoint. ``"warm"``: from the last fit, which is faster and drifts.
    max_length
        Tokens a window may have.
    options
        `alwidget.learners.training.Options`, as keywords: ``epochs=3``, ``holdout=0.1``…
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        label: str | None = None,
        name: str | None = None,
        cache_dir: str | Path | None = None,
        device: str | None = None,
        start: str = "fresh",
        max_length: int = LENGTH,
        **options: Any,
    ) -> None:
        self._cache_dir = Path(cache_dir) if cache_dir is not None else None
        if start not in {"fresh", "warm"}:
            message = f'start="{start}" is neither "fresh" nor "warm".'
            raise ModelError(message)
        self.folder = Path(folder)
        self.label = label or self.folder.name
        self.name = name or f"finetune:{self.label}"
        self.device, self.start, self.max_length = device, start, max_length
        self.retrain_seconds = 60.0
        self._given = options
        self._classes = ()
        self._model: Any = None
        self._tokeniser: WordTokeniser | None = None
        self._memory = Memory(1, NO_CLASSES)

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"distilbert-base-cased, fine-tuned to tag (cuda)"``."""
        return f"{self.label}, fine-tuned to tag" + (f" ({self.device})" if self.device else "")

    @property
    def options(self) -> Options:
        """How it is trained."""
        from alwidget.learners.training import Options

        try:
            return Options(**{"epochs": 8, "min_steps": 200, **self._given})
        except TypeError as error:
            message = f"These options of fine-tuning cannot be used: {error}."
            raise ModelError(message) from error

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch, the tokeniser and the checkpoint; idempotent."""
        if self._model is not None:
            return
        _ = self.options

        with loading(self.label, stop, progress):
            self.device = device_or_best(self.device)
            self._adopt(self._fresh(self.folder, NO_CLASSES, seed=0), ())

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Fine-tune on all labels; see `FineTunedTagger` for what a cancelled fit leaves."""
        from alwidget.learners.training import train

        words = words_of(labelled.documents)
        y, each = targets_of(labelled, words), training_weights(labelled)
        self.prepare(stop=stop, progress=progress)
        started = time.perf_counter()
        classes = tuple(labelled.classes)
        windows = self._windows(labelled.documents, words, stop)
        examples = _Examples(windows, y, offsets_of(words), each, self, stop)
        examples.smoothing = checked_smoothing(labelled.smoothing, len(labelled))
        with bounded_threads():
            warm = self.start == "warm" and len(self._classes) > 0
            tags = tag_names(classes)
            model = self._continued(tags, seed) if warm else self._fresh(self.folder, tags, seed)
            history = train(
                model,
                examples,
                options=self.options,
                seed=seed,
                device=str(self.device),
                step_tokens=self._limits()[0],
                stop=stop,
                progress=progress,
                watch=None if watch is None else partial(self._looked_at, classes, watch),
            )
        self._adopt(model, classes)
        self.retrain_seconds = seconds = time.perf_counter() - started
        return Report(
            n=len(labelled),
            seconds=seconds,
            epochs=len(history.losses),
            loss=history.losses[-1],
            dynamics=examples.dynamics(tuple(labelled.documents.keys)),
            extra={"steps": history.steps, "losses": tuple(history.losses), "words": len(y)},
        )

    def _masked_folder(self) -> tuple[Path, str | None]:
        return self.folder, self.device

    def save(self, path: Path) -> None:
        """Write a checkpoint that transformers reads: safetensors, config.json, tokenizer.json."""
        if self._model is None or self._tokeniser is None:
            message = f"{self.label} has not been loaded, so there is nothing to save."
            raise ModelError(message)
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        config, tags = self._model.config, self._memory.tags
        config.id2label = dict(enumerate(tags))
        config.label2id = {name: i for i, name in enumerate(tags)}
        with quiet_transformers():
            self._model.save_pretrained(str(path))
            self._tokeniser.inner.save_pretrained(str(path))
        about = {"format": "alwidget-finetuned-tagger/1", "classes": list(self._classes), "base": self.label}
        write_json(path / "alwidget.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        path = Path(path)
        with reading(path):
            about = json.loads((path / "alwidget.json").read_text(encoding="utf-8"))
            classes, kind = tuple(map(str, about["classes"])), about["format"]
        if not str(kind).startswith("alwidget-finetuned-tagger/"):
            message = f"The model in {path} was trained for another task ({kind})."
            raise ModelError(message)
        self.prepare()
        self._adopt(self._fresh(path, tag_names(classes) if classes else NO_CLASSES, seed=0), classes)

    # models

    def _fresh(self, folder: Path, tags: tuple[str, ...], seed: int) -> Any:
        """Return the checkpoint with a head over `tags`, whatever is new in it drawn from the seed."""
        from alwidget.learners.heads import load_classifier

        model = load_classifier(folder, len(tags), seed, tokens=True)
        if self._tokeniser is None:
            positions = int(getattr(model.config, "max_position_embeddings", 0) or 512)
            self._tokeniser = WordTokeniser(folder, max_length=self.max_length, limit=positions)
        return self._placed(model, seed)

    def _continued(self, tags: tuple[str, ...], seed: int) -> Any:
        """Return a copy of the last fit, its head's rows moved to where their tags are now."""
        from alwidget.learners.heads import copy_with_classes

        return self._placed(copy_with_classes(self._model, self._memory.tags, tags, seed), seed)

    def _placed(self, model: Any, seed: int) -> Any:
        from alwidget.learners.training import seed_dropout

        with model_errors(self.folder):
            model = model.to(self.device)
        seed_dropout(model, self._generator(seed))
        return model.eval()

    def _adopt(self, model: Any, classes: tuple[str, ...]) -> None:
        """Use this model from now on; what the last one computed is void."""
        self._model, self._classes = model, classes
        self._memory = Memory(int(model.config.hidden_size), tag_names(classes) if classes else NO_CLASSES)

    def _network(self) -> torch.nn.Module:
        network: torch.nn.Module = self._model
        return network

    def _generator(self, seed: int) -> torch.Generator:
        import torch

        return torch.Generator(device=str(self.device)).manual_seed(seed)

    # documents

    def _windows(self, documents: Batch, words: list[np.ndarray], stop: Stop | None) -> Windows:
        if self._tokeniser is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._tokeniser.windows(self._tokeniser.pieces(documents.texts, words, stop=stop))

    def _run(self, documents: Batch, words: list[np.ndarray], stop: Stop | None) -> Output:
        windows = self._windows(documents, words, stop)
        offsets = offsets_of(words)
        probs, states = self._through(self._model, windows, int(offsets[-1]), stop)
        return Output(probs, states, best_tags(np.log(np.maximum(probs, TINY)), offsets))

    def _through(self, model: Any, windows: Windows, n: int, stop: Stop | None) -> tuple[np.ndarray, np.ndarray]:
        """Return tag probabilities and states of n words; a word of no piece is in no entity."""
        import torch

        from alwidget.learners.training import autocast, on_device

        states = np.zeros((n, int(model.config.hidden_size)), dtype=np.float32)
        probs = np.zeros((n, int(model.config.num_labels)), dtype=np.float32)
        probs[:, 0] = 1
        for rows in windows.batches(self._limits()[1]):
            if stop is not None:
                stop.check()
            at, which = windows.at(rows)
            if not len(at):
                continue
            batch = on_device(windows.tokens.padded(rows), str(self.device))
            with torch.inference_mode(), autocast(str(self.device)):
                out = model(**batch, output_hidden_states=True)
                first = (torch.from_numpy(which).to(self.device), torch.from_numpy(windows.firsts[at]).to(self.device))
                states[windows.order[at]] = out.hidden_states[-1][first].float().cpu().numpy()
                probs[windows.order[at]] = out.logits[first].float().softmax(-1).cpu().numpy()
        return probs, states

    def _limits(self) -> tuple[int, int]:
        return TOKENS["cpu" if str(self.device) == "cpu" else "cuda"]


class _Examples(WindowExamples):
    """Windows of word pieces, of which the first of each word is learned."""

    def __init__(
        self,
        windows: Windows,
        y: np.ndarray,
        offsets: np.ndarray,
        each: np.ndarray,
        learner: FineTunedTagger,
        stop: Stop | None,
    ) -> None:
        super().__init__(windows, y, offsets, each)
        self._learner, self._stop = learner, stop
        self.smoothing: np.ndarray | None = None

    def losses(self, model: Any, rows: np.ndarray) -> torch.Tensor:
        """Return the mean cross-entropy of the words of some windows, (k,)."""
        import torch
        from torch.nn import functional

        from alwidget.learners.training import autocast, on_device, smoothed

        device = str(self._learner.device)
        batch = self.windows.tokens.padded(rows)
        at, which = self.windows.at(rows)
        targets = np.full(batch["input_ids"].shape, -100, dtype=np.int64)
        targets[which, self.windows.firsts[at]] = self.y[self.windows.order[at]]
        with autocast(device):
            logits = model(**on_device(batch, device)).logits
        each = functional.cross_entropy(
            logits.float().transpose(1, 2), torch.from_numpy(targets).to(device), reduction="none", ignore_index=-100
        )
        counts = torch.from_numpy(np.maximum(self.counts[rows], 1)).to(device)
        losses = each.sum(1) / counts
        if self.smoothing is None:
            return losses
        flat = -(logits.float().log_softmax(-1).mean(-1) * torch.from_numpy(targets >= 0).to(device)).sum(1) / counts
        return smoothed(losses, flat, self.smoothing[self.windows.documents[rows]])

    def probs(self, model: Any) -> np.ndarray:
        """Return tag probabilities of all words."""
        return self._learner._through(model, self.windows, len(self.y), self._stop)[0]  # noqa: SLF001
