"""Micro and macro F1 as scikit-learn counts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from sklearn.metrics import accuracy_score, f1_score

from alwidget.errors import ArgumentError
from alwidget.metrics.labels import exact_match, macro_f1, micro_f1

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 5))


@given(st.data(), SHAPES)
def test_the_scores_are_those_of_scikit_learn(data, shape):
    gold, predicted = (data.draw(stn.arrays(bool, shape)) for _ in range(2))
    as_rows = (gold.astype(int), predicted.astype(int)) if shape[1] > 1 else (gold[:, 0], predicted[:, 0])
    if shape[1] > 1:
        assert micro_f1(gold, predicted) == pytest.approx(f1_score(*as_rows, average="micro", zero_division=0))
        assert macro_f1(gold, predicted) == pytest.approx(f1_score(*as_rows, average="macro", zero_division=0))
    else:
        assert macro_f1(gold, predicted) == micro_f1(gold, predicted)
        assert micro_f1(gold, predicted) == pytest.approx(f1_score(*as_rows, zero_division=0))
    assert exact_match(gold, predicted) == pytest.approx(accuracy_score(*as_rows))


def test_nothing_at_all_scores_nothing():
    empty = np.zeros((0, 3), dtype=bool)
    assert micro_f1(empty, empty) == macro_f1(empty, empty) == exact_match(empty, empty) == 0
    assert macro_f1(np.zeros((2, 0)), np.zeros((2, 0))) == 0


def test_tables_that_do_not_fit_are_an_error():
    with pytest.raises(ArgumentError, match="same n documents"):
        micro_f1(np.zeros((3, 2)), np.zeros((2, 2)))
    with pytest.raises(ArgumentError, match="same n documents"):
        macro_f1([1, 0], [1, 0])
