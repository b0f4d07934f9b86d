# ruff: noqa: ARG002  the contract has arguments that this learner does not need
"""Texts that the model writes for what is asked next: the first first, a few at a time, and nobody waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alwidget as alw
from alwidget import strategies, tasks
from alwidget.engine import Engine, TrainingSet
from alwidget.engine.drafting import AHEAD, BATCH
from alwidget.learners.base import Batch, Generated, Labelled, Progress, Report, Stop
from alwidget.learners.generation import Seq2Seq
from alwidget.pool import Pool
from small_tasks import SmallWriter, texts
from tiny_writers import headlines, make_writer

POOL = texts(120)
QUICK: dict[str, Any] = {
    "device": "cpu", "learning_rate": 3e-3, "batch_size": 32, "min_steps": 0, "epochs": 2, "max_length": 64,
    "max_target": 16, "beams": 2,
}  # fmt: skip


class Recorded(SmallWriter):
    """Notes for which texts it wrote, call by call; while it is held, it writes nothing and looks at `stop`."""

    retrain_seconds = 60.0

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.held, self.inside, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.broken: Exception | None = None

    def generate(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> Generated:
        if self.broken is not None:
            raise self.broken
        self.calls.append(list(documents.texts))
        self.inside.set()
        while self.held.is_set():
            if stop:
                self.ended.set()
                stop.check()
            time.sleep(0.005)
        return super().generate(documents)


class Answers:
    """A training set that a test fills."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.said = pool, dict[int, str]()

    def __call__(self) -> TrainingSet:
        held = sorted(self.said.items())
        indices = np.array([i for i, _ in held], dtype=np.int64)
        return TrainingSet(indices, tasks.get("generation", []).encode([v for _, v in held]), (), "generation")

    def answer(self, engine: Engine, count: int) -> None:
        for entry in engine.head(count):
            self.said[entry.index] = "Ada saw"
            engine.answered(entry.index, labelled=True)


Made = Callable[..., tuple[Engine, Recorded, Answers]]


@pytest.fixture
def made() -> Iterator[Made]:
    engines = []

    def make(strategy: str = "random", **options: Any) -> tuple[Engine, Recorded, Answers]:
        pool, learner = Pool.load(POOL), Recorded()
        answers = Answers(pool)
        options = {"batch_size": 10, **options}
        engine = Engine(pool, learner, strategies.get(strategy), answers, task="generation", **options)
        engines.append((engine, learner))
        return engine, learner, answers

    yield make
    for engine, learner in engines:
        learner.held.clear()
        engine.close()


def lacking(engine: Engine, count: int) -> int:
    return sum(entry.suggestion is None for entry in engine.head(count))


def test_the_thread_writes_for_the_first_first_and_a_few_at_a_time(made: Made) -> None:
    engine, learner, answers = made()
    heard: list[str] = []
    engine.voice.listen(heard.append)
    answers.answer(engine, 5)
    engine.start()
    assert engine.wait(20)
    queue = engine.head(50)
    assert [len(call) for call in learner.calls] == [BATCH] * (AHEAD // BATCH)
    assert [text for call in learner.calls for text in call] == [
        answers.pool[entry.index].text for entry in queue[:AHEAD]
    ]
    assert [entry.suggestion is not None for entry in queue] == [True] * AHEAD + [False] * 10
    assert heard.count("queue") == AHEAD // BATCH, "a page hears of every few"


def test_what_moves_up_is_written_for_as_others_are_answered(made: Made) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    engine.start()
    assert engine.wait(20)
    learner.calls.clear()
    engine.answered(engine.head(1)[0].index, labelled=False)
    assert engine.wait(20)
    assert [len(call) for call in learner.calls] == [1]
    assert lacking(engine, AHEAD) == 0


def idds(engine: Engine) -> None:
    engine.strategy = strategies.get("idds")


INTERRUPTIONS: dict[str, Callable[[Engine, Answers], object]] = {
    "a round": lambda engine, _: engine.request(),
    "a job": lambda engine, _: engine.run(lambda learner: learner),
    "answers": lambda engine, answers: answers.answer(engine, 10),
    "another strategy": lambda engine, _: idds(engine),
}


@pytest.mark.parametrize("what", INTERRUPTIONS)
def test_writing_gives_way(made: Made, what: str) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    learner.held.set()
    engine.start()
    assert learner.inside.wait(20)
    assert len(engine.head(20)) == 20, "the queue is there before anything is written"
    INTERRUPTIONS[what](engine, answers)
    assert learner.ended.wait(20)
    learner.held.clear()
    assert engine.wait(20)
    assert len(learner.fits) == (1 if what == "a job" else 2)
    assert lacking(engine, AHEAD) == 0


def test_fewer_answers_than_a_round_is_worth_leave_it_writing(made: Made) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    learner.held.set()
    engine.start()
    assert learner.inside.wait(20)
    answers.answer(engine, 9)
    learner.held.clear()
    assert engine.wait(20)
    assert not learner.ended.is_set()
    assert len(learner.fits) == 1


def test_pausing_stops_writing_and_resuming_goes_on(made: Made) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    learner.held.set()
    engine.start()
    assert learner.inside.wait(20)
    engine.pause()
    assert engine.wait(20)
    assert learner.ended.is_set()
    learner.held.clear()
    assert lacking(engine, 4) == 4
    engine.resume()
    assert engine.wait(20)
    assert lacking(engine, AHEAD) == 0


def test_closing_does_not_wait_for_a_text(made: Made) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    learner.held.set()
    engine.start()
    assert learner.inside.wait(20)
    engine.close()
    assert learner.ended.is_set()
    assert not engine.started


def test_a_script_gets_what_it_asks_for_and_no_more_is_written(made: Made) -> None:
    engine, learner, answers = made(batch_size=30)
    answers.answer(engine, 5)
    engine.step()
    assert [len(call) for call in learner.calls] == [BATCH]
    assert lacking(engine, 30) == 30 - BATCH
    asked = engine.asked(7)
    assert all(entry.suggestion is not None for entry in asked)
    assert [len(call) for call in learner.calls] == [BATCH, 3]
    assert engine.asked(7) == asked == engine.head(7)
    assert len(learner.calls) == 2


def test_what_was_written_to_choose_is_not_written_again(made: Made) -> None:
    engine, learner, answers = made("nsp", subsample="random:30")
    answers.answer(engine, 5)
    engine.step()
    assert [len(call) for call in learner.calls] == [30]
    assert lacking(engine, 10) == 0
    engine.asked(10)
    assert len(learner.calls) == 1


def test_texts_without_anything_in_them_are_not_asked_for_again(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, learner, answers = made()
    empty = Generated([" "] * BATCH, np.zeros(BATCH), [[" "]] * BATCH)
    monkeypatch.setattr(learner, "_written", lambda documents, _: Generated(
        empty.texts[: len(documents)], empty.log_probs[: len(documents)], empty.candidates[: len(documents)]
    ))  # fmt: skip
    answers.answer(engine, 5)
    engine.start()
    assert engine.wait(20)
    assert lacking(engine, 50) == 50
    assert len(learner.calls) == AHEAD // BATCH


def test_a_model_that_cannot_write_is_told_and_labelling_goes_on(made: Made) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    learner.broken = RuntimeError("no memory left")
    engine.start()
    assert engine.wait(20)
    assert engine.status.state == "failed"
    assert "no memory left" in (engine.status.error or "")
    assert "without them" in engine.status.message
    assert engine.head(1)[0].why.round == 1, "what was chosen is asked"
    learner.broken = None
    answers.answer(engine, 10)
    assert engine.wait(20)
    assert (engine.status.state, engine.status.error) == ("ready", None)
    assert lacking(engine, AHEAD) == 0


def test_answers_given_meanwhile_are_not_asked_again(made: Made) -> None:
    engine, learner, answers = made()
    answers.answer(engine, 5)
    learner.held.set()
    engine.start()
    assert learner.inside.wait(20)
    gone = [entry.index for entry in engine.head(3)]
    answers.answer(engine, 3)
    learner.held.clear()
    assert engine.wait(20)
    assert not set(gone) & {entry.index for entry in engine.head(60)}


def test_what_was_written_outlives_the_process(made: Made, tmp_path: Path) -> None:
    engine, _, answers = made(cache=tmp_path)
    answers.answer(engine, 5)
    engine.start()
    assert engine.wait(20)
    engine.close()
    again, _, _ = made(cache=tmp_path)
    again.restore(0)
    assert again.head(50) == engine.head(50)
    assert lacking(again, AHEAD) == 0


class Counted(Seq2Seq):
    """A real encoder-decoder that notes for how many documents it wrote, call by call."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.calls: list[int] = []
        self.writing = threading.Event()

    def fit(
        self, labelled: Labelled, *, seed: int, stop: Stop | None = None, progress: Progress | None = None
    ) -> Report:
        self.calls.append(0)
        return super().fit(labelled, seed=seed, stop=stop, progress=progress)

    def generate(self, documents: Batch, *, stop: Stop | None = None, progress: Progress | None = None) -> Generated:
        self.calls.append(len(documents))
        self.writing.set()
        return super().generate(documents, stop=stop, progress=progress)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_writer(tmp_path_factory.mktemp("writer"))


@pytest.fixture
def session(folder: Path, tmp_path: Path) -> Iterator[tuple[alw.Session, Counted]]:
    sentences = headlines(80)
    learner = Counted(folder, label="tiny", **QUICK)
    data = list(dict.fromkeys(sentences.documents.texts))
    with alw.annotate(
        data, task="generation", model=learner, strategy="random", path=tmp_path / "s.alw", batch_size=30
    ) as opened:
        for item in opened.next(12):
            opened.record(item.id, " ".join(item.text.split()[:3]))
        yield opened, learner


def test_a_real_writer_in_a_script(session: tuple[alw.Session, Counted]) -> None:
    opened, learner = session
    opened.train(wait=True)
    items = opened.next(5)
    assert all(item.suggestion and item.candidates and 0 < item.confidence <= 1 for item in items)  # type: ignore[operator]
    assert learner.calls == [0, BATCH, 5 - BATCH]
    assert [item.suggestion for item in opened.next(5)] == [item.suggestion for item in items]
    assert items[0].suggestion == opened.predict([items[0].text])[0]


def test_a_real_writer_in_the_background(session: tuple[alw.Session, Counted]) -> None:
    opened, learner = session
    opened.train()
    assert learner.writing.wait(60)
    items = opened.next(5)
    for item in items:
        opened.record(item.id, " ".join(item.text.split()[:3]))
    assert opened.status.labelled == 17, "answers are taken while it writes"
    assert opened.wait(120)
    assert all(item.suggestion for item in opened.next(20))
    assert max(learner.calls) <= BATCH
    opened.train()
    opened.close()
    assert not opened._engine.started
