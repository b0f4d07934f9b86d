"""What the models of a run are called: the same in every process, and another as soon as anything about them is."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial

import pytest

from alwidget.errors import ArgumentError
from alwidget.learners import FineTuned, TfIdf
from alwidget.reuse.makers import Maker

PROGRAM = """
from functools import partial
from alwidget.learners import FineTuned, TfIdf
from alwidget.reuse.makers import Maker
PLACE, LARGE = "a/b", {"x", "y", "z"}
class Own(TfIdf):
    def kind(self): return self.name in {"one", "two", "three"}
def made(): return FineTuned(PLACE, epochs=len(LARGE))
for spec in (made, lambda: TfIdf(), partial(FineTuned, "a", epochs=2), TfIdf, TfIdf(), FineTuned("a/b"), Own(), Own):
    maker = Maker.of(spec, "successor")
    assert maker.lasting
    print(maker.name)
"""


def test_another_process_gives_the_same_names():
    names = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert names[0] == names[1]
    assert len(set(names[0].split())) == 8


def test_what_a_function_refers_to_is_part_of_its_name():
    def maker(epochs):
        return Maker.of(lambda: FineTuned("a", epochs=epochs), "successor").name

    assert maker(2) == maker(2) != maker(3)
    assert Maker.of(FineTuned("a"), "x").name != Maker.of(FineTuned("b"), "x").name
    assert Maker.of(partial(FineTuned, "a"), "x").name != Maker.of(partial(FineTuned, "b"), "x").name


def test_what_has_no_lasting_name_is_never_taken_for_another():
    class Locked(TfIdf):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    learner = Locked()
    one, other = Maker.of(learner, "x"), Maker.of(learner, "x")
    assert not one.lasting
    assert one.name != other.name


def test_a_learner_is_made_of_names_instances_and_functions():
    for spec in ("tf-idf", TfIdf(), TfIdf, partial(TfIdf)):
        assert Maker.of(spec, "x").make("classification", None).name == "tf-idf"
    with pytest.raises(ArgumentError, match="labeller is the name"):
        Maker.of(3, "labeller")
    with pytest.raises(ArgumentError, match="lacks"):
        Maker.of(object, "x").make("classification", None)
