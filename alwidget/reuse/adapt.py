"""A language model goes on reading before anybody labels: task-adaptive pretraining on the texts of the pool."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alwidget.errors import ArgumentError
from alwidget.learners.base import Progress, Stop
from alwidget.reuse.corpus import Corpus
from alwidget.reuse.folders import fingerprint_of, models_dir
from alwidget.reuse.models import Given, find
from alwidget.reuse.running import Run, steps_for
from alwidget.reuse.telling import told

__all__ = ["Adaptation", "Adapted", "Adapting", "adapt"]

REPORT = "adapted.json"


@dataclass(frozen=True, slots=True)
class Adapting:
    """How a model goes on reading.

    Attributes
    ----------
    learning_rate
        Peak rate of AdamW; None: 5e-5 at a width of 768 and inversely to it.
    batch_size
        Texts a step.
    max_length
        Tokens a text may have; None: as many as are read in a session.
    """

    learning_rate: float | None = None
    batch_size: int = 32
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Adapted:
    """A model that has read the pool.

    Attributes
    ----------
    folder
        A model folder that transformers, ``model="encoder:FOLDER"`` and ``model="finetune:FOLDER"`` load.
    report
        What ``adapted.json`` in it says: the loss on texts that were held out, before and after, and how it was done.
    """

    folder: Path
    report: dict[str, Any]

    @property
    def model(self) -> str:
        """What to give as ``model=`` to `alwidget.annotate`: fine-tuned with a GPU, frozen without."""
        return str(self.folder)

    def summary(self) -> str:
        """Return the report in two lines."""
        loss, report = self.report["loss"], self.report
        return (
            f"masked words on {loss['texts']:,} texts that were held out: loss {loss['before']:.3f} before, "
            f"{loss['after']:.3f} after (perplexity {math.exp(loss['before']):.1f}, {math.exp(loss['after']):.1f})\n"
            f"trained on {report['pool']['trained']:,} texts, {report['steps']:,} steps in {report['seconds']:.0f} s"
        )


def adapt(
    model: str | Path,
    pool: Any,
    *,
    out: str | Path | None = None,
    epochs: float = 3.0,
    steps: int | None = None,
    seed: int = 0,
    device: str | None = None,
    progress: bool | Progress = True,
    resume: bool = True,
    checkpoint_every: int = 100,
    stop: Stop | None = None,
    **adapting: Any,
) -> Adapted:
    """Let a masked language model read the pool before anything is labelled (Gururangan et al. 2020).

    Of the tokens 15 % are hidden, differently each time: 80 % of them become the mask, 10 % another word, 10 % stay.
    All weights are trained. A tenth of the texts, at most 500, is held out and says what it brought; texts to test a
    classifier on do not belong into `pool`.

    Parameters
    ----------
    model
        A hub name, the path of a model folder, or ``"encoder:NAME"``. It needs its head over the vocabulary, which
        sentence encoders are saved without.
    pool
        A `alwidget.Pool`, or what it can be loaded from: texts, a path, a data frame. At least 30 different texts.
    out
        The folder of the model; by default one in the cache, found again by the same call.
    epochs, steps
        How often every text is read (Gururangan et al.: many times, of small pools); or the number of steps.
    seed, device, progress, resume, checkpoint_every, stop
        As for `alwidget.distill`.
    **adapting
        The fields of `alwidget.reuse.adapt.Adapting`.

    Returns
    -------
    Adapted

    Raises
    ------
    alwidget.errors.ModelError
        The model cannot be had, or has no head over its vocabulary.
    alwidget.errors.ArgumentError
        An argument cannot be used, or `out` is taken.
    alwidget.errors.Cancelled
        `stop` was set. The next call goes on from here.

    Examples
    --------
    >>> import alwidget as alw
    >>> adapted = alw.adapt("bert-base-cased", "reviews.csv")  # doctest: +SKIP
    >>> session = alw.annotate("reviews.csv", model=adapted.model)  # doctest: +SKIP
    """
    try:
        how = Adapting(**adapting)
    except TypeError as error:
        message = f"These options of adapting cannot be used: {error}."
        raise ArgumentError(message) from error
    with told(progress) as tell:
        job = Adaptation(
            find(model, stop=stop, progress=tell),
            Corpus(pool, seed=seed),
            out=None if out is None else Path(out),
            epochs=epochs,
            steps=steps,
            seed=seed,
            device=device,
            every=checkpoint_every,
            how=how,
        )
        return Adapted(job.out, job.whole(stop, tell, resume=resume))


class Adaptation(Run):
    """One adaptation, which can be done in slices: see `alwidget.reuse.running.Run`."""

    report_name = REPORT

    def __init__(
        self,
        model: Given,
        corpus: Corpus,
        *,
        out: Path | None = None,
        epochs: float = 3.0,
        steps: int | None = None,
        seed: int = 0,
        device: str | None = None,
        every: int = 100,
        how: Adapting | None = None,
    ) -> None:
        from alwidget.learners.encoder import folder_identity

        self._model, self._how, self._device, self._every = model, how or Adapting(), device, every
        self._steps = steps_for(corpus, self._how.batch_size, epochs, steps)
        self._identity = folder_identity(model.folder)
        fingerprint = fingerprint_of(
            what="adapted/1",
            model=self._identity,
            steps=self._steps,
            seed=seed,
            texts=corpus.fingerprint,
            adapting=asdict(self._how),
        )
        super().__init__(corpus, out or models_dir() / f"adapted-{fingerprint[:16]}", fingerprint, seed)
        self._words: Any = None

    def _loaded(self) -> tuple[Any, Any, Any]:
        from alwidget.reuse.masking import MaskedWords, planned

        words = self._words = MaskedWords(self._model.folder, self._how, device=self._device)
        plan = planned(words, self._how, steps=self._steps, every=self._every, seed=self.seed)
        return words, words.tokenise, plan

    def _written(self, stop: Stop | None) -> dict[str, Any]:
        from alwidget.reuse.student import save_model

        texts = self.corpus.texts(self.corpus.held_out)
        after = self._words.measured(texts, self.seed, stop)
        before = self._words.untrained().measured(texts, self.seed, stop)
        save_model(self._words.model, self.out, self._model.folder)
        return {
            "format": "alwidget-adapted/1",
            "model": {"name": self._model.name, "identity": self._identity},
            "adapting": asdict(self._how),
            "loss": {"texts": len(texts), "before": round(before, 6), "after": round(after, 6)},
        }
