"""What can be picked in the page, why the rest cannot, and that what is picked does its round."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import alwidget as alw
from alwidget import strategies
from alwidget.engine.offers import Offers
from alwidget.host import SessionHost
from alwidget.learners import FrozenEncoder, Reader, Report, SigmoidHead, TfIdf, make
from alwidget.learners.surprisal import masked_head
from alwidget.strategies import registry
from small_learner import SmallLearner
from small_tasks import SmallTagger, SmallWriter
from tiny_models import CLASSES, make_masked, make_tiny, sentences, several

NAMES = list(strategies.available(task=None))
N = 60


def reasons(learner, task="classification", report=None, current="random"):
    return {offer.name: offer.reason for offer in Offers(task).now(learner, report, current)}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    return make_masked(tmp_path_factory.mktemp("masked"))


def test_all_strategies_are_told_and_those_for_other_tasks_say_so(plain):
    learner = FrozenEncoder(plain)
    told = reasons(learner)
    assert list(told) != NAMES
    assert sorted(told) == sorted(NAMES)
    assert [reason is not None for reason in told.values()] == sorted(reason is not None for reason in told.values())
    assert told["mnlp"] == "for tagging only"
    assert told["nsp"] == "for generation only"
    assert told["label-cardinality"] == "for multilabel only"
    assert [n for n, reason in told.items() if reason is None] == [n for n in strategies.available() if n != "alps"]
    assert reasons(learner, "multilabel")["label-cardinality"] is None
    assert reasons(learner, "tagging")["idds"] is None
    assert Offers("classification").now(learner, None, "mine")[0] == ("mine", "your own strategy", None)


def test_what_the_model_lacks_is_told(plain, masked):
    told = reasons(TfIdf())
    assert told["bald"].startswith("bald reads class probabilities with dropout on, which TF-IDF + head does not give")
    assert told["alps"].startswith("alps reads how surprised a masked language model is, which TF-IDF")
    assert told["entropy"] is told["tyrogue"] is told["badge"] is None
    assert "which plain" in reasons(FrozenEncoder(plain, label="plain"))["alps"]
    assert reasons(FrozenEncoder(masked))["alps"] is None
    assert "does not report" in reasons(SmallLearner(), report=Report(3, 0.0))["cartography"]
    assert reasons(SmallLearner())["cartography"] is None
    assert "which small table of words does not give" in reasons(SmallTagger(), "tagging")["alps"]


def test_of_a_model_that_is_not_chosen_yet_nothing_is_known(monkeypatch, plain):
    learner = make(f"finetune:{plain}").learner
    assert reasons(learner)["bald"] is None
    monkeypatch.setattr(type(learner), "chosen", property(lambda _: None))
    assert reasons(learner)["alps"] is None


@pytest.mark.parametrize("like", ["bert", "roberta", "distilbert"])
def test_the_files_tell_whether_there_is_a_masked_language_model(like, tmp_path, plain):
    folder = make_masked(tmp_path / like, like=like)
    assert masked_head(folder) is True
    assert masked_head(plain) is False
    (plain_copy := tmp_path / "copy").mkdir()
    config = json.loads((plain / "config.json").read_text())
    (plain_copy / "config.json").write_text(json.dumps({**config, "model_type": "of its own"}))
    assert masked_head(plain_copy) is None
    (plain_copy / "config.json").write_text("[]")
    assert masked_head(plain_copy) is None
    (plain_copy / "model.safetensors").write_bytes(b"\xff" * 20)
    assert masked_head(plain_copy) is None


def test_each_strategy_is_made_once_and_nothing_heavy_is_imported(monkeypatch):
    made = []
    kept = registry.get
    monkeypatch.setattr(strategies, "get", lambda name, **options: made.append(name) or kept(name, **options))
    offers = Offers("classification")
    for _ in range(3):
        offers.now(TfIdf(), None, "random")
    assert sorted(made) == sorted(NAMES)
    code = (
        "import sys; from alwidget.engine.offers import Offers; from alwidget.learners import make; "
        "Offers('classification').now(make('encoder:sentence-transformers/all-MiniLM-L6-v2').learner, None, 'random'); "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules and 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_is_told(tmp_path):
    texts, _ = sentences(20)
    with alw.annotate(texts, labels=list(CLASSES), path=tmp_path / "s.alw", model="tf-idf") as session:
        host = SessionHost(session, session._engine)
        told = {option.name: option.reason for option in host.snapshot().strategies}
        assert told["entropy"] is None
        assert told["mnlp"] == "for tagging only"
        assert "TF-IDF" in told["bald"]


class Answers:
    """What an oracle says, task by task."""

    def __init__(self, task):
        self.task = task
        if task == "multilabel":
            given = several(N, seed=1)
            self.labels, self.texts = list(given.classes), list(given.documents.texts)
            self.answers = [[c for c, yes in zip(given.classes, row, strict=True) if yes] for row in given.y]
        else:
            self.texts, y = sentences(N, seed=1)
            self.labels, self.answers = list(CLASSES), [CLASSES[c] for c in y]
        if task == "generation":
            self.labels, self.answers = None, [" ".join(text.split()[:3]) for text in self.texts]
        if task == "tagging":
            self.answers = [
                [{"start": 0, "end": len(text.split()[0]), "label": label}]
                for text, label in zip(self.texts, self.answers, strict=True)
            ]

    def to(self, item):
        return self.answers[self.texts.index(item.text)]


def opened(task, path, model):
    oracle = Answers(task)
    session = alw.annotate(
        oracle.texts, labels=oracle.labels, task=task, path=path, model=model, batch_size=3, strategy="random"
    )
    return session, oracle


def frozen(folder, cache, task):
    from alwidget.learners import FrozenTagger

    if task == "tagging":
        return FrozenTagger(folder, cache_dir=cache, device="cpu")
    if task == "generation":
        return Reader(FrozenEncoder(folder, cache_dir=cache, device="cpu"))
    head = SigmoidHead() if task == "multilabel" else None
    return FrozenEncoder(folder, cache_dir=cache, device="cpu", head=head)


@pytest.mark.parametrize("model", ["frozen", "frozen and masked", "the floor"])
@pytest.mark.parametrize("task", ["classification", "multilabel", "tagging", "generation"])
def test_each_strategy_is_picked_while_a_session_runs_and_does_its_round(task, model, tmp_path, plain, masked):
    """Nothing fails; what cannot act says why, and the page had said so before."""
    if model == "the floor":
        learner = {"tagging": SmallTagger(), "generation": SmallWriter()}.get(task, "tf-idf")
    else:
        learner = frozen(plain if model == "frozen" else masked, tmp_path, task)
    session, oracle = opened(task, tmp_path / "s.alw", learner)
    with session:
        for item in session.next(12):
            session.record(item.id, oracle.to(item))
        session.train(wait=True)
        host = SessionHost(session, session._engine)
        for name in strategies.available(task):
            told = {option.name: option.reason for option in host._options()}
            session.strategy = name
            result = session.train(wait=True)
            record = session.rounds[-1]
            assert session.status.error is None
            assert len(result.entries) >= 3
            assert record.asked == name
            assert record.fallback == result.fallback
            assert (record.fallback is None) == (told[name] is None), (name, record.fallback, told[name])
            assert record.acting == (name if record.fallback is None else "random")
            for item in session.next(1):
                session.record(item.id, oracle.to(item))


@pytest.mark.parametrize("name", strategies.available())
def test_each_classification_strategy_truly_acts_on_a_frozen_encoder(name, tmp_path, plain, masked):
    learner = frozen(masked if "surprisal" in strategies.get(name).needs else plain, tmp_path, "classification")
    session, oracle = opened("classification", tmp_path / "s.alw", learner)
    with session:
        session.strategy = name
        for size in (10, 2):
            for item in session.next(size):
                session.record(item.id, oracle.to(item))
            result = session.train(wait=True)
            assert result.fallback is None
            assert result.strategy == name
            assert len({entry.index for entry in result.entries}) == len(result.entries) >= 3
        again = [entry.index for entry in result.entries]
    assert len(set(again) & {session.pool.index_of(a.id) for a in session.annotations}) == 0


def test_each_strategy_is_picked_while_the_engine_works_in_the_background(tmp_path, plain):
    session, oracle = opened("classification", tmp_path / "s.alw", frozen(plain, tmp_path, "classification"))
    with session:
        session.resume()
        for item in session.next(12):
            session.record(item.id, oracle.to(item))
        assert session.wait(60)
        for name in strategies.available():
            session.strategy = name
            assert session.wait(60)
            assert session.status.error is None
            assert session.rounds[-1].asked == name
            assert session.next(1)
