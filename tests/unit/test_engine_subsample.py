"""Rounds that go by what the last ones computed: what is looked at, what is remembered, what is claimed of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alwidget import strategies
from alwidget.engine import Engine, TrainingSet, lazy_batch
from alwidget.engine.candidates import Candidates, draw_candidates
from alwidget.engine.round import Plan
from alwidget.engine.scores import ScoreMemory, whose
from alwidget.learners.base import Batch, Stop
from alwidget.pool import Pool
from alwidget.strategies import UPS, Naive, Ranked, Strategy
from small_learner import SmallLearner
from small_tasks import ANIMALS, texts

N = 400


class Counting(SmallLearner):
    """Counts the documents that it is asked about."""

    def __init__(self, description: str = "small centroids") -> None:
        super().__init__()
        self.description = description
        self.asked: list[int] = []

    def predict_proba(self, documents: Batch, *, stop: Stop | None = None) -> np.ndarray:
        self.asked.append(len(documents))
        return super().predict_proba(documents, stop=stop)


class Labels:
    def __init__(self, pool: Pool) -> None:
        self.pool, self.y = pool, dict[int, int]()

    def __call__(self) -> TrainingSet:
        held = sorted(self.y.items())
        return TrainingSet(np.array([i for i, _ in held], dtype=np.int64), np.array([y for _, y in held]), ("a", "b"))

    def answer(self, engine: Engine, count: int) -> None:
        for entry in engine.head(count):
            self.y[entry.index] = int(ANIMALS[0] in self.pool[entry.index].text)
            engine.answered(entry.index, labelled=True)


Made = Callable[..., tuple[Engine, Counting, Labels]]


@pytest.fixture
def made() -> Iterator[Made]:
    engines, pool = [], Pool.load(texts(N))

    def make(strategy: Any = "entropy", learner: Counting | None = None, labels: Labels | None = None, **options: Any):
        used, labels = learner or Counting(), labels or Labels(pool)
        chosen = strategies.get(strategy)
        engine = Engine(pool, used, chosen, labels, **{"batch_size": 5, "subsample": "ups", **options})
        engines.append(engine)
        for index in labels.y:
            engine.answered(index, labelled=True)
        return engine, used, labels

    yield make
    for engine in engines:
        engine.close()


def rounds(engine: Engine, labels: Labels, count: int) -> list[Any]:
    out = []
    for _ in range(count):
        labels.answer(engine, 5)
        out.append(engine.step())
    return out


def looked(results: list[Any]) -> list[float]:
    """Return which share of the open documents each round looked at."""
    return [result.candidates / (N - 5 * (at + 1)) for at, result in enumerate(results)]


def test_ups_looks_at_everything_in_its_rounds_and_at_a_ninth_in_the_others(made: Made) -> None:
    engine, learner, labels = made()
    labels.answer(engine, 20)
    results = rounds(engine, labels, 16)
    seen = [result.candidates / (N - 20 - 5 * (at + 1)) for at, result in enumerate(results)]
    assert [at for at, share in enumerate(seen) if share == 1] == [0, 1, 4, 8]
    assert all(0.09 < share < 0.17 for at, share in enumerate(seen) if at not in {0, 1, 4, 8})
    assert learner.asked[0] == results[0].candidates
    assert all(not result.notes for result in results)
    assert 0.5 < engine.step().candidates / (N - 100) < 1  # the scores of round 8 are eight rounds old


def test_the_most_uncertain_come_back_and_the_certain_do_not(made: Made) -> None:
    engine, _, labels = made(subsample="naive:0.2")
    labels.answer(engine, 20)
    rounds(engine, labels, 1)
    open_now = engine.desk.open.all()
    before, ages = engine.desk.scores.of(open_now)
    assert (ages == 0).all()
    assert np.isfinite(before).all()
    labels.answer(engine, 5)
    still = np.isin(open_now, engine.desk.open.all())
    engine.step()
    _, ages = engine.desk.scores.of(open_now[still])
    cut = np.sort(before[still])[::-1][int(0.2 * still.sum())]
    assert (before[still][ages == 1] >= cut).all()
    assert (before[still][ages == 0] <= cut).all()


def test_a_batch_is_never_short(made: Made) -> None:
    for spec in ("ups:0,temperature=0,full=none", "naive:0", UPS(0.0, 0.0, (), None), Naive(0.0)):
        engine, _, labels = made(subsample=spec, batch_size=30)
        labels.answer(engine, 40)
        for _ in range(3):
            assert len(engine.step().entries) == 30
        assert engine.step().candidates == 30


def own_draw(name: str, size: int) -> Strategy:
    """Return a strategy; TYROGUE with a smaller draw of its own."""
    strategy = strategies.get(name)
    strategy.subsample = f"random:{size}" if name == "tyrogue" else strategy.subsample
    return strategy


def drawn(engine: Engine, learner: Counting, labels: Labels, spec: str, seed: int, within: Any = None) -> Candidates:
    """Return the candidates of the fourth round as another seed would draw them."""
    plan = Plan(4, engine.strategy, spec, 5, seed, labels(), within)
    rng = np.random.default_rng([seed, 4])
    return draw_candidates(engine.desk.open, plan, engine.strategy, learner, engine.desk.scores, rng)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("entropy", "ups:0.1,temperature=0.2,full=none"),
        ("entropy", "naive:0.3"),
        ("entropy", "random:100"),
        ("tyrogue", "ups:0.1,temperature=0.2,full=none"),
        ("bert-km", "ups"),
        ("bert-km", "random:0.3"),
    ],
)
def test_the_propensity_is_how_often_a_document_is_among_the_candidates(made: Made, name: str, spec: str) -> None:
    """Over many seeds, with what the rounds before left."""
    engine, learner, labels = made(own_draw(name, 60), subsample=spec)
    labels.answer(engine, 20)
    rounds(engine, labels, 3)
    draws, counts, told = 2000, np.zeros(N), np.zeros(N)
    for seed in range(draws):
        found = drawn(engine, learner, labels, spec, seed)
        assert (found.indices[1:] > found.indices[:-1]).all()
        counts[found.indices] += 1
        told[found.indices] += found.propensity
    came = counts > 0
    often, mean = counts[came] / draws, told[came] / counts[came]
    # a second draw from what came in first is told for the number that came in, which varies
    slack = 0.01 if name == "tyrogue" else 1e-9
    assert (np.abs(often - mean) <= 4.5 * np.sqrt(mean * (1 - mean) / draws) + slack).all()
    assert (mean <= 1).all()


@pytest.mark.parametrize("name", ["entropy", "tyrogue", "bert-km"])
def test_weighing_by_the_propensity_makes_up_for_the_draw(made: Made, name: str) -> None:
    """Also where only some documents were read: the mean of anything comes out as over the whole pool."""
    spec = "ups:0.1,temperature=0.3,full=none"
    engine, learner, labels = made(own_draw(name, 60), subsample=spec)
    labels.answer(engine, 20)
    rounds(engine, labels, 3)
    opened, orders = engine.desk.open.all(), np.random.default_rng(5)
    lengths = np.array([len(labels.pool[int(i)].text) for i in range(N)], dtype=float)
    estimates = []
    for seed in range(1500):
        found = drawn(engine, learner, labels, spec, seed, orders.permutation(N)[: N // 2])
        estimates.append((lengths[found.indices] / found.propensity).sum() / len(opened))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - lengths[opened].mean()) < 4 * error
    assert error < 0.05 * lengths[opened].mean()


def test_what_is_queued_tells_the_propensity_of_its_draw(made: Made) -> None:
    engine, learner, labels = made(subsample="ups:0.05,temperature=0.1,full=none")
    labels.answer(engine, 20)
    rounds(engine, labels, 3)
    found = drawn(engine, learner, labels, "ups:0.05,temperature=0.1,full=none", 0)
    due = dict(zip(found.indices.tolist(), found.propensity.tolist(), strict=True))
    assert len(set(due.values())) > 20
    result = engine.step()
    assert {entry.why.propensity for entry in result.entries} == {due[entry.index] for entry in result.entries}


def test_tyrogue_draws_from_what_ups_let_in(made: Made) -> None:
    engine, learner, labels = made("tyrogue")
    labels.answer(engine, 20)
    for number in range(14):
        labels.answer(engine, 5)
        scores, ages = engine.desk.scores.of(engine.desk.open.all()) if number else (np.full(N - 25, np.nan),) * 2
        unscored, stale = np.isnan(scores), (ages >= 0) & (ages <= number - 8)
        result = engine.step()
        assert not result.notes
        if number not in {0, 1, 4, 8}:  # what has a score, and was found certain not long ago, stays out
            least = int((unscored | stale).sum())
            assert least <= result.candidates <= least + 0.3 * int((~unscored).sum()) + 5
    assert max(learner.asked) == 15
    scores, _ = engine.desk.scores.of(np.arange(N))
    assert 100 < np.isfinite(scores).sum() < N


def test_the_draw_of_tyrogue_counts_in_the_propensity(made: Made) -> None:
    strategy = strategies.get("tyrogue")
    strategy.subsample = "random:100"
    engine, _, labels = made(strategy)
    labels.answer(engine, 20)
    result = engine.step()
    assert result.candidates == 100
    assert {entry.why.propensity for entry in result.entries} == {100 / (N - 20)}


def test_a_strategy_without_scores_sees_a_random_share_and_the_round_says_so(made: Made) -> None:
    engine, _, labels = made("bert-km")
    labels.answer(engine, 20)
    result = engine.step()
    assert result.candidates == 38
    assert result.notes == (
        "bert-km has no score for a single document, so it chose from a random 10 % of the documents",
    )
    assert result.notes[0] in engine.status.message
    assert {entry.why.propensity for entry in result.entries} == {38 / 380}


def test_one_of_your_own_that_gives_scores_is_found_out(made: Made) -> None:
    class Mine(Strategy):
        name = "mine"
        needs = frozenset({"probs"})

        def select(self, view: Any, size: int, rng: np.random.Generator) -> Ranked:  # noqa: ARG002
            every = view.probs[:, 0].copy()
            order = np.argsort(-every, kind="stable")[:size]
            return Ranked(order, every[order], every)

    engine, _, labels = made(Mine)
    labels.answer(engine, 20)
    first, second, third = rounds(engine, labels, 3)
    assert first.notes
    assert not second.notes
    assert first.candidates < second.candidates
    assert third.candidates < second.candidates

    class Liar(Mine):
        name = "liar"
        scored = True

        def select(self, view: Any, size: int, rng: np.random.Generator) -> Ranked:
            ranked = super().select(view, size, rng)
            return Ranked(ranked.indices, ranked.scores)

    engine, _, labels = made(Liar)
    labels.answer(engine, 20)
    first, second = rounds(engine, labels, 2)
    assert first.candidates == N - 25
    assert second.notes


def test_random_looks_at_nothing_and_is_left_alone(made: Made) -> None:
    engine, _, labels = made("random")
    labels.answer(engine, 20)
    result = engine.step()
    assert (result.candidates, result.notes) == (N - 20, ())
    assert {entry.why.propensity for entry in result.entries} == {5 / 380}


def test_scores_of_another_strategy_are_void(made: Made) -> None:
    engine, _, labels = made(strategies.Schedule([("entropy", 3), ("breaking-ties", 6), ("entropy", None)]))
    labels.answer(engine, 20)
    shares = [r.candidates / (N - 20 - 5 * (at + 1)) for at, r in enumerate(rounds(engine, labels, 8))]
    assert [at for at, share in enumerate(shares) if share == 1] == [0, 1, 3, 4, 6]


def test_scores_of_other_options_and_of_another_model_are_void() -> None:
    small, other = Counting(), Counting("another")
    names = [
        whose(strategies.get(name, **options), learner)
        for name, options, learner in (
            ("entropy", {}, small),
            ("entropy", {"agg": "max"}, small),
            ("entropy", {}, other),
            ("least-confidence", {}, small),
        )
    ]
    assert len(set(names)) == 4
    assert names[0] == whose(strategies.get("entropy"), Counting())


def test_a_resumed_session_goes_on_with_its_scores(made: Made, tmp_path: Path) -> None:
    engine, _, labels = made(cache=tmp_path / "here")
    labels.answer(engine, 20)
    results = rounds(engine, labels, 3)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    went_on = made(cache=tmp_path / "there", labels=labels)[0]
    went_on.restore(3)
    labels.answer(engine, 5)
    straight = engine.step()
    for index in labels.y:
        went_on.desk.close(index)
    resumed = went_on.step()
    assert straight.candidates < results[0].candidates / 4
    assert [e.index for e in resumed.entries] == [e.index for e in straight.entries]
    assert resumed.candidates == straight.candidates
    (tmp_path / "here" / "scores.bin").unlink()
    without = made(cache=tmp_path / "here", labels=labels)[0]
    without.restore(3)
    assert without.step().candidates == N - len(labels.y)


def test_a_failed_or_cancelled_round_leaves_the_scores_alone(made: Made) -> None:
    engine, learner, labels = made()
    labels.answer(engine, 20)
    rounds(engine, labels, 2)
    before = engine.desk.scores.of(np.arange(N))
    learner.fail = RuntimeError("no")
    with pytest.raises(RuntimeError):
        engine.step()
    np.testing.assert_array_equal(engine.desk.scores.of(np.arange(N)), before)
    learner.fail = None
    assert engine.step().candidates < N / 4


def test_the_thread_subsamples_what_is_read(made: Made) -> None:
    engine, _, labels = made()
    labels.answer(engine, 30)
    engine.start()
    assert engine.wait(20)
    for _ in range(3):
        labels.answer(engine, 10)
        engine.request()
        assert engine.wait(20)
    assert engine.status.error is None
    assert engine.last is not None
    assert engine.last.candidates < (N - 60) / 2
    assert all(0 < entry.why.propensity <= 1 for entry in engine.last.entries)


def test_seals_shows_the_strategy_what_is_near_the_labelled(made: Made) -> None:
    engine, learner, labels = made(subsample="seals:3")
    labels.answer(engine, 20)
    result = engine.step()
    assert result.strategy == "seals"
    assert max(learner.asked) <= 60
    vectors = learner.embed(lazy_batch(labels.pool, np.arange(N)))
    far = ((vectors[:, None] - vectors[None, sorted(labels.y)]) ** 2).sum(axis=2)
    # a document stands among the three nearest of a labelled one, where the labelled count as well
    due = {int(i) for column in far.T for i in np.flatnonzero(column <= np.sort(column)[3] + 1e-6)}
    assert {entry.index for entry in result.entries} <= due
    assert {entry.why.propensity for entry in result.entries} == {None}
    named = made(strategies.get("seals", base="entropy", k=3), labels=labels, subsample=None)[0].step()
    assert [entry.index for entry in named.entries] == [entry.index for entry in result.entries]


def test_seals_goes_into_a_schedule_and_waits_for_labels(made: Made) -> None:
    engine, _, labels = made(strategies.Schedule([("breaking-ties", 2), ("tyrogue", None)]), subsample="seals")
    assert engine.step().notes == ("seals needs labels; this round drew at random",)
    labels.answer(engine, 20)
    assert {result.strategy for result in rounds(engine, labels, 3)} == {"seals"}
    assert all(len(entry.why.text) for entry in engine.step().entries)


def test_sessions_without_it_pay_nothing(made: Made, tmp_path: Path) -> None:
    engine, _, labels = made(subsample="auto", cache=tmp_path)
    labels.answer(engine, 20)
    rounds(engine, labels, 2)
    assert engine.desk.scores._scores.size == 0
    assert not (tmp_path / "scores.bin").exists()


# The memory itself ---------------------------------------------------------------------------------------------------


def filled(path: Path | None, size: int = 50) -> ScoreMemory:
    memory = ScoreMemory(size, "pool", path)
    memory.open("who")
    memory.keep(np.array([4, 2]), np.array([0.5, -np.inf]), 3)
    return memory


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "scores.bin"
    filled(path)
    again = ScoreMemory(50, "pool", path)
    again.open("who")
    scores, ages = again.of(np.array([2, 3, 4]))
    np.testing.assert_array_equal(scores, [-np.inf, np.nan, 0.5])
    assert ages.tolist() == [3, -1, 3]
    assert again.scored is True
    again.keep(np.array([3]), np.array([1.0]), 4)
    assert ScoreMemory(50, "pool", path)._load()
    assert [p.name for p in path.parent.iterdir()] == ["scores.bin"]


def test_what_is_not_ours_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = tmp_path / "scores.bin"
    filled(path)
    whole = path.read_bytes()
    for size, pool, who in ((51, "pool", "who"), (50, "other", "who"), (50, "pool", "else")):
        memory = ScoreMemory(size, pool, path)
        memory.open(who)
        assert np.isnan(memory.of(np.arange(size))[0]).all()
        assert memory.scored is None
    head = whole.index(b"\n") + 1
    flipped = bytearray(whole)
    flipped[head + 17] ^= 1
    torn = [whole[: len(whole) // 2], b"", b"{}\n", b"null\n", whole + b"x", whole[:-1], bytes(flipped), b"\xff" * 99]
    for spoilt in [*torn, b"[" * 100_000, whole.replace(b"alwidget scores 1", b"alwidget scores 9")]:
        path.write_bytes(spoilt)
        memory = ScoreMemory(50, "pool", path)
        memory.open("who")
        assert np.isnan(memory.of(np.arange(50))[0]).all(), spoilt[:40]


def test_a_strategy_without_scores_is_remembered_as_one(tmp_path: Path) -> None:
    memory = ScoreMemory(5, "pool", tmp_path / "s.bin")
    memory.open("set")
    memory.keep(np.arange(5), None, 0)
    again = ScoreMemory(5, "pool", tmp_path / "s.bin")
    again.open("set")
    assert again.scored is False


def test_a_disk_that_cannot_be_written_costs_only_the_scores(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = filled(tmp_path / "file" / "scores.bin")
    assert memory.of(np.array([4]))[0].tolist() == [0.5]
