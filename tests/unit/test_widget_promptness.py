"""While a page is open the interpreter changes hands quickly; afterwards it does as it did before."""

from __future__ import annotations

import sys

import pytest

from alwidget.widget.promptness import INTERVAL, prompt


@pytest.fixture(autouse=True)
def usual():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield 0.005
    sys.setswitchinterval(before)


def test_it_is_short_until_the_last_page_is_closed(usual):
    first, second = prompt(), prompt()
    assert sys.getswitchinterval() == pytest.approx(INTERVAL)
    first()
    first()
    assert sys.getswitchinterval() == pytest.approx(INTERVAL), "closing one page twice does not close the other"
    second()
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_a_shorter_one_stays_as_it_is():
    sys.setswitchinterval(0.0001)
    done = prompt()
    assert sys.getswitchinterval() == pytest.approx(0.0001)
    done()
    assert sys.getswitchinterval() == pytest.approx(0.0001)


def test_what_somebody_else_sets_meanwhile_is_theirs():
    done = prompt()
    sys.setswitchinterval(0.02)
    done()
    assert sys.getswitchinterval() == pytest.approx(0.02)
