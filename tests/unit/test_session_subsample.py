"""Sessions that look at a part of the pool: every subsampler with every strategy of every task, kept and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alwidget as alw
from alwidget import strategies
from alwidget.engine import words_at
from alwidget.errors import ArgumentError
from alwidget.strategies import UPS, Naive, Subsampler, Subset
from small_learner import SmallLearner
from small_tasks import ANIMALS, LABELS, ORACLES, SmallSeveral, SmallTagger, SmallWriter, texts

MODELS = {
    "classification": SmallLearner,
    "multilabel": SmallSeveral,
    "tagging": SmallTagger,
    "generation": SmallWriter,
}
N = 70
SPECS = ["ups:0.2,temperature=0.05,full=0", "naive:0.2", "random:0.4", "seals:4", "none"]
GRID = [(task, name) for task in MODELS for name in strategies.available(task)]


def oracle(task: str, text: str) -> Any:
    return next(a for a in ANIMALS if a in text) if task == "classification" else ORACLES[task](text)


def start(path: Path, task: str = "classification", data: Any = None, **options: Any) -> alw.Session:
    labels = {"classification": ANIMALS, **LABELS}[task]
    known = {} if task == "generation" else {"labels": labels}
    chosen = {"strategy": "entropy", "model": MODELS[task](), "batch_size": 5, **known, **options}
    return alw.annotate(texts(N) if data is None else data, task=task, path=path, **chosen)


def answer(session: alw.Session, n: int) -> None:
    for item in session.next(n):
        session.record(item.id, oracle(session.task.name, item.text))


@pytest.mark.parametrize(("task", "name"), GRID)
def test_every_subsampler_goes_with_every_strategy(task: str, name: str, tmp_path: Path) -> None:
    for at, spec in enumerate(SPECS):
        with start(tmp_path / f"{at}.alw", task, strategy=name, subsample=spec) as session:
            answer(session, 20)
            for _ in range(3):
                result = session.train(wait=True)
                assert result is not None
                assert result.fitted
                asked = [entry.index for entry in result.entries]
                assert len(asked) == len(set(asked)) == 5
                assert all(0 < (entry.why.propensity or 1) <= 1 for entry in result.entries)
                answer(session, 5)
            strategy = strategies.get(name)
            if spec.startswith("seals"):
                assert result.strategy == "seals" or result.notes
                continue
            fell_back = result.strategy == "random" != name
            assert fell_back == any("drew at random" in note for note in result.notes)
            if spec == "none" or not strategy.needs or fell_back:
                continue
            # of the 40 documents that are open: a fifth by score or at random, and never fewer than a batch
            assert result.candidates < (25 if name != "tyrogue" else 40), (spec, result)
            scored = session._engine.desk.scores.scored
            assert scored == (None if spec.startswith("random") else strategy.scored)
            said = any("no score for a single document" in note for note in result.notes)
            assert said == (scored is False)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("ups", "ups"),
        (UPS(gamma=0.3, stale=None), "ups:0.3,stale=none"),
        (Naive(0.25), "naive:0.25"),
        ("random:40", "random:40"),
        ("seals:9", "seals:9"),
        (None, "none"),
        ("auto", "auto"),
    ],
)
def test_it_is_kept_and_taken_up_again(asked: Any, kept: str, tmp_path: Path) -> None:
    with start(tmp_path / "s.alw", subsample=asked) as session:
        answer(session, 15)
        first = session.train(wait=True)
    stored = json.loads((tmp_path / "s.alw" / "session.json").read_text())
    assert stored["settings"]["subsample"] == kept
    with alw.open(tmp_path / "s.alw", texts(N), model=SmallLearner()) as session:
        assert str(strategies.subsampler(session._engine._subsample)) == str(strategies.subsampler(asked))
        again = session.train(wait=True)
    assert first is not None
    assert again is not None
    if asked in {None, "auto"}:
        assert again.candidates == first.candidates


def test_a_resumed_session_asks_what_an_uninterrupted_one_asks(tmp_path: Path) -> None:
    asked: dict[str, list[list[str]]] = {}
    for how in ("straight", "resumed", "without its cache"):
        path, batches = tmp_path / f"{how}.alw", []
        session = start(path, data=texts(200), subsample="ups:0.1,full=0,temperature=0.3")
        answer(session, 20)
        for number in range(4):
            result = session.train(wait=True)
            assert result is not None
            batches.append([item.id for item in session.next(5)])
            answer(session, 5)
            if how != "straight" and number == 2:
                session.close()
                if how != "resumed":
                    (path / "cache" / "scores.bin").unlink()
                session = alw.open(path, texts(200), model=SmallLearner())
        session.close()
        asked[how] = batches
        looked = result.candidates
        assert (looked == 165) == (how == "without its cache"), how
    assert asked["straight"] == asked["resumed"]


def test_the_propensity_reaches_the_answers(tmp_path: Path) -> None:
    with start(tmp_path / "s.alw", subsample="ups:0,temperature=0.3,full=none", batch_size=20) as session:
        answer(session, 15)
        for _ in range(2):
            session.train(wait=True)
            answer(session, 20)
        rows = session.to_pandas()
    told = rows.loc[rows["round"] == 2, "propensity"]
    assert len(told) == 20
    assert told.between(0, 1, inclusive="right").all()


def test_words_are_counted_too(tmp_path: Path) -> None:
    options = {"strategy": "mnlp", "batch_unit": "tokens", "batch_size": 60}
    with start(tmp_path / "s.alw", "tagging", texts(200), subsample="ups:0.1,full=none", **options) as session:
        answer(session, 20)
        for _ in range(2):
            result = session.train(wait=True)
            assert result is not None
            assert sum(len(words_at(session.pool, entry.index)) for entry in result.entries) >= 60
            answer(session, 3)
        assert result.candidates < 100


def test_what_cannot_be_used_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r'no subsampler "usp".*"random", "naive", "ups".*Did you mean "ups"'):
        start(tmp_path / "s.alw", subsample="usp")
    with pytest.raises(ArgumentError, match="gamma must be a share"):
        start(tmp_path / "s.alw", subsample="ups:3")
    assert not (tmp_path / "s.alw").exists()


def test_one_of_your_own(tmp_path: Path) -> None:
    class EverySecond(Subsampler):
        name = "every-second"

        def select(self, available, rng, *, least=0, scores=None, ages=None, round=0):  # type: ignore[no-untyped-def]  # noqa: A002, ARG002
            positions = np.arange(0, len(available), 2)
            return Subset(positions, np.full(len(positions), 0.5))

    with start(tmp_path / "s.alw", subsample=EverySecond()) as session:
        answer(session, 20)
        result = session.train(wait=True)
        assert result is not None
        assert result.candidates == 25
        assert {entry.why.propensity for entry in result.entries} == {0.5}
