"""Strategies of small-text, scikit-activeml and modAL in sessions, and ours in theirs, with the real libraries.

``make peers`` installs them in a folder of their own and runs this; without them every test here is skipped.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_X_y
from threadpoolctl import threadpool_limits

import alwidget as alw
from alwidget import strategies
from alwidget.errors import StrategyError
from alwidget.interop import frameworks
from alwidget.strategies import ArrayView, Schedule
from small_learner import SmallLearner

ROOTS = {"small-text": "small_text", "skactiveml": "skactiveml", "modal": "modAL"}
ABSENT = [library for library, root in ROOTS.items() if importlib.util.find_spec(root) is None]
WITHIN = ("SubsamplingQueryStrategy", "SEALS", "AnchorSubsampling")
"""Strategies around another."""
ALL = [name for library in ROOTS for name in frameworks.available(library)]
N, n, D, C, PASSES = 120, 20, 8, 3, 10

if ABSENT:
    pytest.skip(f"{', '.join(ABSENT)} not installed here; run make peers", allow_module_level=True)

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def made(name):
    within = name.partition(":")[2] in WITHIN
    if within and not name.endswith("SubsamplingQueryStrategy") and importlib.util.find_spec("hnswlib") is None:
        pytest.skip("hnswlib could not be built here")
    return strategies.get(name, **({"base_query_strategy": "BreakingTies"} if within else {}))


def view(*, several=False, labelled=n):
    rng = np.random.default_rng(1)
    if several:
        probs, labelled_probs = rng.random((N, C)), rng.random((labelled, C))
        y = rng.random((labelled, C)) > 0.5
        passes = rng.random((PASSES, N, C))
    else:
        probs, labelled_probs = rng.dirichlet(np.ones(C), N), rng.dirichlet(np.ones(C), labelled)
        y = np.arange(labelled) % C
        passes = rng.dirichlet(np.ones(C), (PASSES, N))
    return ArrayView(
        probs=probs,
        labelled_probs=labelled_probs,
        embeddings=rng.standard_normal((N, D)).astype(np.float32),
        labelled_embeddings=rng.standard_normal((labelled, D)).astype(np.float32),
        labelled_y=y,
        mc_probs=passes,
        multilabel=several,
        n_classes=C,
    )


def select(strategy, seen, size, seed=0):
    return strategy.select(seen, size, np.random.default_rng(seed))


@pytest.mark.parametrize("name", ALL)
def test_a_strategy_of_theirs_keeps_our_contract(name):
    strategy = made(name)
    for task in strategy.tasks:
        seen = view(several=task == "multilabel")
        before = [np.array(seen.probs), np.array(seen.embeddings)]
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        for size in (0, 1, 10, N, N + 1):
            ranked = select(strategy, seen, size)
            assert len(ranked.indices) == min(size, N)
            assert len(np.unique(ranked.indices)) == len(ranked.indices)
            assert ranked.indices.dtype == np.int64
            assert ((ranked.indices >= 0) & (ranked.indices < N)).all()
            assert ranked.scores.shape == ranked.indices.shape
            assert not (ranked.scores == 0).all() or not size
            known = ranked.scores[~np.isnan(ranked.scores)]
            assert (np.diff(known) <= 0).all(), "best first"
        assert (np.random.get_state()[1] == state).all(), "the global generator"  # noqa: NPY002
        again = select(made(name), seen, 10)
        assert again.indices.tolist() == select(strategy, seen, 10).indices.tolist()
        assert all((a == b).all() for a, b in zip(before, [seen.probs, seen.embeddings], strict=True))


@pytest.mark.parametrize("name", ALL)
def test_a_strategy_of_theirs_is_kept_in_settings(name):
    strategy = made(name)
    kept = strategies.to_settings(strategy)
    assert kept["strategy"] == name
    assert repr(strategies.from_settings(kept)) == repr(strategy)


@pytest.mark.parametrize(
    "name", ["small-text:RandomSampling", "small-text:BADGE", "small-text:EmbeddingKMeans", "skactiveml:Badge"]
)
def test_another_seed_chooses_others(name):
    picks = {tuple(select(made(name), view(), 10, seed).indices.tolist()) for seed in range(4)}
    assert len(picks) > 1


@pytest.mark.parametrize("name", ALL)
def test_needs_say_what_is_read(name):
    """A view of exactly what a strategy says that it reads is enough."""
    strategy = made(name)
    whole = view(several=strategy.tasks == ("multilabel",))
    reads = {need: getattr(whole, need) for need in strategy.needs - {"mc_probs"}}
    if "mc_probs" in strategy.needs:
        reads["mc_probs"] = np.stack(list(whole.mc_probs(PASSES)))
    least = ArrayView(
        size=N,
        n_classes=C,
        labelled_y=whole.labelled_y,
        multilabel=whole.multilabel,
        labelled=np.arange(N, N + n),
        **reads,
    )
    assert select(strategy, least, 5).indices.tolist() == select(strategy, whole, 5).indices.tolist()


@pytest.mark.parametrize("library", ROOTS)
def test_what_is_known_is_all_that_there_is(library):
    """Every strategy of the installed libraries is either offered or refused with a reason."""
    adapter = importlib.import_module(f"alwidget.interop.frameworks.{frameworks.LIBRARIES[library]}")
    if library == "modal":
        parts = [
            importlib.import_module(f"modAL.{part}") for part in ("uncertainty", "batch", "disagreement", "multilabel")
        ]
        theirs = {
            key
            for part in parts
            for key, value in vars(part).items()
            if inspect.isfunction(value) and value.__module__ == part.__name__ and "n_instances" in _arguments(value)
        }
        theirs -= {"ranked_batch"}
    else:
        modules = ["skactiveml.pool"] if library == "skactiveml" else [adapter._HERE, adapter._TORCH]
        base = importlib.import_module("skactiveml.base" if library == "skactiveml" else adapter._HERE).QueryStrategy
        theirs = {
            key
            for module in modules
            for key, value in vars(importlib.import_module(module)).items()
            if inspect.isclass(value) and issubclass(value, base) and not inspect.isabstract(value)
        }
    assert theirs <= adapter.KINDS.keys() | adapter.REFUSED.keys()


def _arguments(function):
    return inspect.signature(function).parameters


# The same as ours where the formula is the same ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("theirs", "ours", "options"),
    [
        ("small-text:LeastConfidence", "least-confidence", {}),
        ("small-text:BreakingTies", "breaking-ties", {}),
        ("small-text:PredictionEntropy", "entropy", {}),
        ("skactiveml:UncertaintySampling", "least-confidence", {}),
        ("skactiveml:UncertaintySampling", "breaking-ties", {"method": "margin_sampling"}),
        ("skactiveml:UncertaintySampling", "entropy", {"method": "entropy"}),
        ("modal:uncertainty_sampling", "least-confidence", {}),
        ("modal:margin_sampling", "breaking-ties", {}),
        ("modal:entropy_sampling", "entropy", {}),
    ],
)
def test_theirs_and_ours_choose_the_same(theirs, ours, options):
    chosen = select(strategies.get(theirs, **options), view(), 15).indices.tolist()
    assert chosen == select(strategies.get(ours), view(), 15).indices.tolist()


# In a session --------------------------------------------------------------------------------------------------------


def texts(count=120):
    return [f"{'good' if i % 2 else 'bad'} film number {i} of kind {i % 7}" for i in range(count)]


@pytest.mark.parametrize(
    "name",
    [
        "small-text:GreedyCoreset",
        "small-text:BADGE",
        "skactiveml:ContrastiveAL",
        "skactiveml:Badge",
        "modal:margin_sampling",
    ],
)
def test_theirs_in_a_session(name, tmp_path):
    where = tmp_path / "s.alw"
    with alw.annotate(texts(), labels=["good", "bad"], path=where, strategy=name, model=SmallLearner()) as session:
        assert session.strategy.name == name
        for _ in range(3):
            for item in session.next(8):
                session.record(item.id, "good" if "good" in item.text else "bad")
            session.train(wait=True)
        assert [item.why["strategy"] for item in session.next(5)] == [name] * 5
    with alw.open(where, texts(), model=SmallLearner()) as session:
        assert session.strategy.name == name
        session.train(wait=True)
        assert session.next(1)[0].why["strategy"] == name
        session.strategy = "breaking-ties"
        session.strategy = name


def test_options_of_theirs_are_kept(tmp_path):
    chosen = strategies.get("small-text:GreedyCoreset", distance_metric="cosine")
    where = tmp_path / "s.alw"
    with alw.annotate(texts(), labels=["good", "bad"], path=where, strategy=chosen, model=SmallLearner()):
        pass
    with alw.open(where, texts(), model=SmallLearner()) as session:
        assert session.strategy.options() == {"distance_metric": "cosine"}
    switched = Schedule([("random", 2), ("skactiveml:TypiClust", None)])
    assert repr(strategies.from_settings(strategies.to_settings(switched))) == repr(switched)


def test_options_that_theirs_have_not():
    with pytest.raises(StrategyError, match=r'no option "distance". Did you mean "distance_metric"\?'):
        strategies.get("small-text:GreedyCoreset", distance="cosine")
    with pytest.raises(StrategyError, match=r"cannot be made: Invalid distance metric: l7"):
        strategies.get("small-text:GreedyCoreset", distance_metric="l7")
    with pytest.raises(StrategyError, match='needs the option "base_query_strategy"'):
        strategies.get("small-text:SubsamplingQueryStrategy")
    with pytest.raises(StrategyError, match=r'the name of a strategy of small-text, .* Did you mean "BreakingTies"'):
        strategies.get("small-text:SubsamplingQueryStrategy", base_query_strategy="BreakingTie")


def test_a_name_in_settings_cannot_reach_into_a_module():
    for name in ("small-text:np", "skactiveml:batch_bald", "modal:entropy", "small-text:QueryStrategy"):
        with pytest.raises(StrategyError, match="There is no strategy"):
            strategies.from_settings({"strategy": name})


# Ours in theirs ------------------------------------------------------------------------------------------------------


def blobs(count=200, classes=3):
    rng = np.random.default_rng(0)
    y = np.arange(count) % classes
    return (rng.standard_normal((count, D)) + 3 * np.eye(classes, D)[y]).astype(np.float32), y


GIVEN = {"probs", "embeddings", "labelled_y", "labelled_probs", "labelled_embeddings", "base_embeddings"}
GIVEN |= {"labelled_base_embeddings", "reference_embeddings", "features", "labelled_features"}
OURS = [name for name in strategies.available("classification") if strategies.get(name).needs <= GIVEN]
"""What reads no more than any of the libraries gives."""


@pytest.fixture
def modal(monkeypatch):
    """Return the models of modAL; its learners say `force_all_finite`, which scikit-learn has renamed since."""
    learners = importlib.import_module("modAL.models.learners")

    def checked(X, y, *, force_all_finite=True, **options):
        return check_X_y(X, y, ensure_all_finite=force_all_finite, **options)

    monkeypatch.setattr(learners, "check_X_y", checked)
    return learners


@pytest.mark.parametrize("name", OURS)
def test_ours_in_small_text(name):
    small_text = importlib.import_module("small_text")
    X, y = blobs()
    dataset = small_text.SklearnDataset(X, y.copy())

    class Factory:
        def new(self):
            return small_text.SklearnClassifier(LogisticRegression(max_iter=200), C)

    strategy = frameworks.to_small_text(name)
    assert isinstance(strategy, small_text.query_strategies.QueryStrategy)
    learner = small_text.PoolBasedActiveLearner(Factory(), strategy, dataset)
    first = np.arange(12)
    learner.initialize_data(first, y[first])
    for _ in range(3):
        asked = learner.query(num_samples=6)
        assert len(set(asked)) == 6
        assert not set(asked) & set(learner.indices_labeled)
        learner.update(y[asked])
    assert (learner.classifier.predict(dataset) == y).mean() > 0.9
    assert name in str(strategy)
    with pytest.raises(small_text.query_strategies.PoolExhaustedException):
        learner.query(num_samples=1000)


def test_ours_in_small_text_agree_with_theirs():
    small_text = importlib.import_module("small_text")
    X, y = blobs()
    dataset = small_text.SklearnDataset(X, y.copy())
    clf = small_text.SklearnClassifier(LogisticRegression(max_iter=200), C).fit(dataset[np.arange(30)])
    given = (clf, dataset, np.arange(30, 200), np.arange(30), y[:30])
    theirs = small_text.query_strategies.BreakingTies().query(*given, n=9)
    ours = frameworks.to_small_text("breaking-ties")
    assert set(ours.query(*given, n=9)) == set(theirs)
    assert ours.scores_.shape == (170,)
    wrapped = small_text.query_strategies.SubsamplingQueryStrategy(ours, subsample_size=50)
    assert len(set(wrapped.query(*given, n=9))) == 9


def test_what_a_classifier_of_small_text_lacks():
    small_text = importlib.import_module("small_text")
    from scipy.sparse import csr_matrix

    X, y = blobs()
    dataset = small_text.SklearnDataset(csr_matrix(np.abs(X)), y.copy())
    clf = small_text.SklearnClassifier(LogisticRegression(max_iter=200), C).fit(dataset[np.arange(30)])
    given = (clf, dataset, np.arange(30, 200), np.arange(30), y[:30])
    with pytest.raises(StrategyError, match='"bert-km" reads base_embeddings, which small-text does not give here'):
        frameworks.to_small_text("bert-km").query(*given, n=5)
    assert len(frameworks.to_small_text("bert-km", embeddings=X).query(*given, n=5)) == 5


@pytest.mark.parametrize("name", OURS)
def test_ours_in_scikit_activeml(name):
    wrap = importlib.import_module("skactiveml.classifier").SklearnClassifier
    X, y = blobs()
    known = np.full(len(y), np.nan)
    known[:12] = y[:12]
    clf = wrap(LogisticRegression(max_iter=200), classes=range(C))
    strategy = frameworks.to_skactiveml(name, random_state=0)
    for _ in range(3):
        asked, utilities = strategy.query(X, known, clf=clf, batch_size=6, return_utilities=True)
        again = strategy.query(X, known, clf=clf, batch_size=6)
        assert asked.tolist() == again.tolist()
        assert len(set(asked)) == 6
        assert np.isnan(known[asked]).all()
        assert utilities.shape == (6, len(X))
        assert np.isnan(utilities[:, :12]).all()
        assert np.isnan(utilities[1:, asked[0]]).all()
        known[asked] = y[asked]
    assert (clf.fit(X, known).predict(X) == y).mean() > 0.9


def test_ours_in_scikit_activeml_with_candidates_and_wrappers():
    pool = importlib.import_module("skactiveml.pool")
    wrap = importlib.import_module("skactiveml.classifier").SklearnClassifier
    X, y = blobs()
    known = np.full(len(y), np.nan)
    known[:12] = y[:12]
    clf = wrap(LogisticRegression(max_iter=200), classes=range(C)).fit(X, known)
    given = {"clf": clf, "fit_clf": False, "batch_size": 5}
    ours = frameworks.to_skactiveml("breaking-ties", random_state=0)
    theirs = pool.UncertaintySampling(method="margin_sampling", random_state=0)
    assert set(ours.query(X, known, **given)) == set(theirs.query(X, known, **given))
    assert set(ours.query(X, known, candidates=np.arange(50, 80), **given)) <= set(range(50, 80))
    assert set(ours.query(X, known, candidates=X[50:80], **given)) <= set(range(30))
    narrowed = pool.SubSamplingWrapper(ours, max_candidates=20, random_state=0)
    assert len(set(narrowed.query(X, known, **given))) == 5
    with pytest.raises(StrategyError, match='"entropy" reads probs, which scikit-activeml does not give here'):
        frameworks.to_skactiveml("entropy").query(X, known, batch_size=2)


@pytest.mark.parametrize("name", OURS)
def test_ours_in_modal(modal, name):
    X, y = blobs()
    learner = modal.ActiveLearner(
        LogisticRegression(max_iter=200),
        query_strategy=frameworks.to_modal(name),
        X_training=X[:12],
        y_training=y[:12],
    )
    pool, answers = X[12:], y[12:]
    for _ in range(3):
        asked, samples = learner.query(pool, n_instances=6)
        assert len(set(asked)) == 6
        np.testing.assert_array_equal(samples, pool[asked])
        learner.teach(samples, answers[asked])
        pool, answers = np.delete(pool, asked, axis=0), np.delete(answers, asked)
    assert learner.score(X, y) > 0.9


def test_ours_in_modal_agree_with_theirs_and_take_two(modal):
    uncertainty = importlib.import_module("modAL.uncertainty")
    X, y = blobs()
    learner = modal.ActiveLearner(
        LogisticRegression(max_iter=200), frameworks.to_modal("entropy"), X_training=X[:12], y_training=y[:12]
    )
    theirs, _ = uncertainty.entropy_sampling(learner, X, n_instances=7)
    assert set(learner.query(X, n_instances=7)[0]) == set(theirs)
    assert len(learner.query(X, n_instances=2)[0]) == 2, "two documents are not a pair of answer and measure"


def test_a_committee_of_modal_gives_passes(modal):
    X, y = blobs()
    members = [
        modal.ActiveLearner(LogisticRegression(C=c, max_iter=200), X_training=X[:12], y_training=y[:12])
        for c in (0.001, 0.1, 10)
    ]
    named = {strategy for strategy in strategies.available() if "mc_probs" in strategies.get(strategy).needs}
    assert {"bald", "batchbald", "mc-entropy"} <= named
    for name in sorted(named):
        query = frameworks.to_modal(name, passes=3)
        asked, _ = modal.Committee(members, query_strategy=query).query(X, n_instances=6)
        assert len(set(asked)) == 6


def test_the_how_to_page_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "other-libraries.md"
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    try:
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            exec(compile(block, page.name, "exec"), names)
    finally:
        names["session"].close()
    learner, y = names["learner"], names["y"]
    learner.initialize_data(np.arange(60), y[:60])
    assert len(set(learner.query(num_samples=10))) == 10
    assert len(set(names["asked"])) == len(set(names["chosen"].tolist())) == 10
