"""Which documents can still be asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alwidget.engine import OpenSet


def test_closing_and_reopening_keeps_count() -> None:
    documents = OpenSet(5, np.array([3]))
    assert (len(documents), documents.asked_from) == (4, 4)
    assert documents.close(0)
    assert not documents.close(0)
    assert len(documents) == 3
    assert documents.reopen(0)
    assert not documents.reopen(0)
    assert documents.all().tolist() == [0, 1, 2, 4]


@given(
    size=st.integers(1, 400),
    closed=st.sets(st.integers(0, 399)),
    wanted=st.integers(0, 500),
    seed=st.integers(0, 9),
)
def test_a_draw_is_open_unique_ascending_and_as_large_as_can_be(
    size: int, closed: set[int], wanted: int, seed: int
) -> None:
    closed = {i for i in closed if i < size}
    documents = OpenSet(size, np.array(sorted(closed), dtype=np.int64))
    drawn = documents.draw(wanted, np.random.default_rng(seed))
    assert len(drawn) == min(wanted, size - len(closed))
    assert np.array_equal(drawn, np.unique(drawn))
    assert not closed & set(drawn.tolist())
    again = documents.draw(wanted, np.random.default_rng(seed))
    assert np.array_equal(drawn, again)


@pytest.mark.parametrize(("size", "wanted"), [(2000, 20), (2000, 900), (60, 30)])
def test_every_document_is_drawn_equally_often(size: int, wanted: int) -> None:
    documents = OpenSet(size, np.arange(0, size, 10))
    rng = np.random.default_rng(0)
    counts = np.zeros(size)
    draws = 400
    for _ in range(draws):
        counts[documents.draw(wanted, rng)] += 1
    expected = draws * wanted / len(documents)
    chi2 = ((counts[documents.all()] - expected) ** 2 / expected).sum()
    freedom = len(documents) - 1
    assert abs(chi2 / (1 - wanted / len(documents)) - freedom) < 5 * np.sqrt(2 * freedom)


def test_drawing_within_takes_only_what_is_open() -> None:
    documents = OpenSet(100, np.array([7]))
    drawn = documents.draw(3, np.random.default_rng(0), within=np.array([7, 8, 9]))
    assert drawn.tolist() == [8, 9]
