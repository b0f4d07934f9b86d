"""Wrappers and strategies on training dynamics in real sessions: rounds that do what they are for."""

from __future__ import annotations

import numpy as np
import pytest

import alwidget as alw
from alwidget import strategies
from alwidget.learners import FrozenEncoder
from alwidget.strategies import functional
from tiny_models import CLASSES, batch, make_tiny, sentences

TEXTS, Y = sentences(300, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"), pooling="mean_tokens")


@pytest.fixture
def opened(folder, tmp_path):
    sessions = []

    def make(strategy, **options):
        model = FrozenEncoder(folder, label="tiny", cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")
        where = tmp_path / f"{len(sessions)}.alw"
        session = alw.annotate(TEXTS, labels=list(CLASSES), path=where, model=model, strategy=strategy, **options)
        sessions.append(session)
        return session

    yield make
    for session in sessions:
        session.close()


def answer(session, n):
    """Answer what is asked, every fifth document wrongly, as tired people do: some of it is never learned."""
    for item in session.next(n):
        number = int(item.text.rsplit(" ", 1)[1])
        session.record(item.id, CLASSES[Y[number] if number % 5 else 1 - Y[number]])


def asked(session, rounds=3):
    answer(session, 30)
    for _ in range(rounds):
        session.train(wait=True)
        answer(session, 10)
    return [(a.id, a.strategy, a.round) for a in session.annotations]


@pytest.mark.parametrize("name", ["cartography", "alvin"])
def test_the_dynamics_of_a_real_head_serve(opened, name):
    session = opened(name, batch_size=10)
    done = asked(session)
    assert sum(strategy == name for _, strategy, _ in done) == 30
    assert not any(note for one in session.rounds for note in one.notes)
    assert session.status.error is None
    entropy = {i for i, strategy, _ in asked(opened("entropy", batch_size=10)) if strategy == "entropy"}
    assert {i for i, strategy, _ in done if strategy == name} != entropy


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: strategies.get("cluster-margin", reference=100), "cluster-margin"),
        (lambda: strategies.get("actune", base="breaking-ties"), "actune"),
        (lambda: strategies.get("seals", base=strategies.get("tyrogue", r=2), k=8), "seals"),
        (lambda: alw.Schedule([("bert-km", 1), (strategies.get("seals", base="actune", k=15), None)]), "seals"),
    ],
)
def test_rounds_with_wrappers(opened, make, named):
    session = opened(make(), batch_size=10, subsample=None)
    done = asked(session)
    assert sum(strategy == named for _, strategy, _ in done) >= 20
    assert session.status.error is None
    again = asked(opened(make(), batch_size=10, subsample=None))
    assert again == done


def test_a_wrapper_is_there_again_when_the_session_is(opened, folder, tmp_path):
    session = opened(strategies.get("seals", base=strategies.get("actune", base="least-confidence"), k=9))
    answer(session, 30)
    where, shown = session.path, repr(session.strategy)
    session.close()
    model = FrozenEncoder(folder, label="tiny", cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")
    with alw.open(where, data=TEXTS, model=model) as resumed:
        assert repr(resumed.strategy) == shown
        assert "least-confidence" in shown
        resumed.train(wait=True)
        assert resumed.next(1)[0].why["strategy"] == "seals"


def test_seals_asks_for_neighbours_of_what_was_labelled(opened, folder, tmp_path):
    encoder = FrozenEncoder(folder, label="tiny", cache_dir=tmp_path / "vectors", device="cpu", dtype="fp32")
    encoder.prepare()
    x = encoder.embed(batch(TEXTS))
    session = opened(strategies.get("seals", base="random", k=6), batch_size=5, subsample=None)
    answer(session, 12)
    for _ in range(4):
        number = {a.id: TEXTS.index(a.text) for a in session.annotations}
        known = np.array(sorted(number.values()))
        free = np.setdiff1d(np.arange(300), known)
        near = set(free[functional.seals(x[free], x[known], 6)].tolist())
        assert 5 < len(near) < 200
        session.train(wait=True)
        assert {TEXTS.index(item.text) for item in session.next(5)} <= near
        answer(session, 5)
