"""The engine: one round for the thread and for the step, coalescing, cancelling, failing well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from alwidget import strategies
from alwidget.engine import Engine, TrainingSet
from alwidget.errors import SessionClosedError, StrategyError
from alwidget.learners.base import Progress, Stop
from alwidget.pool import Pool
from alwidget.strategies import Ranked, Strategy
from small_learner import SmallLearner

ANIMALS = ["cat", "dog", "cow", "hen"]
TOOLS = ["saw", "axe", "awl", "jig"]
CLASSES = ("animal", "tool")


def pool(n: int = 240) -> Pool:
    rng = np.random.default_rng(0)
    words = [(ANIMALS if i % 2 else TOOLS)[rng.integers(4)] for i in range(n)]
    return Pool.load([f"{word} number {i} of the {word} kind {i % 7}" for i, word in enumerate(words)])


class Labels:
    """A training set that a test writes to."""

    def __init__(self) -> None:
        self.y: dict[int, int] = {}

    def __call__(self) -> TrainingSet:
        held = sorted(self.y.items())
        return TrainingSet(np.array([i for i, _ in held], dtype=np.int64), np.array([y for _, y in held]), CLASSES)

    def answer(self, engine: Engine, documents: Pool, count: int) -> None:
        for entry in engine.head(count):
            self.say(engine, documents, entry.index)

    def say(self, engine: Engine, documents: Pool, index: int) -> None:
        self.y[index] = int(any(word in documents[index].text for word in TOOLS))
        engine.answered(index, labelled=True)


Made = Callable[..., tuple[Engine, SmallLearner, Labels, Pool]]


@pytest.fixture
def made() -> Iterator[Made]:
    engines = []

    def make(strategy: str | Strategy = "entropy", learner: SmallLearner | None = None, **options: object) -> tuple:
        documents, labels, learner = pool(), Labels(), learner or SmallLearner()
        chosen = strategies.get(strategy)
        engine = Engine(documents, learner, chosen, labels, batch_size=10, **options)  # type: ignore[arg-type]
        engines.append(engine)
        return engine, learner, labels, documents

    yield make
    for engine in engines:
        engine.close()


def test_first_items_come_before_any_model(made: Made) -> None:
    engine, learner, _, _ = made()
    assert len(engine.head(20)) == 20
    assert learner.prepared == 0
    assert engine.status.state == "starting"


def test_a_step_fits_from_all_labels_and_says_why_it_asks(made: Made) -> None:
    engine, learner, labels, documents = made()
    labels.answer(engine, documents, 12)
    result = engine.step()
    assert learner.fits == [12]
    assert result.fitted
    assert [entry.why.rank for entry in result.entries] == list(range(1, 11))
    first = engine.head(1)[0]
    assert first.why.strategy == "entropy"
    assert first.why.round == 1
    assert first.why.score is not None
    assert first.why.model == "small centroids"
    assert first.suggestion is not None
    assert first.suggestion.value in CLASSES
    scores = [entry.why.score for entry in result.entries]
    assert scores == sorted(scores, reverse=True)


def test_same_seed_same_answers_same_questions(made: Made) -> None:
    picked = []
    for _ in range(2):
        engine, _, labels, documents = made("tyrogue", seed=3)
        picks = []
        for _ in range(4):
            labels.answer(engine, documents, 10)
            picks += [entry.index for entry in engine.step().entries]
        picked.append(picks)
    assert picked[0] == picked[1]


def test_the_thread_and_the_step_choose_alike(made: Made) -> None:
    """With every document read, the background's candidates are the step's."""
    stepped, _, labels_a, documents = made("entropy")
    threaded, _, labels_b, _ = made("entropy")
    threaded.set_batch_size(50)
    stepped.set_batch_size(50)
    for i in range(40):
        for engine, labels in ((stepped, labels_a), (threaded, labels_b)):
            labels.y[i] = int(any(word in documents[i].text for word in TOOLS))
            engine.desk.close(i)
    threaded.start()
    assert threaded.wait(20)
    threaded.request()
    assert threaded.wait(20)
    step = stepped.step()
    assert [e.index for e in threaded.head(50)] == [e.index for e in step.entries]


def test_requests_coalesce_and_see_the_newest_labels(made: Made) -> None:
    engine, learner, labels, documents = made(learner=SmallLearner(slow=0.2))
    labels.answer(engine, documents, 10)
    engine.start()
    for _ in range(5):
        labels.answer(engine, documents, 2)
        engine.request()
    assert engine.wait(20)
    assert learner.fits[-1] == 20
    assert len(learner.fits) <= 3


def test_the_engines_thread_owns_the_learner(made: Made) -> None:
    engine, learner, labels, documents = made()
    labels.answer(engine, documents, 10)
    engine.start()
    engine.step()
    assert learner.threads == {"alwidget-engine"}
    assert engine.run(lambda _: threading.current_thread().name) == "alwidget-engine"


def test_a_cold_strategy_that_needs_a_model_draws_at_random_and_says_so(made: Made) -> None:
    engine, _, _, _ = made("entropy")
    result = engine.step()
    assert result.strategy == "random"
    assert result.notes == ("entropy needs a trained model; this round drew at random",)
    assert engine.head(1)[0].why.propensity == pytest.approx(10 / 240)


def test_one_label_only_is_no_model(made: Made) -> None:
    engine, learner, labels, _ = made("entropy")
    labels.y[3] = 0
    assert not engine.step().fitted
    assert learner.fits == []


def test_a_failed_round_keeps_the_queue_and_tries_again_on_new_labels(made: Made) -> None:
    engine, learner, labels, documents = made()
    labels.answer(engine, documents, 12)
    engine.start()
    assert engine.wait(20)
    before = engine.head(5)
    learner.fail = RuntimeError("no memory left on the device")
    engine.request()
    assert engine.wait(20)
    assert engine.status.state == "failed"
    assert "no memory left" in (engine.status.error or "")
    assert engine.head(5) == before
    learner.fail = None
    labels.answer(engine, documents, 10)
    assert engine.wait(20)
    assert engine.status.state == "ready"
    assert engine.status.error is None


def test_a_step_raises_what_went_wrong(made: Made) -> None:
    engine, learner, labels, documents = made()
    labels.answer(engine, documents, 12)
    learner.fail = RuntimeError("broken")
    with pytest.raises(RuntimeError, match="broken"):
        engine.step()
    assert engine.status.state == "failed"


def test_pausing_stops_a_running_fit_and_resuming_goes_on(made: Made) -> None:
    engine, learner, labels, documents = made(learner=SmallLearner(slow=30))
    labels.answer(engine, documents, 12)
    engine.start()
    while engine.status.state != "training":
        time.sleep(0.01)
    engine.pause()
    assert engine.wait(10)
    assert engine.status.state == "paused"
    assert len(engine.head(5)) == 5
    learner.slow = 0
    engine.resume()
    assert engine.wait(20)
    assert learner.fits == [12]


class Loading(SmallLearner):
    """Takes its time to load, and looks at `stop` meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.loading, self.enough = threading.Event(), threading.Event()

    def prepare(self, *, stop: Stop | None = None, progress: Progress | None = None) -> None:
        self.loading.set()
        while not self.enough.wait(0.005):
            if stop is not None:
                stop.check()
        if stop is not None:
            stop.check()
        super().prepare(stop=stop, progress=progress)


@pytest.mark.parametrize("already", [False, True])
def test_pausing_before_the_model_is_loaded_is_no_failure(made: Made, already: bool) -> None:
    learner = Loading()
    engine, _, labels, documents = made(learner=learner)
    labels.answer(engine, documents, 12)
    if already:
        engine.start()
        assert learner.loading.wait(10)
    engine.pause()
    engine.start()
    assert engine.wait(10)
    assert learner.prepared == 0
    assert (engine.status.state, engine.status.error) == ("paused", None)
    learner.enough.set()
    engine.resume()
    assert engine.wait(20)
    assert learner.prepared == 1
    assert learner.fits == [12]


def test_closing_does_not_wait_for_a_long_fit_and_refuses_jobs(made: Made) -> None:
    engine, _, labels, documents = made(learner=SmallLearner(slow=60))
    labels.answer(engine, documents, 12)
    engine.start()
    while engine.status.state != "training":
        time.sleep(0.01)
    engine.close()
    assert not engine.started
    with pytest.raises(SessionClosedError):
        engine.run(lambda _: None)


def test_changing_the_strategy_while_it_runs(made: Made) -> None:
    engine, _, labels, documents = made("entropy")
    labels.answer(engine, documents, 12)
    engine.start()
    assert engine.wait(20)
    engine.strategy = strategies.get("breaking-ties")
    assert engine.wait(20)
    assert engine.head(1)[0].why.strategy == "breaking-ties"


def test_never_asked_twice_and_never_dry_until_all_are_answered(made: Made) -> None:
    engine, _, labels, documents = made("tyrogue")
    engine.start()
    asked = []
    while head := engine.head(1):  # the thread may queue others at any time: what was shown is what is answered
        asked.append(head[0].index)
        labels.say(engine, documents, head[0].index)
    assert sorted(asked) == list(range(240))
    assert engine.wait(20)
    assert engine.head(3) == []


class Broken(Strategy):
    """Answers what a test tells it."""

    name = "broken"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def select(self, view: object, size: int, rng: np.random.Generator) -> Ranked:
        del view, size, rng
        return self.answer  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Ranked(np.array([0, 0]), np.zeros(2)), "2 positions where 10"),
        (Ranked(np.zeros(10, dtype=int), np.zeros(10)), "same document twice"),
        (Ranked(np.arange(10) + 235, np.zeros(10)), "position 244 of 240"),
        (Ranked(np.arange(10) * 1.0, np.zeros(10)), "float64"),
        (Ranked(np.arange(10), np.zeros(3)), "(3,) scores"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_named(made: Made, answer: Ranked, says: str) -> None:
    engine, _, _, _ = made(Broken(answer))
    with pytest.raises(StrategyError, match="broken") as caught:
        engine.step()
    assert says in str(caught.value)


@pytest.mark.parametrize("notes", [("all is the same", "so it guessed"), "one line"])
def test_what_a_strategy_notes_stands_in_the_record_of_the_round(made: Made, notes: object) -> None:
    answer = Ranked(np.arange(10), np.zeros(10), notes=notes)  # type: ignore[arg-type]
    engine, _, _, _ = made(Broken(answer))
    expected = (notes,) if isinstance(notes, str) else notes
    assert engine.step().notes == expected
    assert tuple(engine.rounds.records()[-1].notes) == expected
    assert expected[0] in engine.status.message  # type: ignore[index]


def test_the_view_is_read_only(made: Made) -> None:
    class Sorts(Strategy):
        name = "sorts"
        needs = frozenset({"embeddings"})

        def select(self, view, size: int, rng: np.random.Generator) -> Ranked:  # type: ignore[no-untyped-def]
            del rng
            view.embeddings.sort()
            return Ranked(np.arange(size), np.zeros(size))

    engine, _, _, _ = made(Sorts())
    with pytest.raises(ValueError, match="read-only"):
        engine.step()
