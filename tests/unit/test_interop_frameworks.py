"""Strategies of other libraries by name, and ours as theirs: what holds without those libraries."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import alwidget as alw
from alwidget import strategies
from alwidget.errors import ArgumentError, MissingExtraError, StrategyError
from alwidget.interop import frameworks
from alwidget.interop.frameworks.draws import Numpy, swapped
from alwidget.interop.frameworks.ours import _utilities
from alwidget.interop.frameworks.theirs import Kind, Theirs
from alwidget.strategies import ArrayView, Ranked

ROOTS = {"small-text": "small_text", "skactiveml": "skactiveml", "modal": "modAL"}


@pytest.fixture
def absent(monkeypatch):
    """Let none of the libraries be there, whether or not they are."""
    for name in [n for n in sys.modules if n.split(".")[0] in ROOTS.values()]:
        monkeypatch.delitem(sys.modules, name)
    for root in ROOTS.values():
        monkeypatch.setitem(sys.modules, root, None)
    frameworks.strategy_class.cache_clear()
    yield
    frameworks.strategy_class.cache_clear()


class Model:
    """Probabilities are the samples themselves."""

    def __init__(self, y=None):
        self.y_training = y
        self.X_training = None if y is None else np.eye(2)[y]

    def predict_proba(self, X):
        return X


def probs(n=40, classes=2, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), n)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("small-text:GreedyCorset", r'Did you mean "small-text:GreedyCoreset"\? There are: "small-text:Random'),
        ("skactiveml:badge", r'Did you mean "skactiveml:Badge"'),
        ("modal:", r'There is no strategy "modal:". There are: "modal:uncertainty_sampling"'),
        ("small-text:ExpectedGradientLength", "cannot use .* it reads gradients of a model of small-text itself"),
        ("skactiveml:GreedySamplingTarget", "it is for regression"),
        ("modal:expected_error_reduction", "it fits a model anew"),
        ("small_text:BADGE", r'There is no strategy "small_text:BADGE". Did you mean "small-text:BADGE"\?'),
        ("smalltext:BADGE", r'Did you mean "small-text:BADGE"\?'),
        ("nobody:BADGE", r'There is no strategy "nobody:BADGE". There are: "random"'),
    ],
)
def test_names_that_there_are_not(name, said):
    with pytest.raises(StrategyError, match=said):
        strategies.get(name)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("small-text:GreedyCoreset", 'pip install "small-text"'),
        ("skactiveml:Badge", 'pip install "scikit-activeml"'),
        ("modal:margin_sampling", 'pip install "modAL-python"'),
    ],
)
def test_a_library_that_is_not_installed(absent, name, command, tmp_path):
    with pytest.raises(MissingExtraError, match=command):
        strategies.get(name)
    with pytest.raises(MissingExtraError, match=command):
        strategies.from_settings({"strategy": name, "options": {}})
    with pytest.raises(ArgumentError, match=command):
        alw.annotate(["a", "b"], labels=["x", "y"], strategy=name, path=tmp_path / "s.alw")


def test_ours_for_a_library_that_is_not_installed(absent):
    with pytest.raises(MissingExtraError, match='pip install "small-text"'):
        frameworks.to_small_text("entropy")
    with pytest.raises(MissingExtraError, match='pip install "scikit-activeml"'):
        frameworks.to_skactiveml("entropy")


def test_what_there_is_is_told_without_the_library(absent):
    for library in frameworks.LIBRARIES:
        found = frameworks.available(library)
        assert all(name.startswith(f"{library}:") and line.endswith(".") for name, line in found.items())
        assert len(found) > 8
    with pytest.raises(StrategyError, match=r'Strategies of "smalltext" are not known; .*Did you mean "small-text"'):
        frameworks.available("smalltext")


def test_no_name_is_both_known_and_refused():
    for library in frameworks.LIBRARIES:
        adapter = sys.modules[f"alwidget.interop.frameworks.{frameworks.LIBRARIES[library]}"]
        assert not adapter.KINDS.keys() & adapter.REFUSED.keys()
        for kind in adapter.KINDS.values():
            assert kind.needs_labelled <= kind.labelled, kind
            assert set(kind.tasks) <= set(strategies.registry.TASKS)


def test_what_is_read_of_candidates_is_read_of_labelled_documents_too():
    assert Kind("", "", ("embeddings",), labelled=True).needs == {"embeddings", "labelled_embeddings"}
    assert Kind("", "", ("embeddings", "probs")).needs == {"embeddings", "probs"}


# What a library answers is held against the contract -----------------------------------------------------------------


def adapted(answer, scores=None):
    class Answering(Theirs):
        """Answers what it is told to."""

        name = "library:Answering"
        kind = Kind("", "")

        def pick(self, view, size, rng):  # noqa: ARG002  a library looks at them
            if isinstance(answer, Exception):
                raise answer
            return Ranked(np.asarray(answer), np.full(len(answer), np.nan) if scores is None else scores)

    return Answering()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([0, 1], "answered 2 documents where 3 were asked"),
        ([0, 1, 1], "answered the same document twice"),
        ([0, 1, 5], r"answered a document that is no candidate \(0 … 5 of 5\)"),
        ([-1, 1, 2], "answered a document that is no candidate"),
        ([0.0, 1.0, 2.0], "answered float64 of shape"),
        ([[0], [1], [2]], "answered int64 of shape"),
        (ValueError("it cannot"), 'library:Answering" failed: ValueError: it cannot'),
    ],
)
def test_answers_that_break_the_contract(answer, said):
    with pytest.raises(StrategyError, match=said):
        adapted(answer).select(ArrayView(size=5), 3, np.random.default_rng(0))


def test_an_answer_that_keeps_it():
    ranked = adapted([2, 0, 4]).select(ArrayView(size=5), 3, np.random.default_rng(0))
    assert ranked.indices.tolist() == [2, 0, 4]
    assert ranked.indices.dtype == np.int64
    assert len(adapted([]).select(ArrayView(size=5), 0, np.random.default_rng(0)).indices) == 0
    assert len(adapted([2, 0, 4, 1, 3]).select(ArrayView(size=5), 50, np.random.default_rng(0)).indices) == 5


# Randomness ----------------------------------------------------------------------------------------------------------


def test_a_library_draws_from_a_seed_and_leaves_the_global_generator_alone():
    module = types.ModuleType("drawing")
    exec(
        "import numpy as np\ndef draw(): return np.random.choice(1000, 5), np.random.RandomState().rand()",
        vars(module),
    )
    np.random.seed(7)  # noqa: NPY002  somebody has seeded it
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    def drawn(seed):
        with swapped({module: {"np": Numpy(seed)}}):
            numbers, one = module.draw()
            assert module.np.float64 is np.float64
        return [*numbers.tolist(), one]

    assert drawn(1) == drawn(1) != drawn(2)
    assert module.np is np
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_names_are_given_back_when_a_library_fails():
    module = types.ModuleType("failing")
    module.np = np
    with pytest.raises(RuntimeError), swapped({module: {"np": Numpy(0)}}):
        raise RuntimeError
    assert module.np is np


# Ours as query functions of modAL; they need nothing of it -----------------------------------------------------------


def test_ours_as_a_query_function():
    samples = probs()
    chosen, scores = frameworks.to_modal("breaking-ties")(Model(), samples, n_instances=5)
    assert set(chosen) == set(np.argsort(abs(samples[:, 0] - samples[:, 1]))[:5])
    assert (np.diff(scores) <= 0).all()
    assert frameworks.to_modal("entropy").__name__ == "entropy"


def test_ours_with_vectors_of_the_samples():
    samples, vectors = probs(), np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)
    query = frameworks.to_modal("tyrogue", embed=lambda X: vectors[: len(X)], r=2)
    chosen, _ = query(Model(), samples, n_instances=4)
    view = ArrayView(probs=samples, embeddings=vectors)
    expected = strategies.get("tyrogue", r=2).select(view, 4, np.random.default_rng([0, 0]))
    assert chosen.tolist() == expected.indices.tolist()


def test_calls_differ_and_a_new_function_repeats_them():
    samples = probs()
    query, again = frameworks.to_modal("random", seed=3), frameworks.to_modal("random", seed=3)
    first, second = (query(Model(), samples, n_instances=8)[0].tolist() for _ in range(2))
    assert first != second
    assert [again(Model(), samples, n_instances=8)[0].tolist() for _ in range(2)] == [first, second]


def test_what_a_framework_cannot_give():
    with pytest.raises(StrategyError, match='"label-cardinality" is for multilabel, not for classification'):
        frameworks.to_modal("label-cardinality")(Model(np.array([0, 1])), probs(), n_instances=2)
    with pytest.raises(StrategyError, match='"mnlp" is for tagging, not for classification'):
        frameworks.to_modal("mnlp")(Model(), probs(), n_instances=2)
    with pytest.raises(StrategyError, match='"alps" reads surprisal, which modAL does not give here; there are emb'):
        frameworks.to_modal("alps")(Model(), probs(), n_instances=2)
    with pytest.raises(StrategyError, match=r"These samples are no vectors .*; pass embed="):
        frameworks.to_modal("bert-km")(Model(), np.array(["a", "b"]), n_instances=1)

    class Sparse:
        shape = (3, 4)

        def toarray(self):
            raise NotImplementedError

    with pytest.raises(StrategyError, match="These samples are sparse; pass embed="):
        frameworks.to_modal("bert-km")(Model(), Sparse(), n_instances=1)
    with pytest.raises(StrategyError, match='Did you mean "entropy"'):
        frameworks.to_modal("entorpy")


def test_before_anything_is_labelled():
    assert len(set(frameworks.to_modal("idds")(Model(), probs(), n_instances=3)[0])) == 3


def test_several_labels_of_a_query_function():
    samples = np.array([[0.9, 0.9, 0.9], [0.1, 0.1, 0.1], [0.9, 0.1, 0.2]])
    model = Model()
    model.X_training, model.y_training = samples[:2], np.array([[1, 0, 0], [0, 1, 0]])
    chosen, _ = frameworks.to_modal("label-cardinality")(model, samples, n_instances=1)
    assert chosen.tolist() == [0]


def test_utilities_say_what_was_chosen_when():
    scored = _utilities(Ranked(np.array([2, 0]), np.array([0.9, 0.5])), 3, None, 3)
    np.testing.assert_array_equal(scored, [[0.5, np.nan, 0.9], [0.5, np.nan, np.nan]])
    unscored = _utilities(Ranked(np.array([2, 0]), np.full(2, np.nan)), 3, np.array([1, 3, 4]), 5)
    np.testing.assert_array_equal(unscored, [[np.nan, 0, np.nan, 0, 1], [np.nan, 1, np.nan, 0, np.nan]])
