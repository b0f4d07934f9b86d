"""What a strategy sees of a round: computed once, of some candidates only, and of whichever learner there is."""

from __future__ import annotations

import numpy as np
import pytest

from alwidget.engine.needs import missing
from alwidget.engine.round import Plan, fit
from alwidget.engine.training import TrainingSet
from alwidget.engine.view import RoundView
from alwidget.engine.warmup import Warmup, reading_order
from alwidget.errors import StrategyError
from alwidget.learners import FineTuned, FrozenEncoder, Report, Stop, TfIdf, make
from alwidget.learners.base import Labelled
from alwidget.pool import Pool
from alwidget.strategies import Strategy, get
from small_learner import SmallLearner
from tiny_models import CLASSES, labelled, make_tiny, sentences

N, LABELLED = 40, 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def pool():
    return Pool.load(sentences(N)[0])


@pytest.fixture(scope="module")
def training():
    return TrainingSet(np.arange(LABELLED), sentences(N)[1][:LABELLED], CLASSES)


def of(learner, pool, training, candidates=None, **more):
    at = np.arange(LABELLED, N) if candidates is None else candidates
    return RoundView(pool, at, training, learner, fitted=True, number=0, **more)


def taught(learner, seed=0):
    given = labelled(N)
    some = Labelled(given.documents.take(range(LABELLED)), given.y[:LABELLED], CLASSES)
    learner.fit(some, seed=seed)
    return learner


@pytest.fixture(scope="module")
def frozen(folder, tmp_path_factory):
    return taught(FrozenEncoder(folder, cache_dir=tmp_path_factory.mktemp("vectors"), device="cpu"))


@pytest.fixture(scope="module")
def tuned(folder, tmp_path_factory):
    cache = tmp_path_factory.mktemp("vectors")
    return taught(FineTuned(folder, device="cpu", cache_dir=cache, epochs=1, min_steps=2))


@pytest.mark.parametrize("which", ["frozen", "tuned"])
def test_the_features_and_the_head_make_the_probabilities(which, pool, training, request):
    view = of(request.getfixturevalue(which), pool, training)
    W, b = view.head
    for features, probs in ((view.features, view.probs), (view.labelled_features, view.labelled_probs)):
        logits = features @ W.T + b
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.testing.assert_allclose(found / found.sum(axis=1, keepdims=True), probs, atol=1e-5)
    assert view.labelled_features.shape == (LABELLED, W.shape[1])


def test_training_does_not_move_the_vectors_of_the_pretrained_model(folder, pool, training, tmp_path):
    learner = FineTuned(folder, device="cpu", cache_dir=tmp_path, epochs=2, min_steps=8, learning_rate=1e-2)
    learner.prepare()
    before = of(learner, pool, training).base_embeddings
    at_first = of(learner, pool, training).embeddings
    np.testing.assert_allclose(before, at_first, atol=0.1)  # both are the checkpoint's, in two precisions
    taught(learner)
    after = of(learner, pool, training)
    assert after.base_embeddings.tolist() == before.tolist()
    assert np.abs(after.embeddings - at_first).max() > 0.3
    frozen = FrozenEncoder(folder, cache_dir=tmp_path, device="cpu")
    frozen.prepare()
    assert frozen.embedded(labelled(N).documents)[LABELLED:].all()  # one cache for both uses of a checkpoint


def test_what_no_training_changes_is_its_own_base(frozen, pool, training):
    view = of(frozen, pool, training)
    assert view.base_embeddings is view.embeddings
    assert view.labelled_base_embeddings is view.labelled_embeddings
    assert view.features is view.embeddings


def test_the_reference_is_what_is_read_ahead_whatever_the_round(frozen, pool, training):
    view = of(frozen, pool, training, pool_seed=7)
    reference = view.reference_embeddings(9)
    warmup = Warmup(pool, 7)
    warmup.advance(frozen, Stop())
    assert warmup.ready().tolist() == reading_order(N, 7).tolist()
    everything = of(frozen, pool, training, candidates=np.arange(N)).embeddings
    assert reference.tolist() == everything[warmup.ready()[:9]].tolist()
    later = of(frozen, pool, training, candidates=np.array([3]), pool_seed=7, seed=99)
    assert later.reference_embeddings(9).tolist() == reference.tolist()
    assert len(view.reference_embeddings(10 * N)) == N
    assert reading_order(N, 8).tolist() != reading_order(N, 7).tolist()


def test_a_part_computes_nothing_twice_and_what_it_computes_is_known_to_the_whole(pool, training):
    class Counting(SmallLearner):
        asked = 0

        def predict_proba(self, documents, *, stop=None):
            Counting.asked += len(documents)
            return super().predict_proba(documents, stop=stop)

    view = of(taught(Counting()), pool, training)
    whole = view.embeddings
    part = view.take(np.array([5, 2, 9]))
    assert part.embeddings.tolist() == whole[[5, 2, 9]].tolist()
    assert part.candidates.tolist() == [17, 14, 21]
    inner = part.take([1])
    assert inner.probs.shape == (1, 2)
    assert Counting.asked == 1
    assert view.known_probs(2).tolist() == inner.probs[0].tolist() == part.known_probs(1).tolist()
    assert view.known_probs(5) is None
    assert view.probs.shape == (N - LABELLED, 2)
    assert view.take([7]).probs[0].tolist() == view.probs[7].tolist()
    assert Counting.asked == 1 + N - LABELLED
    assert part.seconds == view.seconds > 0
    assert part.labelled.tolist() == view.labelled.tolist()
    assert view.take([]).size == 0
    with pytest.raises(StrategyError, match="among the 28 candidates, got 28 to 28"):
        view.take([28])


def test_what_is_kept_is_made_once_and_not_for_another_model(pool, training):
    memo, made = {}, []

    def make():
        made.append(1)
        return len(made)

    learner = SmallLearner()
    assert of(learner, pool, training, memo=memo).kept("clusters", make) == 1
    assert of(learner, pool, training, memo=memo).take([0]).kept("clusters", make) == 1
    learner.description = "another"
    assert of(learner, pool, training, memo=memo).kept("clusters", make) == 2


class Reads(Strategy):
    name = "reads"

    def __init__(self, *needs):
        self.needs = frozenset(needs)

    def select(self, view, size, rng):
        raise NotImplementedError


def test_what_a_learner_lacks_is_said_before_it_is_asked(folder, tmp_path, frozen, tuned):
    words = taught(TfIdf())
    lack = missing(Reads("head"), words)
    assert "reads the weights of a last layer on dense features, which TF-IDF + head does not give" in lack
    assert "class probabilities with dropout on, which TF-IDF" in missing(Reads("mc_probs"), words)
    assert missing(Reads("features", "base_embeddings", "embeddings"), words) is None
    for learner in (frozen, tuned, FineTuned(folder, device="cpu")):
        assert missing(Reads("head", "features", "base_embeddings"), learner) is None
    assert missing(Reads("dynamics"), frozen) is None
    assert "does not report" in missing(Reads("dynamics"), frozen, Report(3, 0.0))
    chosen = make(f"encoder:{folder}", cache_dir=tmp_path, device="cpu").learner
    assert missing(Reads("head"), chosen) is None
    assert "which TF-IDF" in missing(Reads("head"), make("tf-idf").learner)


@pytest.mark.parametrize("which", ["frozen", "tuned", "words", "mixed up", "of others"])
def test_training_dynamics_have_a_column_for_each_labelled_document_in_order(which, pool, training, request, folder):
    inner = learner = (
        TfIdf() if which == "words" else request.getfixturevalue("tuned" if which == "tuned" else "frozen")
    )

    class MixedUp:
        def fit(self, labelled, **more):
            back = np.arange(len(labelled))[::-1] if which == "mixed up" else [0] * len(labelled)
            there = Labelled(labelled.documents.take(back), labelled.y[back], labelled.classes)
            return inner.fit(there, **more)

    if which in {"mixed up", "of others"}:
        learner = MixedUp()
    plan = Plan(1, get("random"), None, 5, 0, training)
    report = fit(pool, learner, plan, None, None)
    if which == "of others":
        assert report.dynamics is None
        return
    keys = [bytes(key) for key in pool.keys(training.indices)]
    assert list(report.dynamics.keys) == keys
    assert report.dynamics.gold.shape == report.dynamics.correct.shape == (len(report.dynamics.gold), LABELLED)
    probs = of(inner, pool, training).labelled_probs[np.arange(LABELLED), training.y]
    assert np.corrcoef(report.dynamics.gold[-1].astype(float), probs)[0, 1] > 0.95
