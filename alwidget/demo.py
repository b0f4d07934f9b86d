"""The demonstration: an oracle labels a corpus through the same session and engine that a person uses."""

from __future__ import annotations

import contextlib
import functools
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alwidget.errors import ArgumentError
from alwidget.oracle import MEASURES, Curve, HeldOut, nearest_answers, simulate, writes

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm

    from alwidget.session import Session

__all__ = ["Demo", "run"]

QUIET_SECONDS = 5.0
"""How often the progress is written where it goes to a file, which keeps every line."""
MODEL, NEAREST = "the model", "the nearest labelled document"
MOST_HELD_OUT = {"classification": 1000, "multilabel": 1000, "tagging": 500, "generation": 400}
"""Documents to measure on after every round; words and texts take longer to predict than labels."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demonstration came to: the session's directory, the model, and a curve for each strategy.

    `answers` says where the measured answers come from: the model, or the nearest labelled document.
    """

    path: Path
    model: str
    pool: int
    test: int
    curves: tuple[Curve, ...]
    task: str = "classification"
    answers: str = MODEL


def run(
    path: Path,
    *,
    task: str = "classification",
    rounds: int = 10,
    batch_size: int = 50,
    n: int | None = None,
    strategy: str = "auto",
    model: str = "auto",
    seed: int = 0,
    baseline: bool = True,
    progress: bool = True,
) -> Demo:
    """Label the docstring corpus of a task by an oracle, with a strategy and then by chance on the same budget.

    Parameters
    ----------
    path
        Where the session of the strategy is left; it must not be there yet. The session of the random baseline is
        thrown away.
    task
        ``"classification"``, ``"multilabel"``, ``"tagging"`` or ``"generation"``. Where no model is at hand that
        writes, ``"generation"`` is measured by the answer to the nearest labelled document.
    rounds, batch_size
        The budget.
    n
        Use only so many documents of the corpus; a quarter of them, at most 1,000, are held out to measure on.
    strategy, model, seed
        As for `alwidget.annotate`.
    baseline
        Whether to label by chance for comparison; never done when the strategy is random itself.
    progress
        Whether to show a progress bar on standard error.

    Raises
    ------
    ArgumentError
        If `path` exists, the task does not, or the corpus is too small for the budget.
    """
    from alwidget.datasets import docstrings

    if path.exists():
        message = f'"{path}" is there already. Give another place with -o, or remove it first.'
        raise ArgumentError(message)
    corpus = docstrings(task, n=n, seed=seed)
    held_out = min(len(corpus) // 4, MOST_HELD_OUT[task])
    budget = rounds * batch_size
    if budget > len(corpus) - held_out or not held_out:
        message = f"{rounds} rounds of {batch_size} need {budget:,} documents to label, but there are "
        message += f"{len(corpus) - held_out:,}. Use fewer rounds, a smaller batch, or more of the corpus (--n)."
        raise ArgumentError(message)
    arms = [strategy, "random"] if baseline and strategy != "random" else [strategy]
    curves: list[Curve] = []
    said: tuple[str, str] = ("", "")
    with _bar(len(arms) * budget, shown=progress) as bar, tempfile.TemporaryDirectory() as scratch:
        for arm, place in zip(arms, (path, Path(scratch) / "random.alw"), strict=False):
            curve, said = _label(corpus, held_out, task, place, arm, model, rounds, batch_size, seed, bar)
            curves.append(curve)
    described, answers = said
    return Demo(path, described, len(corpus) - held_out, held_out, tuple(curves), task, answers)


def _label(
    corpus: pd.DataFrame,
    held_out: int,
    task: str,
    path: Path,
    strategy: str,
    model: str,
    rounds: int,
    batch_size: int,
    seed: int,
    bar: tqdm,
) -> tuple[Curve, tuple[str, str]]:
    """Label with one strategy; return its curve, the model's name, and where the measured answers come from."""
    from alwidget import learners, opening
    from alwidget.datasets import labels

    key = corpus.columns[-1]
    test = HeldOut(corpus["text"].tolist()[:held_out], corpus[key].tolist()[:held_out])
    MEASURES[task].of(test.answers[:1], test.answers[:1], tuple(labels(task)))  # what measuring needs is missed now
    reader = None
    if task == "generation":
        learner = learners.make(model, task=task).learner
        learner.prepare()  # only then is it known which one it is
        reader = None if writes(learner) else learner
    session = opening.annotate(
        corpus.iloc[held_out:][["id", "text"]],
        labels=labels(task),
        task=task,
        path=path,
        strategy=strategy,
        model=model if reader is None else reader,
        batch_size=batch_size,
        seed=seed,
        annotator="oracle",
    )
    gold: Mapping[str, Any] = dict(zip(corpus["id"], corpus[key], strict=True))
    nearest = None if reader is None else functools.partial(nearest_answers, session, reader)
    with session, _telling(session, bar, strategy):
        steps = simulate(
            session,
            gold,
            test,
            rounds=rounds,
            batch_size=batch_size,
            predict=nearest,
            on_answer=lambda: _advance(bar),
        )
        curve = Curve(session.strategy.name, tuple(steps))
        return curve, (session.status.model, NEAREST if nearest else MODEL)


@contextlib.contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[tqdm]:
    from tqdm import tqdm

    seconds = 0.1 if sys.stderr.isatty() else QUIET_SECONDS
    with tqdm(total=total, unit="label", disable=not shown, dynamic_ncols=True, mininterval=seconds) as bar:
        yield bar


def _advance(bar: tqdm) -> None:
    bar.update(1)


@contextlib.contextmanager
def _telling(session: Session, bar: tqdm, arm: str) -> Iterator[None]:
    """Show beside the bar what the engine does, since loading a model and reading documents take a while."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(0.3 if sys.stderr.isatty() else QUIET_SECONDS):
            status = session.status
            bar.set_postfix_str(status.message or status.state)

    bar.set_description(session.strategy.name if arm == "auto" else arm)
    thread = threading.Thread(target=tell, name="alwidget-demo", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
