"""The stages of PLASM, one after the other; each reads what the ones before it wrote."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alwidget.engine.training import TrainingSet
from alwidget.errors import ArgumentError, MissingExtraError
from alwidget.learners.base import Labelled, Learner, Progress, Stop
from alwidget.learners.checkpoints import write_json
from alwidget.reuse import keeping, measuring
from alwidget.reuse.cleaning import drop
from alwidget.reuse.labelling import Said, asked, cross_validated, folds_of, labelled
from alwidget.reuse.makers import Maker
from alwidget.reuse.material import Material
from alwidget.reuse.report import PlasmReport
from alwidget.reuse.steps import Steps
from alwidget.reuse.tracing import check_watched, traced

__all__ = ["Settings", "Stages"]

LEAST_HELD_OUT = 10
"""Documents below which a score would say nothing."""
UNSURE, MEMORISED = "less confident than asked for", "it had to be memorised"
STEPS = ("labeller", "unseen", "pseudo", "influence", "successor")
STEP = "step.json"
INFLUENCE = ("last", "all")


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
    influence: str = "last"

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
        if self.influence not in INFLUENCE:
            wrong.append(f'influence is "last" or "all", got {self.influence!r}')
        if wrong:
            raise ArgumentError("; ".join(wrong) + ".")


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

    def run(self) -> Learner:
        """Make what is not there yet, and return the successor, loaded."""
        s = self._set
        made = self._made(self._successor)
        if s.clean and getattr(made, "chosen", made) is not None:  # what is chosen later is asked later
            check_watched(made, whole=s.influence == "all")
        model = [self._material.fingerprint, s.seed, s.holdout, self._labeller.name]
        pseudo = [*model, s.most]
        watched = [*pseudo, self._successor.name, s.clean, s.confidence, s.weight, s.smoothing, s.influence]
        final = [*watched, s.folds]  # how much is dropped goes by the error that the folds tell
        self._steps.step("labeller", model, self._label_from_people)
        self._steps.step("unseen", [*model, s.folds], self._label_unseen)
        self._steps.step("pseudo", pseudo, self._label_the_rest)
        self._steps.step("influence", watched, self._watch)
        self._steps.step("successor", final, self._succeed)
        self._steps.step("report", final, self._report)
        return self._kept(self._successor, "successor")

    # stages ----------------------------------------------------------------------------------------------------------

    def _label_from_people(self, folder: Path) -> None:
        """Train the labeller."""
        started = time.perf_counter()
        learner = self._trained(self._labeller, self._people())
        learner.save(folder / "model")
        self._finish(folder, started, description=learner.description)

    def _label_unseen(self, folder: Path) -> None:
        """Have labellers answer what people answered and they have not seen."""
        started = time.perf_counter()
        answers, said = self._material.answers, list[Said | None]([None] * len(self._material.answers))
        if len(self._outside):
            learner = self._kept(self._labeller, "labeller")
            for i, one in zip(self._outside, self._asked(learner, self._outside), strict=True):
                said[i] = one
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
            for i, found in zip(self._inside, unseen, strict=True):
                said[i] = found
        keeping.write_said(folder / "said.parquet", said)
        self._finish(folder, started)

    def _label_the_rest(self, folder: Path) -> None:
        """Label what nobody has said anything of."""
        started = time.perf_counter()
        said: list[Said] = []
        if len(self._rest):
            said = self._asked(self._kept(self._labeller, "labeller"), self._rest, "labelling")
        keeping.write_said(folder / "said.parquet", said, [self._material.ids[i] for i in self._rest])
        self._finish(folder, started)

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
                whole=self._set.influence == "all",
            )
        np.save(folder / "influence.npy", scores, allow_pickle=False)
        self._finish(folder, started)

    def _succeed(self, folder: Path) -> None:
        """Train the successor on what is left."""
        started = time.perf_counter()
        said, unseen = self._pseudo(), self._unseen()
        influence = np.load(self.folder / "influence" / "influence.npy", allow_pickle=False)
        sure = np.array([one.confidence for one in said], dtype=np.float64)
        unsure = sure < self._set.confidence
        error = measuring.labeller_error(self._material, unseen, sure, np.random.default_rng([self._set.seed, 1]))
        dropped = np.zeros(len(said), dtype=bool)
        if self._set.clean:
            dropped[~unsure] = drop(influence[~unsure], error, dropped_before=int(unsure.sum()))
        learner = self._trained(self._successor, self._both(said, np.flatnonzero(~unsure & ~dropped)))
        learner.save(folder / "model")
        why = np.select([unsure, dropped], [UNSURE, MEMORISED], "")
        keeping.write_labels(folder, keeping.labels_of(self._material, self._rest, said, influence, why))
        threshold = float(influence[dropped].min()) if dropped.any() else None
        self._finish(folder, started, description=learner.description, error=error.to_json(), threshold=threshold)

    def _report(self, folder: Path) -> None:
        """Measure the successor, beside one that knows people's labels only, and write down what was seen."""
        started = time.perf_counter()
        why, unseen = keeping.read_labels(self.folder / "successor")["why"], self._unseen()
        done = {name: keeping.read_json(self.folder / name / STEP) for name in STEPS}
        made = done["successor"]
        pseudo = int((why == "").sum()) - len(self._material.answers)
        report = {
            "task": self._task.name,
            "labels": list(self._task.labels),
            "models": {name: done[name]["description"] for name in ("labeller", "successor")},
            "settings": asdict(self._set),
            "counts": {
                "human": len(self._material.answers),
                "held out": len(self._outside),
                "pseudo": pseudo,
                "dropped": len(self._rest) - pseudo,
                "dropped as unsure": int((why == UNSURE).sum()),
                "left alone": len(self._material.rest) - len(self._rest),
            },
            "notes": self._notes(made["error"]),
            "error": made["error"],
            "threshold": made["threshold"],
            **self._measured(unseen),
            "calibration": measuring.calibration(self._material, unseen),
            "seconds": {name: done[name]["seconds"] for name in STEPS},
            "versions": keeping.versions(),
        }
        report["seconds"]["report"] = time.perf_counter() - started
        write_json(folder / "report.json", report)
        with contextlib.suppress(MissingExtraError):
            PlasmReport(report, keeping.read_labels(self.folder / "successor")).to_html(folder / "report.html")

    # parts of stages -------------------------------------------------------------------------------------------------

    def _made(self, maker: Maker) -> Learner:
        return maker.make(self._task.name, self._device)

    def _trained(self, maker: Maker, data: Labelled) -> Learner:
        learner = self._made(maker)
        learner.prepare(stop=self._stop, progress=self._progress)
        learner.fit(data, seed=self._set.seed, stop=self._stop, progress=self._progress)
        return learner

    def _kept(self, maker: Maker, step: str) -> Learner:
        learner = self._made(maker)
        learner.prepare(stop=self._stop, progress=self._progress)
        learner.load(self.folder / step / "model")
        return learner

    @staticmethod
    def _finish(folder: Path, started: float, **about: Any) -> None:
        write_json(folder / STEP, {**about, "seconds": time.perf_counter() - started})

    def _asked(self, learner: Learner, which: np.ndarray, what: str = "predicting") -> list[Said]:
        documents = self._material.documents.take(which)
        return asked(
            learner, self._task, documents, stop=self._stop, tick=lambda done, total: self._progress(what, done, total)
        )

    def _pseudo(self) -> list[Said]:
        return [one for one in keeping.read_said(self.folder / "pseudo" / "said.parquet") if one is not None]

    def _unseen(self) -> list[Said | None]:
        return keeping.read_said(self.folder / "unseen" / "said.parquet")

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

    def _measured(self, unseen: list[Said | None]) -> dict[str, Any]:
        """Return what each model gets right of answers that nothing was trained on, and whether they agree."""
        learner, said = self._kept(self._successor, "successor"), self._pseudo()
        rng = np.random.default_rng([self._set.seed, 3])
        some = np.sort(rng.choice(len(said), min(len(said), measuring.AGREEMENT_OF), replace=False))
        agreement = None
        if len(some):
            found = self._asked(learner, self._rest[some])
            agreement = measuring.score(self._task, [said[i].value for i in some], found, rng).to_json()
        if not len(self._outside):
            return {"scores": {}, "agreement": agreement}
        answers = {
            "labeller": [unseen[i] for i in self._outside],
            "successor": self._asked(learner, self._outside),
        }
        # a Learner of the caller's own is one and the same, so it is asked before it is trained again
        alone = self._trained(self._successor, self._people())
        answers["successor without pseudo-labels"] = self._asked(alone, self._outside)
        truth = [self._material.answers[i] for i in self._outside]
        rng = np.random.default_rng([self._set.seed, 2])
        scores = {name: measuring.score(self._task, truth, each, rng).to_json() for name, each in answers.items()}
        return {"scores": scores, "agreement": agreement}

    def _notes(self, error: dict[str, Any]) -> list[str]:
        """Return what somebody should know who reads the numbers."""
        notes = []
        if not len(self._rest):
            notes.append("There was no document without a label: the successor learned from people's labels alone.")
        elif self._set.clean and not error["trusted"]:
            few = f"only {error['n']:,} answers" if error["n"] else "no answers"
            notes.append(f"There were {few} to measure the labeller on, so a tenth of its labels was dropped.")
        if not TrainingSet(self._inside, self._people().y, self._task.labels, self._task.name).teaches:
            notes.append("People's answers are all the same: there is nothing to learn from them yet.")
        if not len(self._outside):
            notes.append(f"Fewer than {LEAST_HELD_OUT} labels could be held out, so the models were not measured.")
        for role, maker in (("successor", self._successor), ("labeller", self._labeller)):
            if not maker.lasting:
                notes.append(f"The {role} was given as an object without a lasting name; another run makes it again.")
        return notes


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
