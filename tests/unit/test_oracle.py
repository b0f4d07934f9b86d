"""The oracle's measures, and its answers where no model writes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import alwidget
from alwidget import tasks
from alwidget.learners import TfIdf
from alwidget.learners.base import Batch
from alwidget.oracle import MEASURES, HeldOut, nearest_answers, unit_vectors, writes
from alwidget.pool import content_hash

SPAN = {"start": 0, "end": 3, "label": "name", "text": "Ada"}


def test_every_task_is_measured():
    assert set(MEASURES) == set(tasks.names())


@pytest.mark.parametrize(
    ("task", "truth", "predicted", "labels", "expected"),
    [
        ("classification", ["a", "a", "b"], ["a", "b", "b"], ["a", "b"], (2 / 3, 2 / 3)),
        ("multilabel", [["a"], ["a", "b"], []], [["a"], ["a"], ["b"]], ["a", "b"], (2 / 3, 1 / 2)),
        ("multilabel", [["b"]], [["b"]], ["a", "b"], (1, 1 / 2)),
        ("tagging", [[SPAN], []], [[{**SPAN, "confidence": 0.3}], [SPAN]], ["name"], (2 / 3, 2 / 3)),
        ("tagging", [[SPAN]], [[{**SPAN, "end": 2}]], ["name"], (0, 0)),
        ("generation", ["Sum of an axis."], ["Sum of an axis."], [], (1, 1)),
        ("generation", ["axis an of sum"], ["sum of an axis"], [], (1 / 4, 1)),
    ],
)
def test_known_scores(task, truth, predicted, labels, expected):
    assert MEASURES[task].of(truth, predicted, labels) == pytest.approx(expected)


def test_the_answer_of_the_nearest_labelled_document_is_given(tmp_path):
    texts = ["sum the rows of an array", "sort the values of an array", "read a file from disk", "not labelled"]
    answers = {"0": "Sum.", "1": "Sort.", "2": "Read."}
    rows = [{"id": str(i), "text": text} for i, text in enumerate(texts)]
    learner = TfIdf()
    learner.fit_vocabulary(Batch(texts, [content_hash(text) for text in texts]))
    with alwidget.annotate(rows, task="generation", path=tmp_path / "s.alw", model=learner) as session:
        for doc, answer in answers.items():
            session.record(doc, answer)
        test = HeldOut(["from disk, read this file", "sort values", texts[0]], ["", "", ""])
        assert nearest_answers(session, learner, test) == ["Read.", "Sort.", "Sum."]
    assert np.linalg.norm(unit_vectors(learner, texts[:3]), axis=1) == pytest.approx([1, 1, 1])


def test_a_learner_without_generate_does_not_write():
    assert not writes(TfIdf())
    assert writes(SimpleNamespace(generate=lambda: None, generate_passes=lambda: None))
