"""A small student of a large encoder, taught on texts without labels, that chooses fast what the large one learns."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.errors import ArgumentError
from alwidget.learners.base import Progress, Stop
from alwidget.reuse.corpus import Corpus
from alwidget.reuse.folders import fingerprint_of, models_dir
from alwidget.reuse.models import Given, find
from alwidget.reuse.running import Run, steps_for
from alwidget.reuse.telling import told

if TYPE_CHECKING:
    from alwidget.learners.encoder import Encoder

__all__ = ["Distillation", "Distilled", "Teaching", "distill"]

REPORT = "distilled.json"
SPEED_TEXTS = 200
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Teaching:
    """What a student is told, and how it learns.

    Attributes
    ----------
    soft_targets, words, states, vectors
        Weights of the losses: T²·KL of the scores over the vocabulary, the hidden words themselves, 1 - cos of the
        last hidden states, and the squared distance of the texts' vectors by the squared length of the teacher's. The
        first three are averaged over the tokens that are not padding (the second over those that are hidden), the last
        over the texts; the first two need a teacher with a head over its vocabulary.
    temperature
        T.
    learning_rate, batch_size
        Peak rate of AdamW, and texts a step.
    max_length
        Tokens a text may have; None: as many as the teacher reads in a session.
    """

    soft_targets: float = 5.0
    words: float = 2.0
    states: float = 1.0
    vectors: float = 1.0
    temperature: float = 2.0
    learning_rate: float = 5e-4
    batch_size: int = 32
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Distilled:
    """A student.

    Attributes
    ----------
    folder
        A model folder that transformers and ``model="encoder:FOLDER"`` load.
    report
        What ``distilled.json`` in it says: layers, sizes, documents a second, agreement before and after, losses.
    """

    folder: Path
    report: dict[str, Any]

    @property
    def model(self) -> str:
        """What to give as ``model=`` to `alwidget.annotate`: fine-tuned with a GPU, frozen without."""
        return str(self.folder)

    def summary(self) -> str:
        """Return the report in some lines."""
        report, speed = self.report, self.report["speed"]
        who = [
            f"{name}: {size['layers']} layers, {size['parameters'] / 1e6:.1f} M parameters, "
            f"{size['megabytes']:.0f} MB, {speed[name]:.0f} documents/s ({speed['device']})"
            for name, size in report["size"].items()
        ]
        near = [
            f"agreement {when}: cosine {a['cosine']:.3f}, rank correlation {a['rank_correlation']:.3f}, "
            f"same neighbours {a['neighbours']:.0%}"
            for when, a in report["agreement"].items()
            if when != "texts"
        ]
        done = f"{report['pool']['trained']:,} texts, {report['steps']:,} steps in {report['seconds']:.0f} s"
        return "\n".join([*who, *near, f"trained on {done}"])


def distill(
    teacher: str | Path,
    pool: Any,
    *,
    layers: int = 3,
    out: str | Path | None = None,
    epochs: float = 3.0,
    steps: int | None = None,
    student: str | Path | None = None,
    seed: int = 0,
    device: str | None = None,
    progress: bool | Progress = True,
    resume: bool = True,
    checkpoint_every: int = 100,
    stop: Stop | None = None,
    **teaching: Any,
) -> Distilled:
    """Make a small student of an encoder on texts without labels (Hinton et al. 2015; Sanh et al. 2019).

    The student is the teacher with fewer layers, evenly spaced from the first to the last, and the same width,
    vocabulary and word vectors, which stay as they are. Then it is told what the teacher makes of the texts: its
    hidden states and sentence vectors, and where the teacher has a head over its vocabulary, what it thinks of every
    word while some are hidden. A tenth of the texts, at most 500, is never trained on, and says how far both agree.

    Parameters
    ----------
    teacher
        A hub name, the path of a model folder, or ``"encoder:NAME"``.
    pool
        A `alwidget.Pool`, or what it can be loaded from: texts, a path, a data frame. At least 30 different texts.
    layers
        How many layers the student has.
    out
        The folder of the student; by default one in the cache, found again by the same call.
    epochs, steps
        How often every text is read; or the number of steps, whatever the number of texts.
    student
        A model to start from in place of the teacher's layers, such as an earlier student; it reads the same words.
    seed
        Everything random follows from it; the same machine gives the same weights.
    device
        ``"cpu"``, ``"cuda"``…; by default a GPU if there is one, where training is in bfloat16.
    progress
        True shows a bar, False nothing; or a function of phase, done and total.
    resume
        Go on where an earlier call with the same arguments was stopped or killed, and return its student if it was
        finished. False empties the folder of what an earlier call made, and begins anew.
    checkpoint_every
        Steps between checkpoints.
    stop
        A token to cancel with from another thread.
    **teaching
        The fields of `alwidget.reuse.distil.Teaching`.

    Returns
    -------
    Distilled

    Raises
    ------
    alwidget.errors.ModelError
        The teacher cannot be had, has no layers that can be left out, or the student reads other words.
    alwidget.errors.ArgumentError
        An argument cannot be used, or `out` is taken.
    alwidget.errors.Cancelled
        `stop` was set. The next call goes on from here.

    Examples
    --------
    >>> import alwidget as alw
    >>> student = alw.distill("all-MiniLM-L6-v2", "reviews.csv", layers=3)  # doctest: +SKIP
    >>> session = alw.annotate("reviews.csv", model=student.model)  # doctest: +SKIP
    """
    try:
        how = Teaching(**teaching)
    except TypeError as error:
        message = f"These options of distilling cannot be used: {error}."
        raise ArgumentError(message) from error
    with told(progress) as tell:
        given = find(teacher, stop=stop, progress=tell)
        start = None if student is None else find(student, stop=stop, progress=tell)
        job = Distillation(
            given,
            Corpus(pool, seed=seed),
            layers=layers,
            out=None if out is None else Path(out),
            epochs=epochs,
            steps=steps,
            start=start,
            seed=seed,
            device=device,
            every=checkpoint_every,
            how=how,
        )
        return Distilled(job.out, job.whole(stop, tell, resume=resume))


class Distillation(Run):
    """One distillation, which can be done in slices: see `alwidget.reuse.running.Run`."""

    report_name = REPORT

    def __init__(
        self,
        teacher: Given,
        corpus: Corpus,
        *,
        layers: int = 3,
        out: Path | None = None,
        epochs: float = 3.0,
        steps: int | None = None,
        start: Given | None = None,
        seed: int = 0,
        device: str | None = None,
        every: int = 100,
        how: Teaching | None = None,
        timed: int = SPEED_TEXTS,
    ) -> None:
        from alwidget.learners.encoder import folder_identity

        self._teacher, self._layers, self._start = teacher, layers, start
        self._how, self._device, self._every, self._timed = how or Teaching(), device, every, timed
        self._steps = steps_for(corpus, self._how.batch_size, epochs, steps)
        self._identity = folder_identity(teacher.folder)
        fingerprint = fingerprint_of(
            what="distilled/1",
            teacher=self._identity,
            start=None if start is None else folder_identity(start.folder),
            layers=layers,
            steps=self._steps,
            seed=seed,
            texts=corpus.fingerprint,
            teaching=asdict(self._how),
        )
        super().__init__(corpus, out or students_of(teacher.folder, layers) / fingerprint[:16], fingerprint, seed)
        self._lesson: Any = None
        self._vectors: dict[str, list[np.ndarray]] = {}

    def _loaded(self) -> tuple[Any, Any, Any]:
        from alwidget.reuse.teaching import Lesson, planned

        lesson = self._lesson = Lesson(
            self._teacher.folder,
            layers=self._layers,
            start=None if self._start is None else self._start.folder,
            how=self._how,
            device=self._device,
        )
        plan = planned(lesson, self._how, steps=self._steps, every=self._every, seed=self.seed)
        return lesson, lesson.tokenise, plan

    def _written(self, stop: Stop | None) -> dict[str, Any]:
        from alwidget.reuse.student import save_model

        save_model(self._lesson.model, self.out, self._teacher.folder)
        return {
            "format": "alwidget-distilled/1",
            "teacher": {"name": self._teacher.name, "identity": self._identity},
            "kept_layers": list(self._lesson.kept),
            "teaching": asdict(self._how),
            **self._measured(stop),
        }

    def _measured(self, stop: Stop | None) -> dict[str, Any]:
        """Return sizes, speeds, and the agreement with the teacher on texts that were not trained on."""
        from alwidget.learners.encoder import Encoder
        from alwidget.reuse.agreement import agreement, size_of, speeds
        from alwidget.reuse.student import save_model

        texts = self.corpus.texts(self.corpus.held_out)
        with tempfile.TemporaryDirectory(dir=self.out) as place:
            untrained = Path(place)
            save_model(self._lesson.untrained(), untrained, self._teacher.folder)
            teacher, before, after = (
                Encoder(folder, device=self._device) for folder in (self._teacher.folder, untrained, self.out)
            )
            wanted = self._encoded("teacher", teacher, texts, stop)
            agreements = {
                "texts": len(texts),
                "before": agreement(wanted, self._encoded("before", before, texts, stop)),
                "after": agreement(wanted, self._encoded("after", after, texts, stop)),
            }
        few = texts[: self._timed]
        slow, fast = speeds([teacher, after], few, stop=stop)
        sizes = {
            "teacher": size_of(self._lesson.teacher, self._teacher.folder),
            "student": size_of(self._lesson.model, self.out),
        }
        speed = {"documents": len(few), "device": str(teacher.device), "teacher": slow, "student": fast}
        return {"size": sizes, "speed": {**speed, "times": round(fast / max(slow, 1e-9), 2)}, "agreement": agreements}

    def _encoded(self, name: str, model: Encoder, texts: list[str], stop: Stop | None) -> np.ndarray:
        """Return vectors (n, d); what was computed before it is cancelled is not computed again."""
        parts = self._vectors.setdefault(name, [])
        for start in range(len(parts) * CHUNK, len(texts), CHUNK):
            parts.append(model.encode(texts[start : start + CHUNK], stop=stop))
        return np.concatenate(parts)


def students_of(teacher: Path, layers: int) -> Path:
    """Return the folder in the cache of all students of a teacher with so many layers."""
    from alwidget.learners.encoder import folder_identity

    return models_dir() / f"distilled-{folder_identity(teacher)[:16]}-{layers}"
