"""A process that chooses documents with one library, cell by cell, and says how long it took and how much it held.

Each library is called as its users call it, with a model that answers with arrays that are there already: what is
measured is the choice alone. A cell comes in as a line of JSON, and goes out as one.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

LABELLED, PASSES, SIZE = 100, 10, 50
WARM = {"n": 600, "d": 16, "c": 3}
ENOUGH, RUNS = 2.0, 3
"""What takes less seconds than this is run so often, and the best run counts."""


class Arrays:
    """The same arrays for everybody: candidates, then labelled documents."""

    def __init__(self, n: int, d: int, c: int) -> None:
        from benchmarks.strategies import sentence_like

        rng = np.random.default_rng(7)
        self.n, self.classes = n, c
        self.vectors = sentence_like(n + LABELLED, d, 3)
        logits = self.vectors @ rng.standard_normal((d, c)).astype(np.float32) * 8
        self.probs = softmax(logits)
        self.answers = np.arange(LABELLED) % c
        self.logits = logits

    @property
    def passes(self) -> np.ndarray:
        """What passes with dropout say of the candidates, (T, N, C)."""
        rng = np.random.default_rng(8)
        noise = (rng.standard_normal(self.logits[: self.n].shape) for _ in range(PASSES))
        return np.stack([softmax(self.logits[: self.n] + each) for each in noise])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return rows that sum to one, float64."""
    weights = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return weights / weights.sum(axis=1, keepdims=True)


def alwidget(family: str, given: Arrays) -> Callable[[int], Any]:
    """Return a call that lets a strategy of alwidget choose."""
    from alwidget import strategies

    n = given.n
    arrays = {
        "probs": given.probs[:n],
        "labelled_probs": given.probs[n:],
        "embeddings": given.vectors[:n],
        "labelled_embeddings": given.vectors[n:],
        "labelled_y": given.answers,
        "n_classes": given.classes,
        **({"mc_probs": given.passes} if "bald" in family else {}),
    }
    strategy = strategies.get(family, **({"passes": PASSES} if "bald" in family else {}))
    # a new view each time: what a session keeps from round to round is not there yet, as it is not for the others
    return lambda seed: strategy.select(strategies.ArrayView(**arrays), SIZE, np.random.default_rng(seed)).indices


# small-text ----------------------------------------------------------------------------------------------------------


class Documents:
    """A data set for small-text: rows of the arrays, without copies where all are meant."""

    is_multi_label = False

    def __init__(self, given: Arrays, rows: np.ndarray) -> None:
        self.given, self.rows, self.y = given, rows, None

    def of(self, array: np.ndarray) -> np.ndarray:
        """Return the array at these rows."""
        return array if len(self.rows) == len(array) else array[self.rows]

    @property
    def x(self) -> np.ndarray:
        """Their vectors."""
        return self.of(self.given.vectors)

    def clone(self) -> Documents:
        """Return a copy."""
        return Documents(self.given, self.rows)

    def __getitem__(self, rows: Any) -> Documents:
        """Return some of them."""
        return Documents(self.given, self.rows[rows])

    def __len__(self) -> int:
        return len(self.rows)


class Classifier:
    """A model for small-text that knows the arrays."""

    def __init__(self, given: Arrays) -> None:
        self.num_classes = given.classes
        self.passes: np.ndarray | None = None

    def predict_proba(self, documents: Documents, dropout_sampling: int = 1) -> np.ndarray:
        """Return what is known of these documents."""
        return documents.of(documents.given.probs) if dropout_sampling == 1 else self.passes

    def embed(self, documents: Documents, *, return_proba: bool = False, **options: Any) -> Any:
        """Return their vectors."""
        del options
        vectors = documents.x
        return (vectors, documents.of(documents.given.probs)) if return_proba else vectors


class Linear:
    """What small-text's discriminative strategy trains, again and again."""

    def new(self) -> Linear:
        """Return an untrained one."""
        return Linear()

    def fit(self, documents: Documents) -> Linear:
        """Tell labelled documents from others."""
        from sklearn.linear_model import LogisticRegression

        self.model = LogisticRegression(max_iter=1000).fit(documents.x, documents.y)
        return self

    def predict_proba(self, documents: Documents) -> np.ndarray:
        """Return how likely each is which."""
        return self.model.predict_proba(documents.x)


def small_text(family: str, given: Arrays) -> Callable[[int], Any]:
    """Return a call that lets a strategy of small-text choose."""
    import small_text.query_strategies as q
    from small_text.integrations.pytorch.query_strategies import BADGE

    made = {
        "least-confidence": q.LeastConfidence,
        "breaking-ties": q.BreakingTies,
        "entropy": q.PredictionEntropy,
        "bald": lambda: q.BALD(PASSES),
        "badge": lambda: BADGE(given.classes),
        "coreset": q.GreedyCoreset,
        "bert-km": q.EmbeddingKMeans,
        "contrastive": lambda: q.ContrastiveActiveLearning(pbar=None),
        "discriminative": lambda: q.DiscriminativeActiveLearning(Linear(), 10, pbar=None),
        "seals": lambda: q.SEALS(q.BreakingTies()),
    }[family]
    n, model = given.n, Classifier(given)
    if family == "bald":
        model.passes = np.ascontiguousarray(given.passes.swapaxes(0, 1))
    candidates, labelled = np.arange(n), np.arange(n, n + LABELLED)
    whole = Documents(given, np.arange(n if family == "bald" else n + LABELLED))
    return lambda _: made().query(model, whole, candidates, labelled, given.answers, n=SIZE)


# scikit-activeml -----------------------------------------------------------------------------------------------------


def scikit_activeml(family: str, given: Arrays) -> Callable[[int], Any]:
    """Return a call that lets a strategy of scikit-activeml choose."""
    from skactiveml import pool
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.classifier import SklearnClassifier
    from sklearn.linear_model import LogisticRegression

    n = given.n
    passes = given.passes if "bald" in family else None

    class Known(SkactivemlClassifier):  # type: ignore[misc]
        """A fitted classifier that knows the arrays."""

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Known:
            del X, y, sample_weight
            self.classes_ = np.arange(given.classes)
            return self

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return given.probs[:n].copy() if len(X) == n else given.probs[n:].copy()

        def sample_probas(self, X: np.ndarray) -> np.ndarray:
            del X
            return passes.copy()

    sampled = {"sample_predictions_method_name": "sample_probas"}
    model = Known().fit(None, None)
    clf, ensemble = {"clf": model, "fit_clf": False}, {"ensemble": model, "fit_ensemble": False}
    told = SklearnClassifier(LogisticRegression(max_iter=1000), classes=[0, 1], missing_label=-1)
    made, more = {
        "least-confidence": (lambda s: pool.UncertaintySampling("least_confident", random_state=s), clf),
        "breaking-ties": (lambda s: pool.UncertaintySampling("margin_sampling", random_state=s), clf),
        "entropy": (lambda s: pool.UncertaintySampling("entropy", random_state=s), clf),
        "bald": (lambda s: pool.GreedyBALD(random_state=s, **sampled), ensemble),
        "batchbald": (lambda s: pool.BatchBALD(random_state=s, **sampled), ensemble),
        "badge": (lambda s: pool.Badge(random_state=s), clf),
        "coreset": (lambda s: pool.CoreSet(random_state=s), {}),
        "contrastive": (lambda s: pool.ContrastiveAL(random_state=s), clf),
        "discriminative": (lambda s: pool.DiscriminativeAL(random_state=s), {"discriminator": told}),
    }[family]
    answers = np.full(n + LABELLED, np.nan)
    answers[n:] = given.answers
    return lambda seed: made(seed + 1).query(given.vectors, answers, batch_size=SIZE, **more)


# modAL ---------------------------------------------------------------------------------------------------------------


def modal(family: str, given: Arrays) -> Callable[[int], Any]:
    """Return a call that lets a query function of modAL choose."""
    from modAL import uncertainty

    function = {
        "least-confidence": uncertainty.uncertainty_sampling,
        "breaking-ties": uncertainty.margin_sampling,
        "entropy": uncertainty.entropy_sampling,
    }[family]
    probs = given.probs[: given.n]

    class Known:
        """An estimator that knows the arrays."""

        def predict_proba(self, X: Any) -> np.ndarray:
            del X
            return probs

    return lambda _: function(Known(), given.vectors, n_instances=SIZE)[0]


MAKERS = {"alwidget": alwidget, "small-text": small_text, "scikit-activeml": scikit_activeml, "modAL": modal}


def held() -> tuple[int, int]:
    """Return what the process holds now, and the most that it held since `forget`, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123  no file of ours
        lines = dict(line.split(":", 1) for line in status)
    return tuple(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def forget() -> None:
    """Give back what is free, and let the most that was held be what is held now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as refs:  # noqa: PTH123
        refs.write("5")


def measure(call: Callable[[int], Any], n: int) -> dict[str, float]:
    """Return the seconds of the best run, of the processor and by the clock, and the bytes that it needed."""
    forget()
    before, _ = held()
    seconds, processor = [], []
    while not seconds or (len(seconds) < RUNS and min(seconds) < ENOUGH):
        started, used = time.perf_counter(), time.process_time()
        chosen = np.asarray(call(len(seconds)))
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
        if len(seconds) == 1:
            needed = held()[1] - before
    if chosen.shape != (SIZE,) or len(np.unique(chosen)) != SIZE or not 0 <= chosen.min() <= chosen.max() < n:
        message = f"{len(np.unique(chosen))} different documents in {chosen.shape}"
        raise ValueError(message)
    return {"seconds": min(seconds), "processor": min(processor), "bytes": max(needed, 0)}


def main(library: str) -> None:
    """Answer cells until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    make = MAKERS[library]
    warnings.simplefilter("ignore")
    warm: set[str] = set()

    def say(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    for line in sys.stdin:
        cell = json.loads(line)
        family = cell["family"]
        try:
            if family not in warm:
                make(family, Arrays(**WARM))(0)
                warm.add(family)
            call = make(family, Arrays(cell["n"], cell["d"], cell["c"]))
            say({"ready": True})
            say(measure(call, cell["n"]))
        except Exception as error:  # noqa: BLE001  it is told, and the next cell is asked
            say({"failed": f"{type(error).__name__}: {error}"})
        call = None


if __name__ == "__main__":
    main(sys.argv[1])
