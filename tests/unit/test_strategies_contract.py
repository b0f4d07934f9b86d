"""What every strategy promises, held against every strategy there is, in every task that it is for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.learners import Dynamics
from alwidget.strategies import ArrayView, Ranked, View
from alwidget.strategies.base import NEEDS_MODEL
from alwidget.strategies.registry import TASKS

PAIRS = [
    pytest.param((name, task), id=f"{name}-{task}")
    for name in sorted(strategies.available(task=None))
    for task in strategies.get(name).tasks
]
SAID = {"token_probs", "token_states", "token_passes", "generated", "generate_passes", "surprisal", "lengths"}
ARRAYS = {"probs", "embeddings", "labelled_y", "labelled_probs", "labelled_embeddings", "dynamics", "sources"} | SAID
ARRAYS |= {"base_embeddings", "labelled_base_embeddings", "reference_embeddings", "features", "labelled_features"}
ARRAYS |= {"head", "mc_probs"}
N, CLASSES, D, FEATURES, LABELLED, PASSES, EPOCHS, LENGTH = 60, 3, 8, 5, 12, 20, 4, 128
NOT_ALWAYS_READ = {"cartography": {"probs"}, "seals": {"base_embeddings"}}
"""What a strategy does not read here: it is for one kind of answers only, or for more candidates."""
VOCABULARY = [
    "the",
    "a",
    "minister",
    "signed",
    "treaty",
    "with",
    "country",
    "after",
    "long",
    "talks",
    "about",
    "border",
    "team",
]


def tags(rng, n, classes=5):
    return [rng.dirichlet(np.ones(classes), rng.integers(0 if i % 7 == 3 else 1, 9)) for i in range(n)]


def written(rng, n):
    return [" ".join(rng.choice(VOCABULARY, rng.integers(0, 9))) for _ in range(n)], np.log(rng.uniform(0.1, 1, n))


def arrays(task="classification", n=N, classes=CLASSES, labelled=LABELLED, seed=0):
    """Return all that a view of the task can have, random, without duplicates."""
    rng = np.random.default_rng(seed)
    given = {
        "task": task,
        "size": n,
        "embeddings": rng.normal(size=(n, D)).astype(np.float32),
        "labelled_embeddings": rng.normal(size=(labelled, D)).astype(np.float32),
    }
    given |= {
        "base_embeddings": rng.normal(size=(n, D)).astype(np.float32),
        "labelled_base_embeddings": rng.normal(size=(labelled, D)).astype(np.float32),
    }
    if task in {"classification", "multilabel"}:
        given |= {
            "features": rng.normal(size=(n, FEATURES)).astype(np.float32),
            "labelled_features": rng.normal(size=(labelled, FEATURES)).astype(np.float32),
            "head": (rng.normal(size=(classes, FEATURES)), rng.normal(size=classes)),
        }
    if task != "generation":
        given["surprisal"] = sparse.random_array((n, LENGTH), density=0.1, rng=rng, dtype=np.float32).tocsr()
    if task == "classification":
        given["probs"] = rng.dirichlet(np.ones(classes), n)
        given["labelled_y"] = rng.integers(0, classes, labelled)
        given["labelled_probs"] = rng.dirichlet(np.ones(classes), labelled).reshape(labelled, classes)
        gold = rng.uniform(size=(EPOCHS, labelled)).astype(np.float16)
        given["dynamics"] = Dynamics(gold, gold > 1 / classes, tuple(f"{i:016d}".encode() for i in range(labelled)))
        given["mc_probs"] = rng.dirichlet(np.ones(classes), (PASSES, n))
    elif task == "multilabel":
        given["probs"] = rng.uniform(size=(n, classes))
        given["labelled_y"] = rng.uniform(size=(labelled, classes)) < 0.4
        given["labelled_probs"] = rng.uniform(size=(labelled, classes))
        given["mc_probs"] = rng.uniform(size=(PASSES, n, classes))
    elif task == "tagging":
        given["token_probs"] = tags(rng, n, 2 * classes + 1)
        given["token_states"] = [rng.normal(size=(len(t), D)).astype(np.float32) for t in given["token_probs"]]
        lengths = [len(t) for t in given["token_probs"]]
        given["token_passes"] = [[rng.dirichlet(np.ones(2 * classes + 1), m) for m in lengths] for _ in range(PASSES)]
        given["labelled_y"] = [np.array([[0, 3, 0]])] * labelled
    else:
        given["generated"] = written(rng, n)
        given["generate_passes"] = [written(rng, n) for _ in range(PASSES)]
        given["labelled_y"] = ["a text"] * labelled
    return given


def chosen(given, at):
    """Return the candidates at these positions, some of them perhaps several times."""

    def some(name, value):
        if name in {"probs", "embeddings", "base_embeddings", "features", "surprisal"}:
            return value[at]
        if name == "mc_probs":
            return value[:, at]
        if name in {"token_probs", "token_states"}:
            return [value[i] for i in at]
        if name == "token_passes":
            return [[one[i] for i in at] for one in value]
        if name == "generated":
            return [value[0][i] for i in at], value[1][at]
        if name == "generate_passes":
            return [([texts[i] for i in at], log_probs[at]) for texts, log_probs in value]
        return len(at) if name == "size" else value

    return {name: some(name, value) for name, value in given.items()}


def select(pair, view, size, seed=0):
    strategy = strategies.get(pair[0])
    return strategy.at(view).select(view, size, np.random.default_rng(seed))


def of(pair, **changes):
    return ArrayView(**arrays(pair[1], **changes))


def acting(pair):
    """Return the strategy as it acts in a round of the task with a trained model."""
    return strategies.get(pair[0]).at(of(pair))


def always_read(strategy):
    return set(strategy.needs) - NOT_ALWAYS_READ.get(strategy.name, set())


def those(holds):
    """Run a test for the strategies of which this holds."""
    return pytest.mark.parametrize("pair", [p for p in PAIRS if holds(acting(p.values[0]))], indirect=True)


@pytest.fixture(params=PAIRS)
def pair(request):
    return request.param


def test_they_are_there():
    tagging, writing = {"mnlp", "token-entropy", "bald", "badge", "alps"}, {"nsp", "ensp", "bleuvar"}
    assert {"random", "bert-km", "idds"} <= set.intersection(*(set(strategies.available(task)) for task in TASKS))
    assert {"least-confidence", "breaking-ties", "entropy", "tyrogue"} <= set(strategies.available("classification"))
    assert {"least-confidence", "breaking-ties", "entropy", "tyrogue"} <= set(strategies.available("multilabel"))
    assert tagging | {"tyrogue"} <= set(strategies.available("tagging"))
    assert writing <= set(strategies.available("generation"))
    assert not writing & set(strategies.available("classification"))
    assert not {"mnlp", "token-entropy"} & set(strategies.available("classification"))


@pytest.mark.parametrize("task", TASKS)
def test_an_array_view_is_a_view(task):
    view: View = ArrayView(**arrays(task))
    due = {
        "classification": {"probs", "labelled_probs", "head"},
        "multilabel": {"probs", "labelled_probs", "head"},
        "tagging": {"token_probs", "lengths"},
        "generation": {"generated"},
    }
    elsewhere = set.union(*due.values()) - due[task]
    members = [m for m in vars(View) if not m.startswith("_") and m not in elsewhere]
    assert len(members) >= 18
    assert [m for m in members if not hasattr(view, m)] == []
    assert view.task == task
    assert view.multilabel == (task == "multilabel")


@pytest.mark.parametrize("size", [0, 1, 7, N - 1, N, N + 1, 10 * N])
def test_the_answer_is_as_long_as_it_can_be_unique_and_in_range(pair, size):
    ranked = select(pair, of(pair), size)
    assert isinstance(ranked, Ranked)
    assert ranked.indices.dtype == np.int64
    assert ranked.scores.dtype == np.float64
    assert ranked.indices.shape == ranked.scores.shape == (min(size, N),)
    assert len(set(ranked.indices.tolist())) == len(ranked.indices)
    assert set(ranked.indices.tolist()) <= set(range(N))


@pytest.mark.parametrize("size", [5, N])
def test_scores_fall_or_are_not_there(pair, size):
    scores = select(pair, of(pair), size).scores
    missing = np.isnan(scores)
    assert missing.all() or not missing.any()
    if not missing.any():
        assert (scores[1:] <= scores[:-1]).all()
        assert len(set(select(pair, of(pair), N).scores.tolist())) > 1


def test_it_tells_the_scores_of_all_candidates_or_that_it_has_none(pair):
    ranked = select(pair, of(pair), 10)
    assert acting(pair).scored == (ranked.every is not None)
    if ranked.every is not None:
        assert ranked.every.shape == (N,)
        assert ranked.every.dtype == np.float64
        told = ~np.isnan(ranked.scores)
        np.testing.assert_array_equal(ranked.every[ranked.indices][told], ranked.scores[told])


@those(lambda strategy: isinstance(strategy, strategies.Pointwise) or (strategy.name == "tyrogue"))
def test_equal_scores_keep_the_order_of_positions(pair):
    given = chosen(arrays(pair[1]), np.zeros(N, dtype=int))
    if pair[0] == "tyrogue":  # it asks one of each cluster first
        given["embeddings"] = arrays(pair[1])["embeddings"]
    ranked = select(pair, ArrayView(**given), 9)
    assert not np.isnan(ranked.scores).any()
    assert (np.diff(ranked.indices) > 0).all()


def test_the_same_seed_gives_the_same_answer(pair):
    first = select(pair, of(pair), 10, seed=4)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    again = select(pair, of(pair), 10, seed=4)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    np.testing.assert_array_equal(first.indices, again.indices)
    np.testing.assert_array_equal(first.scores, again.scores)


@those(lambda s: isinstance(s, strategies.Pointwise) or s.name in {"random", "idds", "badge"})
def test_a_larger_answer_extends_a_smaller_one_where_promised(pair):
    small, large = (select(pair, of(pair), size, seed=2).indices.tolist() for size in (6, 20))
    assert large[:6] == small


def test_what_it_was_given_is_not_modified(pair):
    given = arrays(pair[1])
    given["token_probs"], given["token_states"] = (
        (np.concatenate(given[name]), np.cumsum([0, *map(len, given[name])])) if name in given else None
        for name in ("token_probs", "token_states")
    )
    if pair[1] == "tagging":
        given["token_passes"] = [(np.concatenate(one), given["token_probs"][1]) for one in given["token_passes"]]
    flat = [v for value in given.values() for v in (value if isinstance(value, tuple) else [value])]
    flat += [one[0] for one in given.get("token_passes", ())] + [one[1] for one in given.get("generate_passes", ())]
    seen = [v.data if sparse.issparse(v) else v for v in flat if isinstance(v, np.ndarray) or sparse.issparse(v)]
    before = [v.copy() for v in seen]
    view = ArrayView(**given)
    select(pair, view, 10)
    for now, then in zip(seen, before, strict=True):
        np.testing.assert_array_equal(now, then)
    for key in ("probs", "embeddings"):
        assert key not in given or not getattr(view, key).flags.writeable
    if pair[1] == "tagging":
        assert not view.token_probs.flat.flags.writeable
        assert not view._said.states.flags.writeable
        assert not any(one.flat.flags.writeable for one in view._said.passes)


def test_it_reads_only_what_it_says(pair):
    read = set()

    class Watched(ArrayView):
        def __getattribute__(self, attribute):
            if attribute in ARRAYS or attribute == "probs_at":
                read.add(attribute.removesuffix("_at"))
            return super().__getattribute__(attribute)

        def take(self, positions):
            part = super().take(positions)
            part.__class__ = Watched
            return part

    view = Watched(**arrays(pair[1]))
    strategy = strategies.get(pair[0]).at(view)
    read.clear()
    strategy.select(view, 10, np.random.default_rng(0))
    assert read <= set(strategy.needs)
    assert set(strategy.needs) - read <= {"token_probs"} | NOT_ALWAYS_READ.get(
        strategy.name, set()
    )  # reading states reads probabilities on the way


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_either_float_will_do(pair, kind):
    def cast(value):
        if isinstance(value, list | tuple):
            return type(value)(cast(v) for v in value)
        is_float = getattr(getattr(value, "dtype", None), "kind", "") == "f"
        return value.astype(kind) if is_float else value

    given = {key: cast(value) for key, value in arrays(pair[1]).items()}
    assert len(select(pair, ArrayView(**given), 10).indices) == 10


def test_one_class_and_one_dimension(pair):
    given = arrays(pair[1], classes=1)
    given["embeddings"], given["labelled_embeddings"] = given["embeddings"][:, :1], given["labelled_embeddings"][:, :1]
    if pair[1] == "tagging":
        given["token_probs"] = [np.ones((len(t), 1)) for t in given["token_probs"]]
        given["token_passes"] = [given["token_probs"]] * PASSES
        given["token_states"] = [t[:, :1] for t in given["token_states"]]
    assert len(set(select(pair, ArrayView(**given), 10).indices.tolist())) == 10


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_one_class_among_the_labelled(task):
    for name in strategies.available(task):
        given = arrays(task)
        given["labelled_y"] = np.zeros_like(given["labelled_y"])
        assert len(select((name, task), ArrayView(**given), 10).indices) == 10


@pytest.mark.parametrize("labelled", [0, 1])
def test_nothing_or_one_document_labelled(pair, labelled):
    if labelled or not acting(pair).needs_labelled:
        assert len(select(pair, of(pair, labelled=labelled), 10).indices) == 10


def test_no_candidates_and_one(pair):
    assert select(pair, of(pair, n=0), 10).indices.shape == (0,)
    assert select(pair, of(pair, n=1), 10).indices.tolist() == [0]


def test_duplicates(pair):
    given = chosen(arrays(pair[1]), np.repeat(np.arange(4), N // 4))
    for size in (3, 4, 17, N):
        assert len(set(select(pair, ArrayView(**given), size).indices.tolist())) == size


def spoilt(given, name, wrong):
    """Return the arrays with one number of `name` replaced by what `wrong` makes of its array."""
    value = given[name]
    if name == "surprisal":
        value = value.copy()
        value.data = wrong(value.data)
    elif name in {"token_probs", "token_states"}:
        value = [wrong(v) for v in value]
    elif name == "token_passes":
        value = [[wrong(v) for v in one] for one in value]
    elif name == "generated":
        value = value[0], wrong(value[1])
    elif name == "generate_passes":
        value = [(texts, wrong(log_probs)) for texts, log_probs in value]
    else:
        value = wrong(value)
    return given | {name: value}


@pytest.mark.parametrize(
    "array",
    [
        "probs",
        "embeddings",
        "features",
        "mc_probs",
        "surprisal",
        "token_probs",
        "token_states",
        "token_passes",
        "generated",
    ],
)
def test_nan_is_refused_by_whoever_reads_it(pair, array):
    given = arrays(pair[1])
    if array not in given:
        return
    view = ArrayView(**spoilt(given, array, lambda v: v * np.nan))
    strategy = acting(pair)
    # tyrogue asks for states to have the probabilities of some documents only; it does not look at them
    if array not in always_read(strategy) or (strategy.name, array) == ("tyrogue", "token_states"):
        assert len(select(pair, view, 5).indices) == 5
        return
    with pytest.raises(StrategyError, match="holds NaN"):
        select(pair, view, 5)


@those(lambda strategy: {"probs", "mc_probs", "token_probs", "token_passes"} & always_read(strategy))
def test_raw_logits_are_refused_by_whoever_reads_probabilities(pair):
    given, rng = arrays(pair[1]), np.random.default_rng(0)
    for array in {"probs", "mc_probs", "token_probs", "token_passes"} & set(given):
        given = spoilt(given, array, lambda v: rng.normal(size=v.shape) * 3)
    with pytest.raises(StrategyError, match="logits"):
        select(pair, ArrayView(**given), 5)


@those(lambda strategy: {"generated"} & set(strategy.needs) or strategy.name == "ensp")
def test_probabilities_in_place_of_their_logarithms_are_refused(pair):
    given = arrays(pair[1])
    for array in ("generated", "generate_passes"):
        given = spoilt(given, array, np.exp)
    with pytest.raises(StrategyError, match=r"none above 0.*Pass np.log of them"):
        select(pair, ArrayView(**given), 5)


@pytest.mark.parametrize("size", [-1, 2.0, "3", None, True])
def test_a_size_that_is_none_is_refused(pair, size):
    with pytest.raises(StrategyError, match="size"):
        select(pair, of(pair), size)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_that_it_is_not_for_is_refused(task):
    view = ArrayView(**arrays(task))
    for name in set(strategies.available(None)) - set(strategies.available(task)):
        strategy = strategies.get(name)
        with pytest.raises(StrategyError, match=rf'"{name}" is for .*, not for {task}; .*available\("{task}"\)'):
            strategy.select(view, 5, np.random.default_rng(0))


def test_its_options_make_it_again(pair):
    strategy = strategies.get(pair[0])
    again = strategies.get(pair[0], **strategy.options())
    assert repr(again) == repr(strategy)
    assert eval(repr(strategy), {"strategies": strategies}).options() == strategy.options()


def test_it_says_what_it_is(pair):
    strategy = strategies.get(pair[0])
    assert strategy.name == pair[0]
    assert set(strategy.tasks) <= set(TASKS)
    for one in (strategy, acting(pair)):
        assert set(one.needs) <= ARRAYS
        assert one.needs_model == bool(NEEDS_MODEL & set(one.needs))
    line = strategies.available(task=None)[pair[0]]
    assert 10 < len(line) < 100
    assert line.endswith(".")


def test_it_can_act_before_there_is_a_model_or_says_that_it_cannot(pair):
    full = arrays(pair[1], labelled=0)
    given = {name: full[name] for name in ("embeddings", "surprisal", "task", "size") if name in full}
    view = ArrayView(**given, fitted=False)
    strategy = strategies.get(pair[0]).at(view)
    if strategy.needs_model or strategy.needs_labelled:
        with pytest.raises(StrategyError, match="This view has no"):
            strategy.select(view, 5, np.random.default_rng(0))
    else:
        assert len(strategy.select(view, 5, np.random.default_rng(0)).indices) == 5


@pytest.mark.parametrize("task", TASKS)
def test_the_default_is_for_its_task(task):
    assert strategies.default(task) in strategies.available(task)
    view = ArrayView(**arrays(task))
    assert len(select((strategies.default(task), task), view, 5).indices) == 5


def test_wrappers_bear_every_strategy_that_they_can_be_around(pair):
    """Each is asked around another; the wrapped one sees a part of the view, and every one of its needs is met."""
    name, task = pair
    view = of(pair)
    seals = strategies.get("seals", base=name, k=15)
    ranked = seals.at(view).select(view, 7, np.random.default_rng(0))
    assert len(set(ranked.indices.tolist())) == 7
    assert set(acting(pair).needs) <= set(seals.at(view).needs)
    if task == "classification" and callable(getattr(acting(pair), "scores", None)):
        actune = strategies.get("actune", base=strategies.get("seals", base=name).base)
        ranked = actune.at(view).select(view, 7, np.random.default_rng(0))
        assert len(set(ranked.indices.tolist())) == 7
        np.testing.assert_array_equal(ranked.every, acting(pair).scores(view))


def test_a_strategy_that_could_do_what_it_is_for_has_nothing_to_note(pair):
    assert select(pair, of(pair), 7).notes == ()


LEARNED = Dynamics(
    np.ones((EPOCHS, LABELLED), np.float16),
    np.ones((EPOCHS, LABELLED), dtype=bool),
    tuple(f"{i:016d}".encode() for i in range(LABELLED)),
)
FALLBACKS = {
    "cartography": ("cartography", {"dynamics": LEARNED}, "all of the 12 labelled documents were learned"),
    "alvin": ("alvin", {"dynamics": LEARNED}, "no class has documents that were learned and others"),
    "no dynamics": ("alvin", {"dynamics": None}, "no training dynamics"),
    "batchbald": (strategies.get("batchbald", passes=1), {}, "one pass cannot disagree"),
    "mahalanobis": (
        strategies.get("mahalanobis", margin=True),
        {"labelled_y": np.zeros(LABELLED, dtype=int)},
        "no margin",
    ),
    "alfa-mix": (
        "alfa-mix",
        {"head": (np.zeros((CLASSES, FEATURES)), np.arange(CLASSES))},
        "drew 7 documents at random",
    ),
    "seals": (
        strategies.get("seals", k=1),
        {"labelled_base_embeddings": np.ones((LABELLED, D))},
        "at random: only 0 candidates are near",
    ),
    "seals around": (
        strategies.get("seals", base="cartography", k=20),
        {"dynamics": LEARNED},
        "cartography ranked by entropy",
    ),
    "actune around": (
        strategies.get("actune", base=strategies.get("mahalanobis", margin=True)),
        {"labelled_y": np.zeros(LABELLED, dtype=int)},
        "no margin",
    ),
}


@pytest.mark.parametrize("case", FALLBACKS)
def test_a_fallback_leaves_a_note(case):
    strategy, given, says = FALLBACKS[case]
    ranked = strategies.get(strategy).select(ArrayView(**arrays() | given), 7, np.random.default_rng(0))
    assert len(ranked.indices) == 7
    (note,) = ranked.notes
    assert says in note


@pytest.mark.parametrize("strategy", [strategies.get("seals", k=5), strategies.get("discriminative")], ids=repr)
def test_nothing_labelled_is_noted(strategy):
    nobody = ArrayView(**arrays(labelled=0))
    (note,) = strategy.select(nobody, 7, np.random.default_rng(0)).notes
    assert "at random: nothing is labelled" in note
