"""A bidirectional LSTM with a CRF, trained from nothing but the labels: needs no weights and no GPU."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ModelError
from alwidget.learners.base import Batch, Labelled, Progress, Report, Stop, Watch
from alwidget.learners.checkpoints import device_or_best, reading, write_json
from alwidget.learners.tagging.neural import Memory, NetworkTagger, Output, WindowExamples
from alwidget.learners.tagging.targets import offsets_of, targets_of, training_weights, words_of
from alwidget.learners.tagging.windows import Pieces, Windows
from alwidget.learners.threads import bounded_threads
from alwidget.tasks.tags import tag_names

if TYPE_CHECKING:
    import torch

    from alwidget.learners.tagging.network import BiLstm, WordForms
    from alwidget.learners.training import Options

__all__ = ["BiLstmCrf"]

ROOM = 256
"""Words that are read together; longer documents are read in windows that overlap by half."""
STEP_WORDS = 4096
NO_CLASSES = ("O", "B-?", "I-?")


class BiLstmCrf(NetworkTagger):
    """Words by hash and by their letters, a bidirectional LSTM over them, and a CRF over the tags.

    Tags are those of the likeliest sequence, with transitions that were learned and others that cannot occur;
    probabilities are the marginals of the CRF (forward-backward). Every fit starts from the seed. Before the first,
    documents have vectors all the same: random projections of their counted words.

    Parameters
    ----------
    label, name
        What the model is called in the status line, and the short form a person types.
    cache_dir
        Taken as other learners take it; the vectors change with every fit, so nothing is kept.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``; None: a GPU if there is one.
    dropout
        Share of the inputs and of the states that training sets to zero.
    options
        `alwidget.learners.training.Options`, as keywords: ``epochs=20``, ``holdout=0.1``…

    References
    ----------
    Lample et al. 2016, "Neural architectures for named entity recognition"; Ma & Hovy 2016, "End-to-end sequence
    labeling via bi-directional LSTM-CNNs-CRF".
    """

    def __init__(
        self,
        *,
        label: str | None = None,
        name: str | None = None,
        cache_dir: str | Path | None = None,
        device: str | None = None,
        dropout: float = 0.4,
        **options: Any,
    ) -> None:
        del cache_dir
        self.label = label or "BiLSTM-CRF"
        self.name = name or "bilstm-crf"
        self.device, self.dropout = device, dropout
        self.retrain_seconds = 20.0
        self._given = options
        self._classes = ()
        self._model: BiLstm | None = None
        self._memory = Memory(1, NO_CLASSES)

    @property
    def description(self) -> str:
        """What the status line shows, such as ``"BiLSTM-CRF"``."""
        return self.label

    @property
    def options(self) -> Options:
        """How it is trained."""
        from alwidget.learners.training import Options

        usual = {"learning_rate": 4e-3, "epochs": 20, "min_steps": 300, "clip": 5.0, "patience": 4, "warmup": 0.05}
        try:
            return Options(**{**usual, **self._given})
        except TypeError as error:
            message = f"These options of the BiLSTM-CRF cannot be used: {error}."
            raise ModelError(message) from error

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Load torch; idempotent."""
        if self._model is not None:
            return
        _ = self.options
        if stop is not None:
            stop.check()

        del progress
        self.device = device_or_best(self.device)
        self._adopt(self._fresh(NO_CLASSES, seed=0), ())

    def fit(
        self,
        labelled: Labelled,
        *,
        seed: int,
        stop: Stop | None = None,
        progress: Progress | None = None,
        watch: Watch | None = None,
    ) -> Report:
        """Train on all labels. A cancelled or failed fit leaves the last model in use."""
        from alwidget.learners.tagging.network import word_forms
        from alwidget.learners.training import train

        words = words_of(labelled.documents)
        y, each = targets_of(labelled, words), training_weights(labelled)
        self.prepare(stop=stop, progress=progress)
        started = time.perf_counter()
        classes = tuple(labelled.classes)
        forms = word_forms(labelled.documents.texts, words)
        offsets = offsets_of(words)
        model = self._fresh(tag_names(classes), seed)
        examples = _Examples(_windows(offsets, ROOM), y, offsets, each, forms, self, stop)
        with bounded_threads():
            history = train(
                model,
                examples,
                options=self.options,
                seed=seed,
                device=str(self.device),
                step_tokens=STEP_WORDS,
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

    def save(self, path: Path) -> None:
        """Write ``model.safetensors`` and ``bilstm.json`` into a folder."""
        from safetensors.torch import save_file

        self._check_fitted()
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        state = self._network().state_dict()
        save_file({k: v.detach().cpu().contiguous() for k, v in state.items()}, str(path / "model.safetensors"))
        about = {"format": "alwidget-bilstm-crf/1", "classes": list(self._classes)}
        write_json(path / "bilstm.json", about)

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        from safetensors.torch import load_file

        path = Path(path)
        self.prepare()
        with reading(path):
            about = json.loads((path / "bilstm.json").read_text(encoding="utf-8"))
            classes = tuple(map(str, about["classes"]))
            model = self._fresh(tag_names(classes), seed=0)
            model.load_state_dict(load_file(str(path / "model.safetensors")))
        self._adopt(model, classes)

    def _fresh(self, tags: tuple[str, ...], seed: int) -> BiLstm:
        import torch

        from alwidget.learners.tagging.network import BiLstm

        with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made, which ours replace
            model = BiLstm(
                len(tags),
                dropout=self.dropout,
                generator=torch.Generator().manual_seed(seed),
                draws=self._generator(seed),
            )
        return model.to(self.device).eval()

    def _adopt(self, model: BiLstm, classes: tuple[str, ...]) -> None:
        """Use this model from now on; what the last one computed is void."""
        from alwidget.learners.tagging.network import HIDDEN

        self._model, self._classes = model, classes
        self._memory = Memory(HIDDEN, tag_names(classes) if classes else NO_CLASSES)

    def _network(self) -> BiLstm:
        if self._model is None:
            message = f"{self.label} has not been loaded."
            raise ModelError(message)
        return self._model

    def _generator(self, seed: int) -> torch.Generator:
        import torch

        return torch.Generator(device=str(self.device)).manual_seed(seed)

    def _run(self, documents: Batch, words: list[np.ndarray], stop: Stop | None) -> Output:
        from alwidget.learners.tagging.network import word_forms

        forms = word_forms(documents.texts, words)
        output = self._through(self._network(), _windows(offsets_of(words), ROOM // 2), forms, stop)
        return output if self._classes else replace(output, states=_projected(forms.hashes))

    def _through(self, model: BiLstm, windows: Windows, forms: WordForms, stop: Stop | None) -> Output:
        """Return marginals, states and likeliest tags of words."""
        import torch

        n = len(forms.hashes)
        probs = np.zeros((n, model.crf.starts.shape[0]), dtype=np.float32)
        states = np.zeros((n, self._memory.width), dtype=np.float32)
        tags = np.zeros(n, dtype=np.int64)
        for rows in windows.batches(STEP_WORDS):
            if stop is not None:
                stop.check()
            rows = rows[windows.tokens.lengths[rows] > 0]  # noqa: PLW2901  documents without words
            at, which = windows.at(rows)
            if not len(at):
                continue
            with torch.inference_mode():
                emissions, hidden, lengths = self._emitted(model, windows, forms, rows)
                said = model.crf.marginals(emissions, lengths).cpu().numpy()
                best = model.crf.best(emissions, lengths).cpu().numpy()
            place = (which, windows.firsts[at])
            probs[windows.order[at]], tags[windows.order[at]] = said[place], best[place]
            states[windows.order[at]] = hidden.cpu().numpy()[place]
        return Output(probs, states, tags)

    def _emitted(
        self, model: BiLstm, windows: Windows, forms: WordForms, rows: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return emissions, states and lengths of some windows."""
        import torch

        batch = windows.tokens.padded(rows)
        at, mask = batch["input_ids"], batch["attention_mask"] > 0
        inputs = [np.where(_wide(mask, a), a[at], 0) for a in (forms.hashes, forms.letters, forms.shapes)]
        lengths = torch.from_numpy(windows.tokens.lengths[rows])
        emissions, hidden = model(*(torch.from_numpy(a).to(self.device) for a in inputs), lengths)
        return emissions, hidden, lengths.to(self.device)


class _Examples(WindowExamples):
    """Windows of words, whose tags are learned as sequences."""

    def __init__(
        self,
        windows: Windows,
        y: np.ndarray,
        offsets: np.ndarray,
        each: np.ndarray,
        forms: WordForms,
        learner: BiLstmCrf,
        stop: Stop | None,
    ) -> None:
        super().__init__(windows, y, offsets, each)
        self._forms, self._learner, self._stop = forms, learner, stop

    def losses(self, model: Any, rows: np.ndarray) -> torch.Tensor:
        """Return minus the log-probability a word of some windows' tags, (k,)."""
        import torch

        some = rows[self.lengths[rows] > 0]
        out = torch.zeros(len(rows), device=str(self._learner.device))
        if not len(some):
            nothing: torch.Tensor = out + 0 * model.crf.starts.sum()  # a loss without words has a gradient, too
            return nothing
        emissions, _, lengths = self._learner._emitted(model, self.windows, self._forms, some)  # noqa: SLF001
        batch = self.windows.tokens.padded(some)
        tags = np.where(batch["attention_mask"] > 0, self.y[batch["input_ids"]], 0)
        # a window may begin inside of an entity, which then begins here
        tags[:, 0] -= (tags[:, 0] > 0) & (tags[:, 0] % 2 == 0)
        losses = model.crf.losses(emissions, torch.from_numpy(tags).to(emissions.device), lengths) / lengths
        there = torch.from_numpy(np.flatnonzero(self.lengths[rows] > 0)).to(out.device)
        return out.index_copy(0, there, losses)

    def probs(self, model: Any) -> np.ndarray:
        """Return the marginals of all words."""
        return self._learner._through(model, self.windows, self._forms, self._stop).probs  # noqa: SLF001


def _windows(offsets: np.ndarray, stride: int) -> Windows:
    """Return windows over words, each of which stands for itself."""
    n = int(offsets[-1])
    firsts = (np.arange(n) - np.repeat(offsets[:-1], np.diff(offsets))).astype(np.int32)
    return Windows.over(
        Pieces(np.arange(n, dtype=np.int32), offsets, firsts, firsts + 1, offsets), ROOM, stride=stride
    )


def _projected(hashes: np.ndarray) -> np.ndarray:
    """Return a vector for each word that depends on its hash alone, float32 (k, HIDDEN)."""
    from alwidget.learners.tagging.network import BUCKETS, HIDDEN

    table = np.random.default_rng(0).standard_normal((BUCKETS, HIDDEN), dtype=np.float32)
    out: np.ndarray = table[hashes]
    return out


def _wide(mask: np.ndarray, like: np.ndarray) -> np.ndarray:
    return mask.reshape(*mask.shape, *[1] * (like.ndim - 1))
