"""An encoder-decoder that learns to write: fine-tuned on the texts so far, it drafts those to come."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Dynamics, Generated, Labelled, Progress, Report, Stop
from alwidget.learners.checkpoints import device_or_best, loading, reading, write_json
from alwidget.learners.frozen import FrozenEncoder
from alwidget.learners.languages import starts
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import Tokeniser, Tokens, quiet_transformers

if TYPE_CHECKING:
    from alwidget.learners.training import History, Options

__all__ = ["Seq2Seq"]

TOKENS = {"cpu": (2048, 2048), "cuda": (16_384, 65_536)}
"""Tokens a training step and a batch of writing may hold at once."""
DEFAULTS = {"epochs": 6, "min_steps": 200}
T5_RATE = 3e-4
"""T5 and its kin were trained with a rule that scales steps with the weights, and need larger ones."""
T5_KIN = {"t5", "mt5", "umt5", "longt5", "switch_transformers"}
ROOM = 1.5
"""How much longer than the longest text it has seen one may be that is written."""
KEPT = 20_000
WINDOW = 1024


class Seq2Seq:
    """BART, T5, PEGASUS or any other encoder-decoder, fine-tuned on all texts that were written so far.

    As with `FineTuned`, a fit trains a model of its own from the checkpoint, which takes the place of the last one
    when it is done; whatever is random comes from the fit's seed, and the process's own generators are left alone.

    Vectors are the mean of the *checkpoint's* encoder over the tokens, read by a `FrozenEncoder` and kept on disk:
    they do not change as labels come in, as IDDS has them, so that each document is read once.

    Parameters
    ----------
    folder
        The checkpoint folder.
    label, name
        What the model is called in the status line, and the short form a person types.
    cache_dir
        Where vectors are kept.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None: a GPU if there is one.
    prefix
        Put before every document; the first T5 models expect ``"summarize: "``.
    max_length, max_target
        Tokens that a document and a written text may have; the rest is cut.
    source_language, target_language
        For models of many languages (mBART, M2M100, NLLB …): the languages of the documents and of what is written, by
        the model's own names, such as ``"en_XX"`` or ``"eng_Latn"``. They must be given where the checkpoint does not
        say them; without them such a model would learn to write the wrong language's first token.
    beams, candidates
        Beams of the search, and how many of them are returned as candidates.
    options
        `alwidget.learners.training.Options`, as keywords. Other than there, `epochs` is 6 and `min_steps` 200, and the
        rate of T5 and its kin 3e-4.
    """

    classes: tuple[str, ...] = ()

    def __init__(
        self,
        folder: str | Path,
        *,
        label: str | None = None,
        name: str | None = None,
        cache_dir: str | Path | None = None,
        device: str | None = None,
        prefix: str = "",
        max_length: int = 512,
        max_target: int = 128,
        source_language: str | None = None,
        target_language: str | None = None,
        beams: int = 4,
        candidates: int = 3,
        **options: Any,
    ) -> None:
        self.folder = Path(folder)
        self.label = label or self.folder.name
        self.name = name or f"finetune:{self.label}"
        self.device, self.prefix = device, prefix
        self.max_length, self.max_target = max_length, max_target
        self.source_language, self.target_language = source_language, target_language
        self.beams, self.candidates = beams, candidates
        self.retrain_seconds = 120.0
        self._given = options
        self._reader = FrozenEncoder(folder, label=self.label, cache_dir=cache_dir, device=device)
        self._model: Any = None
        self._sources: Tokeniser | None = None
        self._targets: Tokeniser | None = None
        self._room = self._longest = max_target
        self._written: dict[bytes, tuple[float, list[str]]] = {}

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"bart-base, fine-tuned (cuda)"``."""
        return f"{self.label}, fine-tuned" + (f" ({self.device})" if self.device else "")

    @property
    def options(self) -> Options:
        """How it is trained."""
        from alwidget.learners.training import Options

        kin = self._model is not None and self._model.config.model_type in T5_KIN
        try:
            return Options(**{**DEFAULTS, **({"learning_rate": T5_RATE} if kin else {}), **self._given})
        except TypeError as error:
            message = f"These options of fine-tuning cannot be used: {error}."
            raise ModelError(message) from error

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch, the tokeniser and the checkpoint; idempotent."""
        if self._model is not None:
            return
        _ = self.options

        from alwidget.learners.seq2seq import load_writer, source_limit

        with loading(self.label, stop, progress):
            self.device = device_or_best(self.device)
            model = load_writer(self.folder)
            limit = source_limit(model)
            self._sources = Tokeniser(self.folder, max_length=self.max_length, limit=limit)
            self._targets = Tokeniser(self.folder, max_length=self.max_target, limit=limit, written=True)
            for tokeniser in (self._sources, self._targets):
                tokeniser.speak(self.source_language, self.target_language, self.label)
            self._room = min(self.max_target, limit - 1)  # the decoder reads a start of its own first
            self._adopt(model.to(self.device), self._room)

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        """Fine-tune on all texts; a cancelled or failed fit leaves the last model in use."""
        if not len(labelled):
            message = "There are no texts to learn from."
            raise ModelError(message)
        self.prepare(stop=stop, progress=progress)
        started = time.perf_counter()
        sources = self._tokens(labelled.documents, stop)
        targets = self._ready(self._targets)([str(text) for text in labelled.y], stop=stop)
        with bounded_threads():
            model, history = self._taught(sources, targets, labelled.weights, seed, stop, progress)
        self._adopt(model, min(self._room, int(ROOM * targets.lengths.max()) + 2))
        self.retrain_seconds = seconds = time.perf_counter() - started
        cut = int((targets.lengths >= self.max_target).sum())
        return Report(
            n=len(labelled),
            seconds=seconds,
            epochs=len(history.losses),
            loss=history.losses[-1],
            dynamics=Dynamics(np.stack(history.gold), np.stack(history.correct), tuple(labelled.documents.keys)),
            notes=(f"{cut} texts are longer than {self.max_target} tokens and were cut",) if cut else (),
            extra={"steps": history.steps, "losses": tuple(history.losses)},
        )

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        """Raise: written text has no classes.

        Raises
        ------
        alwidget.errors.ModelError
            Always.
        """
        del documents, stop
        message = "Written text has no probabilities of labels; ask generate instead."
        raise ModelError(message)

    def generate(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> Generated:
        """Return what the present model writes by beam search, dropout off; before the first fit, the checkpoint.

        `log_probs` are means over the tokens, the end of the text included. What was written for a document is kept
        until the next fit.
        """
        self.prepare(stop=stop, progress=progress)
        missing = [i for i, key in enumerate(documents.keys) if key not in self._written]
        for start in range(0, len(missing), WINDOW):
            part = documents.take(missing[start : start + WINDOW])
            found = self._write(part, stop, progress)
            if len(self._written) + len(part) > KEPT:
                kept = set(documents.keys)
                self._written = {key: value for key, value in self._written.items() if key in kept}
            for key, log_prob, texts in zip(part.keys, found.log_probs, found.candidates, strict=True):
                self._written[key] = (float(log_prob), texts)
        known = [self._written[key] for key in documents.keys]
        candidates = [list(texts) for _, texts in known]
        return Generated([texts[0] for texts in candidates], np.array([p for p, _ in known], dtype=float), candidates)

    def generate_passes(
        self, documents: Batch, passes: int, *, seed: int, stop: Stop | None = None
    ) -> list[Generated]:
        """Return what it writes in `passes` passes with dropout on (Monte Carlo dropout), all else in evaluation."""
        import torch

        from alwidget.learners.dropout import OwnRandomness

        self.prepare(stop=stop)
        out = []
        for seeds in np.random.default_rng(seed).integers(2**62, size=passes):
            generator = torch.Generator(device=str(self.device)).manual_seed(int(seeds))
            with OwnRandomness(generator, always=True):
                out.append(self._write(documents, stop, None))
        return out

    def embed(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> np.ndarray:
        """Return the mean of the checkpoint's last encoder layer over the tokens, float32 (n, d), kept on disk."""
        return self._reader.embed(documents, stop=stop, progress=progress)

    def embedded(self, documents: Batch) -> np.ndarray:
        """Return bool (n,): which documents have a kept vector."""
        return self._reader.embedded(documents)

    def save(self, path: Path) -> None:
        """Write a checkpoint that transformers reads: safetensors, config.json, tokenizer.json."""
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        with quiet_transformers():
            self._ready(self._model).save_pretrained(str(path))
            self._ready(self._sources).inner.save_pretrained(str(path))
        about = {"format": "alwidget-seq2seq/1", "base": self.label, "prefix": self.prefix, "longest": self._longest}
        write_json(path / "alwidget.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        from alwidget.learners.seq2seq import load_writer

        path = Path(path)
        with reading(path):
            about = json.loads((path / "alwidget.json").read_text(encoding="utf-8"))
            longest, prefix = int(about["longest"]), str(about["prefix"])
        self.prepare()
        self._adopt(load_writer(path).to(self.device), longest)
        self.prefix = prefix

    def _taught(
        self,
        sources: Tokens,
        targets: Tokens,
        weights: np.ndarray | None,
        seed: int,
        stop: Stop | None,
        progress: Progress | None,
    ) -> tuple[Any, History]:
        """Return a model of its own, trained from the checkpoint, and what happened."""
        import torch

        from alwidget.learners.seq2seq import Written, load_writer
        from alwidget.learners.training import train

        model = load_writer(self.folder).to(self.device)
        examples = Written(
            sources,
            targets,
            weights=weights,
            generator=torch.Generator(device=str(self.device)).manual_seed(seed),
            device=str(self.device),
            budget=self._limits()[0],
            stop=stop,
        )
        history = train(
            model,
            examples,
            options=self.options,
            seed=seed,
            device=str(self.device),
            step_tokens=self._limits()[0],
            stop=stop,
            progress=progress,
        )
        return model.eval(), history

    def _write(self, documents: Batch, stop: Stop | None, progress: Progress | None) -> Generated:
        from alwidget.learners.decoding import Beams, write

        tokens = self._tokens(documents, stop)
        with bounded_threads(), quiet_transformers():
            return write(
                self._model,
                tokens,
                self._texts,
                Beams(self.beams, self.candidates, self._longest),
                budget=self._limits()[1],
                device=str(self.device),
                stop=stop,
                progress=progress,
            )

    def _tokens(self, documents: Batch, stop: Stop | None) -> Tokens:
        texts = documents.texts if not self.prefix else [self.prefix + text for text in documents.texts]
        found: Tokens = self._ready(self._sources)(texts, documents.pairs, stop=stop)
        return replace(found, types=None)  # encoder-decoders ask for none

    def _texts(self, ids: list[list[int]]) -> list[str]:
        inner = self._ready(self._targets).inner
        return [text.strip() for text in inner.batch_decode(ids, skip_special_tokens=True)]

    def _adopt(self, model: Any, longest: int) -> None:
        """Use this model from now on; what the last one wrote is void."""
        model.generation_config.update(**starts(self._ready(self._targets).inner))
        self._model, self._longest, self._written = model, longest, {}

    def _ready(self, part: Any) -> Any:
        if part is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return part

    def _limits(self) -> tuple[int, int]:
        return TOKENS["cpu" if str(self.device) == "cpu" else "cuda"]
