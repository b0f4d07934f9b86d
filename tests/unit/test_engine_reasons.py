"""Why a document is asked, in words: each strategy says what it looked at, and nothing that it did not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import alwidget as alw
from alwidget.learners.surprisal import MaskedLM
from alwidget.strategies import Ranked, Strategy, get
from small_learner import SmallLearner
from small_tasks import LABELS, ORACLES, SmallSeveral, SmallTagger, SmallWriter, texts
from tiny_models import make_masked

MODELS = {
    "classification": SmallLearner,
    "multilabel": SmallSeveral,
    "tagging": SmallTagger,
    "generation": SmallWriter,
}
PASSES = "passes with parts of it left out"


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Any]:
    """Return the lines of a batch that a strategy chose, with what was asked."""
    opened = []

    def ask(task: str, strategy: Any, labelled: int = 24, model: Any = None, **options: Any) -> list[alw.Item]:
        kind = "multilabel" if task == "classification" else task
        labels = {} if task == "generation" else {"labels": LABELS[kind]}
        session = alw.annotate(
            texts(90), task=task, path=tmp_path / f"s{len(opened)}", model=model or MODELS[task](),
            strategy="random", batch_size=10, **labels,
        )  # fmt: skip
        opened.append(session)
        for item in session.next(labelled):
            value = ORACLES[kind](item.text)
            session.record(item.id, value[0] if task == "classification" else value)
        session.strategy = strategy if not isinstance(strategy, str) else get(strategy, **options)
        session.train(wait=True)
        return session.next(10)

    yield ask
    for session in opened:
        session.close()


def lines(items: list[alw.Item]) -> list[str]:
    return [item.why["text"] for item in items if item.why]


def test_random_says_so(asked: Any) -> None:
    assert set(lines(asked("generation", "random"))) == {"drawn at random"}


@pytest.mark.parametrize(("strategy", "behind"), [("nsp", ""), ("ensp", f" in 4 {PASSES}")])
def test_how_sure_the_model_is_of_its_words_is_the_score(asked: Any, strategy: str, behind: str) -> None:
    options = {"passes": 4} if strategy == "ensp" else {}
    for item in asked("generation", strategy, **options):
        found = re.fullmatch(
            r"the model is (\d+) % sure of the words that it (would write|writes)(.*)", item.why["text"]
        )
        assert found
        assert int(found[1]) == pytest.approx(100 * (1 - item.why["score"]), abs=0.51)
        assert found[3] == behind


def test_what_differs_between_passes_is_told_apart_from_what_does_not(asked: Any) -> None:
    pytest.importorskip("sacrebleu")
    assert set(lines(asked("generation", "bleuvar", passes=3))) == {
        f"the model writes something else in each of 3 {PASSES}"
    }

    class Same(SmallWriter):
        def generate_passes(self, documents: Any, passes: int, **_: Any) -> Any:
            return [self.generate(documents)] * passes

    same = lines(asked("generation", "bleuvar", passes=3, model=Same()))
    assert set(same) == {f"the model writes much the same in each of 3 {PASSES}"}
    spread = lines(asked("generation", "ensp", passes=3, agg="var"))
    assert set(spread) == {f"the model is not equally sure of what it writes in 3 {PASSES}"}


@pytest.mark.parametrize("task", ["generation", "tagging"])
def test_idds_speaks_of_likeness_alone(asked: Any, task: str) -> None:
    assert set(lines(asked(task, "idds"))) == {"it is like much of the pool and unlike what is answered"}
    assert set(lines(asked(task, "idds", labelled=0))) == {"it is like much of the pool"}


@pytest.mark.parametrize("strategy", ["mnlp", "token-entropy"])
def test_of_words_the_least_sure_is_named(asked: Any, strategy: str) -> None:
    model = SmallTagger()
    items = asked("tagging", strategy, model=model)
    said = lines(items)
    for item, line in zip(items, said, strict=True):
        word = re.fullmatch(r'the model is (?:not sure what "(.+)" is|least sure what "(.+)" is, at \d+ %)', line)
        assert word, line
        assert (word[1] or word[2]) in item.text


def test_a_tagger_that_is_sure_of_all_words_is_not_said_to_be_unsure(asked: Any) -> None:
    class Certain(SmallTagger):
        def token_probs(self, documents: Any, **options: Any) -> Any:
            found = super().token_probs(documents, **options)
            found.flat[:] = 0.02 / (found.flat.shape[1] - 1)
            found.flat[:, 0] = 0.98
            return found

    assert all(line.endswith("is, at 98 %") for line in lines(asked("tagging", "mnlp", model=Certain())))


@pytest.mark.parametrize(
    ("strategy", "options", "line"),
    [
        ("bald", {"passes": 3}, f"the model disagrees with itself in 3 {PASSES}"),
        ("badge", {}, "the model would learn much from it, and something else than from the others"),
        ("tyrogue", {"r": 1}, "it stands for documents like it"),
        (
            "tyrogue",
            {},
            "it stands for documents like it, and the model is less sure of it than of those that stand for others",
        ),
    ],
)
def test_strategies_of_tags_say_what_they_looked_at(asked: Any, strategy: str, options: Any, line: str) -> None:
    assert set(lines(asked("tagging", strategy, **options))) == {line}


def test_passes_that_agree_are_not_said_to_disagree(asked: Any) -> None:
    class Steady(SmallTagger):
        def token_passes(self, documents: Any, passes: int, **_: Any) -> Any:
            return (self.token_probs(documents) for _ in range(passes))

    assert set(lines(asked("tagging", "bald", model=Steady(), passes=3))) == {
        f"the model agrees with itself in 3 {PASSES}"
    }


def test_alps_says_the_same_before_and_after_there_is_a_model(asked: Any, tmp_path: Path) -> None:
    masked = MaskedLM(make_masked(tmp_path / "masked"), device="cpu")

    class Reads(SmallTagger):
        def surprisal(self, documents: Any, **options: Any) -> Any:
            return masked.surprisal(documents, **options)

    for labelled in (0, 24):
        said = lines(asked("tagging", "alps", labelled=labelled, model=Reads()))
        assert set(said) == {"it stands for documents that surprise a language model in the same places"}


def test_a_strategy_of_ones_own_may_have_any_name(asked: Any) -> None:
    class Mine(Strategy):
        name = "ensp"
        needs = frozenset({"generated"})
        tasks: ClassVar[tuple[str, ...]] = ("generation",)

        def select(self, view: Any, size: int, rng: np.random.Generator) -> Ranked:
            del rng
            return Ranked(np.argsort(view.generated.log_probs)[:size], np.full(size, np.nan))

    said = lines(asked("generation", Mine()))
    assert all(re.fullmatch(r"the model is \d+ % sure of the words that it would write", line) for line in said)
    assert len(said) == 10


def test_with_labels_the_tie_is_named_as_before(asked: Any) -> None:
    said = lines(asked("classification", "breaking-ties"))
    assert all(re.match(r"the model (is torn between|leans to) |it stands for", line) for line in said)
    several = lines(asked("multilabel", "entropy"))
    assert any("cannot tell whether it is" in line for line in several)
