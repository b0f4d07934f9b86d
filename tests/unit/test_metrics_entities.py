"""Entity scores, held against seqeval on random tags and against values worked out by hand."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from seqeval.metrics import classification_report, f1_score

from alwidget.errors import ArgumentError
from alwidget.learners.base import Span
from alwidget.metrics import entity_scores
from alwidget.tasks.tags import spans_of

TAGS = ["O", *(f"{prefix}-{label}" for prefix in "BI" for label in ("LOC", "PER", "x-y"))]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_counts_as_seqeval_does(seed, share):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, 30)
    gold = [rng.choice(TAGS, n).tolist() for n in lengths]
    predicted = [[str(rng.choice(TAGS)) if rng.random() < share else t for t in tags] for tags in gold]
    ours = entity_scores([spans_of(t) for t in gold], [spans_of(t) for t in predicted])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels without a prediction
        theirs = classification_report(gold, predicted, output_dict=True)
        assert ours.micro.f1 == pytest.approx(f1_score(gold, predicted))
    for name, score in (("micro avg", ours.micro), ("macro avg", ours.macro), *ours.labels.items()):
        assert score.precision == pytest.approx(theirs[name]["precision"])
        assert score.recall == pytest.approx(theirs[name]["recall"])
        assert score.f1 == pytest.approx(theirs[name]["f1-score"])
        assert score.support == theirs[name]["support"]
    assert set(theirs) - set(ours.labels) == {"micro avg", "macro avg", "weighted avg"}


def test_seqeval_is_agreed_with_where_nothing_was_predicted():
    gold, predicted = [["B-A", "O"], ["O"]], [["O", "O"], ["B-B"]]
    ours = entity_scores([spans_of(t) for t in gold], [spans_of(t) for t in predicted])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ours.micro.f1 == f1_score(gold, predicted) == 0
        assert ours.macro.f1 == f1_score(gold, predicted, average="macro") == 0


def test_by_hand():
    gold = [[(0, 3, "A"), (5, 6, "B")], [(0, 1, "A")], []]
    predicted = [[(0, 3, "A"), (5, 7, "B")], [(0, 1, "B")], [(2, 3, "A")]]
    scores = entity_scores(gold, predicted)
    assert (scores.micro.precision, scores.micro.recall) == (1 / 4, 1 / 3)
    assert scores.micro.f1 == pytest.approx(2 / 7)
    assert scores.labels["A"].f1 == pytest.approx(0.5)
    assert scores.labels["B"].f1 == 0
    assert scores.macro.f1 == pytest.approx(0.25)
    assert scores.micro.support == 3


def test_entities_may_be_written_in_several_ways():
    gold = [np.array([[0, 3, 1], [4, 6, 0]], dtype=np.int32)]
    kept = [[{"start": 0, "end": 3, "label": "B", "text": "abc"}]]
    spans = [[Span(0, 3, 1, 0.9), Span(0, 3, 1, 0.2)]]
    for predicted in (kept, spans):
        scores = entity_scores(gold, predicted, classes=("A", "B"))
        assert (scores.micro.precision, scores.micro.recall) == (1.0, 0.5)


def test_nothing_at_all():
    scores = entity_scores([], [])
    assert scores.micro.f1 == scores.macro.f1 == 0
    assert scores.labels == {}
    with pytest.raises(ArgumentError, match="1 documents with entities, but predictions for 0"):
        entity_scores([[]], [])
