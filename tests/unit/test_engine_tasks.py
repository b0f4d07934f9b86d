"""The engine with spans, several labels and written text: what is fitted, what is seen, what is suggested."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

from alwidget import strategies, tasks
from alwidget.engine import Engine, TrainingSet, lazy_batch, words_at
from alwidget.engine.queue import Queued, Suggested, load, save
from alwidget.learners.base import Generated, Learner, TokenProbs
from alwidget.learners.reader import Reader
from alwidget.log.events import Why
from alwidget.pool import Pool
from alwidget.strategies import Ranked, Strategy
from small_learner import SmallLearner
from small_tasks import LABELS, ORACLES, SmallSeveral, SmallTagger, SmallWriter, texts

LEARNERS = {"multilabel": SmallSeveral, "tagging": SmallTagger, "generation": SmallWriter}


class Answers:
    """A training set that an oracle fills."""

    def __init__(self, task: str, pool: Pool) -> None:
        self.task, self.pool, self.said = tasks.get(task, LABELS[task]), pool, dict[int, Any]()

    def __call__(self) -> TrainingSet:
        held = sorted(self.said.items())
        indices = np.array([i for i, _ in held], dtype=np.int64)
        return TrainingSet(indices, self.task.encode([v for _, v in held]), self.task.labels, self.task.name)

    def answer(self, engine: Engine, count: int) -> None:
        for entry in engine.head(count):
            text = self.pool[entry.index].text
            self.said[entry.index] = self.task.validate(ORACLES[self.task.name](text), text=text)
            engine.answered(entry.index, labelled=True)


Made = Callable[..., tuple[Engine, Answers]]


@pytest.fixture
def made() -> Iterator[Made]:
    engines = []

    def make(task: str, strategy: Any = "random", learner: Learner | None = None, **options: Any) -> Any:
        pool = Pool.load(texts())
        answers = Answers(task, pool)
        chosen = strategies.get(strategy)
        used = learner or LEARNERS[task]()
        engine = Engine(pool, used, chosen, answers, task=task, **{"batch_size": 10, **options})
        engines.append(engine)
        return engine, answers

    yield make
    for engine in engines:
        engine.close()


def seen_by(needs: set[str], look: Callable[[Any], Any]) -> tuple[type[Strategy], list[Any]]:
    """Return a strategy that looks at its view and ranks by position, and what it saw, round by round."""
    saw: list[Any] = []

    class Looking(Strategy):
        name = "looking"
        tasks: ClassVar[tuple[str, ...]] = ("multilabel", "tagging", "generation")

        def select(self, view: Any, size: int, rng: np.random.Generator) -> Ranked:  # noqa: ARG002
            saw.append(look(view))
            return Ranked(np.arange(min(size, view.size)), np.arange(min(size, view.size), 0, -1.0))

    Looking.needs = frozenset(needs)
    return Looking, saw


@pytest.mark.parametrize("task", ["multilabel", "tagging", "generation"])
def test_it_learns_and_suggests_in_the_form_of_the_task(made: Made, task: str) -> None:
    engine, answers = made(task)
    answers.answer(engine, 60)
    result = engine.step()
    assert result.fitted
    assert result.batch == len(result.entries) == 10
    right = 0
    for entry in engine.asked(10):
        text = answers.pool[entry.index].text
        assert entry.suggestion is not None
        assert 0 <= entry.suggestion.confidence <= 1
        value = answers.task.validate(entry.suggestion.value, text=text)
        right += value == answers.task.validate(ORACLES[task](text), text=text)
    assert right >= 7, right


def test_suggested_spans_carry_their_text_and_how_sure_the_model_is(made: Made) -> None:
    engine, answers = made("tagging")
    answers.answer(engine, 60)
    for entry in engine.step().entries:
        text = answers.pool[entry.index].text
        value = entry.suggestion.value  # type: ignore[union-attr]
        assert all(span["text"] == text[span["start"] : span["end"]] for span in value)
        sure = [span["confidence"] for span in value]
        assert entry.suggestion.confidence == min(sure)  # type: ignore[union-attr]


def test_a_text_without_spans_is_as_sure_as_its_words_are_outside(made: Made) -> None:
    engine, answers = made("tagging")
    answers.answer(engine, 30)
    engine.step()
    learner = engine._learner
    from alwidget.engine.suggest import suggestions
    from alwidget.learners.base import Batch, Stop
    from alwidget.tasks.words import word_spans

    plain = ["it saw a cat", " "]
    batch = Batch(plain, [b"1", b"2"], None, [word_spans(text) for text in plain])
    found = suggestions(learner, batch, answers(), Stop())
    probs = learner.token_probs(batch)  # type: ignore[attr-defined]
    assert found[0] == Suggested([], pytest.approx(float(probs.of(0)[:, 0].mean()), abs=1e-4))
    assert found[1] == Suggested([], 1.0)


def test_a_model_that_only_reads_chooses_and_suggests_nothing(made: Made) -> None:
    engine, answers = made("generation", "idds", Reader(SmallLearner()))
    answers.answer(engine, 3)
    result = engine.step()
    assert (result.strategy, len(result.entries)) == ("idds", 10)
    assert all(entry.suggestion is None for entry in engine.head(10))


def test_written_candidates_are_kept_with_the_queue(made: Made, tmp_path: Any) -> None:
    engine, answers = made("generation", cache=tmp_path)
    answers.answer(engine, 20)
    engine.step()
    first = engine.head(1)[0]
    assert first.suggestion is not None
    assert first.suggestion.candidates is not None
    assert first.suggestion.candidates[0] == first.suggestion.value
    again, _ = made("generation", cache=tmp_path)
    again.restore(0)
    assert again.head(1)[0].suggestion == first.suggestion
    spans = Suggested([{"start": 0, "end": 3, "label": "A", "text": "abc", "confidence": 0.5}], 0.5)
    save(tmp_path / "q.json", 3, [Queued(1, Why("random"), spans)], ["one"])
    assert load(tmp_path / "q.json") == (3, [("one", Why("random"), spans)])


@pytest.mark.parametrize(
    ("task", "nothing", "something"),
    [
        ("multilabel", [["cat"], ["cat"]], [["cat"], []]),
        ("tagging", [[], []], [[], [{"start": 0, "end": 2, "label": "PER"}]]),
        ("generation", [], ["a"]),
    ],
)
def test_what_teaches_something(made: Made, task: str, nothing: list[Any], something: list[Any]) -> None:
    for values, teaches in ((nothing, False), (something, True)):
        engine, answers = made(task)
        answers.said = dict(enumerate(values))
        assert answers().teaches is teaches
        assert engine.step().fitted is teaches
        assert answers().lacks
        assert answers().same_as(answers())
        other = Answers(task, answers.pool)
        assert not answers().same_as(other()) or not values
    assert not Answers("generation", answers.pool)().teaches
    assert not Answers("multilabel", answers.pool)().teaches
    assert not Answers("tagging", answers.pool)().teaches


def test_training_sets_tell_changed_spans(made: Made) -> None:
    _, answers = made("tagging")
    answers.said = {0: [{"start": 0, "end": 2, "label": "PER"}], 1: []}
    before = answers()
    assert before.seen == 1
    assert before.same_as(answers())
    answers.said[0] = [{"start": 0, "end": 3, "label": "PER"}]
    assert not answers().same_as(before)


def test_a_view_of_words(made: Made) -> None:
    def look(view: Any) -> Any:
        probs = view.token_probs
        some, states = view.token_states(np.array([3, 1]))
        passes = list(view.token_passes(3))
        again = list(view.token_passes(3))
        assert not probs.flat.flags.writeable
        assert probs is view.token_probs
        assert all((a.flat == b.flat).all() for a, b in zip(passes, again, strict=True))
        assert not (passes[0].flat == passes[1].flat).all()
        return view.lengths, probs, some, states, len(view.labelled_y)

    strategy, saw = seen_by({"token_probs"}, look)
    engine, answers = made("tagging", strategy)
    answers.answer(engine, 20)
    entries = engine.step().entries
    lengths, probs, some, states, labelled = saw[0]
    assert isinstance(probs, TokenProbs)
    assert lengths.dtype == np.int64
    assert np.diff(probs.offsets).tolist() == lengths.tolist()
    assert np.diff(some.offsets).tolist() == lengths[[3, 1]].tolist()
    assert states.shape[0] == len(some.flat)
    assert labelled == 20
    assert probs.tags == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    assert {entry.why.text.split('"')[0] for entry in entries} <= {
        "the model is not sure what ",
        "it stands for many documents like it",
    }


def test_a_view_of_several_labels_and_of_writing(made: Made) -> None:
    strategy, saw = seen_by({"probs"}, lambda view: (view.multilabel, view.probs.shape, view.labelled_y.dtype))
    engine, answers = made("multilabel", strategy)
    answers.answer(engine, 20)
    entries = engine.step().entries
    assert saw == [(True, (180, 4), np.dtype(bool))]
    assert any(entry.why.text.startswith("the model cannot tell whether it is ") for entry in entries)

    def look(view: Any) -> Any:
        return view.multilabel, view.generated, view.generate_passes(2)

    strategy, saw = seen_by({"generated", "generate_passes"}, look)
    engine, answers = made("generation", strategy)
    answers.answer(engine, 20)
    entries = engine.step().entries
    multilabel, generated, passes = saw[0]
    assert not multilabel
    assert isinstance(generated, Generated)
    assert len(passes) == 2
    assert [entry.suggestion.value for entry in entries] == generated.texts[:10]  # type: ignore[union-attr]
    assert all(entry.why.text.endswith(" % sure of the words that it would write") for entry in entries)


@pytest.mark.parametrize(
    ("task", "need", "who"),
    [
        ("tagging", "token_passes", "taggers"),
        ("generation", "generate_passes", "encoder-decoder"),
        ("tagging", "surprisal", "masked language model"),
    ],
)
def test_a_learner_that_lacks_a_need_means_a_random_round_and_a_reason(
    made: Made, task: str, need: str, who: str
) -> None:
    class Plain(LEARNERS[task]):  # type: ignore[misc]
        pass

    setattr(Plain, need, None)
    strategy, saw = seen_by({need}, lambda _: None)
    engine, answers = made(task, strategy, Plain())
    answers.answer(engine, 20)
    result = engine.step()
    assert saw == []
    assert {entry.why.strategy for entry in result.entries} == {"random"}
    assert who in result.notes[0]
    assert "drew at random" in result.notes[0]
    assert result.notes[0] in engine.status.message


def test_a_batch_of_words_is_taken_until_it_is_full(made: Made) -> None:
    strategy, _ = seen_by(set(), lambda _: None)
    for budget in (1, 60, 200, 100_000):
        engine, answers = made("tagging", strategy, batch_size=budget, batch_unit="tokens", subsample=None)
        result = engine.step()
        lengths = [len(words_at(answers.pool, i)) for i in range(len(answers.pool))]
        asked = [entry.index for entry in result.entries]
        reached = np.cumsum([lengths[i] for i in asked])
        assert asked == list(range(len(asked)))
        assert result.batch == len(asked)
        if budget < sum(lengths):
            assert reached[-1] >= budget
            assert len(asked) == 1 or reached[-2] < budget
        else:
            assert len(asked) == len(answers.pool)


def test_a_batch_of_words_drawn_at_random_claims_no_propensity(made: Made) -> None:
    engine, _ = made("tagging", batch_size=80, batch_unit="tokens")
    result = engine.step()
    assert {entry.why.propensity for entry in result.entries} == {None}
    assert sum(len(words_at(engine._pool, entry.index)) for entry in result.entries) >= 80
    engine.start()
    assert engine.wait(20)
    engine.request()
    assert engine.wait(20)
    assert len(engine.head(50)) == 50


def test_batches_have_words_only_where_they_are_looked_at(made: Made) -> None:
    pool = Pool.load(texts(5))
    assert lazy_batch(pool, np.arange(5)).words is None
    batch = lazy_batch(pool, np.array([4, 2]), words=True).take([1])
    text = pool[2].text
    assert batch.words is not None
    assert [text[a:b] for a, b in batch.words[0]][-1] == "2"
    assert batch.texts == [text]


def test_one_label_each_is_as_it_was(made: Made) -> None:
    learner = SmallLearner()
    pool = Pool.load(texts(20))
    y = np.array([0, 1, 0])
    engine = Engine(pool, learner, strategies.get("entropy"), lambda: TrainingSet(np.arange(3), y, ("a", "b")))
    assert engine.step().fitted
    assert learner.fits == [3]
    engine.close()
