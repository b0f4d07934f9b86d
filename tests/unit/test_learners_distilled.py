"""``model="distilled:TEACHER"``: a model at once, and a better one while nobody looks."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import alwidget as alw
from alwidget.errors import ArgumentError, Cancelled, ModelError
from alwidget.learners import FrozenEncoder, Stop, make
from alwidget.reuse import acquirer
from tiny_models import CLASSES, batch, labelled, make_tiny, sentences

TEXTS, GOLD = sentences(150)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No hub, no GPU, an empty cache, and a student that is taught in a moment."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("ALWIDGET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(acquirer, "EPOCHS", 4.0)


@pytest.fixture
def teacher(tmp_path):
    return make_tiny(tmp_path / "teacher", pooling="mean_tokens", normalise=True)


def test_without_a_student_some_layers_are_used_at_once_and_nothing_is_trained(teacher):
    choice = make(f"distilled:{teacher}")
    assert not choice.learner.improves
    choice.learner.prepare()
    assert choice.learner.improves
    assert "until its student has learned" in choice.why
    assert choice.warning is None
    assert isinstance(choice.learner.chosen, FrozenEncoder)
    assert choice.learner.embed(batch(["the treaty"])).shape == (1, 32)
    folder = choice.learner.chosen.encoder.folder
    assert folder.name == "untrained"
    assert acquirer.untrained(teacher) == folder
    choice.learner.fit(labelled(40), seed=0)
    assert choice.learner.predict_proba(batch(["the striker scored"])).shape == (1, 2)


def test_a_student_in_the_cache_is_used_before_anything_is_loaded(teacher):
    student = alw.distill(teacher, TEXTS, layers=1, steps=3, progress=False)
    choice = make(f"distilled:{teacher}")
    assert "from the cache" in choice.why
    assert choice.learner.chosen.encoder.folder == student.folder
    choice.learner.prepare()
    assert not choice.learner.improves
    time.sleep(1.1)  # finished at another second
    newer = alw.distill(teacher, TEXTS, layers=1, steps=2, progress=False)
    assert make(f"distilled:{teacher}").learner.chosen.encoder.folder == newer.folder


def test_it_learns_in_slices_and_changes_only_when_it_has_read_what_was_read(teacher):
    learner = make(f"distilled:{teacher}").learner
    learner.prepare()
    pool = alw.Pool.load(TEXTS)
    first = learner.chosen
    read = [pool.batch(range(start, start + 50)) for start in (0, 50)]
    stops = 0
    while learner.improves:
        stop = Stop()

        def tell(phase, done, total, stop=stop):
            if done % 3 == 0:
                stop.set()

        try:
            assert learner.improve(pool, read, stop=stop, progress=tell)
        except Cancelled:
            stops += 1
            assert learner.chosen is first
    assert stops >= 4
    assert learner.chosen is not first
    assert "learned from this pool" in learner.why
    assert learner.embedded(pool.batch(range(100))).all()
    assert not learner.embedded(pool.batch(range(100, 150))).any()
    assert learner.chosen.encoder.folder == acquirer.newest(teacher)
    assert make(f"distilled:{teacher}").learner.chosen.encoder.folder == acquirer.newest(teacher)


def test_what_cannot_be_taught_leaves_the_model_as_it_is(teacher):
    learner = make(f"distilled:{teacher}").learner
    learner.prepare()
    first = learner.chosen
    few = alw.Pool.load(["one text", "and another"])
    assert learner.improve(few, [], stop=Stop()) is False
    assert learner.chosen is first
    assert not learner.improves


def test_wrong_names_say_so(teacher, tmp_path):
    with pytest.raises(ArgumentError, match="cannot learn"):
        make("distilled:bart", task="generation")
    with pytest.raises(ModelError, match="nothing at the path"):
        make(f"distilled:{tmp_path}/nowhere")
    for task in ("multilabel", "tagging"):
        learner = make(f"distilled:{teacher}", task=task).learner
        learner.prepare()
        assert learner.improves
    missing = make("distilled:nobody/nothing")
    missing.learner.prepare()
    assert "could not be used" in missing.warning
    assert not missing.learner.improves


def test_a_teacher_of_one_layer_is_refused(teacher, tmp_path):
    small = alw.distill(teacher, TEXTS, layers=1, steps=1, out=tmp_path / "small", progress=False)
    with pytest.raises(ModelError, match="none to leave out"):
        make(f"distilled:{small.folder}").learner.prepare()


# In a session ---------------------------------------------------------------------------------------------------------


def test_a_session_in_a_script_keeps_its_model(teacher, tmp_path):
    def run(name):
        with alw.annotate(
            TEXTS,
            labels=CLASSES,
            model=f"distilled:{teacher}",
            path=tmp_path / name,
            batch_size=10,
            strategy="entropy",
        ) as session:
            asked = []
            for _ in range(3):
                for item in session.next(10):
                    asked.append(item.id)
                    session.record(item.id, CLASSES[GOLD[session.pool.index_of(item.id)]])
                session._engine.step()
            assert acquirer.newest(teacher) is None
            return asked

    assert run("one.alw") == run("two.alw")


def test_a_session_in_the_background_shows_items_first_and_takes_the_student_later(teacher, tmp_path, monkeypatch):
    gate = threading.Event()
    real = acquirer.begun

    def begun(*given, **options):
        gate.wait(60)
        return real(*given, **options)

    monkeypatch.setattr(acquirer, "begun", begun)
    with alw.annotate(
        TEXTS, labels=CLASSES, model=f"distilled:{teacher}", path=tmp_path / "s.alw", batch_size=10
    ) as session:
        engine = session._engine
        engine.start()
        assert len(session.next(10)) == 10
        for item in session.next(10):
            session.record(item.id, CLASSES[GOLD[session.pool.index_of(item.id)]])
        assert engine.wait(60)  # it counts as idle while the student waits for its turn
        first = engine._learner.chosen
        assert acquirer.newest(teacher) is None
        gate.set()
        until(lambda: engine._learner.chosen is not first)
        assert engine.wait(60)
        assert acquirer.newest(teacher) == engine._learner.chosen.encoder.folder
        assert engine._learner.classes == CLASSES  # a round has trained what it became
        assert engine.status.error is None
        assert len(session.next(10)) == 10


def test_a_round_interrupts_the_student(teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(acquirer, "STEPS", 100_000)
    monkeypatch.setattr(acquirer, "EPOCHS", 20_000.0)
    with alw.annotate(
        TEXTS, labels=CLASSES, model=f"distilled:{teacher}", path=tmp_path / "s.alw", batch_size=10
    ) as session:
        engine = session._engine
        engine.start()
        for _ in range(3):
            until(lambda: engine._learner._run is not None and engine._learner._run._training is not None)
            before = engine._learner._run._training.step
            until(lambda before=before: engine._learner._run._training.step > before)
            for item in session.next(12):
                session.record(item.id, CLASSES[GOLD[session.pool.index_of(item.id)]])
            engine.request()
            number = engine.status.round
            until(lambda number=number: engine.status.round > number or engine.fitted)
        assert engine.run(lambda learner: learner.classes) == CLASSES
        engine.pause()
        until(lambda: engine.wait(0))
    assert not engine.started


def until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_it_reads_does_not_depend_on_the_slices(teacher, tmp_path):
    """The student of a session is the one that the same steps without a stop give."""
    learner = make(f"distilled:{teacher}").learner
    learner.prepare()
    pool = alw.Pool.load(TEXTS)
    while learner.improves:
        stop = Stop()
        try:
            learner.improve(pool, [], stop=stop, progress=lambda _p, done, _t, stop=stop: done % 4 == 1 and stop.set())
        except Cancelled:
            continue
    run = acquirer.begun(teacher, pool, device=None)
    whole = alw.distill(teacher, pool, layers=1, steps=run._steps, out=tmp_path / "whole", progress=False)
    texts = batch(TEXTS[:20])
    other = FrozenEncoder(whole.folder, cache_dir=tmp_path)
    other.prepare()
    np.testing.assert_array_equal(learner.embed(texts), other.embed(texts))
