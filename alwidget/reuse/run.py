"""PLASM in one call: from the labels that a small model chose to a successor of any architecture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alwidget.learners.base import Batch, Learner, Progress, Stop
from alwidget.log import Log
from alwidget.log.session_file import SESSION_FILE
from alwidget.pool import content_hash
from alwidget.reuse.folders import locked, unlocked
from alwidget.reuse.labelling import asked
from alwidget.reuse.makers import Maker
from alwidget.reuse.material import ANNOTATIONS, gather
from alwidget.reuse.report import PlasmReport
from alwidget.reuse.stages import Settings, Stages
from alwidget.reuse.telling import told

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Plasm", "plasm"]

DISTILLED = "distilled:"


@dataclass(frozen=True, slots=True)
class Plasm:
    """What came of it.

    Attributes
    ----------
    path
        The folder with everything, a folder for each step: ``successor/model`` (for `transformers`, where the
        successor is one of its models), ``successor/labels.parquet`` and ``.jsonl``, ``report/report.html``.
    model
        The successor, trained.
    labels
        A row a document: ``id``, ``text``, the label, its ``origin`` (``"human"``, ``"pseudo"`` or ``"dropped"``),
        ``confidence``, ``influence`` and ``why``.
    report
        What was trusted and what was not, and what it bought; ``report.plot()``, ``report.to_html(path)``.
    """

    path: Path
    model: Learner
    labels: pd.DataFrame
    report: PlasmReport
    _task: Any = field(repr=False)

    def predict(self, texts: Sequence[str], text_pair: Sequence[str] | None = None) -> list[Any]:
        """Return the successor's answer to each text, in the form of the task."""
        pairs = None if text_pair is None else list(text_pair)
        keys = [content_hash(text, pairs[i] if pairs else None) for i, text in enumerate(texts)]
        batch = Batch(list(texts), keys, pairs)
        return [found.value for found in asked(self.model, self._task, batch, stop=Stop())]


def plasm(
    source: Any,
    *,
    successor: str | Learner | Callable[[], Learner] = "auto",
    labeller: str | Learner | Callable[[], Learner] | None = None,
    clean: bool = True,
    influence: str = "last",
    data: Any = None,
    out: str | Path | None = None,
    holdout: float = 0.2,
    folds: int = 5,
    confidence: float = 0.0,
    weight: float = 1.0,
    smoothing: float = 0.1,
    most: int = 50_000,
    seed: int = 0,
    device: str | None = None,
    progress: bool | Progress = True,
    **columns: Any,
) -> Plasm:
    """Train a successor on people's labels and on cleaned pseudo-labels (PLASM, Tsvigun et al. 2022).

    A labeller learns from people's labels and labels the rest of the pool. A first successor learns from both while
    it is watched: what it has to memorise, by TracIn, is probably wrong, and as much of it is dropped as the labeller
    errs. The successor is then trained anew. What a person said is never labelled again and never dropped.

    Parameters
    ----------
    source
        A `Session`; the path of one or of its ``annotations.json``, with the other documents as `data`; or a table
        whose label is empty where nobody has answered (a DataFrame, or whatever `alwidget.Pool.load` takes).
    successor
        What is trained at the end, as ``model=`` of `alwidget.annotate`: a name or a `Learner`; or a function that
        makes one.
    labeller
        What labels the rest, likewise; by default the teacher of a session's distilled model, or its model, else the
        same as the successor.
    clean
        Whether to drop what the successor has to memorise.
    influence
        By what that is told: ``"last"``, the last layer, in closed form; ``"all"``, all parameters of a network
        (``"textcnn"`` and what is fine-tuned, but no tagger), which takes a backward pass.
    data
        With a path, the documents to pseudo-label.
    out
        The folder to keep everything in; by default ``plasm/`` in the session, else ``plasm/`` here. What is there and
        was made from the same is not made again, so a run that was stopped or killed goes on where it was.
    holdout
        The share of people's labels that nothing is trained on, to measure on. Below 10 documents nothing is measured.
    folds
        Parts in which the labeller's error is measured, each held out once; 0 measures it on the holdout alone.
    confidence
        Pseudo-labels less confident than this are left out.
    weight, smoothing
        What a pseudo-label counts where a person's counts one, and the share of it that is spread over the labels.
    most
        So many documents are pseudo-labelled at most, drawn at random.
    seed
        The same seed and data give the same successor.
    device
        ``"cpu"``, ``"cuda"``…; by default a GPU if there is one.
    progress
        Whether to show bars; or called as ``progress("labelling", done, total)``.
    columns
        For a table: ``task=``, ``labels=``, ``text=``, ``label=`` and so on, as for `alwidget.annotate`.

    Raises
    ------
    alwidget.errors.DataError, alwidget.errors.ArgumentError
        There are no answers to learn from, or an argument cannot be used.
    alwidget.errors.ModelError
        A model cannot be had, or the successor cannot be watched while it trains.
    alwidget.errors.SessionError
        Another process makes the same.

    Examples
    --------
    >>> import alwidget as alw, tempfile
    >>> table = alw.datasets.docstrings("classification", n=120)
    >>> table.loc[60:, "label"] = None
    >>> found = alw.plasm(table, successor="tf-idf", labeller="tf-idf", out=tempfile.mkdtemp(), progress=False)
    >>> found.report.counts["human"], found.report.counts["pseudo"] + found.report.counts["dropped"]
    (60, 60)
    """
    settings = Settings(clean, holdout, folds, confidence, weight, smoothing, most, seed, influence)
    settings.check()
    material = gather(source, data, **columns)
    makers = {
        "successor": Maker.of(successor, "successor"),
        "labeller": Maker.of(labeller if labeller is not None else _family(source) or successor, "labeller"),
    }
    folder = Path(out) if out is not None else _place(source)
    lock = locked(folder)
    try:
        with told(progress) as tell:
            model = Stages(material, settings, folder=folder, device=device, progress=tell, **makers).run()
    finally:
        unlocked(lock)
    report = PlasmReport.read(folder)
    return Plasm(folder, model, report.labels, report, material.task)


def _family(source: Any) -> str | None:
    """Return the model that a session's labels were chosen with; of a distilled one its teacher, which is better."""
    settings = getattr(getattr(source, "log", None), "settings", None)
    if settings is None and (folder := _session_at(source)) is not None:
        settings = Log.describe(folder)["settings"]
    model = settings.get("model") if settings is not None else None
    return model.removeprefix(DISTILLED) if isinstance(model, str) else None


def _session_at(source: Any) -> Path | None:
    """Return the folder of the session that a path is about, or None."""
    if not isinstance(source, str | Path):
        return None
    folder = Path(source) if Path(source).is_dir() else Path(source).parent
    known = Path(source).is_dir() or Path(source).name == ANNOTATIONS
    return folder if known and (folder / SESSION_FILE).is_file() else None


def _place(source: Any) -> Path:
    """Return where a run is kept by default: in the session that it is about."""
    path = getattr(getattr(source, "log", None), "path", None) or _session_at(source)
    return (Path(path) if path is not None else Path()) / "plasm"
