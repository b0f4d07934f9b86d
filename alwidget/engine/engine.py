"""The engine: rounds in a background thread, or one at a time by a caller; the same round either way.

The labels are read anew at the start of every round, so requests coalesce by nature: whatever was asked for while a
round ran is one round afterwards, with the newest labels. The thread owns the learner; everybody else hands it a job.
A failed round keeps the last good model and queue, and is tried again when something new is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alwidget.engine.background import Background
from alwidget.engine.desk import Desk
from alwidget.engine.drafting import Drafting
from alwidget.engine.improving import improve, improves
from alwidget.engine.loading import Loading
from alwidget.engine.pace import Pace
from alwidget.engine.queue import Queued
from alwidget.engine.record import record_of
from alwidget.engine.round import Plan, RoundResult, run_round
from alwidget.engine.status import EngineStatus, State, Voice
from alwidget.engine.training import TrainingSet
from alwidget.engine.warmup import Warmup
from alwidget.errors import Cancelled
from alwidget.learners.base import Learner, Report, Stop
from alwidget.log.rounds import RoundLog
from alwidget.strategies import Strategy, Subsampler

if TYPE_CHECKING:
    from alwidget.pool import Pool

__all__ = ["Engine"]

LOW_WATER = 20


class Engine(Background):
    """Chooses what to ask next.

    Parameters
    ----------
    pool, learner, strategy
        The documents, what learns, what chooses.
    training_set
        Returns the labelled documents of this moment; called at the start of every round.
    subsample
        What `alwidget.strategies.subsampler` reads: ``"auto"``, ``"random:N"``, ``"ups"``, an instance, None.
    batch_size, batch_unit
        How much a round asks: ``"documents"``, or ``"tokens"``, which takes documents until they have so many words.
    cache
        Folder for the saved queue, so that a resumed session asks the same documents at once; None keeps none.
    task
        The name of the task.
    rounds
        Where finished rounds are written down; by default in memory only.
    audit
        The share of questions that are drawn at random to measure.
    """

    def __init__(
        self,
        pool: Pool,
        learner: Learner,
        strategy: Strategy,
        training_set: Callable[[], TrainingSet],
        *,
        subsample: str | Subsampler | None = "auto",
        batch_size: int = 50,
        batch_unit: str = "documents",
        seed: int = 0,
        cache: Path | None = None,
        task: str = "classification",
        rounds: RoundLog | None = None,
        audit: float = 0.0,
    ) -> None:
        super().__init__()
        self.rounds = RoundLog(None) if rounds is None else rounds
        self._pool, self._learner, self._strategy = pool, learner, strategy
        self._training_set, self._subsample = training_set, subsample
        self.seed, self.audit, self.pace = seed, audit, Pace(batch_size, batch_unit)
        self.voice = Voice()
        words = task == "tagging"
        self.loading = Loading(pool, learner, self.voice, seed=seed, words=words)
        self.desk = Desk(pool, seed=seed, store=None if cache is None else cache / "queue.json")
        self._warmup = Warmup(pool, seed, words=words)
        self.drafting = Drafting(pool, self.desk)
        self._number = self._new = 0
        self._requested = self._fitted = False
        self.last: RoundResult | None = None
        self._trained_on: TrainingSet | None = None
        self._memo: dict[tuple[str, str], Any] = {}

    # What is asked --------------------------------------------------------------------------------------------------

    def restore(self, number: int) -> None:
        """Take up the saved queue of an earlier run; `number` is the newest round that the log knows of."""
        self._number = max(number, self.desk.restore())

    def head(self, limit: int, skip: frozenset[int] = frozenset()) -> list[Queued]:
        """Return what is asked next."""
        return self.desk.head(limit, skip, self._number)

    def asked(self, limit: int, skip: frozenset[int] = frozenset()) -> list[Queued]:
        """Return the same with all that the model would write, where nothing runs in the background to write it."""
        entries = self.head(limit, skip)
        if self._thread is None and self.drafting.lacking(entries):
            return self.run(lambda learner: self.drafting.complete(learner, entries, Stop()))
        return entries

    def answered(self, index: int, *, labelled: bool) -> None:
        """Tell that a document was answered; it is not asked again."""
        self.desk.close(index)
        with self._changed:
            self._new += labelled
            self._wake()

    def reopened(self, index: int) -> None:
        """Tell that an answer was taken back; the document is asked next."""
        self.desk.reopen(index, self._number)
        with self._changed:
            self._new += 1
            self._wake()

    def relabelled(self) -> None:
        """Tell that labels were renamed, merged or deleted: what was made of the old ones is made anew."""
        self.desk.forget()
        self._again()

    # What it does ----------------------------------------------------------------------------------------------------

    @property
    def status(self) -> EngineStatus:
        """What it does now."""
        with self._lock:
            state: State = "paused" if self._paused and not self._running else self.voice.state
            return EngineStatus(
                state,
                self._number,
                self._learner.description,
                self._strategy.name,
                self.voice.message,
                len(self.desk),
                self._paused,
                self.pace.batch_size,
                self.voice.error,
            )

    @property
    def strategy(self) -> Strategy:
        """The strategy of the next round."""
        return self._strategy

    @strategy.setter
    def strategy(self, strategy: Strategy) -> None:
        with self._lock:
            self._strategy = strategy
        self._again()

    def set_batch_size(self, size: int) -> None:
        """Ask so many documents, or words, a round from the next round on."""
        with self._lock:
            self.pace.batch_size = size
        self.voice.tell("status")

    def pause(self) -> None:
        """Start nothing new; what runs is stopped at its next batch. Labelling goes on."""
        with self._lock:
            self._paused = True
            self._stop.set()
            self._changed.notify_all()
        self.voice.tell("status")

    def resume(self) -> None:
        """Go on, with the newest labels."""
        with self._lock:
            self._paused = False
            self._changed.notify_all()
        self.start()
        self.voice.tell("status")

    def request(self) -> None:
        """Ask for a round in the background; several requests are one round."""
        with self._lock:
            self._requested = True
            self._wake()
        self.start()

    def step(self) -> RoundResult:
        """Run one whole round now, over the whole pool, and return it."""
        return self.run(lambda _: self._round(within=None, size=self.pace.step))

    def start(self) -> None:
        """Start the background thread; harmless when it runs."""
        with self._lock:
            if self._thread is None and not self._closing:
                self._requested = self._requested or (self.desk.closed > 0 and not self._fitted)
                super().start()

    @property
    def fitted(self) -> bool:
        """Whether a round has trained the model."""
        return self._fitted

    def report_on(self, training: TrainingSet) -> Report | None:
        """Return what the last fit said, if it was of these labels and these answers."""
        with self._lock:
            last, known = self.last, training.same_as(self._trained_on)
        return last.report if known and last is not None else None

    # The thread ------------------------------------------------------------------------------------------------------

    def _wanted(self) -> bool:
        return self._due() or self._drafts() or self._warms()

    def _work(self) -> None:
        if self._due() and self._readable():
            self._guarded(lambda: self._round(within=self._warmup.ready(), size=self.pace.live))
        elif self._drafts() and not self._due():
            self._guarded(self._draft)
            self.voice.tell("queue")
        else:
            self._guarded(self._warm)

    def _due(self) -> bool:
        if self._paused or not len(self.desk.open):
            return False
        if self._requested or self._new >= self.pace.patience(self.desk.closed, self._learner.retrain_seconds):
            return True
        short = len(self.desk) < min(LOW_WATER, len(self.desk.open))
        return short and (self._new > 0 or self._number == 0) and self.voice.state != "failed"

    def _warms(self) -> bool:
        return not self._paused and self.voice.state != "failed" and bool(self._strategy.needs) and self._warmup.due()

    def _drafts(self) -> bool:
        return not self._paused and self._fitted and self.voice.state != "failed" and self.drafting.due()

    def _improves(self) -> bool:
        """Whether the model can make itself better while there is nothing to do. Called with the lock held."""
        return not (self._closing or self._paused or self.voice.state == "failed") and improves(self._learner)

    def _improve(self) -> None:
        """Let the model make itself better; once it has, a round shows what it has become."""
        if improve(self._learner, self._pool, self._warmup, self._begin(pausable=True, yields=True)):
            with self._lock:
                self._memo.clear()
                self._requested = True
            self.voice.tell("status")

    def _ready(self) -> Learner:
        """Return the learner, loaded."""
        if not self.loading.done:
            with self._failing():
                self.loading.run(self._begin())
        return self._learner

    def _readable(self) -> bool:
        """Whether enough documents are read for a round that looks at them."""
        return not self._strategy.needs or self._warmup.enough(self.pace.live)

    def _warm(self) -> None:
        """Read some more documents, so that the next round can choose among more."""
        learner = self._ready()
        with self._failing():
            done, target = self._warmup.advance(learner, self._begin(pausable=True))
        self.voice.reading(done, target, quietly=self._fitted)
        if self._warmup.milestone() and not self._fitted:
            with self._lock:
                self._requested = True

    def _round(self, *, within: np.ndarray | None, size: int) -> RoundResult:
        learner = self._ready()
        with self._lock:
            self._requested, taken = False, self._new
            self._new, stop = 0, self._begin()
            strategy, number = self._strategy, self._number + 1
        training = self._training_set()
        if within is not None and self.last is not None and training.same_as(self._trained_on):
            number = self._number
        history = tuple(self.rounds.records())
        asked = (number, strategy, self._subsample, size, self.seed, training, within, self.pace.tokens)
        plan = Plan(*asked, history, self.audit)
        try:
            with self._failing():
                result = run_round(
                    self._pool,
                    learner,
                    self.desk.open,
                    plan,
                    stop=stop,
                    progress=self.voice.progress,
                    phase=lambda phase: self.voice.phase(phase, len(training)),
                    memo=self._memo,
                    scores=self.desk.scores,
                )
        except Cancelled:
            with self._lock:
                self._new += taken
                self._requested = True
            self.voice.say("ready" if self._fitted else "cold", "")
            raise
        with self._lock:
            self._number, self.voice.error, self.last, self._trained_on = number, None, result, training
            self._fitted, self.pace.last = self._fitted or result.fitted, result.batch
        self.rounds.append(record_of(result, plan, self._pool, learner.description))
        self.drafting.learnt(learner, training)
        self.desk.replace(result.entries, number)
        self.voice.say("ready" if self._fitted else "cold", "; ".join(result.notes))
        if self._drafts():
            self._guarded(self._draft)
        self.voice.tell("queue")
        return result

    def _draft(self) -> None:
        """Have the model write for the next few documents that are asked."""
        learner = self._ready()
        with self._failing("the model's texts could not be written; labelling goes on without them"):
            self.drafting.advance(learner, self._begin(pausable=True, yields=True))

    @contextmanager
    def _failing(
        self, meaning: str = "the last round failed; labelling goes on with what was chosen before"
    ) -> Iterator[None]:
        """Where something fails, keep the last good model and queue, say why, and wait for something new."""
        try:
            yield
        except Cancelled:
            raise
        except Exception as error:
            with self._lock:
                self._requested, self._new = False, 0
            self.voice.fail(error, meaning)
            raise

    def _again(self) -> None:
        """Stop what runs and start over with what holds now."""
        with self._lock:
            self._stop.set()
            if self._thread is not None:
                self._requested = True
            self._changed.notify_all()
        self.voice.tell("status")
