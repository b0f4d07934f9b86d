"""Training without labels: steps that follow from their number alone, so that a killed run goes on as if never killed.

What a step reads, which words it hides and what dropout drops come from the seed and the step's number. So a
checkpoint is the weights, the optimiser's two moments and that number; nothing is pickled.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from alwidget.errors import ModelError
from alwidget.learners.base import Progress, Stop
from alwidget.learners.checkpoints import reading, write_json
from alwidget.learners.dropout import OwnRandomness
from alwidget.learners.threads import bounded_threads
from alwidget.learners.tokens import Tokens, token_batches
from alwidget.reuse.corpus import Reading

__all__ = ["Objective", "Plan", "Training"]

CHECKPOINT = "checkpoint-"
SHOWN = 50
"""Steps whose mean losses make a line of the report."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Attributes
    ----------
    steps, batch_size
        Steps of the optimiser, and texts that each of them reads.
    learning_rate, warmup
        Peak rate, and the share of the steps in which it rises; then it falls to zero, both linearly.
    weight_decay, clip
        Of matrices only, and the largest norm of the gradient.
    step_tokens
        Tokens with padding that are in the machine at once; a step is split into such pieces.
    every
        Steps between checkpoints.
    seed
        Where everything random comes from.
    """

    steps: int
    batch_size: int = 32
    learning_rate: float = 5e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    step_tokens: int = 1024
    every: int = 100
    seed: int = 0


class Objective(Protocol):
    """What is trained, and on what."""

    model: Any
    """The model; its parameters that want a gradient are trained."""
    dropout: bool
    """Whether it is trained with dropout."""

    def drawn(self, tokens: Tokens, rng: np.random.Generator) -> Any:
        """Return what a step is to be trained on, with whatever is random in it drawn."""

    def loss(self, drawn: Any, rows: np.ndarray) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the share that some texts have in the mean loss of the step, with its gradient, and its terms."""


@dataclass(slots=True)
class History:
    """What happened: lines of ``{"step": …, "loss": …}`` with the means since the line before, and seconds spent."""

    lines: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


class Training:
    """A run of some steps, which may end anywhere and go on later, here or in another process.

    Parameters
    ----------
    objective, read, plan
        What is trained, what it reads, and how.
    folder
        Where checkpoints are kept.
    fingerprint
        Stands for all that the outcome depends on; a checkpoint of something else is not taken up.
    """

    def __init__(self, objective: Objective, read: Reading, plan: Plan, folder: Path, fingerprint: str) -> None:
        self.objective, self._read, self.plan = objective, read, plan
        self._folder, self._fingerprint = folder, fingerprint
        self.step = 0
        self.history = History()
        self._sums: dict[str, float] = {}
        self._trained = {n: p for n, p in objective.model.named_parameters() if p.requires_grad}
        matrices = [p for p in self._trained.values() if p.ndim > 1]
        others = [p for p in self._trained.values() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=plan.learning_rate)
        device = next(objective.model.parameters()).device
        self._generator = torch.Generator(device=device)
        self._saved = -1

    @property
    def done(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.plan.steps

    def run(self, stop: Stop | None = None, progress: Progress | None = None) -> None:
        """Do the steps that are left.

        Raises
        ------
        alwidget.errors.Cancelled
            `stop` was set; it is looked at before every piece of a step. Calling it again goes on with that step.
        """
        with bounded_threads():
            while not self.done:
                self._one(stop)
                if self.step % self.plan.every == 0 or self.done:
                    self.save()
                if progress is not None:
                    progress("training", self.step, self.plan.steps)

    def _one(self, stop: Stop | None) -> None:
        plan = self.plan
        started = _seconds()
        self._optimiser.zero_grad(set_to_none=True)
        tokens = self._read.at(self.step, stop)
        drawn = self.objective.drawn(tokens, np.random.default_rng([plan.seed, 13, self.step]))
        terms: dict[str, float] = {}
        with self._dropping():
            for rows in token_batches(tokens.lengths, plan.step_tokens):
                if stop is not None:
                    stop.check()
                loss, parts = self.objective.loss(drawn, rows)
                loss.backward()  # type: ignore[no-untyped-call]
                for name, value in {"loss": float(loss.detach()), **parts}.items():
                    terms[name] = terms.get(name, 0.0) + value
        if not math.isfinite(terms["loss"]):
            message = f"The loss is not a number at step {self.step}; try a smaller learning_rate."
            raise ModelError(message)
        torch.nn.utils.clip_grad_norm_(list(self._trained.values()), plan.clip)
        for group in self._optimiser.param_groups:
            group["lr"] = plan.learning_rate * _factor(self.step, plan)
        self._optimiser.step()
        self.step += 1
        self.history.seconds += _seconds() - started
        self._note(terms)

    @contextmanager
    def _dropping(self) -> Iterator[None]:
        """Train with dropout that follows from the number of the step, or without."""
        model = self.objective.model
        if not self.objective.dropout:
            model.eval()
            yield
            return
        model.train()
        self._generator.manual_seed(int(np.random.default_rng([self.plan.seed, 14, self.step]).integers(2**62)))
        try:
            with OwnRandomness(self._generator):
                yield
        finally:
            model.eval()

    def _note(self, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if self.step % SHOWN == 0 or self.done:
            count = (self.step - 1) % SHOWN + 1
            means = {name: round(value / count, 6) for name, value in self._sums.items()}
            self.history.lines.append({"step": self.step, **means})
            self._sums = {}

    # checkpoints

    def save(self) -> None:
        """Write a checkpoint beside the last one, and then remove that."""
        from safetensors.torch import save_file

        if self._saved == self.step:
            return
        target = self._folder / f"{CHECKPOINT}{self.step}"
        part = target.with_name(f"{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        save_file(self._state(), str(part / "state.safetensors"))
        about = {
            "format": "alwidget-training/1",
            "fingerprint": self._fingerprint,
            "step": self.step,
            "plan": asdict(self.plan),
            "sums": self._sums,
            "lines": self.history.lines,
            "seconds": self.history.seconds,
        }
        write_json(part / "training.json", about)
        for file in part.iterdir():
            _to_disk(file)
        shutil.rmtree(target, ignore_errors=True)
        part.replace(target)
        for number, path in _checkpoints(self._folder):
            if number != self.step:
                shutil.rmtree(path, ignore_errors=True)
        self._saved = self.step

    def resume(self) -> bool:
        """Take up the newest checkpoint of the same run; return whether there was one."""
        for _, path in sorted(_checkpoints(self._folder), reverse=True):
            with reading(path):
                about = json.loads((path / "training.json").read_text(encoding="utf-8"))
                if about["fingerprint"] != self._fingerprint:
                    continue
                self._take_up(path, about)
            return True
        return False

    def _state(self) -> dict[str, torch.Tensor]:
        """Return what is trained, with the moments of its gradient, contiguous and on the CPU."""
        out: dict[str, torch.Tensor] = {}
        for name, parameter in self._trained.items():
            out[f"weights {name}"] = parameter.detach().cpu().contiguous()
            moments = self._optimiser.state.get(parameter, {})
            for moment in ("exp_avg", "exp_avg_sq"):
                if moment in moments:
                    out[f"{moment} {name}"] = moments[moment].detach().cpu().contiguous()
        return out

    def _take_up(self, path: Path, about: dict[str, Any]) -> None:
        from safetensors.torch import load_file

        state = load_file(str(path / "state.safetensors"))
        step = int(about["step"])
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(state[f"weights {name}"])
                if f"exp_avg {name}" in state:
                    self._optimiser.state[parameter] = {
                        "step": torch.tensor(float(step)),
                        "exp_avg": state[f"exp_avg {name}"].to(parameter.device),
                        "exp_avg_sq": state[f"exp_avg_sq {name}"].to(parameter.device),
                    }
        self.step = self._saved = step
        self._sums = {str(name): float(value) for name, value in about["sums"].items()}
        self.history = History(list(about["lines"]), float(about["seconds"]))


def _checkpoints(folder: Path) -> list[tuple[int, Path]]:
    found = folder.glob(f"{CHECKPOINT}*") if folder.is_dir() else ()
    return [(int(p.name[len(CHECKPOINT) :]), p) for p in found if p.name[len(CHECKPOINT) :].isdigit()]


def _factor(step: int, plan: Plan) -> float:
    """Return the rate of a step as a share of the peak."""
    rising = max(1, round(plan.warmup * plan.steps))
    return (step + 1) / rising if step < rising else (plan.steps - step) / max(1, plan.steps - rising)


def _to_disk(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _seconds() -> float:
    return time.perf_counter()
