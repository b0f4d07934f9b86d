"""The diagnostics beside a person at work: nobody waits for them, and the next round is as it would have been."""

from __future__ import annotations

import threading

import pytest

import alwidget as alw
from session_of import labelled
from small_learner import SmallLearner
from small_tasks import ORACLES, SmallTagger, texts

LABELS = ["good", "bad"]


class Held(SmallLearner):
    """A learner whose fits wait until somebody lets them go."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting, self.go = threading.Event(), threading.Event()
        self.held = False

    def fit(self, labelled, **options):
        if self.held:
            self.waiting.set()
            assert self.go.wait(60)
        return super().fit(labelled, **options)


def test_a_person_labels_while_the_model_is_looked_at(tmp_path):
    rows = [f"{'good' if i % 2 else 'bad'} film {i}" for i in range(80)]
    learner = Held()
    with alw.annotate(rows, labels=LABELS, path=tmp_path / "s.alw", model=learner, strategy="entropy") as session:
        for item in session.next(30):
            session.record(item.id, "good" if "good" in item.text else "bad")
        session.train()
        assert session.wait(60)
        learner.held, found = True, []
        thread = threading.Thread(target=lambda: found.append(alw.diagnostics.label_issues(session)))
        thread.start()
        assert learner.waiting.wait(60)
        item = session.next(1)[0]  # the model is at work, and an answer neither waits for it nor disturbs it
        session.record(item.id, "good" if "good" in item.text else "bad")
        assert session.status.labelled == 31
        assert not found
        learner.held = False
        learner.go.set()
        thread.join(60)
        assert len(found[0].frame) == 30
        assert session.wait(60)


def test_looking_changes_nothing_of_what_is_asked_next(tmp_path):
    asked = []
    for look in (False, True):
        with labelled(tmp_path, 60, rounds=3, audit=0.2, name=f"{look}.alw") as session:
            if look:
                alw.diagnostics.datamap(session)
                alw.diagnostics.label_issues(session)
                alw.diagnostics.quality(session)
                alw.diagnostics.profile(session)
                alw.diagnostics.leave_one_source_out(session)
                alw.diagnostics.should_stop(session)
            assert session.status.round == 3
            for item in session.next(10):
                session.record(item.id, "kitchen")
            session.train(wait=True)
            asked.append([(item.id, item.suggestion, item.confidence) for item in session.next(20)])
    assert asked[0] == asked[1]


def test_spans_are_measured_as_a_whole(tmp_path):
    options = {"labels": ["PER", "LOC"], "task": "tagging", "path": tmp_path / "s.alw", "model": SmallTagger()}
    with alw.annotate(texts(80), strategy="random", **options) as session:
        for item in session.next(40):
            session.record(item.id, ORACLES["tagging"](item.text))
        found = alw.diagnostics.quality(session)
        assert found.random.n == pytest.approx(40)
        assert 0 < found.random.value <= 1
        assert found.weighted.low <= found.weighted.value <= found.weighted.high


def test_each_picture_is_drawn_without_pyplot(tmp_path):
    import subprocess
    import sys

    program = (
        "import sys, numpy as np, alwidget as alw\n"
        "d = alw.diagnostics\n"
        "d.datamap(gold=[[.2, .9]], correct=[[False, True]]).plot().savefig(sys.argv[1] + '/a.png')\n"
        "d.agreement({'a': [0, 1], 'b': [0, 0]}).plot().savefig(sys.argv[1] + '/b.png')\n"
        "d.profile(embeddings=np.eye(4), picked=[0, 1], y=[0, 1, 0, 1], sources=list('abab')).plot()\n"
        "d.label_issues(probs=[[.9, .1], [.2, .8]], y=[0, 0]).plot()\n"
        "d.stratified(confidence=[.9], right=[True]).plot()\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").stat().st_size > 1000
