"""Strategies that read passes, features and gradients, in sessions with real models: none falls back to random."""

from __future__ import annotations

from pathlib import Path

import pytest

import alwidget as alw
from small_tasks import texts
from tiny_models import make_tiny

LABELS = ("first", "second", "third")
STRATEGIES = {
    "classification": ("mc-entropy", "bald", "batchbald", "egl", "badge", "bait"),
    "multilabel": ("mc-entropy", "bald", "egl", "badge"),
    "tagging": ("bald", "egl", "badge"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny(tmp_path_factory.mktemp("tiny"))


def answer(session: alw.Session, number: int) -> None:
    for i, item in enumerate(session.next(number)):
        label = LABELS[i % 3]
        word = {"start": 0, "end": len(item.text.split()[0]), "label": label}
        answers = {"classification": label, "multilabel": [label], "tagging": [word]}
        session.record(item.id, answers[session.task.name])


@pytest.mark.parametrize("model", ["encoder", "finetune"])
@pytest.mark.parametrize("task", list(STRATEGIES))
def test_they_ask_by_what_the_model_gives(task: str, model: str, folder: Path, tmp_path: Path) -> None:
    options = {"model": f"{model}:{folder}", "strategy": "random", "batch_size": 5, "subsample": None}
    with alw.annotate(texts(40), task=task, labels=LABELS, path=tmp_path / "s.alw", **options) as session:
        answer(session, 9)
        for name in STRATEGIES[task]:
            if (name, task, model) == ("bald", "tagging", "encoder"):
                continue  # a tagger over a frozen encoder has no dropout
            session.strategy = name
            result = session.train(wait=True)
            assert result is not None
            assert (result.strategy, result.notes) == (name, ())
            assert len(session.next(5)) == 5
            assert session.next(1)[0].why["strategy"] == name  # type: ignore[index]
            answer(session, 2)
