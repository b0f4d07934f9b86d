"""What every strategy promises, held against every strategy there is."""

from __future__ import annotations

import numpy as np
import pytest

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.strategies import ArrayView, Ranked, View

NAMES = sorted(strategies.available(task=None))
ARRAYS = {"probs", "embeddings", "labelled_y", "labelled_probs", "labelled_embeddings", "dynamics", "sources"}
N, CLASSES, D, LABELLED = 60, 3, 8, 12


def arrays(n=N, classes=CLASSES, labelled=LABELLED, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "probs": rng.dirichlet(np.ones(classes), n),
        "embeddings": rng.normal(size=(n, D)).astype(np.float32),
        "labelled_y": rng.integers(0, classes, labelled),
        "labelled_probs": rng.dirichlet(np.ones(classes), labelled).reshape(labelled, classes),
        "labelled_embeddings": rng.normal(size=(labelled, D)).astype(np.float32),
    }


def select(name, view, size, seed=0):
    return strategies.get(name).select(view, size, np.random.default_rng(seed))


def those(holds):
    """Run a test for the strategies of which this holds."""
    return pytest.mark.parametrize("name", [name for name in NAMES if holds(strategies.get(name))], indirect=True)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_the_six_are_there():
    assert {"random", "least-confidence", "breaking-ties", "entropy", "bert-km", "tyrogue"} <= set(NAMES)


def test_an_array_view_is_a_view():
    view: View = ArrayView(**arrays())
    members = [m for m in vars(View) if not m.startswith("_")]
    assert len(members) >= 13
    assert [m for m in members if not hasattr(view, m)] == []


@pytest.mark.parametrize("size", [0, 1, 7, N - 1, N, N + 1, 10 * N])
def test_the_answer_is_as_long_as_it_can_be_unique_and_in_range(name, size):
    ranked = select(name, ArrayView(**arrays()), size)
    assert isinstance(ranked, Ranked)
    assert ranked.indices.dtype == np.int64
    assert ranked.scores.dtype == np.float64
    assert ranked.indices.shape == ranked.scores.shape == (min(size, N),)
    assert len(set(ranked.indices.tolist())) == len(ranked.indices)
    assert set(ranked.indices.tolist()) <= set(range(N))


@pytest.mark.parametrize("size", [5, N])
def test_scores_fall_or_are_not_there(name, size):
    scores = select(name, ArrayView(**arrays()), size).scores
    missing = np.isnan(scores)
    assert missing.all() or not missing.any()
    if not missing.any():
        assert (np.diff(scores) <= 0).all()
        assert len(set(scores.tolist())) > 1


@those(lambda strategy: strategy.needs_model)
def test_equal_scores_keep_the_order_of_positions(name):
    given = arrays()
    given["probs"] = np.tile([0.5, 0.3, 0.2], (N, 1))
    ranked = select(name, ArrayView(**given), 9)
    assert not np.isnan(ranked.scores).any()
    assert (np.diff(ranked.indices) > 0).all()


def test_the_same_seed_gives_the_same_answer(name):
    first = select(name, ArrayView(**arrays()), 10, seed=4)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = select(name, ArrayView(**arrays()), 10, seed=4)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    np.testing.assert_array_equal(first.indices, again.indices)
    np.testing.assert_array_equal(first.scores, again.scores)


@those(lambda strategy: isinstance(strategy, strategies.Pointwise) or strategy.name == "random")
def test_a_larger_answer_extends_a_smaller_one_where_promised(name):
    small, large = (select(name, ArrayView(**arrays()), size, seed=2).indices.tolist() for size in (6, 20))
    assert large[:6] == small


def test_what_it_was_given_is_not_modified(name):
    given = arrays()
    before = {key: value.copy() for key, value in given.items()}
    view = ArrayView(**given)
    select(name, view, 10)
    for key, value in before.items():
        np.testing.assert_array_equal(given[key], value)
        assert not getattr(view, key).flags.writeable


def test_it_reads_only_what_it_says(name):
    read = set()

    class Watched(ArrayView):
        def __getattribute__(self, attribute):
            if attribute in ARRAYS or attribute == "probs_at":
                read.add(attribute.removesuffix("_at"))
            return super().__getattribute__(attribute)

    view = Watched(**arrays())
    read.clear()
    select(name, view, 10)
    assert read <= set(strategies.get(name).needs)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_either_float_will_do(name, kind):
    given = {key: value.astype(kind) if value.dtype.kind == "f" else value for key, value in arrays().items()}
    assert len(select(name, ArrayView(**given), 10).indices) == 10


def test_one_class_and_one_dimension(name):
    given = arrays(classes=1)
    given["embeddings"], given["labelled_embeddings"] = given["embeddings"][:, :1], given["labelled_embeddings"][:, :1]
    assert len(set(select(name, ArrayView(**given), 10).indices.tolist())) == 10


def test_one_class_among_the_labelled(name):
    given = arrays()
    given["labelled_y"] = np.zeros(LABELLED, dtype=np.int64)
    assert len(select(name, ArrayView(**given), 10).indices) == 10


@pytest.mark.parametrize("labelled", [0, 1])
@those(lambda strategy: not strategy.needs_labelled)
def test_nothing_or_one_document_labelled(name, labelled):
    assert len(select(name, ArrayView(**arrays(labelled=labelled)), 10).indices) == 10


def test_no_candidates_and_one(name):
    empty = ArrayView(probs=np.empty((0, CLASSES)), embeddings=np.empty((0, D)), size=0)
    assert select(name, empty, 10).indices.shape == (0,)
    assert select(name, ArrayView(**arrays(n=1)), 10).indices.tolist() == [0]


def test_duplicates(name):
    given = arrays()
    for key in ("probs", "embeddings"):
        given[key] = np.repeat(given[key][:4], N // 4, axis=0)
    for size in (3, 4, 17, N):
        assert len(set(select(name, ArrayView(**given), size).indices.tolist())) == size


@pytest.mark.parametrize("array", ["probs", "embeddings"])
def test_nan_is_refused_by_whoever_reads_it(name, array):
    given = arrays()
    given[array] = np.full_like(given[array], np.nan)
    if array not in strategies.get(name).needs:
        assert len(select(name, ArrayView(**given), 5).indices) == 5
        return
    with pytest.raises(StrategyError, match=f"{array} holds NaN"):
        select(name, ArrayView(**given), 5)


@those(lambda strategy: "probs" in strategy.needs)
def test_raw_logits_are_refused_by_whoever_reads_probabilities(name):
    given = arrays()
    given["probs"] = np.random.default_rng(0).normal(size=(N, CLASSES)) * 3
    with pytest.raises(StrategyError, match="logits"):
        select(name, ArrayView(**given), 5)


@pytest.mark.parametrize("size", [-1, 2.0, "3", None, True])
def test_a_size_that_is_none_is_refused(name, size):
    with pytest.raises(StrategyError, match="size"):
        select(name, ArrayView(**arrays()), size)


def test_its_options_make_it_again(name):
    strategy = strategies.get(name)
    again = strategies.get(name, **strategy.options())
    assert repr(again) == repr(strategy)
    assert eval(repr(strategy), {"strategies": strategies}).options() == strategy.options()


def test_it_says_what_it_is(name):
    strategy = strategies.get(name)
    assert strategy.name == name
    assert set(strategy.tasks) <= set(strategies.registry.TASKS)
    assert set(strategy.needs) <= ARRAYS
    line = strategies.available(task=None)[name]
    assert 10 < len(line) < 100
    assert line.endswith(".")
    assert strategy.needs_model == bool({"probs", "labelled_probs", "dynamics"} & set(strategy.needs))


def test_it_can_act_before_there_is_a_model_or_says_that_it_cannot(name):
    given = arrays(labelled=0)
    view = ArrayView(embeddings=given["embeddings"], fitted=False)
    acting = strategies.get(name).at(view)
    if acting.needs_model or acting.needs_labelled:
        with pytest.raises(StrategyError, match="This view has no"):
            acting.select(view, 5, np.random.default_rng(0))
    else:
        assert len(acting.select(view, 5, np.random.default_rng(0)).indices) == 5
