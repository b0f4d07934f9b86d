"""The students of a teacher in the cache: what ``model="distilled:TEACHER"`` chooses with, at once and later."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from alwidget.errors import ModelError
from alwidget.learners.distilled import UNTRAINED
from alwidget.reuse.distil import REPORT, students_of
from alwidget.reuse.folders import read_report
from alwidget.reuse.models import Given

__all__ = ["begun", "layers_for", "newest", "untrained"]

LAYERS = 3
STEPS = 600
"""Steps that a student learns in the background: some ten minutes of a core for one of all-MiniLM-L6-v2."""
EPOCHS = 3.0
TIMED = 32
"""Texts on which the speed is measured, while somebody labels."""
EVERY = 25
"""Steps between checkpoints: what closing the session may cost."""
COUNTS = ("num_hidden_layers", "n_layers", "n_layer")


def layers_for(teacher: Path) -> int:
    """Return how many layers the student of a teacher has: three, or half where that is fewer.

    Raises
    ------
    alwidget.errors.ModelError
        The teacher has but one, or does not say how many.
    """
    try:
        config = json.loads((teacher / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"The configuration of the model in {teacher} cannot be read: {error}"
        raise ModelError(message) from error
    count = next((config[name] for name in COUNTS if isinstance(config.get(name), int)), 0)
    if count < 2:  # noqa: PLR2004
        message = f"{teacher.name} has {count or 'no number of'} layers, so there are none to leave out"
        raise ModelError(message)
    return min(LAYERS, int(count) // 2)


def newest(teacher: Path) -> Path | None:
    """Return the student of a teacher that was finished last, whatever texts it learned from; None without one."""
    try:
        folder = students_of(teacher, layers_for(teacher))
    except ModelError:
        return None
    found: list[tuple[str, str, Path]] = []
    for report in folder.glob(f"*/{REPORT}"):
        about = read_report(report.parent, REPORT)
        if about is not None:
            found.append((str(about.get("finished", "")), report.parent.name, report.parent))
    return max(found)[2] if found else None


def untrained(teacher: Path) -> Path:
    """Return a folder with the layers that a student would keep, made now if it is not there; takes seconds."""
    from alwidget.reuse.student import save_model, shortened

    layers = layers_for(teacher)
    folder = students_of(teacher, layers) / UNTRAINED
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{UNTRAINED}-") as place:
        made = Path(place) / UNTRAINED
        model, _ = shortened(teacher, layers)
        save_model(model, made, teacher)
        if not folder.exists():
            try:
                made.replace(folder)
            except OSError:  # another session was faster
                shutil.rmtree(made, ignore_errors=True)
    return folder


def begun(teacher: Path, pool: Any, *, device: str | None) -> Any:
    """Return the distillation of a teacher with the defaults of a session, not loaded yet."""
    from alwidget.reuse.corpus import Corpus
    from alwidget.reuse.distil import Distillation
    from alwidget.reuse.running import steps_for

    corpus = Corpus(pool, seed=0)
    steps = min(STEPS, steps_for(corpus, 32, EPOCHS, None))
    given, layers = Given(teacher.name, teacher), layers_for(teacher)
    return Distillation(given, corpus, layers=layers, steps=steps, device=device, every=EVERY, timed=TIMED)
