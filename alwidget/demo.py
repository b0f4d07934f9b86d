"""The demonstration: an oracle labels a corpus through the same session and engine that a person uses.

`simulate` is the only loop. It asks, answers from the gold labels, trains, and measures on documents that the session
has never seen; which strategy chooses is the session's affair, so a comparison is the same loop run again.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alwidget.errors import ArgumentError

if TYPE_CHECKING:
    from tqdm import tqdm

    from alwidget.session import Session

__all__ = ["Curve", "Demo", "Point", "run", "simulate"]

QUIET_SECONDS = 5.0
"""How often the progress is written where it goes to a file, which keeps every line."""


@dataclass(frozen=True, slots=True)
class Point:
    """How good the model is after a round: the number of labels, and accuracy and macro F1 on the test documents."""

    round: int
    labelled: int
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class Curve:
    """The learning curve of a strategy."""

    strategy: str
    points: tuple[Point, ...]

    @property
    def area(self) -> float:
        """The mean accuracy over the curve: the area under it, divided by its width."""
        return sum(point.accuracy for point in self.points) / len(self.points)

    def labels_to(self, accuracy: float) -> int | None:
        """Return how many labels it took to get there for the first time, or None if it never did."""
        return next((point.labelled for point in self.points if point.accuracy >= accuracy), None)


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demonstration came to: the session's directory, the model, and a curve for each strategy."""

    path: Path
    model: str
    pool: int
    test: int
    curves: tuple[Curve, ...]


def simulate(
    session: Session,
    gold: Mapping[str, str],
    test: tuple[Sequence[str], Sequence[str]],
    *,
    rounds: int,
    batch_size: int,
    on_answer: Callable[[], None] = lambda: None,
) -> Iterator[Point]:
    """Label what the session asks for, round by round, and yield how good its model is after each.

    Parameters
    ----------
    session
        An open session; its strategy chooses also the first batch, before any model exists.
    gold
        The label of every document by id: the oracle.
    test
        Texts and their labels, to measure on.
    rounds, batch_size
        How many rounds, and how many documents each; ends early when no documents are left.
    on_answer
        Called after each answer.
    """
    from sklearn.metrics import accuracy_score, f1_score

    texts, truth = test
    session.train(wait=True)
    for number in range(1, rounds + 1):
        items = session.next(batch_size)
        if not items:
            return
        for item in items:
            session.record(item.id, gold[item.id])
            on_answer()
        session.train(wait=True)
        predicted = session.predict(texts)
        yield Point(
            round=number,
            labelled=session.status.labelled,
            accuracy=float(accuracy_score(truth, predicted)),
            macro_f1=float(f1_score(truth, predicted, average="macro", zero_division=0)),
        )


def run(
    path: Path,
    *,
    rounds: int = 10,
    batch_size: int = 50,
    n: int | None = None,
    strategy: str = "auto",
    model: str = "auto",
    seed: int = 0,
    baseline: bool = True,
    progress: bool = True,
) -> Demo:
    """Label the docstring corpus by an oracle, with a strategy and then by chance on the same budget.

    Parameters
    ----------
    path
        Where the session of the strategy is left; it must not be there yet. The session of the random baseline is
        thrown away.
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
        If `path` exists, or the corpus is too small for the budget.
    """
    from alwidget.datasets import docstrings, labels

    if path.exists():
        message = f'"{path}" is there already. Give another place with -o, or remove it first.'
        raise ArgumentError(message)
    corpus = docstrings("classification", n=n, seed=seed)
    held_out = min(len(corpus) // 4, 1000)
    test, pool = corpus.head(held_out), corpus.iloc[held_out:]
    budget = rounds * batch_size
    if budget > len(pool) or not held_out:
        message = f"{rounds} rounds of {batch_size} need {budget:,} documents to label, but there are {len(pool):,}. "
        message += "Use fewer rounds, a smaller batch, or more of the corpus (--n)."
        raise ArgumentError(message)
    gold = dict(zip(corpus["id"], corpus["label"], strict=True))
    measure = (test["text"].tolist(), test["label"].tolist())
    arms = [strategy, "random"] if baseline and strategy != "random" else [strategy]
    curves: list[Curve] = []
    described = ""
    with _bar(len(arms) * budget, shown=progress) as bar, tempfile.TemporaryDirectory() as scratch:
        for arm, place in zip(arms, (path, Path(scratch) / "random.alw"), strict=False):
            session = _open(pool[["id", "text"]], labels("classification"), place, arm, model, batch_size, seed)
            with session, _telling(session, bar, arm):
                steps = simulate(
                    session, gold, measure, rounds=rounds, batch_size=batch_size, on_answer=lambda: _advance(bar)
                )
                curves.append(Curve(session.strategy.name, tuple(steps)))
                described = session.status.model
    return Demo(path, described, len(pool), held_out, tuple(curves))


def _open(
    documents: object,
    labels: Mapping[str, str],
    path: Path,
    strategy: str,
    model: str,
    batch_size: int,
    seed: int,
) -> Session:
    from alwidget.opening import annotate

    return annotate(
        documents,
        labels=labels,
        path=path,
        strategy=strategy,
        model=model,
        batch_size=batch_size,
        seed=seed,
        annotator="oracle",
    )


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
