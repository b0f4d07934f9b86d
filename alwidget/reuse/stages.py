"""The stages of PLASM, one after the other; each reads what the ones before it wrote."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alwidget import learners
from alwidget.errors import ArgumentError
from alwidget.learners.base import Labelled, Learner, Progress, Stop
from alwidget.learners.checkpoints import write_json
from alwidget.reuse import keeping, measuring
from alwidget.reuse.cleaning import drop
from alwidget.reuse.labelling import Said, asked, cross_validated, folds_of, labelled
from alwidget.reuse.material import Material
from alwidget.reuse.steps import Steps
from alwidget.reuse.tracing import traced

__all__ = ["Maker", "Settings", "Stages"]

LEAST_HELD_OUT = 10
"""Documents below which a score would say nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `alwidget.plasm` was asked for, beside data and models."""

    clean: bool
    holdout: float
    folds: int
    confidence: float
    weight: float
    smoothing: float
    most: int
    seed: int

    def check(self) -> None:
        """Raise `ArgumentError` naming everything that cannot be used."""
        wrong = [
            f"{name} is a share from 0 to below 1, got {getattr(self, name)!r}"
            for name in ("holdout", "confidence", "smoothing")
            if not 0 <= getattr(self, name) < 1
        ]
        if not self.weight > 0:
            wrong.append(f"weight is a number above 0, got {self.weight!r}")
        if self.folds < 0 or self.folds == 1:
            wrong.append(f"folds is 0 or at least 2, got {self.folds!r}")
        if self.most < 0:
            wrong.append(f"most is a number of documents, got {self.most!r}")
        if wrong:
            raise ArgumentError("; ".join(wrong) + ".")


@dataclass(frozen=True, slots=True)
class Maker:
    """How a learner is made, anew for every training, and what it is called."""

    name: str
    make: Callable[[str, str | None], Learner]

    @classmethod
    def of(cls, spec: str | Callable[[], Learner], role: str) -> Maker:
        """Return it for a name as ``model=`` takes it, or for a function that makes a learner."""
        if isinstance(spec, str):
            return cls(spec, lambda task, device: learners.make(spec, task=task, device=device).learner)
        if callable(spec):
            return cls(repr(spec), lambda task, device: spec())  # noqa: ARG005  it knows them itself
        message = f"{role} is the name of a model or a function that makes a learner, got {spec!r}."
        raise ArgumentError(message)


class Stages:
    """Labeller, pseudo-labels, influence, successor.

    Parameters
    ----------
    material, settings
        What there is, and what is wanted.
    successor, labeller
        How they are made.
    folder
        Where everything is kept.
    device, progress
        As for `alwidget.plasm`.
    """

    def __init__(
        self,
        material: Material,
        settings: Settings,
        *,
        successor: Maker,
        labeller: Maker,
        folder: Path,
        device: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.folder, self._set = folder, settings
        self._material, self._task = material, material.task
        self._successor, self._labeller = successor, labeller
        self._device, self._stop = device, Stop()
        self._progress = progress or (lambda *_: None)
        self._steps = Steps(folder, lambda name, how: self._progress(f"{name}: {how}", 0, 1))
        rng = np.random.default_rng([settings.seed, 0])
        self._inside, self._outside = _held_out(material.answers, settings.holdout, rng)
        self._rest = material.rest
        if len(self._rest) > settings.most:
            self._rest = np.sort(rng.choice(self._rest, settings.most, replace=False))

    def run(self) -> tuple[Path, Learner]:
        """Return the folder of the last stage and the successor that it holds, loaded."""
        s = self._set
        first = [self._material.fingerprint, s.seed, s.holdout, self._labeller.name, s.folds]
        second = [*first, s.most]
        third = [*second, self._successor.name, s.clean, s.confidence, s.weight, s.smoothing]
        self._steps.step("labeller", first, self._label_from_people)
        self._steps.step("pseudo", second, self._label_the_rest)
        self._steps.step("influence", third, self._watch)
        final = self._steps.step("successor", third, self._succeed)
        return final, self._kept(self._successor, final)

    # stages ----------------------------------------------------------------------------------------------------------

    def _label_from_people(self, folder: Path) -> None:
        """Train the labeller, and have it answer what it has not seen."""
        started = time.perf_counter()
        answers, said = self._material.answers, list[Said | None]([None] * len(self._material.answers))
        learner = self._trained(self._labeller, self._people())
        learner.save(folder / "model")
        if self._set.folds:
            unseen = cross_validated(
                lambda: self._made(self._labeller),
                self._task,
                self._material.documents.take(self._inside),
                [answers[i] for i in self._inside],
                folds=self._set.folds,
                seed=self._set.seed,
                stop=self._stop,
                tick=lambda done, total: self._progress("measuring the labeller", done, total),
            )
            for i, one in zip(self._inside, unseen, strict=True):
                said[i] = one
        for i, one in zip(self._outside, self._asked(learner, self._outside), strict=True):
            said[i] = one
        about = {"description": learner.description, "seconds": time.perf_counter() - started}
        keeping.write_said(folder / "said.parquet", said)
        write_json(folder / "labeller.json", about)

    def _label_the_rest(self, folder: Path) -> None:
        """Label what nobody has said anything of."""
        started = time.perf_counter()
        learner = self._kept(self._labeller, self.folder / "labeller")
        said = self._asked(learner, self._rest, "labelling")
        keeping.write_said(folder / "said.parquet", said, [self._material.ids[i] for i in self._rest])
        write_json(folder / "pseudo.json", {"seconds": time.perf_counter() - started})

    def _watch(self, folder: Path) -> None:
        """Train a first successor, and see what it has to memorise."""
        started = time.perf_counter()
        said = self._pseudo()
        chosen = np.array([one.confidence >= self._set.confidence for one in said], dtype=bool)
        scores = np.full(len(said), np.nan)
        if self._set.clean and chosen.any():
            data = self._both(said, np.flatnonzero(chosen))
            learner = self._made(self._successor)
            learner.prepare(stop=self._stop, progress=self._progress)
            scores[chosen] = traced(
                learner,
                self._task,
                data,
                np.arange(len(self._inside), len(data)),
                seed=self._set.seed,
                stop=self._stop,
                progress=self._progress,
            )
        np.save(folder / "influence.npy", scores, allow_pickle=False)
        write_json(folder / "influence.json", {"seconds": time.perf_counter() - started})

    def _succeed(self, folder: Path) -> None:
        """Train the successor on what is left, beside one that knows people's labels only, and measure both."""
        started = time.perf_counter()
        said = self._pseudo()
        unseen = keeping.read_said(self.folder / "labeller" / "said.parquet")
        influence = np.load(self.folder / "influence" / "influence.npy", allow_pickle=False)
        unsure = np.array([one.confidence < self._set.confidence for one in said], dtype=bool)
        error = measuring.labeller_error(self._material, unseen, np.random.default_rng([self._set.seed, 1]))
        dropped = np.zeros(len(said), dtype=bool)
        if self._set.clean:
            dropped[~unsure] = drop(influence[~unsure], error, dropped_before=int(unsure.sum()))
        learner = self._trained(self._successor, self._both(said, np.flatnonzero(~unsure & ~dropped)))
        learner.save(folder / "model")
        why = np.select([unsure, dropped], ["less confident than asked for", "it had to be memorised"], "")
        labels = keeping.labels_of(self._material, self._rest, said, influence, why)
        keeping.write_labels(folder, labels)
        about = keeping.read_json(self.folder / "labeller" / "labeller.json")
        seconds = {
            name: keeping.read_json(self.folder / name / f"{name}.json")["seconds"]
            for name in ("labeller", "pseudo", "influence")
        }
        seconds["successor"] = time.perf_counter() - started
        report = {
            "task": self._task.name,
            "labels": list(self._task.labels),
            "models": {"labeller": about["description"], "successor": learner.description},
            "settings": asdict(self._set),
            "counts": {
                "human": len(self._material.answers),
                "held out": len(self._outside),
                "pseudo": int((why == "").sum()),
                "dropped": int((why != "").sum()),
                "dropped as unsure": int(unsure.sum()),
                "left alone": len(self._material.rest) - len(self._rest),
            },
            "error": error.to_json(),
            "threshold": float(influence[dropped].min()) if dropped.any() else None,
            "scores": self._scores(learner, unseen),
            "calibration": measuring.calibration(self._material, unseen),
            "agreement": self._agreement(learner, said),
            "seconds": seconds,
            "versions": keeping.versions(),
        }
        write_json(folder / "report.json", report)

    # parts of stages -------------------------------------------------------------------------------------------------

    def _made(self, maker: Maker) -> Learner:
        return maker.make(self._task.name, self._device)

    def _trained(self, maker: Maker, data: Labelled) -> Learner:
        learner = self._made(maker)
        learner.prepare(stop=self._stop, progress=self._progress)
        learner.fit(data, seed=self._set.seed, stop=self._stop, progress=self._progress)
        return learner

    def _kept(self, maker: Maker, folder: Path) -> Learner:
        learner = self._made(maker)
        learner.prepare(stop=self._stop, progress=self._progress)
        learner.load(folder / "model")
        return learner

    def _asked(self, learner: Learner, which: np.ndarray, what: str = "predicting") -> list[Said]:
        documents = self._material.documents.take(which)
        return asked(
            learner, self._task, documents, stop=self._stop, tick=lambda done, total: self._progress(what, done, total)
        )

    def _pseudo(self) -> list[Said]:
        return [one for one in keeping.read_said(self.folder / "pseudo" / "said.parquet") if one is not None]

    def _people(self) -> Labelled:
        return labelled(
            self._task,
            self._material.documents.take(self._inside),
            [self._material.answers[i] for i in self._inside],
        )

    def _both(self, said: list[Said], chosen: np.ndarray) -> Labelled:
        """Return people's labels, then the chosen pseudo-labels."""
        at, people = np.concatenate([self._inside, self._rest[chosen]]), len(self._inside)
        weights, smoothing = np.ones(len(at)), np.zeros(len(at))
        weights[people:], smoothing[people:] = self._set.weight, self._set.smoothing
        given = [self._material.answers[i] for i in self._inside] + [said[i].value for i in chosen]
        return labelled(self._task, self._material.documents.take(at), given, weights=weights, smoothing=smoothing)

    def _scores(self, learner: Learner, unseen: list[Said | None]) -> dict[str, Any]:
        """Return what each model gets right of the answers that nothing was trained on."""
        if not len(self._outside):
            return {}
        alone = self._trained(self._successor, self._people())
        said = {
            "labeller": [unseen[i] for i in self._outside],
            "successor": self._asked(learner, self._outside),
            "successor without pseudo-labels": self._asked(alone, self._outside),
        }
        truth = [self._material.answers[i] for i in self._outside]
        rng = np.random.default_rng([self._set.seed, 2])
        return {name: measuring.score(self._task, truth, each, rng).to_json() for name, each in said.items()}

    def _agreement(self, learner: Learner, said: list[Said]) -> dict[str, Any] | None:
        """Return how often the successor says of some pseudo-labelled documents what the labeller said."""
        if not said:
            return None
        rng = np.random.default_rng([self._set.seed, 3])
        some = np.sort(rng.choice(len(said), min(len(said), measuring.AGREEMENT_OF), replace=False))
        found = self._asked(learner, self._rest[some])
        return measuring.score(self._task, [said[i].value for i in some], found, rng).to_json()


def _held_out(answers: list[Any], share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers to train on and those to measure on, int64; none of the latter where they would be few."""
    everything = np.arange(len(answers))
    wanted = round(share * len(answers))
    if wanted < LEAST_HELD_OUT:
        return everything, everything[:0]
    # answers of one kind lie side by side, so every so-manieth of them has its share of each
    order = np.argsort(folds_of(answers, max(len(answers) // wanted, 2), rng), kind="stable")
    outside = np.sort(order[:wanted])
    return np.setdiff1d(everything, outside), outside
